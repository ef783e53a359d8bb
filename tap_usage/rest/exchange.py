"""The reading of one answer: in time, whole, and with nothing left on the connection when it is used again."""

from __future__ import annotations

import contextlib
import io
import socket
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse, IncompleteRead, parse_headers
from time import monotonic
from typing import Any, cast

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import ReadTimeoutError

CHUNK_BYTES = 64 * 1024
SWITCHING_PROTOCOLS = 101
WITHOUT_BODY = (204, 304)


class SwitchedProtocolsError(HTTPException):
    """The other side goes on in a protocol that nobody asked for."""


class _Punctual(io.RawIOBase):
    """What a socket receives, until a deadline; nothing more once it is over."""

    def __init__(self, received: io.RawIOBase, sock: socket.socket) -> None:
        self._received = received
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._until = monotonic() + self._timeout if self._timeout else None
        self.over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a buffer
        if self.over:
            return None
        if self._until is not None:
            left = self._until - monotonic()
            if left <= 0:
                raise TimeoutError("the head drips")
            self._sock.settimeout(left)
        return cast("int | None", self._received.readinto(buffer))

    def close(self) -> None:
        self._received.close()
        super().close()

    def relax(self) -> None:
        """Forget the deadline."""
        self._until = None
        self._sock.settimeout(self._timeout)


class CarefulResponse(HTTPResponse):
    """An answer that keeps what it is part of in order.

    Its whole head has to be there in time: the library bounds only the wait for each piece of it. Informational answers
    before it are skipped: the library knows only one of them. And its connection is shut down when it ends, unless it
    is sure that the next bytes on it are those of the next answer: the library takes up a connection again as long as
    it is open and quiet, and nothing in the answer to another request would tell whose it is.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the library has it
        super().__init__(sock, *args, **kwargs)
        self._sock = sock
        self._punctual = _Punctual(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._punctual)
        self._after_last_chunk = False

    def begin(self) -> None:
        """Read the head."""
        super().begin()
        self._punctual.relax()

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200:  # noqa: PLR2004 - informational
                return version, status, reason
            if status == SWITCHING_PROTOCOLS:
                raise SwitchedProtocolsError
            parse_headers(self.fp)

    def _safe_read(self, amount: int) -> bytes:
        """Read what ends a chunk: nothing else is read by this as long as bodies are read by `read1`."""
        end: bytes = super()._safe_read(amount)  # type: ignore[misc]
        if end != b"\r\n":
            raise IncompleteRead(b"")
        return end

    def _read_and_discard_trailer(self) -> None:
        super()._read_and_discard_trailer()  # type: ignore[misc]
        self._after_last_chunk = True

    def _close_conn(self) -> None:
        """End the exchange, whether all of it was read or not."""
        if self.headers is not None and not self._is_clean():
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        super()._close_conn()  # type: ignore[misc]

    def _is_clean(self) -> bool:
        whole = self._after_last_chunk if self.chunked else self.length == 0
        return whole and self._has_one_end() and not self._has_more()

    def _has_one_end(self) -> bool:
        """Whether the head says in exactly one way where the answer ends."""
        lengths = self.headers.get_all("Content-Length", [])
        codings = self.headers.get_all("Transfer-Encoding", [])
        if self.headers.defects or self.headers.get_payload():
            return False
        if self.chunked:
            return len(codings) == 1 and not lengths
        if self.status in WITHOUT_BODY:
            return not codings and set(lengths) <= {"0"}
        return not codings and len(lengths) == 1 and lengths[0].isdecimal()

    def _has_more(self) -> bool:
        """Whether something came behind the answer. What is still in the socket is seen before it is used again."""
        self._punctual.over = True
        pending = getattr(self._sock, "pending", None)
        return bool(self.fp.peek(1) or (pending and pending()))


def read(
    response: BaseHTTPResponse, limit: int, seconds: float, monotonic: Callable[[], float], check: Callable[[], None]
) -> bytearray | None:
    """Return the body, decompressed; None if it is larger than `limit` bytes.

    Args:
        response: with its headers read.
        limit: bytes.
        seconds: the whole body must be there by then, so that one that drips does not hold a worker.
        monotonic: the clock.
        check: called between chunks; raises when the run is being ended.

    Raises:
        urllib3.exceptions.HTTPError: when it breaks off, is cut short, or takes too long.
    """
    try:
        content = _read(response, limit, monotonic() + seconds, monotonic, check)
    except BaseException:
        response.close()
        raise
    if content is None:
        response.close()
    return content


def _read(
    response: BaseHTTPResponse, limit: int, until: float, monotonic: Callable[[], float], check: Callable[[], None]
) -> bytearray | None:
    content = bytearray()  # which grows in place: pieces that are joined leave holes that stay with the process
    while chunk := response.read1(CHUNK_BYTES, decode_content=True):
        content += chunk
        if len(content) > limit:
            return None
        if monotonic() > until:
            raise ReadTimeoutError(None, None, "the body drips")  # type: ignore[arg-type]
        check()
    return content
