"""Deltas of cumulative counters, as pure arithmetic."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tap_usage.snapshots import Counters, Snapshots

COUNTERS = Counters("rule", ("issued", "errors"))
START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def stamped(state: dict[str, Any], at: datetime, **counts: object) -> dict[str, Any]:
    """Return the row of a rule; the state goes through JSON as it does between two runs."""
    row: dict[str, Any] = {"rule": "r1", **counts}
    copy = json.loads(json.dumps(state))
    Snapshots(copy, COUNTERS).stamp(row, at)
    state.clear()
    state.update(copy)
    return row


def test_the_first_row_has_no_deltas() -> None:
    assert stamped({}, START, issued=5, errors=0) == {
        "rule": "r1",
        "issued": 5,
        "errors": 0,
        "observed_at": "2026-11-22T12:00:00.000Z",
        "observed_on": "2026-11-22",
        "delta_since": None,
        "counter_reset": False,
        "issued_delta": None,
        "errors_delta": None,
    }


def test_a_later_day_counts_from_the_last_snapshot_of_an_earlier_day() -> None:
    state: dict[str, Any] = {}
    stamped(state, START, issued=5, errors=1)
    stamped(state, START + timedelta(hours=6), issued=7, errors=1)
    row = stamped(state, START + timedelta(days=3), issued=12, errors=1)
    assert (row["issued_delta"], row["errors_delta"]) == (5, 0)
    assert row["delta_since"] == "2026-11-22T18:00:00.000Z"


def test_a_value_that_is_no_number_has_no_delta_and_keeps_the_last_known() -> None:
    state: dict[str, Any] = {}
    stamped(state, START, issued=5)
    for day, odd in enumerate((None, "6", True, 6.5), start=1):
        row = stamped(state, START + timedelta(days=day), issued=odd)
        assert (row["issued_delta"], row["counter_reset"]) == (None, False)
    assert stamped(state, START + timedelta(days=9), issued=8)["issued_delta"] == 3


def test_one_counter_that_fell_marks_the_row_and_leaves_the_others_their_difference() -> None:
    state: dict[str, Any] = {}
    stamped(state, START, issued=5, errors=9)
    row = stamped(state, START + timedelta(days=1), issued=8, errors=2)
    assert (row["issued_delta"], row["errors_delta"], row["counter_reset"]) == (3, 2, True)


def test_an_observation_from_before_the_last_one_makes_no_negative_delta() -> None:
    state: dict[str, Any] = {}
    stamped(state, START + timedelta(days=2), issued=9, errors=0)
    row = stamped(state, START, issued=5, errors=0)
    assert (row["issued_delta"], row["counter_reset"]) == (None, False)


def test_sets_of_counters_are_kept_apart_and_forgotten_when_told() -> None:
    state: dict[str, Any] = {}
    snapshots = Snapshots(state, COUNTERS)
    for rule in ("r1", "r2", "r3"):
        snapshots.stamp({"rule": rule, "issued": 1}, START)
    snapshots.keep_only({"r2", "unknown"})
    assert set(state["snapshots"]) == {"r2"}


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), min_size=1, max_size=25))
def test_deltas_of_days_add_up_to_the_growth_since_the_first_day(steps: list[tuple[int, int]]) -> None:
    state: dict[str, Any] = {}
    now, total = START, 0
    days: dict[str, dict[str, Any]] = {}
    for hours, grown in steps:
        now += timedelta(hours=hours)
        total += grown
        row = stamped(state, now, issued=total)
        days[row["observed_on"]] = row
    first, *later = (days[on] for on in sorted(days))
    assert first["issued_delta"] is None
    assert sum(row["issued_delta"] for row in later) == total - first["issued"]
    assert not any(row["counter_reset"] for row in later)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), min_size=1, max_size=25))
def test_deltas_are_never_negative_even_when_counters_are_reset(steps: list[tuple[int, int]]) -> None:
    state: dict[str, Any] = {}
    now = START
    for hours, value in steps:
        now += timedelta(hours=hours)
        row = stamped(state, now, issued=value, errors=30 - value)
        assert all(delta is None or delta >= 0 for delta in (row["issued_delta"], row["errors_delta"]))
