"""What all simulated vendors have in common."""

import math
from abc import ABC, abstractmethod
from collections import Counter
from datetime import datetime, timedelta
from typing import ClassVar

from tap_usage.sandbox.clock import Clock
from tap_usage.sandbox.wire import Answer, Json, RefusedError, Request, Route, dice

MINUTE = timedelta(minutes=1)


class Tokens:
    """Access tokens that were issued, and until when they are good by the sandbox's clock."""

    def __init__(self, clock: Clock, lifetime: timedelta, template: str) -> None:
        """Issue tokens that look like ``template`` with a running number in place of ``{}``."""
        self.lifetime = lifetime
        self._clock = clock
        self._template = template
        self._expiry: dict[str, datetime] = {}
        self._held_until: dict[str, datetime] = {}
        self._held_for: Counter[str] = Counter()

    def issue(self) -> tuple[str, datetime]:
        """Return a fresh token and the time of its expiry."""
        token = self._template.format(len(self._expiry) + 1)
        self._expiry[token] = self._clock.now() + self.lifetime
        return token, self._expiry[token]

    def valid(self, token: str) -> bool:
        """Tell whether a token was issued here, is known to the API, and has not expired."""
        now = self._clock.now()
        held = self._held_for[token] > 0 or now < self._held_until.get(token, now)
        return token in self._expiry and now < self._expiry[token] and not held

    def hold_back(self, time: timedelta, requests: int) -> None:
        """Have the API not know the token that was issued last, for a time and for so many requests."""
        token = next(reversed(self._expiry))
        self._held_until[token], self._held_for[token] = self._clock.now() + time, requests

    def refused(self, token: str) -> None:
        """Count a request that was refused because of its token."""
        self._held_for[token] = max(0, self._held_for[token] - 1)

    def expire(self) -> None:
        """Expire every token that was issued so far."""
        self._expiry = dict.fromkeys(self._expiry, self._clock.now())


class MinuteWindow:
    """Counts requests in windows of a minute by the sandbox's clock.

    Attributes:
        counted: requests in the current window.
    """

    def __init__(self, clock: Clock) -> None:
        """Begin the first window."""
        self._clock = clock
        self._began = clock.now()
        self.counted = 0

    def count(self) -> None:
        """Count a request."""
        if self._clock.now() - self._began >= MINUTE:
            self._began, self.counted = self._clock.now(), 0
        self.counted += 1

    def seconds_left(self) -> int:
        """Return the time until the window ends, at least 1."""
        return max(1, math.ceil((self._began + MINUTE - self._clock.now()).total_seconds()))


class Vendor(ABC):
    """One vendor: data, rules of its interface, error shape.

    Attributes:
        clock: the sandbox's clock.
        seed: what the made-up figures depend on.
        origins: base URL of each of the vendor's listeners, by name.
        tokens: the tokens it issued.
        denied: names of operations that it answers with its 403.
        scene: what is different about it while one operation is carried out: details by the kind of the fault.
    """

    name: ClassVar[str]

    def __init__(self, clock: Clock, seed: int, tokens: Tokens) -> None:
        """Start without data."""
        self.clock = clock
        self.seed = seed
        self.tokens = tokens
        self.origins: dict[str, str] = {}
        self.denied: set[str] = set()
        self.scene: Json = {}
        self.client_id = f"sandbox-{self.name}-client"
        self.client_secret = f"sandbox-{self.name}-secret"

    @abstractmethod
    def routes(self) -> tuple[Route, ...]:
        """Return the operations of the vendor."""

    @abstractmethod
    def error(self, request: Request, status: int, code: str = "", message: str = "") -> Answer:
        """Return an error in the vendor's own shape.

        Args:
            request: what is refused; hosts of one vendor may differ in their error shape.
            status: HTTP status.
            code: the vendor's code, when the usual one of the status is not meant.
            message: the vendor's sentence, when the usual one is not meant.
        """

    @abstractmethod
    def clear(self) -> None:
        """Remove all data."""

    @abstractmethod
    def truth(self) -> dict[str, int]:
        """Return how many rows each collection holds now."""

    def listed(self, rows: list[Json]) -> list[Json]:
        """Return the rows that a list shows now."""
        absent = self.scene.get("unlisted")
        if absent is None:
            return rows
        if "ids" in absent:
            return [row for row in rows if row["id"] not in absent["ids"]]
        share, seed = absent.get("share", 1.0), absent.get("seed", self.seed)
        return [row for row in rows if dice(f"{seed} {row['id']}").random() >= share]

    def token_of(self, request: Request) -> str:
        """Return the token that a request carries, or an empty text."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else ""

    def authorized(self, request: Request) -> bool:
        """Tell whether a request carries a valid token."""
        return self.tokens.valid(self.token_of(request))

    def throttled(self, request: Request) -> Answer:
        """Return the vendor's own answer to too many requests."""
        return self.error(request, 429)

    def admit(self, request: Request, route: Route) -> None:
        """Check what comes before the operation itself: token, permission, parameters.

        Raises:
            RefusedError: the request is refused.
        """
        if route.needs_token and not self.authorized(request):
            self.tokens.refused(self.token_of(request))
            raise RefusedError(401)
        if route.operation in self.denied:
            raise RefusedError(403)
        unknown = set(request.query) - route.parameters
        if unknown or request.repeated:
            names = ", ".join(sorted(unknown.union(request.repeated)))
            raise RefusedError(400, "", f"unknown or repeated query parameter: {names}")

    def headers(self, _request: Request, _answer: Answer, /) -> dict[str, str]:
        """Return the headers that the vendor puts on every answer."""
        return {}
