"""A loopback server that says exactly the bytes it is told, and remembers exactly the bytes it heard."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from tap_usage.rest.auth import ClientCredentials
from tap_usage.rest.connection import Connection
from tap_usage.rest.host import Host
from tests.running import ImpatientClock

TLS_RECORD = b"\x16"
RESET = struct.pack("ii", 1, 0)
TOKEN = b'{"access_token": "marker-token-1", "expires_in": 3600}'


@dataclass(frozen=True)
class Heard:
    """One request: its first line, headers with names in lower case, and body."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Reply:
    """What is sent back.

    Attributes:
        pieces: sent one after the other.
        hang_up: the connection is closed afterwards.
        reset: it is closed with a reset.
    """

    pieces: Iterable[bytes]
    hang_up: bool = False
    reset: bool = False


def reply(body: bytes = b"{}", status: int = 200, **headers: str | int) -> Reply:
    """Return a whole answer; header names have `_` where `-` belongs."""
    lines = {"Content_Type": "application/json", "Content_Length": len(body), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return Reply([f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1"), body])


@dataclass
class Loopback:
    """Serves on a free port; a context manager that leaves no thread behind.

    Attributes:
        script: makes the answer to each request except token requests, which are answered as `token` says.
        token: makes the answer to a request for a token (`POST /token`).
        tls: wraps every connection.
        cut: so many bytes are read from each of the first connections, then it is closed.
        heard: everything but token requests.
        tokens: requests for tokens.
        connections: how many were accepted.
    """

    script: Callable[[Heard], Reply] = lambda _: reply()
    token: Callable[[Heard], Reply] = lambda _: reply(TOKEN)
    tls: ssl.SSLContext | None = None
    cut: list[int] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    tokens: list[Heard] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: dict[threading.Thread, socket.socket] = {}
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        end(self._listener)
        self._thread.join()
        self._listener.close()
        for thread in tuple(self._open):
            end(self._open[thread])
            thread.join()
            self._open[thread].close()

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def wait_until_hung_up(self) -> bool:
        """Wait until all connections are closed, by whom ever; return whether they are."""
        for thread in tuple(self._open):
            thread.join(5)
        return not any(thread.is_alive() for thread in self._open)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._open[thread] = connection
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self.cut:
                connection.recv(self.cut.pop(0))
                connection.close()
                return
            if not self.tls and connection.recv(1, socket.MSG_PEEK) == TLS_RECORD:
                connection.sendall(b"HTTP/1.1 400 Plain HTTP is spoken here\r\n\r\n")
                connection.close()
                return
            wire = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            self._open[threading.current_thread()] = wire
            for request in requests(wire):
                asks_token = request.target.partition("?")[0] == "/token"
                (self.tokens if asks_token else self.heard).append(request)
                answer = self.token(request) if asks_token else self.script(request)
                for piece in answer.pieces:
                    wire.sendall(piece)
                if answer.reset:
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                if answer.reset or answer.hang_up:
                    break
            wire.close()
        except (OSError, ValueError):
            connection.close()


def requests(wire: socket.socket) -> Iterator[Heard]:
    """Yield what comes over a connection until the other side hangs up.

    Raises:
        ValueError: it is no HTTP.
    """
    with wire.makefile("rb") as file:
        while line := file.readline():
            method, target, _ = line.decode("latin-1").split(" ", 2)
            headers = {}
            while (header := file.readline().decode("latin-1").strip()) != "":
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            yield Heard(method, target, headers, file.read(int(headers.get("content-length", 0))))


def end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def in_turn(*answers: Reply | Callable[[Heard], Reply]) -> Callable[[Heard], Reply]:
    """Return a script that gives the answers one after the other; the last one stays."""
    left = list(answers)

    def script(request: Heard) -> Reply:
        current = left.pop(0) if len(left) > 1 else left[0]
        return current if isinstance(current, Reply) else current(request)

    return script


def host(base: str, **fields: object) -> Host:
    """Return the data sheet of a vendor at `base`, which hands out its tokens at `/token`."""
    origin = "/".join(base.split("/", 3)[:3])
    form = {"grant_type": "client_credentials", "client_secret": "marker-secret"}
    auth = ClientCredentials(f"{origin}/token", form)
    sheet: dict[str, object] = {"name": "vendor", "url": base, "auth": auth} | fields
    return Host(**sheet)  # type: ignore[arg-type]


def connect(base: str, clock: ImpatientClock | None = None, **options: object) -> Connection:
    """Return a connection that waits for nothing; options that a data sheet has go there."""
    sheet = {name: options.pop(name) for name in tuple(options) if name in Host.__dataclass_fields__}
    return Connection(host(base, **sheet), clock or ImpatientClock(), **options)  # type: ignore[arg-type]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
