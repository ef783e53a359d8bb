"""Queries that run at the vendor: submitted, polled by execution id, read when complete."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import LinkRefusedError, PagingError, ReadError, RequestError, dig, plain
from tap_usage.rest.pages.query import NOT_FOUND, Ask, Json, Page, Paging, Query, Reading, Submitted
from tap_usage.rest.pages.results import Reason, Results, Trail
from tap_usage.rest.request import Answer, Request

GROWTH = 1.6
RESULTS_BYTES = 4 * 1024 * 1024
PATIENCE = timedelta(hours=12)
FOR_THE_MOMENT = (401, 403, 429, *range(500, 600))


class ExecutionError(ReadError):
    """A query failed at the vendor, did not end in time, or answered with a word nobody knows.

    Args:
        text: what happened, and what to do.
        correlation: the vendor's id of the failure, "" without one.
    """

    def __init__(self, text: str, correlation: str = "") -> None:
        super().__init__(text + (f" (correlation id {correlation})" if correlation else ""))
        self._text = text

    @property
    def cause(self) -> str:
        return self._text


class StillRunsError(ExecutionError):
    """A query did not end in time; it may yet."""


@dataclass(frozen=True)
class Execution(Paging):
    """A query that is submitted, polled and read.

    Attributes:
        execution_id: path of the id in the answer to the submission.
        status: path of the status word.
        running, complete, failed: the words; any other is a failure that names it.
        tolerant: any other word, and none, means that the query still runs.
        reason: where an answer about a query that failed tells why, if it ever does.
        results: how the rows go on in further answers, None where one has them all.
        more: path of what only an answer has that does not hold all rows; such an answer is a failure.
        initial, longest: first and largest number of seconds between polls.
        timeout: seconds after which a query that still runs has failed.
        resubmits: how often a query that failed or was forgotten is submitted again.
        unseen: how many 404s in a row do not mean yet that a query of this run was forgotten: it may be new to whoever
            answers.
    """

    execution_id: str
    status: str
    running: tuple[str, ...]
    complete: tuple[str, ...]
    failed: tuple[str, ...]
    tolerant: bool = False
    reason: Reason | None = None
    results: Results | None = None
    more: str = ""
    initial: float = 5.0
    longest: float = 60.0
    timeout: float = 3600.0
    resubmits: int = 2
    unseen: int = 0

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
        self._gone = 0
        self._anew = False
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
        self._gone = 0
        status = dig(answer.body, self._spec.status)
        if status in self._spec.complete:
            self._read(answer)
        elif status in self._spec.failed:
            self._failed(status, answer.body)
        elif not (status in self._spec.running or self._spec.tolerant):
            told = f"the query has a status nobody knows: {plain(status)}; run again, or tell the maintainers"
            self._over(ExecutionError(told))
        elif ask.tag:
            self._still_runs(answer.date, status)
        else:
            self._ask_results(self._wait)
            self._wait = min(self._wait * GROWTH, self._spec.longest)

    def fail(self, ask: Ask, error: Exception) -> None:
        status = error.status if isinstance(error, RequestError) else None
        if status == NOT_FOUND and ask is not self._submit:
            self._missing()
        elif ask is not self._submit and self._trail.shrink(error):
            self._ask_results(0.0)
        elif isinstance(error, LinkRefusedError):
            self._over(error)
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
        """Take the rows of an answer, and ask for the next page if it tells one."""
        rows, trail = self._query.rows, self._trail
        try:
            further = trail.follow(answer.body)
        except PagingError as error:
            self._over(error)
            return
        more = "" if further else self._more_in(answer.body)
        if more and self._resumed:
            self._begin_anew()
            return
        found = rows.of(answer.body)
        self.received += len(found)
        self.submitted = None
        self.pages.append(Page(found, answer.body, answer.date, size=answer.size, anew=self._anew))
        self._anew = False
        if further:
            self._ask_results(0.0)
        else:
            told = f"the answer says that there is more (`{more}`), which cannot be read"
            self.end(PagingError(told) if more else None)

    def _more_in(self, body: Json) -> str:
        """Return where a last answer says that there is more, "" if it does not."""
        told = self._spec.more
        return told if told and dig(body, told) else self._query.rows.said_more(body, *self._trail.looked_at)

    def _failed(self, word: str, body: Json) -> None:
        code, correlation, blamed = self._spec.reason.of(body) if self._spec.reason else ("", "", False)
        why = f"the query ended as {plain(word)}" + (f", {code}" if code else "")
        if blamed:
            told = f"{why}: the vendor finds fault with the query; ask for something else, or tell the maintainers"
            self._over(ExecutionError(told, correlation))
        else:
            self._submit_again(why, correlation)

    def _missing(self) -> None:
        """Ask again a few times where nothing is: what was submitted just now may be known elsewhere first."""
        self._gone += 1
        if self._resumed or self._gone > self._spec.unseen:
            self._submit_again("the vendor has forgotten the query")
        else:
            self._ask_results(min(self._spec.initial, self._spec.longest))

    def _still_runs(self, now: datetime, status: Json) -> None:
        """Leave a query that is not old to the next run."""
        if self._resumed and now - self._resumed.submitted_at >= PATIENCE:
            self._begin_anew()
            return
        known = status in self._spec.running
        what = "" if known else f", with a status nobody knows ({plain(status)})"
        waited = f"{self._spec.timeout:.0f} seconds"
        self.end(StillRunsError(f"the query still runs after {waited}{what}; the next run goes on waiting for it"))

    def _begin_anew(self) -> None:
        """Give up an execution of an earlier run: whatever is wrong with it, the query can be submitted."""
        self._query.journal(None)
        self._resumed = None
        self.finished = False
        self._ask_anew()

    def _poll_from(self, execution_id: str, first: float) -> None:
        path = self._query.results.replace("{execution_id}", execution_id)
        request = Request(path, check=self._polled, sent=self._query.request.sent)
        self._trail = Trail(self._spec.results, request)
        self._gone = 0
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
        seconds = left if last else delay
        self.next_look = self._clock.monotonic() + seconds
        self._ask = Ask(self._trail.request, seconds, RESULTS_BYTES, tag=last)

    def _submit_again(self, why: str, correlation: str = "") -> None:
        if self._resumed:
            self._begin_anew()
            return
        self._query.journal(None)
        if self._resubmits == 0:
            times = f", {self._spec.resubmits + 1} times" if self._spec.resubmits else ""
            told = f"{why}{times}; ask for less at once (a smaller window), or tell the vendor"
            self._over(ExecutionError(told, correlation))
            return
        self._resubmits -= 1
        self._ask_anew()

    def _ask_anew(self) -> None:
        """Submit the query; what was given of the execution before is given once more."""
        self._anew = self._anew or self.received > 0
        self.received = 0
        self.pages.clear()
        self.submitted = None
        self._ask = self._submit

    def _over(self, error: Exception) -> None:
        if self._resumed:
            self._begin_anew()
            return
        self._query.journal(None)
        self.end(error)

    def _submitted(self, body: Json) -> str | None:
        value = dig(body, self._spec.execution_id)
        usable = isinstance(value, str) and value and value == plain(value) and "/" not in value
        return None if usable else f"an answer without a usable `{self._spec.execution_id}`"

    def _polled(self, body: Json) -> str | None:
        status = dig(body, self._spec.status)
        if self._spec.tolerant and isinstance(body, dict) and status not in self._spec.complete:
            return None
        if not isinstance(status, str):
            return f"an answer without `{self._spec.status}`"
        return replace(self._query.rows, beside=(self._spec.status.partition(".")[0],)).problem(body)
