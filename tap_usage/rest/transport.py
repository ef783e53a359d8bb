"""The wire: `requests` decides about TLS, CA bundles and proxies, once per origin; `urllib3` opens the connections.

What is sent on them is put together here, and `exchange` reads what comes: both libraries look up, copy and parse for
every request what is the same each time, or what nobody asks for, and that takes longer than the request itself.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import re
import socket
import ssl
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, cast

from requests import PreparedRequest, RequestException
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidProxyURL, InvalidURL
from requests.utils import get_environ_proxies, select_proxy
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError, ProxyError
from urllib3.util import parse_url

from tap_usage.rest.errors import plain
from tap_usage.rest.exchange import Line, Response
from tap_usage.rest.network import LocalError
from tap_usage.rest.punctual import Punctual
from tap_usage.rest.request import Wire

TARGET = re.compile(r"/(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*", re.ASCII)
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL, read as the library reads it that sends: parsers differ about odd ones.

    Raises:
        ValueError: if it is none.
    """
    parts = parse_url(url)
    return parts.scheme or "", parts.host or "", parts.port or (443 if parts.scheme == "https" else 80)


@dataclass
class Route:
    """How an origin is reached.

    Attributes:
        pool: opens connections.
        proxy: host and port of the proxy, if there is one.
        target: what stands before the target of each request: where a proxy wants whole URLs, the origin.
        head: headers of every request.
        tunnelled: connections go through a tunnel.
        idle: connections to use again, the last one first.
        closed: no connection is used again.
    """

    pool: HTTPConnectionPool
    proxy: str
    target: str
    head: str
    tunnelled: bool
    idle: deque[Line]
    closed: bool = False

    def idle_line(self) -> Line | None:
        """Take a connection to use again."""
        with contextlib.suppress(IndexError):
            while not (line := self.idle.pop()).is_usable:
                line.close()
            return line
        return None

    def take_back(self, line: Line) -> None:
        """Keep a connection to use again, or close it when nobody will."""
        self.idle.append(line)
        if self.closed:
            self.close()

    def close(self) -> None:
        """Close idle connections; those in use when they come back."""
        self.closed = True
        with contextlib.suppress(IndexError):
            while True:
                self.idle.pop().close()


class Transport(HTTPAdapter):
    """Connections to all origins of a vendor. Redirects are not followed, nothing is retried in here.

    Args:
        connections: kept open per origin.
        seconds: how long each piece of an answer, and its whole head, may take.
    """

    def __init__(self, connections: int, seconds: float) -> None:
        super().__init__(max_retries=0)
        self._most = connections
        self._seconds = seconds
        self._routes: dict[str, Route] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._routes)

    def close(self) -> None:
        """Close idle connections; those in use when they come back."""
        with self._lock:
            _close(self._routes)
        super().close()

    def way_to(self, origin: str) -> str:
        """Return where requests to an origin go: host, and proxy where there is one; without user and password."""
        route = self._routes.get(origin)
        scheme, _, authority = origin.partition("://")
        place = f"{scheme}://{authority.rpartition('@')[2]}"
        return f"{place} through the proxy {route.proxy}" if route and route.proxy else place

    def exchange(self, wire: Wire, reach: float) -> Response:
        """Send a request and return the answer as soon as its headers are there.

        Args:
            wire: the request.
            reach: seconds in which a new connection has to be open.

        Raises:
            LocalError: when this machine is not set up for it.
            urllib3.exceptions.HTTPError, http.client.HTTPException, OSError: when there is no answer.
        """
        route = self._routes.get(wire.origin) or self._find(wire.origin)
        request = _encoded(wire, route)
        line = route.idle_line() or self._open(route, reach)
        return line.ask(request)

    def _open(self, route: Route, reach: float) -> Line:
        opened = cast("HTTPConnection", route.pool._new_conn())  # noqa: SLF001 - it knows all about TLS and proxies
        opened.timeout = reach
        try:
            if route.tunnelled:
                route.pool._prepare_proxy(opened)  # noqa: SLF001
            else:
                opened.connect()
        except (OSError, HTTPException, HTTPError) as error:
            no_proxy = opened.proxy and not opened.has_connected_to_proxy
            opened.close()
            raise ProxyError("no connection through the proxy", error) if no_proxy else error from None
        opened.sock.settimeout(self._seconds)
        return Line(opened, route.take_back)

    def _find(self, origin: str) -> Route:
        with self._lock:
            if origin in self._routes:
                return self._routes[origin]
            proxies = get_environ_proxies(origin)
            proxy = select_proxy(origin, proxies) or ""
            bundle = _bundle() if origin.startswith("https://") else True
            try:
                prepared = PreparedRequest()
                prepared.prepare(method="GET", url=origin)
                pool = cast("HTTPConnectionPool", self.get_connection_with_tls_context(prepared, bundle, proxies))
                self.cert_verify(pool, origin, bundle, None)  # type: ignore[no-untyped-call]
            except (RequestException, HTTPError, ValueError) as error:
                raise LocalError(_what_to_correct(origin, proxy, error)) from None
            pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), {"response_class": TunnelResponse})
            place = parse_url(proxy).netloc or "" if proxy else ""
            secure = origin.startswith("https://")
            whole_urls = pool.proxy is not None and not secure
            headers = {"Host": _host(origin), "Accept-Encoding": "identity"}
            headers |= self.proxy_headers(proxy) if whole_urls else {}
            tunnelled = pool.proxy is not None and secure
            idle = deque[Line](maxlen=self._most)
            route = Route(pool, place, origin if whole_urls else "", _lines(headers), tunnelled, idle)
            self._routes[origin] = route
            return route


