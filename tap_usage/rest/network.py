"""What keeps a request from being answered, in words for a person: the network, a proxy, certificates."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass

from urllib3.exceptions import ConnectTimeoutError, ProxyError, SSLError

AGAIN_ADVICE = "check the network and the vendor's status, then run again"
NAME_ADVICE = "check the region, the URL settings and the network"
TLS_ADVICE = "the certificate could not be verified: check the URL, the proxy and REQUESTS_CA_BUNDLE"
PROXY_ADVICE = "check the proxy in https_proxy, http_proxy or all_proxy, and no_proxy"
NO_CONNECTION = ("host name not found", "connection refused", "no connection in time")
TLS_ERRORS = (SSLError, ssl.SSLError, ssl.CertificateError)
REFUSED_TUNNEL = re.compile(r"Tunnel connection failed: 4\d\d")


class LocalError(Exception):
    """Something on this machine keeps every request from being sent; its text says what to correct."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no answer, or only a part of one.

    Attributes:
        text: what happened.
        advice: what to do.
        final: trying again cannot help.
        unsent: the vendor has not seen the request: there was no connection to it.
        no_proxy: there was no connection to the proxy.
    """

    text: str
    advice: str = AGAIN_ADVICE
    final: bool = False
    unsent: bool = False
    no_proxy: bool = False


def explain(error: Exception, *, answered: bool) -> Problem:
    """Return what an error of the transport means. Its own text may quote URLs and is left out.

    Args:
        error: of the transport.
        answered: the head of an answer was there.
    """
    if isinstance(error, LocalError):
        return Problem("nothing was sent", str(error), final=True, unsent=True)
    if isinstance(error, ProxyError):
        kind = _kind_of(error)
        refuses = REFUSED_TUNNEL.search(repr(error)) is not None
        return Problem(
            f"proxy failed: {kind}", PROXY_ADVICE, final=refuses, unsent=True, no_proxy=kind in NO_CONNECTION
        )
    if isinstance(error, TLS_ERRORS) and not answered and "EOF" not in repr(error):
        return Problem("TLS failure", TLS_ADVICE, final=True, unsent=True)
    kind = _kind_of(error)
    text = f"answer broke off ({kind})" if answered else kind
    advice = NAME_ADVICE if kind == NO_CONNECTION[0] else AGAIN_ADVICE
    return Problem(text, advice, unsent=isinstance(error, ConnectTimeoutError))  # refused connections are among them


def _kind_of(error: Exception) -> str:
    text = repr(error)
    for mark, kind in (
        ("NameResolution", NO_CONNECTION[0]),
        ("Tunnel connection failed: 407", "it wants a user and a password"),
        ("Tunnel connection failed: 4", "it does not let this host be reached"),
        ("Tunnel connection failed", "it does not reach the host"),
        ("NewConnectionError", NO_CONNECTION[1]),
        ("ConnectTimeout", NO_CONNECTION[2]),
        ("Timeout", "no answer in time"),
        ("ConnectionReset", "connection reset"),
        ("RemoteDisconnected", "connection closed without an answer"),
        ("IncompleteRead", "connection closed in the middle"),
        ("SwitchedProtocols", "an answer in another protocol"),
        ("SSLEOF", "connection closed in the TLS handshake"),
    ):
        if mark in text:
            return kind
    return f"network error {type(error).__name__}"
