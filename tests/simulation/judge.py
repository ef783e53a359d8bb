"""Whether what a loader holds is what the vendors had."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from tap_usage.reading.state import KEPT
from tap_usage.times import instant
from tests.resilience.ledger import COUNTERS, growth
from tests.simulation.clock import DAY, EPOCH
from tests.simulation.loader import Loader, Row
from tests.simulation.vendors.vendor import Owes

# What tells rows apart for the vendor, and the figure that counts.
ROWS: dict[str, tuple[tuple[str, ...], str]] = {
    "pingone_environments": (("id",), ""),
    "pingone_credential_types": (("id",), ""),
    "pingone_issuance_rules": (("id",), ""),
    "pingone_issuance_rule_usage_counts": (("issuance_rule_id", "observed_on"), "issued"),
    "genesys_oauth_clients": (("id",), ""),
    "genesys_organization_usage": (("granularity", "date", "clientId", "templateUri"), "requests"),
    "genesys_client_usage": (("granularity", "date", "oauth_client_id", "templateUri"), "requests"),
    "genesys_client_usage_summary": (("observed_on", "oauth_client_id", "templateUri"), "requests"),
    "genesys_organization_usage_aggregates": (
        ("granularity", "date", "oauth_client_id", "templateUri"),
        "requestCount",
    ),
    "genesys_client_usage_aggregates": (("granularity", "date", "oauth_client_id", "templateUri"), "requestCount"),
    "demandbase_api_usage": (("period", "date", "source"), "transactions"),
    "demandbase_credits": (("accountId", "observed_on"), "consumedCredits"),
    "elasticpath_promotions": (("id",), ""),
    "elasticpath_promotion_usages": (("id", "promotion_id"), ""),
}
GREY = timedelta(minutes=30)
MOST_STATE_BYTES = 9_000
MOST_STATE_BYTES_OF_A_THING = 350


def missing(owes: Owes, loader: Loader) -> list[str]:
    """Return what a loader lacks, holds twice, or holds with another figure."""
    found: list[str] = []
    for stream, owed in owes.items():
        fields, figure = ROWS[stream]
        held: dict[tuple[Any, ...], Any] = {}
        for row in loader.rows[stream].values():
            identity = tuple([row[field] for field in fields])
            if identity in held:
                found.append(f"{stream} {identity} is held twice")
            held[identity] = row[figure] if figure else None
        for identity, due in owed.items():
            if identity not in held:
                found.append(f"{stream} {identity} is lost")
            elif due.low is not None and not (
                due.low <= held[identity] and (due.high is None or held[identity] <= due.high)
            ):
                found.append(f"{stream} {identity} is {held[identity]}, not {due.low} to {due.high}")
    return found


def odd_deltas(loader: Loader) -> list[str]:
    """Return which counters have deltas that do not add up to what they grew by."""
    found = []
    histories: defaultdict[tuple[str, str], list[list[Row]]] = defaultdict(list)
    for stream, row in loader.snapshots:
        history = histories[stream, row[COUNTERS[stream][0]]]
        if not history or _forgotten(history[-1][-1], row):
            history.append([])
        history[-1].append(row)
    for (stream, identity), parts in histories.items():
        for counter in COUNTERS[stream][1][:1]:
            for rows in parts:
                last_of_day = {row["observed_on"]: row for row in rows}
                added = sum(row[f"{counter}_delta"] or 0 for row in last_of_day.values())
                if added != (grown := growth(rows, counter)):
                    found.append(f"{stream} {identity} {counter}: deltas {added}, growth {grown}")
    return found


def _forgotten(old: Row, new: Row) -> bool:
    """Tell whether a set of counters was not seen for so long that its base was forgotten.

    Runs and servers do not agree to the minute: around the end of that time the row itself says it.
    """
    beyond = instant(new["observed_at"]) - instant(old["observed_at"]) - KEPT
    return beyond > GREY or (beyond > -GREY and new["delta_since"] is None)


def odd_state(state: dict[str, Any], size: int, began: float, things: int) -> list[str]:
    """Return what is wrong with the state after everything was read, by a run that `began` then."""
    found = [f"a state of {size} bytes"] if size > MOST_STATE_BYTES + MOST_STATE_BYTES_OF_A_THING * things else []
    for name, stream in state["bookmarks"].items():
        if stream.get("executions"):
            found.append(f"{name} still waits for {stream['executions']}")
        if (stream.get("pass") or {}).get("began"):
            found.append(f"{name} is in the middle of a pass: {stream['pass']}")
        value = stream.get("replication_key_value")
        if value and (instant(value) - EPOCH).total_seconds() > began + (DAY if name.startswith("demandbase") else 1):
            found.append(f"{name} was read up to {value}, before that was")
    return found


def bookmarks(state: Any) -> list[str]:  # noqa: ANN401 - JSON
    """Return all bookmarks in a state."""
    if isinstance(state, list):
        return sorted(value for each in state for value in bookmarks(each))
    if not isinstance(state, dict):
        return []
    own = [str(state["replication_key_value"])] if state.get("replication_key_value") else []
    return sorted(own + bookmarks(list(state.values())))