class TunnelResponse(http.client.HTTPResponse):
    """A proxy's answer to the wish for a tunnel, which has to be there in time."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the library has it
        super().__init__(sock, *args, **kwargs)
        punctual = Punctual(sock)
        punctual.begin()
        self.fp = io.BufferedReader(punctual)


def _close(routes: dict[str, Route]) -> None:
    for route in routes.values():
        route.close()
    routes.clear()


def _encoded(wire: Wire, route: Route) -> bytes:
    """Return a request as it is sent; what a vendor's link holds and no URL may is encoded."""
    target = wire.target
    if not TARGET.fullmatch(target):
        target = parse_url(f"http://host{target}").request_uri
    body = wire.body.encode() if isinstance(wire.body, str) else wire.body
    length = "" if body is None else f"Content-Length: {len(body)}\r\n"
    head = f"{wire.method} {route.target}{target} HTTP/1.1\r\n{route.head}{length}{_lines(wire.headers)}\r\n"
    return head.encode("latin-1") + (body or b"")


def _lines(headers: Mapping[str, str]) -> str:
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines):
        raise ValueError("a header with a line break")
    return text


def _host(origin: str) -> str:
    """Return the `Host` header: the port is named where it is not the usual one."""
    scheme, host, port = origin_of(origin)
    return host if port == (443 if scheme == "https" else 80) else f"{host}:{port}"


def _bundle() -> str | bool:
    """Return where the certificates are that are trusted; True for those of the library."""
    for name in BUNDLES:
        if path := os.environ.get(name):
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
                    **{"capath" if os.path.isdir(path) else "cafile": path}  # noqa: PTH112 - as the library looks
                )
            except OSError as error:
                why = error.strerror or "no certificate in it"
                raise LocalError(f"{name} names {plain(path, 300)}, which cannot be used ({why}): correct it") from None
            return path
    return True


def _what_to_correct(origin: str, proxy: str, error: Exception) -> str:
    if "SOCKS" in str(error):
        return "a SOCKS proxy needs the package PySocks: install it, or change the proxy in all_proxy"
    if not proxy or (isinstance(error, InvalidURL) and not isinstance(error, InvalidProxyURL)):
        return f"{plain(origin)} is no URL: check the region and the URL settings"
    return "the proxy in https_proxy, http_proxy or all_proxy is no URL that can be used: correct it"
