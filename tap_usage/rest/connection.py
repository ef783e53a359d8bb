"""A vendor's connection: one budget, one login, one patience for all its streams."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import quote_plus, urlencode, urljoin, urlsplit

import msgspec
from urllib3.util import parse_url

from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import LONGEST_WAIT_SECONDS, LinkRefusedError, RequestError, Verdict, plain, waits
from tap_usage.rest.host import Host, RateLimit
from tap_usage.rest.login import Fixed, Headers, Login, Refusals
from tap_usage.rest.patience import Patience
from tap_usage.rest.request import Answer, Check, Request, Wire
from tap_usage.rest.sender import Sender
from tap_usage.rest.throttle import Waiting
from tap_usage.rest.transport import Transport, origin_of

__all__ = ["Answer", "Connection", "Request"]

BLIND_REPEATS = 1
ODD_TRIES = 4
SOON_SECONDS = 5.0

# Names and most values are the same in each request.
_quoted = lru_cache(maxsize=1024)(quote_plus)

# urllib3 logs query strings at DEBUG and URLs at WARNING.
logging.getLogger("urllib3").setLevel(logging.ERROR)
logger = logging.getLogger("tap-usage")


class Connection:
    """Sends requests to one vendor until they succeed or have failed for good. Safe for many threads.

    Args:
        host: the vendor's data sheet.
        clock: time and waiting.
        max_concurrency: requests in flight.
        timeout_seconds: for connecting, for the head of one answer, and for its body.
        max_tries: tries of one request.
        user_agent: the `User-Agent` header.
        transport: the wire, if it is not to be the usual one.
    """

    def __init__(  # noqa: PLR0913 - settings
        self,
        host: Host,
        clock: Clock,
        *,
        max_concurrency: int = 8,
        timeout_seconds: float = 60.0,
        max_tries: int = 8,
        user_agent: str = "tap-usage",
        transport: Transport | None = None,
    ) -> None:
        self.host = host
        self.clock = clock
        self.max_concurrency = max_concurrency
        self._headers = {"User-Agent": user_agent.encode(errors="replace").decode("latin-1"), **host.headers}
        self._login = host.auth.open(self._post, clock)
        base = urlsplit(host.url)
        self._root = f"{base.scheme}://{base.netloc}"
        self._prefix = base.path.rstrip("/")
        self._patience = Patience(clock, max_tries)
        self._trying_again: Waiting | None = None
        self._sender = Sender(
            host,
            clock,
            self._patience,
            connections=max_concurrency,
            timeout_seconds=timeout_seconds,
            transport=transport,
        )

    def close(self) -> None:
        """Close idle connections."""
        self._sender.close()

    def hasten(self) -> None:
        """Have whatever is not there soon fail: nothing that failed is sent again, and no long pause is waited for."""
        self._patience.max_tries = 1
        self._sender.throttle.longest = SOON_SECONDS

    def started(self) -> datetime:
        """Return the vendor's clock at its first successful answer: what a bookmark may not pass.

        Where no login has to be sent for it, that of this machine until there is such an answer.

        Raises:
            RequestError: when the login fails or was refused; the same one again where asking again is in vain.
            ClockError: when it is more than a day from that of this machine.
        """
        self.check()
        if self._sender.time.first is None:
            self._login.headers()
        return self.first()

    def first(self) -> datetime:
        """Return the vendor's clock at its first successful answer; until there is one, that of this machine."""
        return self._sender.time.first or self.now()

    @property
    def allowed(self) -> int:
        """How many requests may be in flight: one, until the vendor has taken what they carry."""
        return self.max_concurrency if self._login.proven else 1

    @property
    def waiting(self) -> Waiting | None:
        """Why requests wait at this moment: all of them pause, or none has succeeded since one failed."""
        now = self.clock.monotonic()
        reasons = (self._sender.throttle.waiting, self._trying_again)
        return next((reason for reason in reasons if reason and reason.until > now), None)

    def now(self) -> datetime:
        """Return the vendor's clock: it goes on from its last successful answer."""
        return self._sender.time.now()

    @property
    def clock_difference(self) -> timedelta | None:
        """How far the vendor's clock is ahead of that of this machine; None as long as no answer told it."""
        return self._sender.time.difference

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the vendor last said of its rate limit, if it says anything."""
        return self._sender.rate_limit

    def resolve(self, path: str) -> str:
        """Return the absolute URL of a path or link.

        Raises:
            LinkRefusedError: when it leads to another scheme, host or port.
        """
        if path.startswith("/") and not path.startswith("//"):
            return self._root + (path if path.startswith(self._prefix + "/") else self._prefix + path)
        try:
            url = urljoin(self.host.url, path)
            scheme, host, port = origin_of(url)
        except ValueError:
            raise LinkRefusedError("a link that is no URL was refused: tell the vendor") from None
        if (scheme, host, port) != origin_of(self.host.url):
            raise LinkRefusedError(
                f"a link to {plain(scheme)}://{plain(host)}:{port} was refused, "
                f"only {self._root} gets the credentials: check the URL settings"
            )
        return self._root + parse_url(url).request_uri

    def send(self, request: Request) -> Answer:
        """Send a request, again where that may help, and return the decoded answer.

        Raises:
            RequestError: when it failed for good.
            ClockError: when the vendor's clock is more than a day from that of this machine.
            LinkRefusedError: when the path is a link to somewhere else.
            Stopped: when the run is being ended.
        """
        url = self.resolve(request.path)
        if request.params:
            url += ("&" if "?" in url else "?") + urlencode(request.params, quote_via=_quoted)
        answer = self._send(self._wire(request, url.removeprefix(self._root)), request, self._login)
        self._trying_again = None
        self._patience.proved(up=True)  # which a login that works does not prove
        return answer

    def check(self) -> None:
        """Raise what has gone wrong for the whole vendor; asks nobody.

        Raises:
            RequestError: when it cannot be reached, or takes no request.
            ClockError: when its clock is more than a day from that of this machine.
        """
        if self._login.refused:
            raise self._login.refused
        self._sender.time.check()
        self._patience.check()

    def _wire(self, request: Request, target: str) -> Wire:
        if request.json is None:
            return Wire(request.method, self._root, target, self._headers)
        headers = {**self._headers, "Content-Type": "application/json"}
        return Wire(request.method, self._root, target, headers, msgspec.json.encode(request.json))

    def _post(self, url: str, headers: Headers, body: str, check: Check) -> Answer:
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        wire = Wire("POST", f"{scheme}://{authority}", slash + path, {**self._headers, **headers}, body)
        try:
            return self._send(wire, Request(path, "POST", check=check), Fixed({}))
        except RequestError as error:
            error.login = True
            raise

    def _send(self, wire: Wire, request: Request, login: Login) -> Answer:
        self.check()
        began = self.clock.monotonic()
        refusals = Refusals()
        blind = odd = 0
        turns = enumerate(waits(), start=1)
        while True:
            tries, pause = next(turns)
            carried = login.headers()
            sent = Wire(wire.method, wire.origin, wire.target, {**wire.headers, **carried}, wire.body)
            outcome = self._sender.send(sent, request, tries)
            if isinstance(outcome, Answer):
                login.accepted()
                return outcome
            rule, wanted, failure = outcome.rule, outcome.wait, outcome.failure
            if rule.verdict is Verdict.LOGIN and login.may_try_again(carried, failure, refusals):
                continue
            if rule.verdict is not Verdict.RETRY:
                self._patience.proved(up=failure.status is not None)
                raise replace(failure, final=True)
            if wanted and wanted > LONGEST_WAIT_SECONDS:
                raise replace(failure, advice=f"the vendor asks to wait {wanted:.0f} seconds; run again after that")
            seconds = max(wanted or pause, rule.at_least_seconds)
            pauses = rule.pause or wanted is not None
            if pauses:
                self._sender.throttle.pause(seconds, failure.briefly)
            blind += outcome.lost and not request.repeatable
            odd += outcome.odd
            last = blind > BLIND_REPEATS or odd >= ODD_TRIES
            if self._patience.ends(failure, began, unsent=outcome.unsent, last=last):
                raise failure
            logger.warning("%s: %s; next try in %.1f s", self.host.name, failure.happened, seconds)
            if not pauses:
                self._trying_again = Waiting(failure.briefly, self.clock.monotonic() + seconds)
                self.clock.wait(seconds)
