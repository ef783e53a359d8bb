"""The receiving end of a socket, with a deadline for all that belongs together."""

from __future__ import annotations

import io
import socket
from time import monotonic
from typing import Any


class Punctual(io.RawIOBase):
    """What a socket receives: from a beginning until a deadline, and nothing more once it is ended.

    Args:
        sock: with a timeout for each piece.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._until: float | None = None
        self._pieces = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a buffer
        if self._ended:
            return None
        self._pieces += 1
        if self._until is not None and self._pieces > 1:  # the first one may take as long as the socket lets it
            left = self._until - monotonic()
            if left <= 0:
                raise TimeoutError("it drips")
            self._sock.settimeout(left)
        return self._sock.recv_into(buffer)

    def begin(self) -> None:
        """Have all that is read until the next `begin` come within the time that one piece may take."""
        self._rewind()
        self._ended = False
        self._until = monotonic() + self._timeout if self._timeout else None

    def end(self) -> None:
        """Receive nothing more until the next `begin`."""
        self._rewind()
        self._ended = True

    def _rewind(self) -> None:
        if self._pieces > 1:
            self._sock.settimeout(self._timeout)
        self._pieces = 0
