"""Listeners: HTTP/1.1 with keep-alive on one port per vendor host."""

import selectors
import socket
import struct
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from urllib.parse import parse_qsl

from tap_usage.sandbox.wire import Answer, Request, Value

PATIENCE_SECONDS = 0.5
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Listener(ThreadingHTTPServer):
    """One origin. Starts in :meth:`start`, ends without leaving a thread in :meth:`stop`."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        address: tuple[str, int],
        origin: str,
        answer: Callable[[Request], Answer],
        sent: Callable[[Request], None],
    ) -> None:
        """Bind the address.

        Args:
            address: host and port; port 0 takes a free one.
            origin: name that requests carry.
            answer: makes the answer to a request.
            sent: is called when the answer is about to be sent, after its delay.

        Raises:
            OSError: the port is in use.
        """
        super().__init__(address, Connection)
        self.origin = origin
        self.answer = answer
        self.sent = sent
        self.stopping = threading.Event()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._woken, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._accept, name=f"sandbox {origin}", daemon=True)

    def server_bind(self) -> None:
        """Bind without looking up the host's name, which can take seconds."""
        TCPServer.server_bind(self)

    @property
    def url(self) -> str:
        """The origin, such as ``http://127.0.0.1:8970``."""
        host, port = self.socket.getsockname()[:2]
        return f"http://{host}:{port}"

    def start(self) -> None:
        """Accept connections in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections, end the open ones after the answers that are on their way, and wait for all threads."""
        self.stopping.set()
        self._wake.close()
        if self._thread.ident is not None:
            self._thread.join()
        self.server_close()
        self._woken.close()
        for connection in self._connections.values():
            end(connection, socket.SHUT_RD)
        for thread, connection in self._connections.items():
            thread.join(PATIENCE_SECONDS)
            end(connection, socket.SHUT_RDWR)
            thread.join()

    def process_request(self, request: Value, client_address: Value) -> None:
        """Serve a connection in a thread that is known here, yet does not outlive a program that forgets to stop."""
        self._connections = {thread: open_ for thread, open_ in self._connections.items() if thread.is_alive()}
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._connections[thread] = request
        thread.start()

    def handle_error(self, request: Value, client_address: Value) -> None:
        """Print the traceback of a defect; a peer that hangs up is everyday business."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self.stopping.is_set():
                selector.select()
                if not self.stopping.is_set():
                    self.handle_request()


class Connection(BaseHTTPRequestHandler):
    """Reads requests from one connection and delivers the answers, also in the ways that hurt."""

    server: Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def exchange(self) -> None:
        """Answer one request."""
        request = self._read()
        answer = self.server.answer(request)
        try:
            stopped = self._hold(answer)
        finally:
            self.server.sent(request)
        if answer.lost or stopped:
            self._reset()
        else:
            self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = exchange  # noqa: N815  looked up by name

    def _read(self) -> Request:
        path, _, query = self.path.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        names = [name for name, _ in pairs]
        return Request(
            origin=self.server.origin,
            method=self.command,
            path=path,
            query=dict(pairs),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            repeated=tuple({name for name in names if names.count(name) > 1}),
        )

    def _hold(self, answer: Answer) -> bool:
        """Do what comes before the answer; return whether the listener stops in the meantime."""
        if answer.delay_seconds > 0 and self.server.stopping.wait(answer.delay_seconds):
            return True
        for status in answer.informational:
            self.wfile.write(f"HTTP/1.1 {status} {responses[status]}\r\n\r\n".encode())
        pause = answer.informational_pause_seconds
        return pause > 0 and self.server.stopping.wait(pause)

    def _send(self, answer: Answer) -> None:
        chunks = iter((answer.body,) if answer.chunks is None else answer.chunks)
        lines = [
            f"HTTP/1.1 {answer.status} {responses.get(answer.status, 'Unknown')}",
            *(f"{name}: {value}" for name, value in answer.headers.items() if value),
        ]
        if answer.status != HTTPStatus.NO_CONTENT:
            length = len(answer.body) if answer.length is None else answer.length
            lines[1:1] = [f"Content-Type: {answer.content_type}", f"Content-Length: {length}"]
        head = "\r\n".join([*lines, "\r\n"]).encode("latin-1")
        if self.command == "HEAD":
            chunks = iter(())
        self.wfile.write(head + next(chunks, b""))
        for chunk in chunks:
            if self.server.stopping.wait(answer.pause_seconds):
                answer.reset = True
                break
            self.wfile.write(chunk)
        if answer.reset:
            self._reset()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.rfile.close()
        self.connection.close()


def end(connection: socket.socket, how: int) -> None:
    """Shut one side or both of a connection that may have ended already."""
    try:
        connection.shutdown(how)
    except OSError:
        return
