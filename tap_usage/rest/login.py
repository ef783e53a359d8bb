"""Logged in to one vendor: what its requests carry, shared by all workers, and what a refusal (401) means."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import RequestError

LEEWAY_SECONDS = 60.0
FRESH_SECONDS = 2.0
SETTLING_SECONDS = 1.5

Headers = Mapping[str, str]


@dataclass(slots=True)
class Refusals:
    """What one request has done about refused headers: those it waited for, and whether it had some renewed."""

    waited_for: Headers | None = None
    renewed: bool = False


class Login(ABC):
    """Safe for many threads.

    Attributes:
        proven: what requests carry is known to be right; until then they go out one by one.
        refused: why the vendor takes no request at all, None as long as it may.
    """

    proven = True
    refused: RequestError | None = None

    @abstractmethod
    def headers(self) -> Headers:
        """Return what a request has to carry.

        Raises:
            RequestError: when there is nothing that the vendor would take. Where trying again is in vain it is the same
                error for all requests, and nothing is sent.
        """

    @abstractmethod
    def accepted(self) -> None:
        """Take note that a request was answered."""

    @abstractmethod
    def may_try_again(self, sent: Headers, failure: RequestError, past: Refusals, /) -> bool:
        """Return whether a refused request may be tried again; False when the refusal is about this request only.

        Args:
            sent: the headers that were refused.
            failure: of the request.
            past: of this request; kept up to date.

        Raises:
            RequestError: when the refusal is about all requests.
            Stopped: when the run is being ended.
        """


class Fixed(Login):
    """Headers that never change.

    When they are refused before anything was answered, they are wrong: no other request is sent. Once something was
    answered they are right, and a refusal is a matter of what was asked for.

    Args:
        headers: that all requests carry.
    """

    def __init__(self, headers: Headers) -> None:
        self._headers = headers
        self.proven = False

    def headers(self) -> Headers:
        if self.refused:
            raise self.refused
        return self._headers

    def accepted(self) -> None:
        self.proven = True
        self.refused = None

    def may_try_again(self, _: Headers, failure: RequestError, __: Refusals, /) -> bool:
        if self.proven:
            return False
        self.refused = self.refused or replace(failure, final=True)
        raise self.refused


class Tokens(Login):
    """The current token: fetched once for all workers, renewed before it expires, renewed once when refused.

    Args:
        fetch: returns the headers with a new token, and its lifetime in seconds (None: until refused).
        clock: for the expiry.
    """

    def __init__(self, fetch: Callable[[], tuple[Headers, float | None]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._headers: Headers | None = None
        self._issued_at = 0.0
        self._renew_at: float | None = None
        self._renewed_in_vain = False

    def headers(self) -> Headers:
        with self._lock:
            if self.refused:
                raise self.refused
            expired = self._renew_at is not None and self._clock.monotonic() >= self._renew_at
            if self._headers is None or expired:
                try:
                    self._headers, lifetime = self._fetch()
                except RequestError as error:
                    self.refused = error if error.final else None
                    raise
                leeway = min(LEEWAY_SECONDS, lifetime / 4) if lifetime else 0.0
                self._issued_at = self._clock.monotonic()
                self._renew_at = self._issued_at + lifetime - leeway if lifetime else None
            return self._headers

    def accepted(self) -> None:
        self._renewed_in_vain = False

    def may_try_again(self, sent: Headers, _: RequestError, past: Refusals, /) -> bool:
        """Return whether a refused request may be tried again.

        A token that was issued a moment ago may not be known everywhere yet: it is waited for. Any other is renewed,
        once per request, and not at all while renewing helps nobody.
        """
        if self._renewed_in_vain:
            return False
        if past.waited_for != sent and self._is_fresh(sent):
            past.waited_for = sent
            self._clock.wait(SETTLING_SECONDS)
            return True
        if past.renewed:
            self._renewed_in_vain = True
            return False
        past.renewed = True
        self.invalidate(sent)
        return True

    def invalidate(self, headers: Headers) -> None:
        """Forget the token in `headers`, unless another worker has renewed it already."""
        with self._lock:
            if self._headers == headers:
                self._headers = None

    def _is_fresh(self, headers: Headers) -> bool:
        with self._lock:
            return headers == self._headers and self._clock.monotonic() - self._issued_at < FRESH_SECONDS
