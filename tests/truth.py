"""What the sandbox holds, as rows of the streams: without the fields that the tap adds."""

from __future__ import annotations

import json
from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from tap_usage.sandbox import Sandbox
from tests import promised
from tests.running import Run

Row = dict[str, Any]

DEFAULT_DAYS = 90
SUMMARY_DAYS = 7
CLIENT_GROUPS = ("TemplateUri", "HttpMethod")
AGGREGATE_GROUPS = ("OauthClientId", *CLIENT_GROUPS)
AGGREGATES = ("genesys_organization_usage_aggregates", "genesys_client_usage_aggregates")
BLANKS = ("clientId", "clientName", "organizationId", "userId", "templateUri", "httpMethod")
BY_CLIENT_ONLY = {"clientId", "clientName"}
KEYS_OF_THE_TAP = {"usage_key", "observed_on"}
IDS_OF_PARENTS = {"environment_id", "credential_type_id", "oauth_client_id", "promotion_id"}
ON_THE_WIRE_ONLY = {
    "pingone_environments": {"_links"},
    "pingone_credential_types": {"_links"},
    "pingone_issuance_rules": {"_links", "environment"},
    "demandbase_api_usage": {"accountId", "accountName", "period"},
    "demandbase_credits": {"accountId", "accountName"},
}
ADDED = {
    name: (stream.added - IDS_OF_PARENTS) | (KEYS_OF_THE_TAP & set(stream.keys)) | ON_THE_WIRE_ONLY.get(name, set())
    for name, stream in promised.STREAMS.items()
}


def today(sandbox: Sandbox) -> date:
    return sandbox.clock.now().date()


def first_day(sandbox: Sandbox) -> date:
    """Return where windowed streams begin without a `start_date`."""
    return today(sandbox) - timedelta(days=DEFAULT_DAYS)


def _null(rows: Iterable[Row], **added: object) -> list[Row]:
    return [row | {name: row[name] or None for name in BLANKS} | added for row in rows]


def _environments(sandbox: Sandbox) -> list[Row]:
    return list(sandbox.pingone.environments)


def _credential_types(sandbox: Sandbox) -> list[Row]:
    owned = sandbox.pingone.credential_types.items()
    return [row | {"environment_id": environment} for environment, rows in owned for row in rows]


def _issuance_rules(sandbox: Sandbox) -> list[Row]:
    return [
        rule | {"environment_id": kind["environment_id"], "credential_type_id": kind["id"]}
        for kind in _credential_types(sandbox)
        for rule in sandbox.pingone.issuance_rules.get(kind["id"], [])
    ]


def _usage_counts(sandbox: Sandbox) -> list[Row]:
    return [
        {
            **{name: rule[name] for name in ("environment_id", "credential_type_id")},
            "issuance_rule_id": rule["id"],
            **sandbox.pingone.counts(rule["id"]),
        }
        for rule in _issuance_rules(sandbox)
    ]


def _oauth_clients(sandbox: Sandbox) -> list[Row]:
    return [{name: value for name, value in client.items() if name != "secret"} for client in sandbox.genesys.clients]


def organization_usage(sandbox: Sandbox, start: date, end: date) -> list[Row]:
    rows = _null(sandbox.genesys.rows(None, str(start), str(end)))
    return [row | {"oauth_client_id": row["clientId"]} for row in rows]


def client_usage(sandbox: Sandbox, client_id: str, start: date, end: date) -> list[Row]:
    rows = sandbox.genesys.rows(client_id, str(start), str(end), group_by=CLIENT_GROUPS)
    named = _null(rows, oauth_client_id=client_id)
    return [{name: row[name] for name in row.keys() - BY_CLIENT_ONLY} for row in named]


def _clients_usage(sandbox: Sandbox, start: date) -> list[Row]:
    clients = [client["id"] for client in sandbox.genesys.clients]
    return [row for client in clients for row in client_usage(sandbox, client, start, today(sandbox))]


def aggregates(  # noqa: PLR0913  it takes as much to ask
    sandbox: Sandbox,
    start: date,
    end: date,
    *,
    client_id: str | None = None,
    granularity: str = "Day",
    group_by: tuple[str, ...] | None = None,
) -> list[Row]:
    """Return the rows of the days from `start` to before `end`, as `filled` leaves them, without `is_final`.

    Those of one client with a `client_id`, else those of the organization; `group_by` are names of the vendor.
    """
    groups = group_by or (CLIENT_GROUPS if client_id else AGGREGATE_GROUPS)
    question = {"granularity": granularity, "grouped_by": ",".join(sorted(groups))}
    rows = sandbox.genesys.aggregates.rows(client_id, str(start), str(end), granularity, groups)
    return [filled(row | _flat(row, client_id) | question) for row in rows]


