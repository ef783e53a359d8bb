"""The wire: `requests` decides about TLS, CA bundles and proxies, once per origin; its connection pools do the sending.

`requests.Session.send` looks up proxies and `.netrc` and builds cookie jars and response objects for every request,
which costs more than the request itself. What it decides is kept here, what it repeats is not.
"""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from time import monotonic
from typing import Any, cast

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import BaseHTTPResponse
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import parse_url

CHUNK_BYTES = 1024 * 1024


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL, read as the library reads it that sends: parsers differ about odd ones.

    Raises:
        ValueError: if it is none.
    """
    parts = parse_url(url)
    return parts.scheme or "", parts.host or "", parts.port or (443 if parts.scheme == "https" else 80)


@dataclass(frozen=True)
class Route:
    """How an origin is reached: a pool of connections, and whether a proxy wants whole URLs."""

    pool: HTTPConnectionPool
    whole_urls: bool
    headers: Mapping[str, str]


class _Punctual(io.RawIOBase):
    """What a socket receives, until a deadline."""

    def __init__(self, received: io.RawIOBase, sock: socket.socket) -> None:
        self._received = received
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._until = monotonic() + self._timeout if self._timeout else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a buffer
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


class PunctualResponse(HTTPResponse):
    """An answer whose whole head has to be there in time: the library bounds only the wait for each piece of it."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the library has it
        super().__init__(sock, *args, **kwargs)
        self._punctual = _Punctual(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._punctual)

    def begin(self) -> None:
        """Read the head."""
        super().begin()
        self._punctual.relax()


class Transport(HTTPAdapter):
    """Pools of connections for all origins of a vendor. Redirects are not followed, nothing is retried in here.

    Args:
        connections: kept open per origin.
    """

    def __init__(self, connections: int) -> None:
        super().__init__(pool_maxsize=connections, max_retries=0)
        self._verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        self._routes: dict[str, Route] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close idle connections: the adapter forgets its pools, but they live on in the routes."""
        with self._lock:
            for route in self._routes.values():
                route.pool.close()
            self._routes.clear()
        super().close()

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: str | bytes | None, timeout: float
    ) -> BaseHTTPResponse:
        """Send a request and return the answer as soon as its headers are there.

        Raises:
            urllib3.exceptions.HTTPError, OSError: when there is none.
        """
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        route = self._routes.get(f"{scheme}://{host}") or self._find(f"{scheme}://{host}")
        return route.pool.urlopen(
            method,
            url if route.whole_urls else slash + path,
            body=body,
            headers={**headers, **route.headers} if route.headers else headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=timeout,
            preload_content=False,
        )

    def _find(self, origin: str) -> Route:
        with self._lock:
            prepared = PreparedRequest()
            prepared.prepare(method="GET", url=origin)
            proxies = get_environ_proxies(origin)
            pool = cast("HTTPConnectionPool", self.get_connection_with_tls_context(prepared, self._verify, proxies))
            self.cert_verify(pool, origin, self._verify, None)  # type: ignore[no-untyped-call]
            pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), {"response_class": PunctualResponse})
            proxy = select_proxy(origin, proxies)
            plain = bool(proxy) and origin.startswith("http://") and not str(proxy).startswith("socks")
            route = Route(pool, plain, self.proxy_headers(proxy) if proxy and plain else {})
            return self._routes.setdefault(origin, route)


def read(
    response: BaseHTTPResponse, limit: int, seconds: float, monotonic: Callable[[], float], check: Callable[[], None]
) -> bytes | None:
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
        return _read(response, limit, monotonic() + seconds, monotonic, check)
    except BaseException:
        response.close()
        raise


def _read(
    response: BaseHTTPResponse, limit: int, until: float, monotonic: Callable[[], float], check: Callable[[], None]
) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read1(CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            response.close()
            return None
        if monotonic() > until:
            raise ReadTimeoutError(None, None, "the body drips")  # type: ignore[arg-type]
        check()
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def problem_of(error: Exception) -> str:
    """Return the kind of a network error; its text may quote URLs and is left out."""
    text = repr(error)
    for mark, problem in (
        ("NameResolution", "host name not found"),
        ("NewConnectionError", "connection refused"),
        ("ProxyError", "proxy failed"),
        ("Timeout", "no answer in time"),
        ("ConnectionReset", "connection reset"),
        ("RemoteDisconnected", "connection closed without an answer"),
        ("IncompleteRead", "connection closed in the middle"),
        ("SSLEOF", "connection closed in the TLS handshake"),
    ):
        if mark in text:
            return problem
    return f"network error {type(error).__name__}"
