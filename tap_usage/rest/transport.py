"""The wire: `requests` decides about TLS, CA bundles and proxies, once per origin; its connection pools do the sending.

`requests.Session.send` looks up proxies and `.netrc` and builds cookie jars and response objects for every request,
which costs more than the request itself. What it decides is kept here, what it repeats is not.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import BaseHTTPResponse
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util import parse_url

from tap_usage.rest.exchange import CarefulResponse


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
            pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), {"response_class": CarefulResponse})
            proxy = select_proxy(origin, proxies)
            plain = bool(proxy) and origin.startswith("http://") and not str(proxy).startswith("socks")
            route = Route(pool, plain, self.proxy_headers(proxy) if proxy and plain else {})
            return self._routes.setdefault(origin, route)


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
        ("SwitchedProtocols", "an answer in another protocol"),
        ("SSLEOF", "connection closed in the TLS handshake"),
    ):
        if mark in text:
            return problem
    return f"network error {type(error).__name__}"
