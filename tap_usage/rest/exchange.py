"""One connection and the answers that come on it: in time, whole, and with nothing left when it is used again."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from http.client import BadStatusLine, HTTPException, IncompleteRead, LineTooLong, RemoteDisconnected
from typing import IO, cast

from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.connection import HTTPConnection

from tap_usage.rest.punctual import Punctual

CHUNK_BYTES = 64 * 1024
LONGEST_LINE_BYTES = 64 * 1024
MOST_HEADERS = 100
INFORMATIONAL = range(100, 200)
SWITCHING_PROTOCOLS = 101
WITHOUT_BODY = (204, 304)
STATUS_LINE = re.compile(rb"HTTP/1\.(\d)[ \t]+(\d{3})(?:[ \t].*)?")
HEADER = re.compile(rb"([!-9;-~]+):[ \t]*([^\r\0]*)")
LENGTH = re.compile(r"[0-9]{1,18}")
CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,16})[ \t]*(?:;.*)?")


class SwitchedProtocolsError(HTTPException):
    """The other side goes on in a protocol that nobody asked for."""


class Line:
    """An open connection, which carries one exchange at a time.

    Args:
        opened: its socket, with TLS and proxies dealt with.
        release: takes it back when an exchange has ended cleanly.
    """

    def __init__(self, opened: HTTPConnection, release: Callable[[Line], None]) -> None:
        self._opened = opened
        self._release = release
        self._punctual = Punctual(opened.sock)
        self._received = io.BufferedReader(self._punctual, CHUNK_BYTES)

    @property
    def is_usable(self) -> bool:
        """Whether it is open, and quiet as it has to be before a request."""
        return self._opened.is_connected

    def ask(self, request: bytes) -> Response:
        """Send a request and return the answer as soon as its head is there.

        Raises:
            OSError, http.client.HTTPException: when there is none; the connection is closed.
        """
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # there may be an answer that says why
                self._opened.sock.sendall(request)
            self._punctual.begin()
            response = Response(self, self._received)
            self._punctual.begin()  # the body has its own time
        except BaseException:
            self.close()
            raise
        return response

    def end(self, *, clean: bool) -> None:
        """End an exchange: the connection is used again only if the next bytes on it are those of the next answer."""
        if clean and not self._has_more():
            self._release(self)
        else:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        self._opened.close()

    def _has_more(self) -> bool:
        """Whether something came behind the answer. What is still in the socket is seen before it is used again."""
        self._punctual.end()
        pending = getattr(self._opened.sock, "pending", None)
        return bool(self._received.peek(1) or (pending and pending()))


class Response:
    """An answer. Informational ones before it are skipped.

    Its connection goes back to be used again when it was read to its end, and if its head says in exactly one way where
    that is: nothing in the answer to another request would tell whose it is.

    Args:
        line: on which it comes.
        received: what comes on it.

    Attributes:
        status: HTTP status.
        headers: names do not depend on case.

    Raises:
        OSError, http.client.HTTPException: when the head is none.
    """

    def __init__(self, line: Line, received: io.BufferedReader[Punctual]) -> None:
        self._line = line
        self._received = received
        self._read_head()
        while self.status in INFORMATIONAL:
            if self.status == SWITCHING_PROTOCOLS:
                raise SwitchedProtocolsError
            self._read_head()
        self._open = True
        self._left: int | None = None
        self._chunked = False
        self._frame()

    # The head

    def _read_head(self) -> None:
        self._odd = False
        self.status, self._keeps = self._status()
        self.headers = self._headers()

    def _next_line(self) -> bytes:
        """Return the next line without its end.

        Raises:
            http.client.HTTPException: when it is too long, or has no end.
        """
        line = self._received.readline(LONGEST_LINE_BYTES)
        if line.endswith(b"\n"):
            return line[:-2] if line.endswith(b"\r\n") else line[:-1]
        raise LineTooLong("line") if len(line) == LONGEST_LINE_BYTES else IncompleteRead(line)

    def _status(self) -> tuple[int, bool]:
        """Return the status, and whether connections are kept by this version of the protocol."""
        try:
            line = self._next_line()
        except IncompleteRead as error:
            raise error if error.partial else RemoteDisconnected("closed without an answer") from None
        if not (found := STATUS_LINE.fullmatch(line)):
            raise BadStatusLine("no HTTP/1")
        return int(found[2]), found[1] != b"0"

    def _headers(self) -> HTTPHeaderDict:
        headers = HTTPHeaderDict()
        name = ""
        for _ in range(MOST_HEADERS):
            line = self._next_line()
            if not line:
                return headers
            if found := HEADER.fullmatch(line):
                name, value = found[1].decode(), found[2].rstrip(b" \t").decode("latin-1")
                headers.add(name, value)
            elif name and line[:1] in b" \t":
                headers.add(name, line.strip().decode("latin-1"), combine=True)
            else:
                self._odd = True
        raise HTTPException("too many headers")

    def _frame(self) -> None:
        """Find out where the answer ends."""
        lengths, codings = self.headers.getlist("Content-Length"), self.headers.getlist("Transfer-Encoding")
        length = lengths[0] if lengths and LENGTH.fullmatch(lengths[0]) else None
        if codings and codings[0].lower() == "chunked":
            self._chunked, self._left = True, 0
            self._odd |= len(codings) > 1 or bool(lengths)
        elif self.status in WITHOUT_BODY:
            self._left = 0
            self._odd |= bool(codings) or not set(lengths) <= {"0"}
        else:
            self._left = None if length is None else int(length)
            self._odd |= bool(codings) or len(lengths) != 1 or length is None
        connection = self.headers.get("Connection", "").lower()
        self._odd |= "close" in connection or not (self._keeps or "keep-alive" in connection)

    # The body

    def close(self) -> None:
        """End the exchange, whether all of it was read or not."""
        self._end(clean=False)

    def read1(self, amount: int) -> bytes:
        """Return what comes next of the body, b"" at its end.

        Raises:
            OSError, http.client.HTTPException: when it breaks off.
        """
        if self._chunked and not self._left:
            self._left = self._next_chunk()
        if not self._left and self._left is not None:
            self._end(clean=not self._odd)
            return b""
        piece = self._received.read1(amount if self._left is None else min(amount, self._left))
        if self._left is None:
            if not piece:
                self._end(clean=False)
        elif not piece:
            raise IncompleteRead(b"")
        else:
            self._left -= len(piece)
            if self._chunked and not self._left and self._next_line():
                raise IncompleteRead(b"")
        return piece

    read = read1  # the name by which the library that decompresses takes it for a file

    def _next_chunk(self) -> int:
        """Return the bytes of the next chunk; 0 after the last one, when the trailers are read."""
        if not self._open:
            return 0
        found = CHUNK_SIZE.fullmatch(self._next_line())
        if not found:
            raise IncompleteRead(b"")
        if size := int(found[1], 16):
            return size
        try:
            while self._next_line():
                pass
        except (HTTPException, OSError):  # all of the body is there
            self._odd = True
        return 0

    def _end(self, *, clean: bool) -> None:
        if self._open:
            self._open = False
            self._line.end(clean=clean)


def read(response: Response, limit: int, check: Callable[[], None]) -> bytearray | None:
    """Return the body, decompressed; None if it is larger than `limit` bytes.

    All of it must be there within the timeout of the connection, so that one that drips does not hold a worker.

    Args:
        response: with its headers read.
        limit: bytes.
        check: called between chunks; raises when the run is being ended.

    Raises:
        OSError, http.client.HTTPException, urllib3.exceptions.HTTPError: when it breaks off, is cut short, or takes too
            long.
    """
    coding = response.headers.get("Content-Encoding")
    source: HTTPResponse | Response = response
    if coding:
        packed = cast("IO[bytes]", response)
        source = HTTPResponse(packed, {"Content-Encoding": coding}, preload_content=False)
    content = bytearray()  # which grows in place: pieces that are joined leave holes that stay with the process
    try:
        while chunk := source.read1(CHUNK_BYTES):
            content += chunk
            if len(content) > limit:
                return None
            check()
    finally:
        response.close()
    return content
