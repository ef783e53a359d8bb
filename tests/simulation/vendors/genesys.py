"""Genesys Cloud: OAuth clients, and queries that run for a while about usage that settles within two days."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from tests.simulation.clock import DAY, NEVER, day_number, day_text
from tests.simulation.faults import Fault
from tests.simulation.vendors.genesys_jobs import Jobs
from tests.simulation.vendors.vendor import Asked, Json, Made, Owed, Owes, Refused, Thing, Vendor, listed, some, staying

CLIENTS = "/api/v2/oauth/clients"
TEMPLATES = ("api/v2/users", "api/v2/queues", "api/v2/conversations")
CODES = {401: "bad.credentials", 403: "missing.any.permissions", 404: "not.found", 429: "too.many.requests"}
SETTLED = (0.6, 0.9)
ALLOWED = 300
SUMMARY_DAYS = 7


@dataclass(slots=True, eq=False)
class Client(Thing):
    """An OAuth client, used since a day."""

    number: int = 0
    used: int = 0


@dataclass(slots=True, eq=False)
class Query:
    """A query that was submitted.

    Attributes:
        client: id, "" for the organization.
        start, end: days.
        granularity: `Day`, `Week`, or "" for the summary.
        group_by: names of dimensions.
        at: when it was submitted.
        ready: when it is over.
        fate: how it ends, if not well.
        number: decides details of that.
        job: it is one of the usage aggregates.
    """

    client: str
    start: int
    end: int
    granularity: str
    group_by: tuple[str, ...]
    at: float
    ready: float
    fate: str = ""
    number: int = 0
    job: bool = False


class Genesys(Vendor):
    name: ClassVar[str] = "genesys"

    def __init__(self, dice: random.Random, at: float) -> None:
        super().__init__(dice, at)
        self.seed = dice.randint(0, 9999)
        self.page_size = dice.choice((1, 2, 5))
        self.templates = TEMPLATES[: dice.randint(1, 3)]
        self.duration = dice.choice((1.0, 4.0, 30.0))
        self.jobs = Jobs(dice)
        self.clients: list[Client] = []
        self.queries: dict[str, Query] = {}
        self.granularity = "Day"
        for _ in range(dice.randint(1, 3)):
            self._add_client(0.0)
        if dice.random() < 0.5:
            self._add_client(NEVER)

    def grow(self, since: float, at: float) -> None:
        chance = self.dice.random()
        hidden = [each for each in self.clients if each.created == NEVER]
        if chance < 0.15:
            self._add_client(self.moment(since, at))
        elif chance < 0.25 and hidden:
            # Its calls have been counted for days before anybody can see it in a list.
            hidden[0].created = self.moment(since, at)
        elif chance < 0.35 and len(self.clients) > 1:
            self.dice.choice(self.clients[1:]).deleted = self.moment(since, at)

    def _add_client(self, created: float) -> None:
        used = 0 if created == NEVER else int(created // DAY)
        self.clients.append(Client(self.new_id("client"), created, NEVER, len(self.clients), used))

    def settle(self, at: float) -> None:
        for query in self.queries.values():
            if query.ready > at:
                query.ready, query.fate = at, self.dice.choice(("", "", "fails", "forgotten"))

    def choose(self) -> Json:
        self.granularity = self.dice.choice(("Day", "Day", "Week"))
        return {
            "genesys_client_id": "client",
            "genesys_client_secret": "s",
            "genesys_granularity": self.granularity,
            "genesys_window_days": self.dice.choice((3, 7, 31)),
            "genesys_poll_timeout_seconds": self.dice.choice((60, 300)),
        }

    def detour(self) -> Json:
        dice = self.dice
        return {
            "genesys_oauth_client_ids": some(self.clients, dice) if dice.random() < 0.5 else None,
            "genesys_granularity": dice.choice(("Day", "Week", "Month")),
            "genesys_group_by": ["TemplateUri"] if dice.random() < 0.3 else None,
        }

    @property
    def size(self) -> int:
        return len(self.clients)

    def operation(self, asked: Asked) -> str:
        match asked.parts:
            case ["oauth", "token"]:
                return "genesys.token"
            case ["api", "v2", "oauth", "clients"]:
                return "genesys.clients"
            case ["api", "v2", "usage", "query"] | ["api", "v2", "usage", "aggregates", "query", "jobs"]:
                return "genesys.submit"
            case ["api", "v2", "oauth", "clients", _, "usage", "query" | "summary"] | [
                "api",
                "v2",
                "usage",
                "client",
                _,
                "aggregates",
                "query",
                "jobs",
            ]:
                return "genesys.client_submit"
            case (
                ["api", "v2", "usage", "query", _, "results"]
                | ["api", "v2", "oauth", "clients", _, "usage", "query", "results", _]
                | ["api", "v2", "usage", *_, "query", "jobs", _]
            ):
                return "genesys.results"
        raise AssertionError(asked)

    def carry_out(self, operation: str, asked: Asked, at: float, fault: Fault | None) -> Made:
        if operation == "genesys.clients":
            return self._list(asked, at, fault)
        if operation == "genesys.results":
            return self._results(asked, at, fault)
        client = asked.parts[4] if operation == "genesys.client_submit" else ""
        if client and not any(each.id == client and each.exists(at) for each in self.clients):
            raise Refused(404)
        kind = fault.kind if fault else ""
        ready = at + self.duration * self.dice.random()
        if kind in {"slow_query", "endless"}:
            ready = at + 3000 * self.dice.random() if kind == "slow_query" else NEVER
        if asked.parts[-1] == "summary":
            today = int(at // DAY)
            query = Query(client, today - int(asked.query["days"]), today, "", ("TemplateUri", "HttpMethod"), at, ready)
        else:
            body = msgspec.json.decode(asked.body)
            start, _, end = body["interval"].partition("/")
            days = day_number(start), day_number(end)
            query = Query(client, *days, body["granularity"], tuple(body["groupBy"]), at, ready)
        query.fate, query.number, query.job = kind, fault.number if fault else 0, asked.parts[-1] == "jobs"
        name = f"execution-{len(self.queries)}"
        self.queries[name] = query
        return 202, {"id" if query.job else "executionId": name}, {}

    def _list(self, asked: Asked, at: float, fault: Fault | None) -> Made:
        clients = listed(self.clients, at, fault)
        number = int(asked.query.get("pageNumber", "1"))
        page = clients[(number - 1) * self.page_size : number * self.page_size]
        rows = [{"id": each.id, "name": each.id, "authorizedGrantType": "CLIENT-CREDENTIALS"} for each in page]
        total = len(clients) + (1 if fault and fault.kind == "wrong_total" else 0)
        body: Json = {"entities": rows, "total": total}
        if number * self.page_size < len(clients):
            body["nextUri"] = f"{CLIENTS}?pageNumber={number + 1}&pageSize={self.page_size}"
        return 200, body, self._budget(at)

    def _budget(self, at: float) -> dict[str, str]:
        left = 60 - at % 60
        used = ALLOWED if self.dice.random() < 0.01 else 7
        return {
            "inin-ratelimit-count": str(used),
            "inin-ratelimit-allowed": str(ALLOWED),
            "inin-ratelimit-reset": str(int(left) + 1),
        }

    def _results(self, asked: Asked, at: float, fault: Fault | None) -> Made:
        query = self.queries.get(next(part for part in asked.parts if part.startswith("execution-")))
        if query is not None and query.job and self.jobs.hides(query.at, at):
            raise Refused(404)
        if query is None or (query.fate == "forgotten" and at > query.at + query.number % 20):
            raise Refused(404)
        if fault and fault.kind == "odd_word":
            return 200, {"queryStatus": "Sleeping"}, {}
        if at < query.ready:
            return 200, {"queryStatus": "Running"}, {}
        if query.fate == "fails":
            return 202, {"queryStatus": "Cancelled" if query.job and query.number % 2 else "Failed"}, {}
        if query.job:
            return 200, self.jobs.page(asked, self._rows(query)), {}
        return 200, {"queryStatus": "Complete", "results": self._rows(query)}, {}

    def _rows(self, query: Query) -> list[Json]:
        totals: dict[tuple[str, Any, str], int] = {}
        by_client, by_template = {"OAuthClientId", "OauthClientId"} & {*query.group_by}, "TemplateUri" in query.group_by
        for day, client, template, requests in self._calls(query):
            bucket = _bucket(day, query.granularity) if query.granularity else None
            group = client.id if by_client else "", bucket, template if by_template else ""
            totals[group] = totals.get(group, 0) + requests
        method = "GET" if "HttpMethod" in query.group_by else ""
        return [
            {
                "clientId": client,
                "clientName": client,
                "organizationId": "",
                "userId": "",
                "templateUri": template,
                "httpMethod": method,
                "requests": requests,
                "status200": requests,
                "status300": 0,
                "status400": 0,
                "status429": 0,
                "status500": 0,
                **({} if bucket is None else {"date": f"{day_text(bucket)}T00:00:00Z"}),
            }
            for (client, bucket, template), requests in totals.items()
        ]

    def _calls(self, query: Query) -> Iterator[tuple[int, Client, str, int]]:
        today = int(query.at // DAY)
        for day in range(query.start, min(query.end, today)):
            age = today - day - 1
            share = SETTLED[age] if age < len(SETTLED) else 1.0
            for client in self.clients:
                if client.used <= day and query.client in {"", client.id}:
                    for number, template in enumerate(self.templates):
                        mixed = (day * 73_856_093 ^ client.number * 19_349_663 ^ number * 83_492_791 ^ self.seed) >> 3
                        if mixed % 4:
                            yield day, client, template, max(1, int((10 + mixed % 90) * share))

    def error(self, asked: Asked, refused: Refused) -> Json:
        if asked.parts[-1] == "token":
            code = "invalid_client" if refused.status == 401 else "server_error"
            return {"error": code, "error_description": "no", "description": "no"}
        code = CODES.get(refused.status, "internal.server.error")
        return {"message": "refused", "code": code, "status": refused.status, "contextId": "c"}

    def owes(self, begin: float, end: float, start_day: int) -> Owes:
        present = staying(self.clients, begin, end)
        granularity, today = self.granularity, int(begin // DAY)
        days = _bucket(start_day, granularity), today
        organization: dict[tuple[Any, ...], int] = {}
        clients: dict[tuple[Any, ...], int] = {}
        summary: dict[tuple[Any, ...], int] = {}
        jobs: dict[tuple[Any, ...], int] = {}
        jobs_of_clients: dict[tuple[Any, ...], int] = {}
        ids = {each.id for each in present}
        for day, client, template, requests in self._calls(Query("", *days, granularity, (), begin, begin)):
            date = f"{day_text(_bucket(day, granularity))}T00:00:00Z"
            _add(organization, (granularity, date, client.id, template), requests)
            _add(jobs, (granularity, date[:10], client.id, template), requests)
            if client.id in ids:
                _add(clients, (granularity, date, client.id, template), requests)
                _add(jobs_of_clients, (granularity, date[:10], client.id, template), requests)
        week = Query("", today - SUMMARY_DAYS, today, "", (), begin, begin)
        for _, client, template, requests in self._calls(week) if begin // DAY == end // DAY else ():
            if client.id in ids:
                _add(summary, (day_text(today), client.id, template), requests)
        exact = begin // DAY == end // DAY
        return {
            "genesys_oauth_clients": {(each.id,): Owed() for each in present},
            "genesys_organization_usage": _owed(organization, exact=exact),
            "genesys_client_usage": _owed(clients, exact=exact),
            "genesys_client_usage_summary": _owed(summary, exact=exact),
            "genesys_organization_usage_aggregates": _owed(jobs, exact=exact),
            "genesys_client_usage_aggregates": _owed(jobs_of_clients, exact=exact),
        }


def _bucket(day: int, granularity: str) -> int:
    """Return the first day of the day, week or month; days count from a Tuesday that begins a month."""
    if granularity == "Month":
        return day_number(f"{day_text(day)[:8]}01")
    return day - (day + 1) % 7 if granularity == "Week" else day


def _add(totals: dict[tuple[Any, ...], int], key: tuple[Any, ...], value: int) -> None:
    totals[key] = totals.get(key, 0) + value


def _owed(totals: dict[tuple[Any, ...], int], *, exact: bool) -> dict[tuple[Any, ...], Owed]:
    return {key: Owed(value, value) if exact else Owed(value, None) for key, value in totals.items()}
