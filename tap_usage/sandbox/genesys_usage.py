"""The usage that the simulated Genesys Cloud has counted, and the queries over it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tap_usage.sandbox.clock import Clock, instant
from tap_usage.sandbox.wire import Json, RefusedError, noise

GRANULARITIES = ("Day", "Week", "Month")
DIMENSIONS = {
    "OAuthClientId": ("clientId", "clientName"),
    "OrganizationId": ("organizationId",),
    "UserId": ("userId",),
    "TemplateUri": ("templateUri",),
    "HttpMethod": ("httpMethod",),
}
METRICS = {
    "Status200": "status200",
    "Status300": "status300",
    "Status400": "status400",
    "Status500": "status500",
    "Status429": "status429",
    "Requests": "requests",
}
CLASSES = ("status200", "status300", "status400", "status500")
POINT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,9})?Z)?")
SETTLED = ((timedelta(days=1), 0.6), (timedelta(days=2), 0.9))


@dataclass(frozen=True, slots=True)
class Query:
    """A usage query.

    Attributes:
        client_id: the client it is about; None for the organization.
        start: begin of the interval.
        end: its end, exclusive.
        granularity: ``Day``, ``Week``, ``Month``, or None for one total.
        group_by: names of dimensions.
        metrics: names of metrics.
    """

    client_id: str | None
    start: datetime
    end: datetime
    granularity: str | None
    group_by: tuple[str, ...]
    metrics: tuple[str, ...] = tuple(METRICS)


@dataclass(slots=True)
class Execution:
    """A query that was submitted.

    Attributes:
        query: what is asked.
        submitted: when.
        until: it runs until then at least.
        polls: how often its results were asked for.
        end: what it ended as, where not with rows: a job's state, and what is the matter.
        rows: what it found, once it is complete.
    """

    query: Query
    submitted: datetime
    until: datetime
    polls: int = 0
    end: Json | None = None
    rows: list[Json] | None = None


def read_query(body: Json, client_id: str | None, *, end_inclusive: bool) -> Query:
    """Return the query that a request's body means.

    Raises:
        RefusedError: 400, something in it is unknown or wrong.
    """
    unknown = set(body) - {"interval", "granularity", "groupBy", "metrics"}
    if unknown:
        raise RefusedError(400, "bad.request", f"unknown field: {min(unknown)}")
    dimensions = set(DIMENSIONS) if client_id is None else set(DIMENSIONS) - {"UserId"}
    group_by = read_names(body, "groupBy", dimensions) or (["OAuthClientId"] if client_id is None else [])
    metrics = read_names(body, "metrics", set(METRICS)) or list(METRICS)
    granularity = body.get("granularity")
    if granularity not in (None, *GRANULARITIES):
        raise RefusedError(400, "invalid.value", "granularity")
    start, end = read_interval(body.get("interval"))
    if end_inclusive:
        end = datetime.combine(end.date() + timedelta(days=1), datetime.min.time(), UTC)
    return Query(client_id, start, end, granularity, tuple(group_by), tuple(metrics))


def read_names(body: Json, field: str, allowed: set[str]) -> list[str]:
    """Return a list of names of a body's field; the case of letters counts.

    Raises:
        RefusedError: 400, it is no list or holds another name.
    """
    names = body.get(field)
    if names is None:
        return []
    if not isinstance(names, list) or not set(map(str, names)) <= allowed:
        raise RefusedError(400, "invalid.value", field)
    return names


def read_interval(text: object) -> tuple[datetime, datetime]:
    """Return both ends of an interval of dates or of times in ``Z``.

    Raises:
        RefusedError: 400, it is missing, malformed or empty.
    """
    points = str(text or "").partition("/")[::2]
    if not all(map(POINT.fullmatch, points)):
        raise RefusedError(400, "bad.request", "interval")
    try:
        start, end = map(instant, points)
    except ValueError:
        raise RefusedError(400, "invalid.date", "interval") from None
    if start >= end:
        raise RefusedError(400, "invalid.date", "interval")
    return start, end


class Ledger:
    """What was called, by day.

    Attributes:
        traffic: endless sources of calls, each with the dimensions and ``per_day``, a size. Their figures are made up
            from the seed, are missing on some days, and settle within two days after a day's end.
        builtin: sources of the same kind: the calls of Genesys' own clients, which the old queries hide.
        calls: calls that a test counted itself: rows as in an answer, with all dimensions and ``date``, a ``date``.
            They show up, unchanged, when their day has ended.
        oldest: first day of the traffic.
    """

    def __init__(self, clock: Clock, seed: int) -> None:
        """Start without calls."""
        self._clock = clock
        self._seed = seed
        self.traffic: list[Json] = []
        self.builtin: list[Json] = []
        self.calls: list[Json] = []
        self.oldest = clock.started.date() - timedelta(days=200)

    def count(self, query: Query) -> list[Json]:
        """Return the rows that answer a query at the sandbox's current time."""
        totals: dict[tuple[str, ...], Json] = {}
        fields = [field for name in query.group_by for field in DIMENSIONS[name]]
        for call in self.within(query):
            row = {field: call[field] if field in fields else "" for names in DIMENSIONS.values() for field in names}
            if query.granularity:
                row["date"] = f"{bucket(call['date'], query.granularity)}T00:00:00Z"
            metrics = {METRICS[name]: call[METRICS[name]] for name in query.metrics}
            total = totals.setdefault(tuple(row.values()), row | dict.fromkeys(metrics, 0))
            for metric, figure in metrics.items():
                total[metric] += figure
        return sorted(totals.values(), key=lambda row: (row.get("date", ""), row["clientId"], row["templateUri"]))

    def within(self, query: Query, *, everything: bool = False, today: bool = False) -> Iterator[Json]:
        """Yield the calls that a query is about, each with all dimensions, ``date`` and metrics.

        Args:
            query: its client and its interval count.
            everything: also the calls of Genesys' own clients.
            today: also those of the day that has not ended.
        """
        midnight = datetime.combine(self._clock.now().date() + timedelta(days=today), datetime.min.time(), UTC)
        last = min(query.end, midnight)
        days = [
            query.start.date() + timedelta(days=number)
            for number in range((last.date() - query.start.date()).days + 1)
            if datetime.combine(query.start.date() + timedelta(days=number), datetime.min.time(), UTC) < last
        ]
        if not days:
            return
        for call in self.calls:
            hidden = call.get("builtin") and not everything
            if not hidden and days[0] <= call["date"] <= days[-1] and query.client_id in (None, call["clientId"]):
                yield call
        sources = self.traffic + self.builtin if everything else self.traffic
        sources = [source for source in sources if query.client_id in (None, source["clientId"])]
        yield from self._generated(sources, [day for day in days if day >= self.oldest])

    def _generated(self, sources: list[Json], days: Iterable[date]) -> Iterator[Json]:
        for day in days:
            share = self._settled_share(day)
            for source in sources:
                value = noise(self._seed, day, source["clientId"], source["templateUri"], source["httpMethod"])
                full = source["per_day"] + value % source["per_day"]
                if value % 5 and (requests := int(full * share)):
                    yield source | {"date": day} | spread(requests)

    def _settled_share(self, day: date) -> float:
        age = self._clock.now() - datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
        return next((share for limit, share in SETTLED if age < limit), 1.0)


def spread(requests: int) -> dict[str, int]:
    """Return the metrics of so many requests; 429s are part of the 4xx."""
    rare = {
        "status300": requests // 50,
        "status400": requests // 20,
        "status429": requests // 60,
        "status500": requests // 100,
    }
    good = requests - rare["status300"] - rare["status400"] - rare["status500"]
    return {"status200": good, **rare, "requests": requests}


def bucket(day: date, granularity: str, week_begins: str = "Monday") -> date:
    """Return the first day of the bucket a day is in; weeks begin on Monday or Sunday."""
    if granularity == "Week":
        return day - timedelta(days=(day.weekday() + (week_begins == "Sunday")) % 7)
    return day.replace(day=1) if granularity == "Month" else day
