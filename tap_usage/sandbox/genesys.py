"""Genesys Cloud: OAuth clients and asynchronous queries over API usage."""

from datetime import UTC, datetime, timedelta

from tap_usage.sandbox.clock import Clock, instant
from tap_usage.sandbox.genesys_account import API, LOGIN, Account, body_of
from tap_usage.sandbox.genesys_aggregates import Aggregates
from tap_usage.sandbox.genesys_paging import CLIENTS, client_page
from tap_usage.sandbox.genesys_usage import Query, read_query
from tap_usage.sandbox.wire import Answer, Json, RefusedError, Request, Route, json_answer


class Genesys(Account):
    """The simulated Genesys Cloud.

    Attributes:
        aggregates: the successor of the usage queries.
    """

    def __init__(self, clock: Clock, seed: int) -> None:
        """Start without data."""
        super().__init__(clock, seed)
        self.aggregates = Aggregates(self)

    def rows(
        self,
        client_id: str | None,
        start: str,
        end: str,
        granularity: str | None = "Day",
        group_by: tuple[str, ...] = ("OAuthClientId", "TemplateUri", "HttpMethod"),
    ) -> list[Json]:
        """Return the rows of a query at the sandbox's current time; ``client_id`` None means the organization."""
        return self.ledger.count(Query(client_id, instant(start), instant(end), granularity, group_by))

    def forget_executions(self) -> None:
        """Answer 404 from now on for whatever was submitted so far."""
        self.executions.clear()

    def truth(self) -> dict[str, int]:
        """Count the rows of each collection."""
        end = self.clock.now().date().isoformat()
        listed = {client["id"] for client in self.clients}
        rows, aggregates = self.rows(None, "2000-01-01", end), self.aggregates.rows(None, "2000-01-01", end)
        return {
            "clients": len(self.clients),
            "organization_usage": len(rows),
            "client_usage": sum(row["clientId"] in listed for row in rows),
            "organization_usage_aggregates": len(aggregates),
            "client_usage_aggregates": sum(row["oauthClient"]["id"] in listed for row in aggregates),
            "executions": len(self.executions),
        }

    def routes(self) -> tuple[Route, ...]:
        """List the operations."""
        usage = CLIENTS + "/{client_id}/usage"
        paging, days = frozenset({"pageNumber", "pageSize"}), frozenset({"days"})
        organization = "/api/v2/usage/query"
        return (
            Route(LOGIN, "POST", "/oauth/token", "genesys.token", self._token, needs_token=False),
            Route(API, "GET", CLIENTS, "genesys.clients", self._list_clients, paging),
            Route(API, "POST", organization, "genesys.organization_submit", self._submit),
            Route(API, "GET", organization + "/{execution_id}/results", "genesys.organization_results", self._results),
            Route(API, "POST", usage + "/query", "genesys.client_submit", self._submit),
            Route(API, "GET", usage + "/query/results/{execution_id}", "genesys.client_results", self._results),
            Route(API, "GET", usage + "/summary", "genesys.client_summary", self._summarize, days),
            *self.aggregates.routes(),
        )

    def _list_clients(self, request: Request) -> Answer:
        return json_answer(client_page(self.listed(self.clients), self.client_page_size, request.query))

    def _submit(self, request: Request) -> Answer:
        client_id = self.client_of(request)
        return self._execute(read_query(body_of(request), client_id, end_inclusive=self.end_inclusive))

    def _summarize(self, request: Request) -> Answer:
        client_id = self.client_of(request)
        days = request.query.get("days", "7")
        if not days.isdecimal() or not int(days):
            raise RefusedError(400, "invalid.query.param.value", "days")
        today = datetime.combine(self.clock.now().date(), datetime.min.time(), UTC)
        return self._execute(
            Query(client_id, today - timedelta(days=int(days)), today, "Day", ("TemplateUri", "HttpMethod"))
        )

    def _execute(self, query: Query) -> Answer:
        execution_id, status = self.execute(query, "66666666")
        uri = f"/api/v2/usage/query/{execution_id}/results"
        if query.client_id is not None:
            uri = f"{CLIENTS}/{query.client_id}/usage/query/results/{execution_id}"
        return json_answer({"executionId": execution_id, "resultsUri": uri}, status)

    def _results(self, request: Request) -> Answer:
        execution = self.executions.get(request.values["execution_id"])
        # A job of the aggregates is not known here.
        if execution is None or type(execution.query) is not Query:
            raise RefusedError(404)
        if execution.query.client_id != request.values.get("client_id"):
            raise RefusedError(404)
        execution.polls += 1
        if (told := self.scene.get("query_status")) is not None:
            return json_answer({"queryStatus": told.get("word", "Failed")})
        if execution.polls <= self.polls_until_complete or self.clock.now() < execution.until:
            return json_answer({"queryStatus": "Running"})
        return json_answer({"queryStatus": "Complete", "results": self.ledger.count(execution.query)})
