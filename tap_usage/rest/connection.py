"""A vendor's connection: one session, one budget, one token, one table of errors for all its streams."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
import requests
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import ConnectTimeoutError, HTTPError, SSLError
from urllib3.util import parse_url

from tap_usage.rest import transport
from tap_usage.rest.auth import TokenAuth
from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import (
    LONGEST_WAIT_SECONDS,
    LinkRefusedError,
    RequestError,
    Rule,
    Verdict,
    dig,
    judge,
    plain,
    retry_after,
    waits,
    word,
)
from tap_usage.rest.exchange import read
from tap_usage.rest.host import Host
from tap_usage.rest.throttle import Throttle
from tap_usage.rest.transport import Transport, origin_of
from tap_usage.rest.vendor_clock import VendorClock

LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
LARGEST_ERROR_BYTES = 64 * 1024
BLIND_REPEATS = 1
OUTAGE_SECONDS = 900.0

# urllib3 logs query strings at DEBUG and URLs at WARNING.
logging.getLogger("urllib3").setLevel(logging.ERROR)
logger = logging.getLogger("tap-usage")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, before it is bound to a host.

    Attributes:
        path: path below the vendor's URL, or a link the vendor gave.
        method: HTTP method.
        params: query parameters.
        json: JSON body.
        check: returns why a decoded 2xx body cannot be what was asked for, or None; such a body is asked for again.
        repeatable: False when a repeat might do the work twice: then a lost answer is repeated only once.
        sent: is called, in the sending thread, each time it goes out.
    """

    path: str
    method: str = "GET"
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    check: Callable[[Any], str | None] = lambda _: None
    repeatable: bool = True
    sent: Callable[[], None] = lambda: None

    def with_params(self, **params: Any) -> Request:  # noqa: ANN401 - query values
        """Return the request with more parameters."""
        return replace(self, params={**self.params, **params})


@dataclass(frozen=True, slots=True)
class Answer:
    """A usable answer.

    Attributes:
        status: HTTP status, 2xx.
        body: decoded JSON.
        date: the vendor's clock, UTC.
        tries: how many requests it took, token requests not counted.
    """

    status: int
    body: Any
    date: datetime
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Wire:
    """A request as it is sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | str | None = None

    @property
    def where(self) -> str:
        """Method and path, for log lines: without the query."""
        return f"{self.method} /{self.url.split('/', 3)[-1].partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One try that gave no usable answer.

    Attributes:
        failure: what to tell if it stays so.
        rule: what to do.
        wait: seconds the vendor asks to wait.
        lost: the vendor may have carried out what was asked.
    """

    failure: RequestError
    rule: Rule
    wait: float | None = None
    lost: bool = False


AGAIN = Rule((), Verdict.RETRY, "check the network and the vendor's status, then run again")
FINAL = Rule((), Verdict.FAIL, "")


