"""The receiving end of a socket, with a deadline for all that is read until further notice."""

from __future__ import annotations

import io
import socket
from time import monotonic
from typing import Any


class Punctual(io.RawIOBase):
    """What a socket receives: until a deadline, where there is one; nothing more once it is over.

    Args:
        sock: with a timeout for each piece.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._until: float | None = None
        self._pieces = 0
        self.over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a buffer
        if self.over:
            return None
        self._pieces += 1
        if self._until is not None and self._pieces > 1:  # the first one may take as long as the socket lets it
            left = self._until - monotonic()
            if left <= 0:
                raise TimeoutError("the head drips")
            self._sock.settimeout(left)
        return self._sock.recv_into(buffer)

    def hurry(self) -> None:
        """Have all that is read until `relax` come within the time that one piece may take."""
        self.over, self._pieces = False, 0
        self._until = monotonic() + self._timeout if self._timeout else None

    def relax(self) -> None:
        """Forget the deadline."""
        self._until = None
        if self._pieces > 1:
            self._sock.settimeout(self._timeout)
