"""Tokens by client credentials: fetched once for all workers, renewed before they expire, renewed once when refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import RequestError, dig

LEEWAY_SECONDS = 60.0


@dataclass(frozen=True)
class TokenRequest:
    """How a vendor hands out tokens.

    Attributes:
        url: absolute URL of the token endpoint, often on a host of its own.
        form: fields of the form-encoded body.
        basic: client id and secret for HTTP Basic, where the vendor wants them there.
        token: path of the token in the answer.
        lifetime: path of the lifetime in seconds.
        expiry: path of the expiry as text, and how to read it, where there is no lifetime.
    """

    url: str
    form: Mapping[str, str] = field(repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    token: str = "access_token"  # noqa: S105 - the name of a field
    lifetime: str = "expires_in"
    expiry: tuple[str, Callable[[str], datetime]] | None = None

    def problem(self, body: Any) -> str | None:  # noqa: ANN401 - decoded JSON
        """Return why an answer holds no usable token, or None. Never quotes it."""
        token = dig(body, self.token)
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
            return f"an answer without a usable `{self.token}`"
        return None

    def seconds(self, body: Any, answered: datetime) -> float | None:  # noqa: ANN401 - decoded JSON
        """Return the lifetime that the answer tells, None when it tells none that makes sense."""
        try:
            if self.expiry:
                path, read = self.expiry
                seconds = (read(str(dig(body, path))) - answered).total_seconds()
            else:
                seconds = float(dig(body, self.lifetime))
        except (TypeError, ValueError, OverflowError):
            return None
        return seconds if seconds > 0 else None


class TokenAuth:
    """The current token of a vendor.

    Args:
        fetch: returns token and lifetime in seconds (None: until refused).
        clock: for the expiry.
        header: where the token goes.
        scheme: what stands before it.
    """

    def __init__(
        self,
        fetch: Callable[[], tuple[str, float | None]],
        clock: Clock,
        header: str = "Authorization",
        scheme: str = "Bearer ",
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._header = header
        self._scheme = scheme
        self._lock = threading.Lock()
        self._token: str | None = None
        self._renew_at: float | None = None
        self._refused: RequestError | None = None

    def token(self) -> str:
        """Return a token that is good for a while; fetch one if need be.

        Raises:
            RequestError: when there is none. Credentials that were refused are not tried again.
        """
        with self._lock:
            if self._refused:
                raise self._refused
            expired = self._renew_at is not None and self._clock.monotonic() >= self._renew_at
            if self._token is None or expired:
                try:
                    self._token, lifetime = self._fetch()
                except RequestError as error:
                    self._refused = error if error.status in range(400, 500) else None
                    raise
                leeway = min(LEEWAY_SECONDS, lifetime / 4) if lifetime else 0.0
                self._renew_at = self._clock.monotonic() + lifetime - leeway if lifetime else None
            return self._token

    def invalidate(self, token: str) -> None:
        """Forget `token`, unless another worker has renewed it already."""
        with self._lock:
            if self._token == token:
                self._token = None

    def header(self, token: str) -> dict[str, str]:
        """Return the header that carries a token."""
        return {self._header: self._scheme + token}
