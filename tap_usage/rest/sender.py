"""One try of a request: it is sent once, and what comes is judged."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from http.client import HTTPException

from urllib3.exceptions import HTTPError

from tap_usage.rest.bodies import decode
from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import LONGEST_WAIT_SECONDS, RequestError, Rule, Verdict, dig, judge, retry_after, word
from tap_usage.rest.exchange import Response, read
from tap_usage.rest.host import Host, RateLimit
from tap_usage.rest.network import AGAIN_ADVICE, LocalError, explain
from tap_usage.rest.patience import UNREACHED_SECONDS, Patience
from tap_usage.rest.request import Answer, Request, Wire
from tap_usage.rest.throttle import Throttle
from tap_usage.rest.transport import Transport
from tap_usage.rest.vendor_clock import VendorClock

LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
LARGEST_ERROR_BYTES = 64 * 1024
SUCCESS = range(200, 300)
NO_CONTENT = 204
INTERNAL_ERROR = 500
UNAVAILABLE = 503
ODD_ADVICE = "the vendor answers with something else; if it stays so, tell the maintainers of this tap"

logger = logging.getLogger("tap-usage")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One try that gave no usable answer.

    Attributes:
        failure: what to tell if it stays so.
        rule: what to do.
        wait: seconds the vendor asks to wait.
        lost: the vendor may have carried out what was asked.
        unsent: there was no connection to the vendor.
        odd: it answered, with something else than what was asked for.
    """

    failure: RequestError
    rule: Rule
    wait: float | None = None
    lost: bool = False
    unsent: bool = False
    odd: bool = False


AGAIN = Rule((), Verdict.RETRY, AGAIN_ADVICE)
FINAL = Rule((), Verdict.FAIL, "")


class Sender:
    """Sends requests to one vendor, each once. Safe for many threads.

    Attributes:
        throttle: of all requests.
        time: the vendor's clock.
        rate_limit: what the vendor last said of its rate limit.

    Args:
        host: the vendor's data sheet.
        clock: time and waiting.
        patience: is told when the vendor answers at all.
        connections: kept open per origin.
        timeout_seconds: for connecting, for the head of one answer, and for its body.
        transport: the wire; by default one that keeps so many connections.
    """

    def __init__(  # noqa: PLR0913 - settings
        self,
        host: Host,
        clock: Clock,
        patience: Patience,
        *,
        connections: int,
        timeout_seconds: float,
        transport: Transport | None = None,
    ) -> None:
        self.throttle = Throttle(clock, host.per_second)
        self.time = VendorClock(host.name, clock)
        self.rate_limit: RateLimit | None = None
        self._host = host
        self._rules = (*host.rules, host.auth.refusal)
        self._clock = clock
        self._patience = patience
        self._timeout = timeout_seconds
        self._transport = transport or Transport(connections, timeout_seconds)
        self._replaced = False

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def send(self, wire: Wire, request: Request, tries: int) -> Answer | Trouble:
        """Send a request and return what came of it.

        Args:
            wire: what is sent.
            request: what it is about.
            tries: how often it was sent, this time included.

        Raises:
            ClockError: when the vendor's clock is more than a day from that of this machine.
            Stopped: when the run is being ended.
        """
        asked = self._clock.monotonic()
        self.throttle.take()
        request.sent()
        began = self._clock.monotonic()
        outcome = self._exchange(wire, request, tries)
        if logger.isEnabledFor(logging.DEBUG):
            if isinstance(outcome, Answer):
                came = str(outcome.status)
            else:
                came = " ".join(str(part) for part in (outcome.failure.status, outcome.failure.problem) if part)
            seconds, waited = self._clock.monotonic() - began, began - asked
            told = "%s: %s: %s, %.2f s, try %d, waited %.1f s"
            logger.debug(told, self._host.name, wire.where, came, seconds, tries, waited)
        return outcome

    def _exchange(self, wire: Wire, request: Request, tries: int) -> Answer | Trouble:
        status = None
        reach = self._timeout if self._patience.answered else min(self._timeout, UNREACHED_SECONDS)
        try:
            response = self._transport.exchange(wire, reach)
            status = response.status
            self._patience.answered = True
            self._mind_budget(response)
            limit = LARGEST_ANSWER_BYTES if status in SUCCESS else LARGEST_ERROR_BYTES
            content = read(response, limit, self._clock.check)
        except (LocalError, HTTPError, HTTPException, OSError) as error:
            found = explain(error, answered=status is not None)
            in_vain = found.final or (found.no_proxy and not self._patience.answered)
            failure = self._failure(wire, tries, status, found.advice, found.text)
            return Trouble(failure, FINAL if in_vain else AGAIN, lost=not found.unsent, unsent=found.unsent)
        if status not in SUCCESS:
            return self._refused(wire, tries, response, content)
        if content is None:
            problem = f"answer of more than {limit // 1024 // 1024} MiB"
            advice = "ask for less at once: smaller pages or windows"
            return Trouble(self._failure(wire, tries, status, advice, problem), FINAL)
        if status == NO_CONTENT:  # it could be taken for an empty list, but then a bookmark would move over it
            advice = "the vendor has to say what there is, if only an empty list: tell it"
            return Trouble(self._failure(wire, tries, status, advice, "an answer without content"), FINAL)
        body = decode(content)
        if unusable := body.problem or request.check(body.value):
            odd = not body.problem
            failure = self._failure(wire, tries, status, ODD_ADVICE if odd else AGAIN.advice, unusable)
            return Trouble(failure, AGAIN, lost=True, odd=odd)
        if body.replaced and not self._replaced:
            self._replaced = True
            told = "%s: halves of characters came on %s; they are replaced by U+FFFD, here and in further answers"
            logger.warning(told, self._host.name, wire.where)
        return Answer(status, body.value, self.time.read(response.headers.get("Date")), tries, len(content))

    def _failure(self, wire: Wire, tries: int, status: int | None, advice: str, problem: str = "") -> RequestError:
        return RequestError(wire.where, status, advice, problem, tries=tries, at=self._transport.way_to(wire.origin))

    def _refused(self, wire: Wire, tries: int, response: Response, content: bytearray | None) -> Trouble:
        body = decode(content or b"null").value
        fields = self._host.errors
        codes = [code for path in fields.code if (code := word(dig(body, path)))]
        texts = [str(value) for path in fields.text if (value := dig(body, path))]
        ids = [found for path in fields.correlation if (found := word(dig(body, path)))]
        if fields.header and (found := word(response.headers.get(fields.header))):
            ids.append(found)
        rule = judge(response.status, [*codes, *texts], self._rules)
        failure = self._failure(wire, tries, response.status, rule.advice)
        failure = replace(failure, code=" ".join(codes), correlation=ids[0] if ids else "")
        carried_out = response.status >= INTERNAL_ERROR and response.status != UNAVAILABLE  # perhaps
        return Trouble(failure, rule, retry_after(response.headers, self._clock), lost=carried_out)

    def _mind_budget(self, response: Response) -> None:
        """Take a pause from a used-up budget."""
        budget = self._host.budget
        if budget and budget.allowed in response.headers:
            try:
                used, allowed = (int(response.headers[name]) for name in (budget.used, budget.allowed))
                self.rate_limit = RateLimit(used, allowed, float(response.headers[budget.reset]))
            except (KeyError, ValueError):
                return
            if used >= allowed and response.status in SUCCESS:
                per = f" of this {budget.per}" if budget.per else ""
                why = f"{used:,} of {allowed:,} requests{per} used"
                self.throttle.pause(min(self.rate_limit.reset, LONGEST_WAIT_SECONDS), why)
