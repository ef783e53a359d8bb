"""The query of a usage aggregates job, and its rows."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tap_usage.sandbox.clock import instant
from tap_usage.sandbox.genesys_unknowns import Unknowns
from tap_usage.sandbox.genesys_usage import GRANULARITIES, METRICS, Query, bucket, read_names
from tap_usage.sandbox.wire import Json, RefusedError, Value, noise

ORGANIZATION = {
    "OauthClientName": "clientName",
    "OauthClientId": "clientId",
    "UserId": "userId",
    "HttpMethod": "httpMethod",
    "TemplateUri": "templateUri",
    "Platform": "platform",
}
CLIENT = {
    "OrganizationId": "organizationId",
    "HttpMethod": "httpMethod",
    "TemplateUri": "templateUri",
    "Platform": "platform",
}
TEXTS = ("organizationId", "httpMethod", "templateUri", "platform")
FILTERS = {"httpMethods": "httpMethod", "templateUris": "templateUri", "platforms": "platform"}
ORGANIZATION_FILTERS = FILTERS | {"userIds": "userId", "oauthClientIds": "clientId"}
CLIENT_FILTERS = FILTERS | {"organizationIds": "organizationId"}
HTTP_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}
POINT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,9})?Z?)?")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AggregatesQuery(Query):
    """A query of a job: from the first moment of a day to the last of another.

    Attributes:
        filters: values that are kept, by the field of a call.
    """

    filters: tuple[tuple[str, frozenset[str]], ...] = ()

    @property
    def dimensions(self) -> dict[str, str]:
        """Fields of a call by the names of the dimensions that there are."""
        return ORGANIZATION if self.client_id is None else CLIENT

    def keeps(self, call: Json) -> bool:
        """Tell whether a call passes the filters."""
        return all(call.get(field, "") in values for field, values in self.filters)


def read_query(
    body: Json, client_id: str | None, now: datetime, unknowns: Unknowns, longest_filter: int
) -> AggregatesQuery:
    """Return the query that a request's body means.

    Raises:
        RefusedError: 400, something in it is unknown, wrong, out of range or too long.
    """
    dimensions, filters = (ORGANIZATION, ORGANIZATION_FILTERS) if client_id is None else (CLIENT, CLIENT_FILTERS)
    if unknown := set(body) - {"interval", "granularity", "groupBy", "metrics", "sortBy", *filters}:
        raise RefusedError(400, "invalid.property", f"unknown field: {min(unknown)}")
    if body.get("sortBy"):
        raise RefusedError(400, "invalid.value", "sortBy: no name of a field is known")
    granularity = body.get("granularity")
    if granularity not in (None, *GRANULARITIES):
        raise RefusedError(400, "invalid.value", "granularity")
    first, last = read_interval(body.get("interval"), now, unknowns)
    return AggregatesQuery(
        client_id,
        midnight(first),
        midnight(last) + DAY,
        granularity,
        tuple(read_names(body, "groupBy", set(dimensions))),
        tuple(read_names(body, "metrics", set(METRICS)) or METRICS),
        tuple(read_filters(body, filters, longest_filter)),
    )


def read_filters(body: Json, filters: dict[str, str], longest: int) -> Iterable[tuple[str, frozenset[str]]]:
    """Yield the filters of a body: field of a call, and the values that are kept.

    Raises:
        RefusedError: 400, one is no list of texts, or too long, or names a method that there is not.
    """
    for name, field in filters.items():
        values = body.get(name) or []
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise RefusedError(400, "invalid.value", name)
        if len(values) > longest:
            raise RefusedError(400, "query.too.long", name)
        if name == "httpMethods" and not set(values) <= HTTP_METHODS:
            raise RefusedError(400, "invalid.value", name)
        if values:
            yield field, frozenset(values)


def read_interval(text: object, now: datetime, unknowns: Unknowns) -> tuple[date, date]:
    """Return the first and the last day of an interval; a time of day is cut off its start.

    Raises:
        RefusedError: 400, it is missing, malformed, empty or out of range.
    """
    points = str(text or "").partition("/")[::2]
    if not all(map(POINT.fullmatch, points)):
        raise RefusedError(400, "bad.request", "interval")
    try:
        start, end = map(instant, points)
    except ValueError:
        raise RefusedError(400, "invalid.date", "interval") from None
    last = end.date() if unknowns.end_inclusive else (end - timedelta(microseconds=1)).date()
    if end < start or last < start.date():
        raise RefusedError(400, "invalid.date", "interval")
    span = (end.date() - start.date()).days
    if unknowns.strict_limits:
        fits = start >= now - timedelta(days=365) and span + 1 <= 90 and end <= midnight(now.date())  # noqa: PLR2004
    else:
        fits = start.date() >= now.date() - timedelta(days=366) and span <= 90  # noqa: PLR2004
    if not fits:
        raise RefusedError(400, unknowns.out_of_range_code, "interval")
    return start.date(), last


def midnight(day: date) -> datetime:
    """Return the first moment of a day."""
    return datetime.combine(day, datetime.min.time(), UTC)


def count(calls: Iterable[Json], query: AggregatesQuery, unknowns: Unknowns, listed: set[str]) -> list[Json]:
    """Return the rows that answer a query; without a grouping each call is a row.

    Args:
        calls: of its client and interval.
        query: what is asked.
        unknowns: how rows look.
        listed: ids of the clients that exist.
    """
    totals: dict[tuple[Value, ...], Json] = {}
    grouped = query.group_by or tuple(query.dimensions)
    for number, call in enumerate(call for call in calls if query.keeps(call)):
        day = bucket(call["date"], query.granularity or "Day", unknowns.week_begins)
        values = tuple(call.get(query.dimensions[name], "") for name in grouped)
        key: tuple[Value, ...] = (day, *values) if query.group_by else (number,)
        total = totals.setdefault(key, {"date": day, **dict(zip(grouped, values, strict=True)), "calls": {}})
        total["name"] = call.get("clientName", "")
        for name in query.metrics:
            total["calls"][name] = total["calls"].get(name, 0) + call[METRICS[name]]
    order = sorted(totals) if unknowns.in_order else sorted(totals, key=lambda key: noise(0, *key))
    return [row_of(totals[key], query, unknowns, listed) for key in order]


def row_of(total: Json, query: AggregatesQuery, unknowns: Unknowns, listed: set[str]) -> Json:
    """Return a row as it is on the wire."""
    values = {field: total.get(name) or "" for name, field in query.dimensions.items()}
    row: Json = {"date": total["date"].isoformat()}
    row |= {field: values[field] or blank(unknowns) for field in TEXTS if field in values}
    row |= {"requestCount" if name == "Requests" else METRICS[name]: calls for name, calls in total["calls"].items()}
    if query.client_id is None:
        row["oauthClient"] = client_of(total, unknowns, listed) or blank(unknowns, "id", "name", "selfUri")
        user = values["userId"]
        row["user"] = {"id": user, "selfUri": f"/api/v2/users/{user}"} if user else blank(unknowns, "id", "selfUri")
    if unknowns.ungrouped == "absent":
        return {name: value for name, value in row.items() if value is not None}
    return row


def client_of(total: Json, unknowns: Unknowns, listed: set[str]) -> Json:
    """Return the client of a row, empty where it is not grouped by client."""
    client: Json = {}
    if client_id := total.get("OauthClientId"):
        client |= {"id": client_id, "selfUri": f"/api/v2/oauth/clients/{client_id}"}
        if unknowns.client_name == "filled" or (unknowns.client_name == "listed" and client_id in listed):
            client["name"] = total["name"]
    if name := total.get("OauthClientName"):
        client["name"] = name
    return client


def blank(unknowns: Unknowns, *members: str) -> Json | str | None:
    """Return what stands in place of a dimension that has no value; an object has ``members``."""
    if unknowns.ungrouped in {"absent", "null"}:
        return None
    if not members or unknowns.ungrouped == "text":
        return ""
    return dict.fromkeys(members, "") if unknowns.ungrouped == "members" else {}
