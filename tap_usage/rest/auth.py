"""Tokens by client credentials: fetched once for all workers, renewed before they expire, renewed once when refused."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import RequestError, dig

LEEWAY_SECONDS = 60.0
FRESH_SECONDS = 2.0
SETTLING_SECONDS = 1.5


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

    @property
    def body(self) -> str:
        """The form, encoded. What no text can hold is replaced, and the vendor refuses it."""
        return urlencode(self.form, encoding="utf-8", errors="replace")

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the request; HTTP Basic is in UTF-8 (RFC 7617)."""
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        if self.basic:
            pair = ":".join(self.basic).encode(errors="replace")
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return headers

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


@dataclass(slots=True)
class Refusals:
    """What one request has done about refused tokens: the one it waited for, and whether it had a token renewed."""

    waited_for: str = ""
    renewed: bool = False


class TokenAuth:
    """The current token of a vendor. Safe for many threads.

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
        self._issued_at = 0.0
        self._renew_at: float | None = None
        self._refused: RequestError | None = None
        self._renewed_in_vain = False

    def token(self) -> str:
        """Return a token that is good for a while; fetch one if need be.

        Raises:
            RequestError: when there is none. A login for which trying again is in vain is not tried again.
        """
        with self._lock:
            if self._refused:
                raise self._refused
            expired = self._renew_at is not None and self._clock.monotonic() >= self._renew_at
            if self._token is None or expired:
                try:
                    self._token, lifetime = self._fetch()
                except RequestError as error:
                    self._refused = error if error.final else None
                    raise
                leeway = min(LEEWAY_SECONDS, lifetime / 4) if lifetime else 0.0
                self._issued_at = self._clock.monotonic()
                self._renew_at = self._issued_at + lifetime - leeway if lifetime else None
            return self._token

    def invalidate(self, token: str) -> None:
        """Forget `token`, unless another worker has renewed it already."""
        with self._lock:
            if self._token == token:
                self._token = None

    def accepted(self) -> None:
        """Take note that the vendor accepts tokens."""
        self._renewed_in_vain = False

    def may_try_again(self, token: str, past: Refusals) -> bool:
        """Return whether a request whose token was refused (401) may be tried again.

        A token that was issued a moment ago may not be known everywhere yet: it is waited for. Any other is renewed,
        once per request, and not at all while renewing helps nobody.

        Args:
            token: that was refused.
            past: of this request; kept up to date.

        Raises:
            Stopped: when the run is being ended.
        """
        if self._renewed_in_vain:
            return False
        if past.waited_for != token and self._is_fresh(token):
            past.waited_for = token
            self._clock.wait(SETTLING_SECONDS)
            return True
        if past.renewed:
            self._renewed_in_vain = True
            return False
        past.renewed = True
        self.invalidate(token)
        return True

    def header(self, token: str) -> dict[str, str]:
        """Return the header that carries a token."""
        return {self._header: self._scheme + token}

    def _is_fresh(self, token: str) -> bool:
        with self._lock:
            return token == self._token and self._clock.monotonic() - self._issued_at < FRESH_SECONDS
