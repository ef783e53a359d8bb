"""What a look at a stream found, and how it is told: a line for each stream, in columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tap_usage.reading.failures import is_forbidden, text_of
from tap_usage.reading.sheet import Sheet
from tap_usage.rest.connection import Connection
from tap_usage.rest.errors import RequestError
from tap_usage.rest.host import RateLimit

A_MINUTE = timedelta(minutes=1)
NEARLY = 0.8


@dataclass(frozen=True)
class Finding:
    """What a look at a stream found.

    Attributes:
        stream: its name.
        readable: whether it can be read, None if that could not be tried.
        status: `ok`, the HTTP status of a refusal, `failed`, or `-`.
        problem: why it cannot be read, or was not tried; "" if nothing is wrong.
        permission: what the credentials lack, "" if that is not it.
        remarks: what is no failure but good to know.
    """

    stream: str
    readable: bool | None
    status: str
    problem: str = ""
    permission: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """All of it for a person."""
        return "; ".join(filter(None, (f"needs {self.permission}" if self.permission else self.problem, *self.remarks)))


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a line for each finding, in columns."""
    name = max((len(finding.stream) for finding in findings), default=0)
    status = max((len(finding.status) for finding in findings), default=0)
    for finding in findings:
        yield f"{finding.stream:{name}}  {finding.status:{status}}  {finding.told}".rstrip()


def refused(sheet: Sheet, error: Exception) -> Finding:
    """Return the finding of a stream that cannot be read."""
    text = text_of(error)
    status = error.status if isinstance(error, RequestError) else None
    if status is None:
        return Finding(sheet.name, readable=False, status="failed", problem=text)
    return Finding(
        sheet.name,
        readable=False,
        status=str(status),
        problem=text.removeprefix(f"HTTP {status} "),
        permission=sheet.permission if is_forbidden(error) else "",
    )


def remarks_on(connection: Connection) -> Iterator[str]:
    """Yield what is no failure of a vendor but good to know."""
    difference, limit = connection.clock_difference, connection.rate_limit
    if difference is not None and abs(difference) >= A_MINUTE:
        apart = timedelta(minutes=round(abs(difference) / A_MINUTE))
        yield f"the vendor's clock is {apart} {'ahead' if difference > timedelta() else 'behind'}"
    if limit and limit.used >= limit.allowed * NEARLY:
        yield said_of(limit)


def said_of(limit: RateLimit) -> str:
    """Return what a vendor said of its rate limit."""
    used = f"{limit.used:,} of {limit.allowed:,} requests of the vendor's rate limit are used"
    return f"{used}, it begins anew in {limit.reset:.0f} s"
