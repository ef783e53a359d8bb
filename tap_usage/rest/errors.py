"""What an answer means: one table from status to verdict, and the errors a person reads."""

from __future__ import annotations

import enum
import math
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import backoff

from tap_usage.rest.clock import Clock, http_date
from tap_usage.rest.request import Json

LONGEST_WAIT_SECONDS = 3600.0
PLAIN = re.compile(r"[^\w .:;,/()'-]+")


class Verdict(enum.Enum):
    """What to do after an answer that is not a success; of `LOGIN`, how the vendor is logged in to decides."""

    RETRY = "retry"
    LOGIN = "login"
    FAIL = "fail"


@dataclass(frozen=True)
class Rule:
    """One row of an error table.

    Attributes:
        statuses: HTTP statuses the row is for.
        verdict: what to do.
        advice: a sentence for the person who reads the failure.
        text: if set, the row is only for answers whose vendor code or description starts with this.
        pause: the whole vendor pauses, not only the request (throttling).
        at_least_seconds: shortest wait before the next try.
    """

    statuses: Iterable[int]
    verdict: Verdict
    advice: str
    text: str = ""
    pause: bool = False
    at_least_seconds: float = 0.0


RULES = (
    Rule((403,), Verdict.FAIL, "the credentials lack a permission or a role for this; see docs/credentials.md"),
    Rule((404,), Verdict.FAIL, "nothing is there: check the region and the URL settings"),
    Rule((407,), Verdict.FAIL, "the proxy wants a user and a password: see https_proxy, http_proxy or all_proxy"),
    Rule((429,), Verdict.RETRY, "the vendor still throttles; lower max_concurrency or the request rate", pause=True),
    Rule((408, *range(500, 600)), Verdict.RETRY, "the vendor's service failed; run again later"),
    Rule(range(300, 400), Verdict.FAIL, "redirects are not followed, credentials stay with the vendor: check the URLs"),
    Rule(range(400, 500), Verdict.FAIL, "the vendor refused the request"),
)


def judge(status: int, texts: Iterable[str], rules: Iterable[Rule]) -> Rule:
    """Return the first row of `rules`, then of `RULES`, that fits.

    Args:
        status: HTTP status, 300 to 599.
        texts: vendor code and description of the error.
        rules: the vendor's own rows.
    """
    texts = tuple(texts)
    for rule in (*rules, *RULES):
        if status in rule.statuses and (not rule.text or any(text.startswith(rule.text) for text in texts)):
            return rule
    return Rule((status,), Verdict.FAIL, "the vendor answered with a status that HTTP does not know")


def retry_after(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Return the seconds that `Retry-After` asks for; it may be seconds or an HTTP date.

    A date is read against the `Date` of the same answer, so that a wrong local clock does no harm.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        until = http_date(text)
        now = http_date(headers["Date"]) if "Date" in headers else clock.now()
        if until is None or now is None:
            return None
        seconds = (until - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def waits(first: float = 1.0, longest: float = 30.0) -> Iterable[float]:
    """Yield the seconds to wait before each further try: exponential with jitter, never under half a step."""
    steps = backoff.expo(base=2, factor=first, max_value=longest)
    next(steps)
    for step in steps:
        yield step * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


def plain(value: object, longest: int = 80) -> str:
    """Return a vendor's word made fit for a log line: one line, bounded, no markup."""
    return PLAIN.sub(" ", str(value)).strip()[:longest]


def word(value: object) -> str:
    """Return a vendor's code or id; "" for anything else, such as a sentence that may name a customer."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if text == plain(text) else ""


def dig(body: Json, path: str) -> Json:
    """Return what stands at a dotted path (`a.0.b`) of decoded JSON, or None."""
    for step in path.split("."):
        if isinstance(body, dict):
            body = body.get(step)
        elif isinstance(body, list) and step.isdigit() and int(step) < len(body):
            body = body[int(step)]
        else:
            return None
    return body


class ReadError(Exception):
    """A partition, window or stream could not be read completely. Its text is for people and holds no secret."""

    @property
    def cause(self) -> str:
        """The text without what differs between two failures of one cause, but for figures."""
        return str(self)


class PagingError(ReadError):
    """The pages of an answer do not fit together."""


class ContradictionError(PagingError):
    """The pages of an answer contradict each other: which of them were right, nobody knows."""


class LinkRefusedError(ReadError):
    """A link leads away from the vendor's own origin; nothing was sent there."""


@dataclass
class RequestError(ReadError):
    """A request failed for good.

    Attributes:
        where: method and path, without query.
        status: HTTP status, or None when there was no answer.
        problem: what happened, when there was no usable answer.
        code: the vendor's error code.
        correlation: the vendor's id of this answer, for its support.
        advice: what to do.
        tries: how often it was sent.
        final: asking again is in vain: it was refused, or cannot be sent from this machine.
        at: where it was sent to: scheme and host, and the proxy where there is one.
        login: it was to log in, and is about all that the vendor is asked.
    """

    where: str
    status: int | None
    advice: str
    problem: str = ""
    code: str = ""
    correlation: str = ""
    tries: int = 1
    final: bool = False
    at: str = ""
    login: bool = False

    @property
    def briefly(self) -> str:
        """The status, or what happened where there is none."""
        return f"HTTP {self.status}" if self.status else self.problem

    @property
    def happened(self) -> str:
        """What happened, without the advice."""
        what = " ".join(
            part for part in (f"HTTP {self.status}" if self.status else "", self.problem, self.code) if part
        )
        ids = f" (correlation id {self.correlation})" if self.correlation else ""
        tries = f" after {self.tries} tries" if self.tries > 1 else ""
        at = f" at {self.at}" if self.at else ""
        return f"{what}{ids} on {self.where}{tries}{at}"

    def __str__(self) -> str:
        """Return the failure in one line."""
        return f"{self.happened}: {self.advice}"
