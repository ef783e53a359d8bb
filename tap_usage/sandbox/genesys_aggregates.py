"""Usage aggregates of the simulated Genesys Cloud: jobs over all API usage, whose results come in pages."""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote

from tap_usage.sandbox.clock import instant
from tap_usage.sandbox.genesys_account import API, Account, body_of
from tap_usage.sandbox.genesys_aggregates_query import AggregatesQuery, count, read_query
from tap_usage.sandbox.genesys_unknowns import Unknowns
from tap_usage.sandbox.genesys_usage import Execution
from tap_usage.sandbox.wire import Answer, Json, RefusedError, Request, Route, json_answer

PREFIX = "55555555"
LARGEST_PAGE = 1000
ENDS = ("Failed", "Cancelled")
CURSOR = re.compile(r"(\d+):(\d+)")


class Aggregates:
    """The four operations of the usage aggregates.

    How long a job takes is a matter of the account (``polls_until_complete``, ``seconds_until_complete``), what it
    ends as one of the fault ``query_status``.

    Attributes:
        unknowns: how they behave where the documents are silent.
        polls_until_known: how often a new job is not found before it is.
        seconds_until_known: how long it is not found, by the sandbox's clock.
        lifetime_seconds: how long a job is kept after its submission; None for ever.
        rows_per_answer: a page with more rows is refused as too large; None for no limit.
        longest_filter: a filter with more values is refused.
    """

    def __init__(self, account: Account) -> None:
        """Serve the aggregates of an account."""
        self.unknowns = Unknowns()
        self.polls_until_known = 0
        self.seconds_until_known = 0.0
        self.lifetime_seconds: float | None = None
        self.rows_per_answer: int | None = None
        self.longest_filter = 100
        self._account = account

    def routes(self) -> tuple[Route, ...]:
        """List the operations."""
        paging = frozenset({"pageSize", "after"})
        organization = "/api/v2/usage/aggregates/query/jobs"
        client = "/api/v2/usage/client/{client_id}/aggregates/query/jobs"
        return (
            Route(API, "POST", organization, "genesys.organization_aggregates_submit", self._submit),
            Route(
                API,
                "GET",
                organization + "/{job_id}",
                "genesys.organization_aggregates_results",
                self._results,
                paging,
            ),
            Route(API, "POST", client, "genesys.client_aggregates_submit", self._submit),
            Route(API, "GET", client + "/{job_id}", "genesys.client_aggregates_results", self._results, paging),
        )

    def rows(
        self,
        client_id: str | None,
        start: str,
        end: str,
        granularity: str | None = "Day",
        group_by: tuple[str, ...] = ("OauthClientId", "TemplateUri", "HttpMethod"),
    ) -> list[Json]:
        """Return the rows of the days from ``start`` to before ``end`` at the sandbox's current time.

        Args:
            client_id: None means the organization.
            start: ISO date.
            end: ISO date, exclusive whatever the vendor does.
            granularity: None means days.
            group_by: names of dimensions.
        """
        return self._count(AggregatesQuery(client_id, instant(start), instant(end), granularity, group_by))

    def _count(self, query: AggregatesQuery) -> list[Json]:
        account = self._account
        calls = account.ledger.within(query, everything=True, today=self.unknowns.today_counted)
        return count(calls, query, self.unknowns, {client["id"] for client in account.clients})

    def _submit(self, request: Request) -> Answer:
        account = self._account
        client_id = account.client_of(request)
        query = read_query(body_of(request), client_id, account.clock.now(), self.unknowns, self.longest_filter)
        job_id, status = account.execute(query, PREFIX)
        uri = f"{request.path}/{job_id}"
        return json_answer({"id": job_id, "resultsUri": uri, "selfUri": uri}, status)

    def _results(self, request: Request) -> Answer:
        size = page_size(request.query)
        account, job_id = self._account, request.values["job_id"]
        job, now = account.executions.get(job_id), account.clock.now()
        if job is None or (self.lifetime_seconds is not None and now >= later(job, self.lifetime_seconds)):
            return self._forgotten(job_id)
        query = job.query
        if not isinstance(query, AggregatesQuery) or query.client_id != request.values.get("client_id"):
            raise RefusedError(404)
        if now < later(job, self.seconds_until_known):
            raise RefusedError(404)
        job.polls += 1
        polls = job.polls - self.polls_until_known
        if polls <= 0:
            raise RefusedError(404)
        told = job.end if job.end is not None else account.scene.get("query_status")
        if told is not None:
            job.end = told if told.get("word", "Failed") in ENDS else None
            return self._state(**told)
        if polls <= account.polls_until_complete or now < job.until:
            return self._state("Queued" if polls == 1 else "Running")
        if job.rows is None:
            job.rows = self._count(query)
        return self._page(request, job.rows, size)

    def _forgotten(self, job_id: str) -> Answer:
        prefix, _, number = job_id.partition("-0000-4000-8000-")
        existed = prefix == PREFIX and number.isdecimal() and 0 < int(number) <= self._account.submitted
        if not existed or self.unknowns.forgotten == "not found":
            raise RefusedError(404)
        return self._state(self.unknowns.forgotten)

    def _state(self, word: str | None = "Failed", status: int = 500, code: str = "", message: str = "") -> Answer:
        """Return the answer about a job that has no rows; the error is that of a failed one."""
        body: Json = {} if word is None else {"queryStatus": word}
        if word == "Failed" and self.unknowns.error_body:
            body["errorBody"] = self._account.error_body(status, code, message)
        ended = word in ENDS
        return json_answer(body, self.unknowns.failing_status if ended else self.unknowns.waiting_status)

    def _page(self, request: Request, rows: list[Json], size: int) -> Answer:
        offset, detours = place(request.query, len(rows))
        entities = rows[offset : offset + size]
        after = (offset + len(entities), 0)
        if "empty_page" in self._account.scene:
            entities, after = [], (offset, detours + 1)
        elif self.rows_per_answer is not None and len(entities) > self.rows_per_answer:
            raise RefusedError(400, "max.response.size.reached", "ask for a smaller page")
        body: Json = {"queryStatus": "Succeeded", "selfUri": request.path}
        if entities or self.unknowns.no_rows != "missing":
            body["entities"] = None if self.unknowns.no_rows == "null" and not entities else entities
        if after[0] < len(rows) or after[1] or (self.unknowns.empty_last_page and entities):
            body["nextUri"] = self._link(request.path, cursor(*after), size)
        return json_answer(body)

    def _link(self, path: str, after: str, size: int) -> str:
        base = self._account.origins[API] if self.unknowns.next_uri == "absolute" else ""
        repeated = f"&pageSize={size}" if self.unknowns.next_uri_page_size else ""
        return f"{base}{path}?after={quote(after, safe='')}{repeated}"


def later(job: Execution, seconds: float) -> datetime:
    """Return the time so long after the submission of a job."""
    return job.submitted + timedelta(seconds=seconds)


def page_size(query: Mapping[str, str]) -> int:
    """Return the page size that a request asks for.

    Raises:
        RefusedError: 400, it is no number from 1 to 1000.
    """
    text = query.get("pageSize", "100")
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_PAGE:
        raise RefusedError(400, "invalid.query.param.value", "pageSize")
    return int(text)


def cursor(offset: int, detours: int) -> str:
    """Return the cursor behind so many rows and, there, so many empty pages."""
    return base64.b64encode(f"{offset}:{detours}".encode()).decode()


def place(query: Mapping[str, str], rows: int) -> tuple[int, int]:
    """Return what the cursor of a request means: rows, and empty pages behind them.

    Raises:
        RefusedError: 400, it is none that was handed out.
    """
    if "after" not in query:
        return 0, 0
    try:
        found = CURSOR.fullmatch(base64.b64decode(query["after"], validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        found = None
    if not found or int(found[1]) > rows:
        raise RefusedError(400, "invalid.query.param.value", "after")
    return int(found[1]), int(found[2])