class Connection:
    """Sends requests to one vendor until they succeed or have failed for good. Safe for many threads.

    A vendor that has been down for a quarter of an hour does not hold the run for hours: when a request has failed for
    good then, each further one is tried only once, until one succeeds.

    Args:
        host: the vendor's data sheet.
        clock: time and waiting.
        max_concurrency: requests in flight.
        timeout_seconds: for connecting, for the head of one answer, and for its body.
        max_tries: tries of one request.
        user_agent: the `User-Agent` header.
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
    ) -> None:
        self.host = host
        self.clock = clock
        self.max_concurrency = max_concurrency
        self.throttle = Throttle(clock, host.per_second)
        self._timeout = timeout_seconds
        self._max_tries = max_tries
        self._headers = {"User-Agent": user_agent, **host.headers}
        self._auth = TokenAuth(self._fetch_token, clock, *host.token_header)
        self._transport = Transport(max_concurrency)
        self._base = urlsplit(host.url)
        self._root = f"{self._base.scheme}://{self._base.netloc}"
        self._prefix = self._base.path.rstrip("/")
        self._time = VendorClock(host.name, clock)
        self._failing_since: float | None = None
        self._down = False
        self._renewed_in_vain = False

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def started(self) -> datetime:
        """Return the vendor's clock at its first successful answer: what a bookmark may not pass.

        Raises:
            RequestError: when not even a token can be had.
            ClockError: when it is more than a day from that of this machine.
        """
        self._time.check()
        if self._time.first is None:
            self._auth.token()
        return self._time.first or self.now()

    def now(self) -> datetime:
        """Return the vendor's clock: it goes on from its last successful answer."""
        return self._time.now()

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
                f"only {self._root} gets the token: check the URL settings"
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
            url += ("&" if "?" in url else "?") + urlencode(request.params)
        return self._send(self._wire(request, url), request, self._auth)

    def _wire(self, request: Request, url: str) -> Wire:
        if request.json is None:
            return Wire(request.method, url, self._headers)
        headers = {**self._headers, "Content-Type": "application/json"}
        return Wire(request.method, url, headers, msgspec.json.encode(request.json))

    def _fetch_token(self) -> tuple[str, float | None]:
        token = self.host.token
        prepared = requests.PreparedRequest()
        headers = {**self._headers, "Accept": "application/json"}
        prepared.prepare(method="POST", url=token.url, headers=headers, data=token.form, auth=token.basic)
        wire = Wire("POST", str(prepared.url), dict(prepared.headers), prepared.body)
        answer = self._send(wire, Request(urlsplit(token.url).path, "POST", check=token.problem), None)
        return dig(answer.body, token.token), token.seconds(answer.body, answer.date)

    def _send(self, wire: Wire, request: Request, auth: TokenAuth | None) -> Answer:
        self._time.check()
        renewed = False
        blind = 0
        for tries, pause in enumerate(waits(), start=1):
            token = auth.token() if auth else ""
            outcome = self._once(replace(wire, headers=wire.headers | auth.header(token)) if auth else wire, request)
            if isinstance(outcome, Answer):
                if auth:  # a login that works says nothing of the API
                    self._renewed_in_vain = False
                    self._is_up()
                return replace(outcome, tries=tries)
            rule, wanted = outcome.rule, outcome.wait
            failure = replace(outcome.failure, tries=tries)
            if rule.verdict is Verdict.RENEW and auth and not renewed and not self._renewed_in_vain:
                renewed = True
                auth.invalidate(token)
                continue
            if rule.verdict is not Verdict.RETRY:
                self._renewed_in_vain |= renewed and rule.verdict is Verdict.RENEW
                self._is_up()
                raise failure
            if wanted and wanted > LONGEST_WAIT_SECONDS:
                raise replace(failure, advice=f"the vendor asks to wait {wanted:.0f} seconds; run again after that")
            seconds = max(wanted or pause, rule.at_least_seconds)
            pauses = rule.pause or wanted is not None
            if pauses:
                self.throttle.pause(seconds)
            blind += outcome.lost and not request.repeatable
            if self._is_enough(tries) or blind > BLIND_REPEATS:
                raise failure
            logger.warning("%s: %s; next try in %.1f s", self.host.name, failure.happened, seconds)
            if not pauses:
                self.clock.wait(seconds)
        raise AssertionError  # pragma: no cover - waits() never ends

    def _is_up(self) -> None:
        self._failing_since = None
        self._down = False

    def _is_enough(self, tries: int) -> bool:
        """Take note of a failed try; return whether it was the last one of its request."""
        now, since = self.clock.monotonic(), self._failing_since
        if since is None:
            since = self._failing_since = now
        if tries < self._max_tries and not self._down:
            return False
        self._down |= now - since >= OUTAGE_SECONDS
        return True

    def _once(self, wire: Wire, request: Request) -> Answer | Trouble:
        self.throttle.take()
        request.sent()
        where = wire.where
        status = None
        clock = self.clock
        try:
            response = self._transport.exchange(wire.method, wire.url, wire.headers, wire.body, self._timeout)
            status = response.status
            self._mind_budget(response)
            limit = LARGEST_ANSWER_BYTES if status < 300 else LARGEST_ERROR_BYTES  # noqa: PLR2004 - success
            content = read(response, limit, self._timeout, clock.monotonic, clock.check)
        except (HTTPError, OSError) as error:
            if isinstance(error, SSLError) and status is None and "EOF" not in repr(error):
                advice = "the certificate could not be verified: check the URL, the proxy and REQUESTS_CA_BUNDLE"
                return Trouble(RequestError(where, None, advice, "TLS failure"), FINAL)
            problem = transport.problem_of(error)
            if status:
                problem = f"answer broke off ({problem})"
            lost = not isinstance(error, ConnectTimeoutError)  # refused connections are among them
            return Trouble(RequestError(where, status, AGAIN.advice, problem), AGAIN, lost=lost)
        if status >= 300:  # noqa: PLR2004 - not a success
            return self._refused(where, response, content)
        if content is None:
            problem = f"answer of more than {limit // 1024 // 1024} MiB"
            advice = "ask for less at once: smaller pages or windows"
            return Trouble(RequestError(where, status, advice, problem), FINAL)
        body, unusable = _decode(content)
        if unusable := unusable or request.check(body):
            return Trouble(RequestError(where, status, AGAIN.advice, unusable), AGAIN, lost=True)
        return Answer(status, body, self._time.read(response.headers.get("Date")))

    def _refused(self, where: str, response: BaseHTTPResponse, content: bytes | None) -> Trouble:
        body, _ = _decode(content or b"null")
        fields = self.host.errors
        codes = [code for path in fields.code if (code := word(dig(body, path)))]
        texts = [str(value) for path in fields.text if (value := dig(body, path))]
        ids = [found for path in fields.correlation if (found := word(dig(body, path)))]
        if fields.header and (found := word(response.headers.get(fields.header))):
            ids.append(found)
        rule = judge(response.status, [*codes, *texts], self.host.rules)
        failure = RequestError(
            where, response.status, rule.advice, code=" ".join(codes), correlation=ids[0] if ids else ""
        )
        carried_out = response.status >= 500 and response.status != 503  # noqa: PLR2004 - perhaps
        return Trouble(failure, rule, retry_after(response.headers, self.clock), lost=carried_out)

    def _mind_budget(self, response: BaseHTTPResponse) -> None:
        """Take a pause from a used-up budget."""
        budget = self.host.budget
        if budget and budget.allowed in response.headers:
            try:
                left = int(response.headers[budget.allowed]) - int(response.headers[budget.used])
                reset = float(response.headers[budget.reset])
            except (KeyError, ValueError):
                return
            if left <= 0 and response.status < 300:  # noqa: PLR2004 - a success
                self.throttle.pause(min(reset, LONGEST_WAIT_SECONDS))


def _decode(content: bytes) -> tuple[Any, str | None]:
    """Return decoded JSON, and why there is none. A nesting bomb ends in a RecursionError."""
    try:
        return msgspec.json.decode(content), None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, "an answer that is not JSON"