def _clients_aggregates(sandbox: Sandbox) -> list[Row]:
    clients = [client["id"] for client in sandbox.genesys.clients]
    window = (first_day(sandbox), today(sandbox))
    return [row for client in clients for row in aggregates(sandbox, *window, client_id=client)]


def _flat(row: Row, client_id: str | None) -> Row:
    client, user = (row.get(name) or {} for name in ("oauthClient", "user"))
    name, user_id = client.get("name"), user.get("id")
    return {"oauth_client_id": client_id or client.get("id"), "oauth_client_name": name, "user_id": user_id}


def filled(row: Row) -> Row:
    """Return a row without what has no value: absent, null, an empty text and an object of these are one thing."""
    members = {name: filled(value) if isinstance(value, dict) else value for name, value in row.items()}
    return {name: value for name, value in members.items() if value not in (None, "", {})}


def is_final(row: Row, vendors_day: date, lookback_days: int) -> bool:
    """Tell whether the bucket of a row ended so many days ago."""
    first = date.fromisoformat(row["date"])
    days = {"Day": 1, "Week": 7, "Month": monthrange(first.year, first.month)[1]}[row["granularity"]]
    return first + timedelta(days=days + lookback_days) <= vendors_day


def _credits(sandbox: Sandbox) -> list[Row]:
    return [dict(sandbox.demandbase.ledger.account_credits())]


def promotion_usages(sandbox: Sandbox) -> list[Row]:
    return [usage | {"promotion_id": promotion} for promotion, usage in sandbox.elasticpath.all_usages()]


TRUTH: dict[str, Callable[[Sandbox], list[Row]]] = {
    "pingone_environments": _environments,
    "pingone_credential_types": _credential_types,
    "pingone_issuance_rules": _issuance_rules,
    "pingone_issuance_rule_usage_counts": _usage_counts,
    "genesys_oauth_clients": _oauth_clients,
    "genesys_organization_usage": lambda sandbox: organization_usage(sandbox, first_day(sandbox), today(sandbox)),
    "genesys_client_usage": lambda sandbox: _clients_usage(sandbox, first_day(sandbox)),
    "genesys_client_usage_summary": lambda sandbox: _clients_usage(
        sandbox, today(sandbox) - timedelta(days=SUMMARY_DAYS)
    ),
    "genesys_organization_usage_aggregates": lambda sandbox: aggregates(sandbox, first_day(sandbox), today(sandbox)),
    "genesys_client_usage_aggregates": _clients_aggregates,
    "demandbase_api_usage": lambda sandbox: sandbox.demandbase.rows(
        "day", str(first_day(sandbox)), str(today(sandbox))
    ),
    "demandbase_credits": _credits,
    "elasticpath_promotions": lambda sandbox: list(sandbox.elasticpath.promotions),
    "elasticpath_promotion_usages": promotion_usages,
}
STREAMS = tuple(promised.STREAMS)


def bare(stream: str, rows: Iterable[Row]) -> list[Row]:
    """Return rows without what the tap (or the envelope) added.

    Aggregates keep what tells clients, users and questions apart, and lose what has no value.
    """
    if stream in AGGREGATES:
        return [filled({name: row[name] for name in row.keys() - {"usage_key", "is_final"}}) for row in rows]
    return [{name: value for name, value in row.items() if name not in ADDED[stream]} for row in rows]


def counted(rows: Iterable[Row]) -> Counter[str]:
    """Return rows as a multiset, for comparisons without regard to order."""
    return Counter(json.dumps(row, sort_keys=True) for row in rows)


def missing(emitted: Iterable[Row], truth: Iterable[Row]) -> Counter[str]:
    """Return what is true and was not emitted."""
    return counted(truth) - counted(emitted)


def is_whole(sandbox: Sandbox, done: Run, stream: str) -> bool:
    """Tell whether a run brought exactly what the sandbox holds."""
    return counted(bare(stream, done.rows(stream))) == counted(TRUTH[stream](sandbox))
