"""Queries that run at the vendor: submitted, polled by execution id, read when complete."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import PagingError, ReadError, RequestError, dig, plain
from tap_usage.rest.pages.query import NOT_FOUND, Ask, Json, Page, Paging, Query, Reading, Submitted
from tap_usage.rest.request import Answer, Request

GROWTH = 1.6
RESULTS_BYTES = 4 * 1024 * 1024
PATIENCE = timedelta(hours=12)
FOR_THE_MOMENT = (401, 403, 429, *range(500, 600))


class ExecutionError(ReadError):
    """A query failed at the vendor, did not end in time, or answered with a word nobody knows."""


class StillRunsError(ExecutionError):
    """A query did not end in time; it may yet."""


@dataclass(frozen=True)
class Execution(Paging):
    """A query that is submitted, polled and read.

    Attributes:
        execution_id: path of the id in the answer to the submission.
        status: path of the status word.
        running, complete, failed: the words; any other is a failure that names it.
        more: path of what only an answer has that does not hold all rows; such an answer is a failure.
        initial, longest: first and largest number of seconds between polls.
        timeout: seconds after which a query that still runs has failed.
        resubmits: how often a query that failed or was forgotten is submitted again.
    """

    execution_id: str
    status: str
    running: tuple[str, ...]
    complete: tuple[str, ...]
    failed: tuple[str, ...]
    more: str = ""
    initial: float = 5.0
    longest: float = 60.0
    timeout: float = 3600.0
    resubmits: int = 2

    def read(self, query: Query) -> Reading:
        """Return the reading of one query; its rows may be missing in a complete answer when there are none."""
        return _ExecutionReading(self, query)


def fingerprint(url: str, request: Request) -> str:
    """Return what tells one query from another: a digest of host, path, parameters and body."""
    parts = [url, request.method, request.path, dict(request.params), request.json]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:16]


class _ExecutionReading(Reading):
    def __init__(self, spec: Execution, query: Query) -> None:
        super().__init__()
        self._spec = spec
        self._query = query
        self._clock = query.clock or Clock()
        self._resubmits = spec.resubmits
        self._resumed = query.resume
        self._wait = spec.initial
        self._deadline = 0.0
        self._path = ""
        submit = replace(query.request, check=self._submitted, repeatable=False)
        self._submit = Ask(submit, weight=0, vanishing=query.vanishing)
        self._ask: Ask | None = self._submit
        if query.resume:
            self._poll_from(query.resume.execution_id, 0.0)

    def next_ask(self) -> Ask | None:
        ask, self._ask = self._ask, None
        return ask

    def take(self, ask: Ask, answer: Answer) -> None:
        if ask is self._submit:
            execution_id = dig(answer.body, self._spec.execution_id)
            self._query.journal(Submitted(execution_id, "", answer.date))
            self._poll_from(execution_id, min(self._spec.initial, self._spec.longest))
            return
        status = dig(answer.body, self._spec.status)
        if status in self._spec.complete:
            self._read(answer)
        elif status in self._spec.failed:
            self._submit_again(f"the query ended as {plain(status)}")
        elif status not in self._spec.running:
            self._over(f"the query has a status nobody knows: {plain(status)}; run again, or tell the maintainers")
        elif ask.tag:
            self._still_runs(answer.date)
        else:
            self._ask_results(self._wait)
            self._wait = min(self._wait * GROWTH, self._spec.longest)

    def fail(self, ask: Ask, error: Exception) -> None:
        status = error.status if isinstance(error, RequestError) else None
        if status == NOT_FOUND and ask is not self._submit:
            self._submit_again("the vendor has forgotten the query")
        elif self._resumed and status and status not in FOR_THE_MOMENT:
            self._begin_anew()
        else:
            super().fail(ask, error)

    def refuse(self, error: Exception) -> None:
        if self._resumed:
            self._begin_anew()
        else:
            super().refuse(error)

    def settle(self) -> None:
        self._query.journal(None)

    def _read(self, answer: Answer) -> None:
        rows = self._query.rows
        more = self._spec.more if dig(answer.body, self._spec.more) else rows.said_more(answer.body)
        if more and self._resumed:
            self._begin_anew()
            return
        found = rows.of(answer.body)
        self.received = len(found)
        self.pages.append(Page(found, answer.body, answer.date, size=answer.size))
        told = f"the answer says that there is more (`{more}`), which cannot be read"
        self.end(PagingError(told) if more else None)

    def _still_runs(self, now: datetime) -> None:
        """Leave a query that is not old to the next run."""
        if self._resumed and now - self._resumed.submitted_at >= PATIENCE:
            self._begin_anew()
            return
        waited = f"{self._spec.timeout:.0f} seconds"
        self.end(StillRunsError(f"the query still runs after {waited}; the next run goes on waiting for it"))

    def _begin_anew(self) -> None:
        """Give up an execution of an earlier run: whatever is wrong with it, the query can be submitted."""
        self._query.journal(None)
        self._resumed = None
        self.finished = False
        self._ask_anew()

    def _poll_from(self, execution_id: str, first: float) -> None:
        self._path = self._query.results.replace("{execution_id}", execution_id)
        self.submitted = self._clock.monotonic()
        if self._resumed:
            self.submitted -= max(0.0, (self._clock.now() - self._resumed.submitted_at).total_seconds())
        self._deadline = self._clock.monotonic() + self._spec.timeout
        self._wait = min(max(self._spec.initial, first) * GROWTH, self._spec.longest)
        self._ask_results(first)

    def _ask_results(self, delay: float) -> None:
        """Ask for the results; the last time is at the deadline, or after it, when an answer had to wait until then."""
        left = max(0.0, self._deadline - self._clock.monotonic())
        last = left <= delay
        request = Request(self._path, check=self._polled, sent=self._query.request.sent)
        seconds = left if last else delay
        self.next_look = self._clock.monotonic() + seconds
        self._ask = Ask(request, seconds, RESULTS_BYTES, tag=last)

    def _submit_again(self, why: str) -> None:
        if self._resumed:
            self._begin_anew()
            return
        self._query.journal(None)
        if self._resubmits == 0:
            times = f", {self._spec.resubmits + 1} times" if self._spec.resubmits else ""
            self._over(f"{why}{times}; ask for less at once (a smaller window), or tell the vendor")
            return
        self._resubmits -= 1
        self._ask_anew()

    def _ask_anew(self) -> None:
        self.submitted = None
        self._ask = self._submit

    def _over(self, why: str) -> None:
        if self._resumed:
            self._begin_anew()
            return
        self._query.journal(None)
        self.end(ExecutionError(why))

    def _submitted(self, body: Json) -> str | None:
        value = dig(body, self._spec.execution_id)
        usable = isinstance(value, str) and value and value == plain(value) and "/" not in value
        return None if usable else f"an answer without a usable `{self._spec.execution_id}`"

    def _polled(self, body: Json) -> str | None:
        if not isinstance(dig(body, self._spec.status), str):
            return f"an answer without `{self._spec.status}`"
        return replace(self._query.rows, beside=(self._spec.status.partition(".")[0],)).problem(body)
