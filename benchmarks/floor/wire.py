"""HTTP and standard output with as little in between as Python allows."""

from __future__ import annotations

import asyncio
import os
import time
from typing import cast
from urllib.parse import urlsplit

import orjson  # type: ignore[import-not-found]  # only in the floor's environment

BUFFER_BYTES = 64 * 1024
TOO_MANY = 429


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._length = 0
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        if not self._length:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            place = self._received.index(b"Content-Length: ") + 16
            self._body = end + 4
            self._length = self._body + int(self._received[place : self._received.index(b"\r\n", place)])
        if len(self._received) >= self._length and self._answer:
            answer = int(self._received[9:12]), self._received[self._body : self._length]
            self._received, self._length = b"", 0
            self._answer.set_result(answer)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


class Wire:
    """A fixed number of connections to one origin.

    Args:
        origin: scheme, host and port.
        concurrency: requests in flight.
        per_second: requests per second, 0 for no limit.
    """

    def __init__(self, origin: str, concurrency: int, per_second: float) -> None:
        self._at = urlsplit(origin)
        self._concurrency = concurrency
        self._interval = 1 / per_second if per_second else 0.0
        self._slot = 0.0
        self._idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        self._head = ""

    async def open(self, token_path: str) -> None:
        """Connect and get a token."""
        for _ in range(self._concurrency):
            made = asyncio.get_running_loop().create_connection(
                Connection, self._at.hostname or "", self._at.port or 80
            )
            self._idle.put_nowait((await made)[1])
        answer = await self.send("POST", token_path, b"grant_type=client_credentials")
        self._head = f"Authorization: Bearer {orjson.loads(answer)['access_token']}\r\n"

    async def get(self, path: str) -> bytes:
        """Return the body of a GET."""
        return await self.send("GET", path)

    async def send(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the body of the answer.

        Raises:
            ConnectionError: the status is neither 2xx nor 429.
        """
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        request = f"{method} {path} HTTP/1.1\r\nHost: {self._at.netloc}\r\n{length}{self._head}\r\n".encode() + body
        while True:
            connection = await self._idle.get()
            if self._interval:
                await self._pace()
            status, answer = await connection.ask(request)
            self._idle.put_nowait(connection)
            if status < 300:  # noqa: PLR2004 - a success
                return answer
            if status != TOO_MANY:
                raise ConnectionError(status)
            await asyncio.sleep(1)

    async def _pace(self) -> None:
        now = time.monotonic()
        self._slot = max(now, self._slot + self._interval)
        await asyncio.sleep(self._slot - now)


class Output:
    """Singer lines to standard output, many in one write."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._size = 0

    def rows(self, stream: str, rows: list[dict[str, object]], **added: str) -> None:
        """Write rows."""
        head = b'{"type":"RECORD","stream":"%s","record":' % stream.encode()
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        tail = b',"time_extracted":"%s"}\n' % now.encode()
        for row in rows:
            row.update(added)
            self._lines += (head, orjson.dumps(row), tail)
            self._size += 512
        if self._size > BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Have everything written."""
        left = memoryview(b"".join(self._lines))
        self._lines.clear()
        self._size = 0
        while left:
            left = left[os.write(1, left) :]
