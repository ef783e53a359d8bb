"""A fast server on loopback: `python -m benchmarks.server --promotions 20 --usages 10000 --latency-ms 50`.

Prints its origin on the first line of standard output, serves Elastic Path and Genesys there until it is ended. With
uvloop, where that is installed. `GET /__bench__/stats` tells what was asked since `POST /__bench__/reset`.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import time
from collections import Counter
from collections.abc import Coroutine
from email.utils import formatdate
from typing import Any, cast

from benchmarks.data import Shape
from benchmarks.pages import CLIENTS, ElasticPath, Genesys, RefusedError, encoded, split

HOST = "127.0.0.1"
REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    429: "Too Many Requests",
}
TOKEN = encoded({"access_token": "bench-token", "token_type": "Bearer", "expires_in": 3600})
AUTHORIZATION = b"authorization: bearer bench-token"
RETRY_AFTER_SECONDS = 1


class Bucket:
    """Admits requests at a rate."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = float(burst)
        self._at = time.monotonic()

    def admit(self) -> bool:
        """Return whether a request is admitted, and count it if so."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._per_second and self._left < 1:
            return False
        self._left -= 1
        return True


class Desk:
    """Answers requests and counts them.

    Args:
        shape: what is held, and the latency and limit.
        origin: for links.
    """

    def __init__(self, shape: Shape, origin: str) -> None:
        self.seconds = shape.latency_ms / 1000
        self._shape = shape
        self._elasticpath = ElasticPath(shape, origin)
        self._genesys = Genesys(shape)
        self._date = (0, b"")
        self.reset()

    def reset(self) -> None:
        """Begin to count anew."""
        self._asked: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._bucket = Bucket(self._shape.per_second, self._shape.burst)
        self._first = self._last = 0.0
        self.in_flight = self.most_in_flight = 0

    def stats(self) -> bytes:
        """Return what was counted."""
        return encoded(
            {
                "requests": sum(self._asked.values()),
                "asked": self._asked,
                "statuses": self._statuses,
                "span_seconds": self._last - self._first,
                "most_in_flight": self.most_in_flight,
            }
        )

    def answer(self, method: str, target: str, head: bytes) -> bytes:
        """Return the whole answer to a request."""
        self._last = time.monotonic()
        self._first = self._first or self._last
        extra = b""
        try:
            status, body = self._answer(method, target, head)
        except RefusedError as refused:
            status = refused.status
            error = {"status": status, "title": REASONS[status]}
            body = encoded({"errors": [error | {"detail": refused.detail} if refused.detail else error]})
            if status == 429:  # noqa: PLR2004 - too many requests
                extra = b"Retry-After: %d\r\n" % RETRY_AFTER_SECONDS
        self._statuses[status] += 1
        return self._framed(status, body, extra)

    def _answer(self, method: str, target: str, head: bytes) -> tuple[int, bytes]:
        path, query = split(target)
        if path.startswith("/oauth/"):
            self._asked["token"] += 1
            return 200, TOKEN
        self._asked["usages" if "usage" in path else "lists"] += 1
        if not self._bucket.admit():
            raise RefusedError(429)
        if AUTHORIZATION not in head.lower():
            raise RefusedError(401)
        if path.startswith(CLIENTS):
            return self._genesys.answer(method, path, query)
        return 200, self._elasticpath.answer(path, query)

    def _framed(self, status: int, body: bytes, extra: bytes = b"") -> bytes:
        second = int(time.time())
        if self._date[0] != second:
            self._date = second, formatdate(second, usegmt=True).encode()
        head = b"HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
        return head % (status, REASONS[status].encode(), self._date[1], len(body), extra) + body

    def control(self, method: str) -> bytes:
        """Answer the benchmark itself."""
        body = self.stats()
        if method == "POST":
            self.reset()
        return self._framed(200, body)


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._received = b""
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        head, mark, rest = self._received.partition(b"\r\n\r\n")
        length = content_length(head)
        if not mark or len(rest) < length:
            return
        self._received = rest[length:]
        method, target, _ = head.partition(b"\r\n")[0].decode().split(" ", 2)
        if target.startswith("/__bench__/"):
            self._transport.write(self._desk.control(method))
            return
        answer = self._desk.answer(method, target, head)
        self._busy = True
        self._desk.in_flight += 1
        self._desk.most_in_flight = max(self._desk.most_in_flight, self._desk.in_flight)
        if self._desk.seconds:
            asyncio.get_running_loop().call_later(self._desk.seconds, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: bytes) -> None:
        self._busy = False
        self._desk.in_flight -= 1
        self._transport.write(answer)
        if self._received:
            self._next()


def content_length(head: bytes) -> int:
    """Return the length of the body that follows a head."""
    if head.startswith(b"GET "):
        return 0
    _, mark, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if mark else 0


async def serve(shape: Shape, port: int) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    desks: list[Desk] = []
    server = await loop.create_server(lambda: Connection(desks[0]), HOST, port, backlog=1024, start_serving=False)
    origin = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
    desks.append(Desk(shape, origin))
    await server.start_serving()
    print(json.dumps({"origin": origin}), flush=True)  # noqa: T201 - what the starter waits for
    await server.serve_forever()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run with uvloop, where that is installed."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ModuleNotFoundError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server")
    parser.add_argument("--port", type=int, default=0)
    for name, value in vars(Shape()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    settings = vars(parser.parse_args())
    port = settings.pop("port")
    run(serve(Shape(**settings), port))


if __name__ == "__main__":
    main()
