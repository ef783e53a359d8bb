"""Deltas of cumulative counters, as pure arithmetic."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.reading.snapshots import Counters, Snapshots
from tap_usage.rest.errors import ContradictionError, ReadError

COUNTERS = Counters("rule", ("issued", "errors"))
START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def write(snapshots: Snapshots, row: dict[str, Any], at: datetime) -> None:
    """Have a row stamped and written."""
    snapshots.stamp([row], at)
    snapshots.keep()


def stamped(state: dict[str, Any], at: datetime, **counts: object) -> dict[str, Any]:
    """Return the row of a rule; the state goes through JSON as it does between two runs."""
    row: dict[str, Any] = {"rule": "r1", **counts}
    copy = json.loads(json.dumps(state))
    write(Snapshots(copy, COUNTERS, at), row, at)
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


def test_a_server_whose_clock_is_a_little_behind_takes_nothing_back() -> None:
    state: dict[str, Any] = {}
    midnight = START + timedelta(hours=12)
    stamped(state, START - timedelta(days=1), issued=5, errors=0)
    stamped(state, midnight, issued=9, errors=0)
    row = stamped(state, midnight - timedelta(seconds=2), issued=9, errors=0)
    assert (row["observed_on"], row["issued_delta"], row["counter_reset"]) == ("2026-11-23", 4, False)


def test_a_clock_that_was_hours_ahead_for_a_run_does_not_stop_the_next_ones() -> None:
    state: dict[str, Any] = {}
    stamped(state, START, issued=5)
    ahead = stamped(state, START + timedelta(hours=20), issued=9)
    row = stamped(state, START + timedelta(hours=1), issued=10)
    assert (ahead["issued_delta"], row["issued_delta"], row["observed_on"]) == (4, 5, "2026-11-23")
    assert stamped(state, START + timedelta(days=3), issued=11)["issued_delta"] == 1


def test_snapshots_of_a_later_time_than_the_vendors_are_refused_and_stay_as_they_are() -> None:
    state: dict[str, Any] = {}
    stamped(state, START + timedelta(days=30), issued=9)
    before = json.dumps(state)
    with pytest.raises(ReadError, match=r"2026-12-22T12:00:00\.000Z.*2026-11-22T12:00:00\.000Z"):
        Snapshots(state, COUNTERS, START)
    assert json.dumps(state) == before


def test_two_rows_about_the_same_counters_contradict_each_other_and_neither_counts() -> None:
    state: dict[str, Any] = {}
    with pytest.raises(ContradictionError, match="2 rows came for 1 of `rule`"):
        Snapshots(state, COUNTERS, START).stamp([{"rule": "r1", "issued": 1}, {"rule": "r1", "issued": 2}], START)
    assert state == {"snapshots": {}}


def test_a_row_that_was_stamped_is_remembered_when_it_was_written_and_not_before() -> None:
    state: dict[str, Any] = {}
    snapshots = Snapshots(state, COUNTERS, START)
    snapshots.stamp([{"rule": "r1", "issued": 1}], START)
    assert state == {"snapshots": {}}
    snapshots.keep()
    first = json.dumps(state)
    snapshots.stamp([{"rule": "r1", "issued": 5}], START + timedelta(days=1))
    assert json.dumps(state) == first
    snapshots.keep()
    assert json.dumps(state) != first


def test_sets_of_counters_are_kept_apart_for_35_days_after_they_were_seen() -> None:
    state: dict[str, Any] = {}
    for day, rule in enumerate(("r1", "r2")):
        write(Snapshots(state, COUNTERS, START), {"rule": rule, "issued": 1}, START + timedelta(days=day))
    Snapshots(state, COUNTERS, START + timedelta(days=35))
    assert set(state["snapshots"]) == {"r1", "r2"}
    Snapshots(state, COUNTERS, START + timedelta(days=35, milliseconds=1))
    assert set(state["snapshots"]) == {"r2"}


@pytest.mark.parametrize(
    ("values", "delta"),
    [([80, None, 5, 90], 90), ([80, None, 100, 5], 25), ([80, None, 5, 3], 8), ([80, None, 70, 70], 70)],
)
def test_growth_of_a_day_with_a_reset_is_carried_into_its_last_row(values: list[int | None], delta: int) -> None:
    state: dict[str, Any] = {}
    now = START
    for value in values:
        if value is None:
            now += timedelta(days=1)
            continue
        row = stamped(state, now, issued=value)
        now += timedelta(hours=3)
    assert (row["issued_delta"], row["counter_reset"]) == (delta, True)
    row = stamped(state, now + timedelta(days=1), issued=(value or 0) + 1)
    assert (row["issued_delta"], row["counter_reset"]) == (1, False)


def test_a_counter_that_is_seen_for_the_first_time_has_no_growth_on_that_day() -> None:
    state: dict[str, Any] = {}
    stamped(state, START, issued=1)
    row = stamped(state, START + timedelta(days=1), issued=2, errors=7)
    assert (row["issued_delta"], row["errors_delta"]) == (1, None)
    assert stamped(state, START + timedelta(days=2), issued=2, errors=9)["errors_delta"] == 2


def test_snapshots_of_0_1_0_go_on_to_count() -> None:
    earlier = {"on": "2026-11-20", "at": "2026-11-20T12:00:00.000Z", "counts": {"issued": 10}}
    last = {"on": "2026-11-21", "at": "2026-11-21T12:00:00.000Z", "counts": {"issued": 15, "errors": 1}}
    same_day = stamped(
        {"snapshots": {"r1": last | {"base": earlier}}}, START - timedelta(hours=20), issued=17, errors=1
    )
    assert (same_day["issued_delta"], same_day["errors_delta"], same_day["delta_since"]) == (7, None, earlier["at"])
    next_day = stamped({"snapshots": {"r1": last | {"base": earlier}}}, START, issued=17, errors=1)
    assert (next_day["issued_delta"], next_day["errors_delta"], next_day["delta_since"]) == (2, 0, last["at"])


@pytest.mark.parametrize("broken", [{"r1": {}}, {"r1": [1]}, {"r1": [1, None, [1], [1], False]}, {"r1": None}])
def test_snapshots_that_cannot_be_read_are_refused_and_stay_as_they_are(broken: dict[str, Any]) -> None:
    state = {"snapshots": broken}
    with pytest.raises(ReadError, match="snapshots"):
        Snapshots(state, COUNTERS, START)
    assert state == {"snapshots": broken}


def test_a_set_of_five_counters_of_a_billion_takes_less_than_300_bytes() -> None:
    state: dict[str, Any] = {}
    counters = Counters("rule", tuple("abcde"))
    for day in range(2):
        row = {"rule": "cccccccc-0000-4000-8000-000000000011"} | dict.fromkeys("abcde", 10**15 + day)
        write(Snapshots(state, counters, START + timedelta(days=1)), row, START + timedelta(days=day))
    assert len(json.dumps(state["snapshots"], separators=(",", ":"))) <= 300


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
def test_deltas_add_up_to_the_growth_also_over_resets_and_are_never_negative(steps: list[tuple[int, int]]) -> None:
    state: dict[str, Any] = {}
    now = START
    days: dict[str, dict[str, Any]] = {}
    grown: dict[str, int] = {}
    before: int | None = None
    for hours, value in steps:
        now += timedelta(hours=hours)
        row = stamped(state, now, issued=value)
        on = row["observed_on"]
        days[on] = row
        step = 0 if before is None else value if value < before else value - before
        grown[on] = grown.get(on, 0) + step
        before = value
    first, *later = sorted(days)
    assert days[first]["issued_delta"] is None
    assert [days[on]["issued_delta"] for on in later] == [grown[on] for on in later]
