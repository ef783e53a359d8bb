"""The wire: `requests` decides about TLS, CA bundles and proxies, once per origin; its connection pools do the sending.

`requests.Session.send` looks up proxies and `.netrc` and builds cookie jars and response objects for every request,
which costs more than the request itself. What it decides is kept here, what it repeats is not.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from requests import PreparedRequest, RequestException
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidProxyURL, InvalidURL
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from tap_usage.rest.errors import plain
from tap_usage.rest.exchange import CarefulResponse
from tap_usage.rest.network import LocalError

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL, read as the library reads it that sends: parsers differ about odd ones.

    Raises:
        ValueError: if it is none.
    """
    parts = parse_url(url)
    return parts.scheme or "", parts.host or "", parts.port or (443 if parts.scheme == "https" else 80)


@dataclass(frozen=True)
class Route:
    """How an origin is reached: a pool of connections, through which proxy, and whether that wants whole URLs."""

    pool: HTTPConnectionPool
    proxy: str
    whole_urls: bool
    headers: Mapping[str, str]


class Transport(HTTPAdapter):
    """Pools of connections for all origins of a vendor. Redirects are not followed, nothing is retried in here.

    Args:
        connections: kept open per origin.
    """

    def __init__(self, connections: int) -> None:
        super().__init__(pool_maxsize=connections, max_retries=0)
        self._routes: dict[str, Route] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close idle connections: the adapter forgets its pools, but they live on in the routes."""
        with self._lock:
            for route in self._routes.values():
                route.pool.close()
            self._routes.clear()
        super().close()

    def way_to(self, origin: str) -> str:
        """Return where requests to an origin go: host, and proxy where there is one; without user and password."""
        route = self._routes.get(origin)
        scheme, _, authority = origin.partition("://")
        place = f"{scheme}://{authority.rpartition('@')[2]}"
        return f"{place} through the proxy {route.proxy}" if route and route.proxy else place

    def exchange(  # noqa: PLR0913, PLR0917 - the parts of a request
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: str | bytes | None,
        timeout: Timeout,
    ) -> BaseHTTPResponse:
        """Send a request and return the answer as soon as its headers are there.

        Raises:
            LocalError: when this machine is not set up for it.
            urllib3.exceptions.HTTPError, OSError: when there is no answer.
        """
        route = self._routes.get(origin) or self._find(origin)
        return route.pool.urlopen(
            method,
            origin + target if route.whole_urls else target,
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
            pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), {"response_class": CarefulResponse})
            place = parse_url(proxy).netloc or "" if proxy else ""
            whole_urls = bool(proxy) and origin.startswith("http://") and not proxy.startswith("socks")
            route = Route(pool, place, whole_urls, self.proxy_headers(proxy) if whole_urls else {})
            self._routes[origin] = route
            return route


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
