"""Queries that run at the vendor: submitted, polled by execution id, read when complete."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tap_usage.rest.clock import Clock
from tap_usage.rest.connection import Answer, Request
from tap_usage.rest.errors import PagingError, ReadError, RequestError, dig, plain
from tap_usage.rest.paging import NOT_FOUND, Ask, Page, Reading, rows_at

GROWTH = 1.6
RESULTS_BYTES = 4 * 1024 * 1024
PATIENCE = timedelta(hours=12)
FOR_THE_MOMENT = (401, 403, 429, *range(500, 600))


class ExecutionError(ReadError):
    """A query failed at the vendor, did not end in time, or answered with a word nobody knows."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """An execution that was submitted and not read yet; it goes into the state.

    Attributes:
        execution_id: the vendor's id.
        fingerprint: what tells the query apart from others, the host included.
        submitted_at: the vendor's clock, UTC.
        final: what it asks for was settled by then, so that its answer stays true.
    """

    execution_id: str
    fingerprint: str
    submitted_at: datetime
    final: bool = False


@dataclass(frozen=True)
class Execution:
    """A query that is submitted, polled and read.

    Attributes:
        results: path of the results, with `{execution_id}` and the placeholders of the stream's path.
        rows: path of the rows in a complete answer; they may be missing when there are none.
        execution_id: path of the id in the answer to the submission.
        status: path of the status word.
        running, complete, failed: the words; any other is a failure that names it.
        more: path of what only an answer has that does not hold all rows; such an answer is a failure.
        initial, longest: first and largest number of seconds between polls.
        timeout: seconds after which a query that still runs has failed.
        resubmits: how often a query that failed or was forgotten is submitted again.
        vanishing: a 404 to the submission means that there is nothing (the parent is gone), not a failure.
    """

    results: str
    rows: str
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
    vanishing: bool = False

    def read(
        self,
        submit: Request,
        results: str,
        clock: Clock,
        journal: Callable[[Submitted | None], None],
        resume: Submitted | None = None,
    ) -> Reading:
        """Return the reading of one query.

        Args:
            submit: the request that submits it.
            results: path of its results, with `{execution_id}` left to fill.
            clock: for the deadline.
            journal: is told of a submission, and with None that its execution is over.
            resume: an execution of the same query that an earlier run submitted.
        """
        return _ExecutionReading(self, submit, results, clock, journal, resume)


def fingerprint(url: str, request: Request) -> str:
    """Return what tells one query from another: a digest of host, path, parameters and body."""
    parts = [url, request.method, request.path, dict(request.params), request.json]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:16]


class _ExecutionReading(Reading):
    def __init__(  # noqa: PLR0913, PLR0917 - the parts of one query
        self,
        spec: Execution,
        submit: Request,
        results: str,
        clock: Clock,
        journal: Callable[[Submitted | None], None],
        resume: Submitted | None,
    ) -> None:
        super().__init__()
        self._spec = spec
        self._results = results
        self._clock = clock
        self._journal = journal
        self._resubmits = spec.resubmits
        self._resumed = resume
        self._wait = spec.initial
        self._deadline = 0.0
        self._path = ""
        self._submit = Ask(
            Request(submit.path, submit.method, submit.params, submit.json, self._submitted, repeatable=False),
            weight=0,
        )
        self._ask: Ask | None = self._submit
        if resume:
            self._poll_from(resume.execution_id, 0.0)

    def next_ask(self) -> Ask | None:
        ask, self._ask = self._ask, None
        return ask

    def take(self, ask: Ask, answer: Answer) -> None:
        if ask is self._submit:
            execution_id = dig(answer.body, self._spec.execution_id)
            self._journal(Submitted(execution_id, "", answer.date))
            self._poll_from(execution_id, min(self._spec.initial, self._spec.longest))
            return
        status = dig(answer.body, self._spec.status)
        if status in self._spec.complete:
            self._read(answer)
        elif status in self._spec.failed:
            self._submit_again(f"the query ended as {plain(status)}")
        elif status not in self._spec.running:
            self._over(f"the query has a status nobody knows: {plain(status)}; run again, or tell the maintainers")
        elif self._clock.monotonic() >= self._deadline:
            self._still_runs(answer.date)
        else:
            self._ask_results(self._wait)
            self._wait = min(self._wait * GROWTH, self._spec.longest)

    def fail(self, ask: Ask, error: Exception) -> None:
        status = error.status if isinstance(error, RequestError) else None
        if status == NOT_FOUND and ask is not self._submit:
            self._submit_again("the vendor has forgotten the query")
        elif status == NOT_FOUND and self._spec.vanishing:
            self._vanish()
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
        self._journal(None)

    def _read(self, answer: Answer) -> None:
        more = self._spec.more and dig(answer.body, self._spec.more)
        if more and self._resumed:
            self._begin_anew()
            return
        rows = dig(answer.body, self._spec.rows) or []
        self.received = len(rows)
        self.pages.append(Page(rows, answer.body, answer.date, size=answer.size))
        self.finished = True
        if more:
            self.error = PagingError(f"the answer says that there is more (`{self._spec.more}`), which cannot be read")

    def _still_runs(self, now: datetime) -> None:
        """Leave a query that is not old to the next run."""
        if self._resumed and now - self._resumed.submitted_at >= PATIENCE:
            self._begin_anew()
            return
        waited = f"{self._spec.timeout:.0f} seconds"
        self._over(f"the query still runs after {waited}; the next run goes on waiting for it", keep=True)

    def _begin_anew(self) -> None:
        """Give up an execution of an earlier run: whatever is wrong with it, the query can be submitted."""
        self._journal(None)
        self._resumed = None
        self.finished = False
        self._ask = self._submit

    def _poll_from(self, execution_id: str, first: float) -> None:
        self._path = self._results.replace("{execution_id}", execution_id)
        self._deadline = self._clock.monotonic() + self._spec.timeout
        self._wait = min(max(self._spec.initial, first) * GROWTH, self._spec.longest)
        self._ask_results(first)

    def _ask_results(self, delay: float) -> None:
        left = max(0.0, self._deadline - self._clock.monotonic())
        self._ask = Ask(Request(self._path, check=self._polled), min(delay, left), RESULTS_BYTES)

    def _submit_again(self, why: str) -> None:
        if self._resumed:
            self._begin_anew()
            return
        self._journal(None)
        if self._resubmits == 0:
            times = self._spec.resubmits + 1
            self._over(f"{why}, {times} times; ask for less at once (a smaller window), or tell the vendor")
            return
        self._resubmits -= 1
        self._ask = self._submit

    def _over(self, why: str, *, keep: bool = False) -> None:
        if self._resumed and not keep:
            self._begin_anew()
            return
        if not keep:
            self._journal(None)
        self.error = ExecutionError(why)
        self.finished = True

    def _submitted(self, body: Any) -> str | None:  # noqa: ANN401 - decoded JSON
        value = dig(body, self._spec.execution_id)
        usable = isinstance(value, str) and value and value == plain(value) and "/" not in value
        return None if usable else f"an answer without a usable `{self._spec.execution_id}`"

    def _polled(self, body: Any) -> str | None:  # noqa: ANN401 - decoded JSON
        if not isinstance(dig(body, self._spec.status), str):
            return f"an answer without `{self._spec.status}`"
        return rows_at(self._spec.rows, envelope=(self._spec.status,))(body)
