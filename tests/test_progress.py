"""Whatever happens to runs, nothing is lost: lives of the model, and single steps of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_usage.reading.progress import Bookmarked, FullTable, Ordered, Windowed, context_key
from tap_usage.reading.sheet import Unit
from tap_usage.reading.state import Bookmarks
from tap_usage.reading.windows import Calendar
from tap_usage.rest.errors import ReadError
from tap_usage.rest.pages.query import Page
from tests.state_life import CONTRADICTS, FAILS, GONE, Over, written
from tests.state_model import Ledger, Shop

EPOCH = datetime(2026, 11, 1, tzinfo=UTC)
LOOKBACK = timedelta(minutes=10)


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 2**32))
def test_rows_in_an_order_are_never_lost(seed: int) -> None:
    Shop(seed).live()


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 2**32))
def test_days_are_read_until_they_are_final_and_never_lost(seed: int) -> None:
    Ledger(seed).live()


def test_a_full_table_is_read_from_no_value_every_time() -> None:
    units = list(FullTable().units([("a", {"x": "a"}), ("b", {"x": "b"})]))
    assert units == [Unit("a", {"x": "a"}), Unit("b", {"x": "b"})]


def test_the_id_of_a_partition_is_the_last_of_its_context() -> None:
    assert context_key({"environment_id": "e", "credential_type_id": "t"}) == "t"
    assert context_key({}) == ""


def contexts(*partitions: str) -> list[tuple[str, dict[str, str]]]:
    return [(partition, {"promotion_id": partition}) for partition in partitions]


def ordered(
    state: dict[str, Any], *listed: str, now: datetime = EPOCH, end: datetime | None = None, complete: bool = True
) -> Ordered:
    marks = Bookmarks(state, "used_on", "promotion_id")
    return Ordered(marks, now, LOOKBACK, None, end, listed=listed, complete=complete)


def after(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state as the next run gets it."""
    copy: dict[str, Any] = json.loads(written(state))
    return copy


def starts(progress: Bookmarked, *partitions: str) -> dict[str, str | None]:
    return {unit.partition: unit.start for unit in progress.units(contexts(*partitions))}


def read(progress: Ordered, *partitions: str, mark: str | None = None, how: dict[str, str] | None = None) -> None:
    """Read partitions to their end; `how` tells of those that come to a bad one."""
    for unit in progress.units(contexts(*partitions)):
        if mark:
            progress.page(unit, Page([], None, EPOCH, mark))
        progress.done(unit, Over((how or {}).get(unit.partition, "")))


def test_a_run_begins_a_lookback_before_the_bookmark() -> None:
    state = {"replication_key_value": "2026-10-31T12:00:00.000Z"}
    assert starts(ordered(state, "p1"), "p1") == {"p1": "2026-10-31T11:50:00.000Z"}


def test_a_bookmark_at_the_begin_of_time_is_read_from_there() -> None:
    state = {"replication_key_value": "0001-01-01T00:00:00.000Z"}
    assert starts(ordered(state, "p1"), "p1") == {"p1": "0001-01-01T00:00:00.000Z"}


def test_a_run_that_was_interrupted_not_long_ago_is_gone_on_with() -> None:
    state: dict[str, Any] = {}
    first = ordered(state, "p1", "p2")
    one, _ = first.units(contexts("p1", "p2"))
    first.done(one, Over())
    assert starts(ordered(after(state), "p1", "p2"), "p1", "p2") == {"p2": None}


def test_a_run_that_was_interrupted_long_ago_reads_what_is_furthest_behind_first() -> None:
    state: dict[str, Any] = {}
    read(ordered(state, "p1", "p2", "p3"), "p1", mark="2026-10-31T00:00:00.000Z")
    later = ordered(after(state), "p1", "p2", "p3", now=EPOCH + timedelta(hours=2))
    assert list(starts(later, "p1", "p2", "p3")) == ["p2", "p3", "p1"]


@pytest.mark.parametrize("how", [FAILS, GONE])
def test_what_failed_or_answered_404_is_asked_for_from_its_older_bookmark(how: str) -> None:
    state: dict[str, Any] = {"replication_key_value": "2026-10-01T00:00:00.000Z"}
    progress = ordered(state, "p1", "p2")
    for unit in progress.units(contexts("p1", "p2")):
        if unit.partition == "p2":
            progress.page(unit, Page([], None, EPOCH, "2026-10-31T00:00:00.000Z"))
        progress.done(unit, Over(how if unit.partition == "p1" else ""))
    progress.end()
    assert starts(ordered(after(state), "p1", "p2"), "p1", "p2") == {
        "p1": "2026-09-30T23:50:00.000Z",
        "p2": "2026-10-30T23:50:00.000Z",
    }


def test_what_one_list_left_out_is_read_from_its_older_bookmark() -> None:
    state: dict[str, Any] = {"replication_key_value": "2026-10-01T00:00:00.000Z"}
    everything = ordered(state, "p1", "p2")
    read(everything, "p1", "p2")
    everything.end()
    state = after(state)
    read(ordered(state, "p2"), "p2", mark="2026-10-31T00:00:00.000Z")
    assert starts(ordered(after(state), "p1", "p2"), "p1", "p2") == {"p1": "2026-09-30T23:50:00.000Z"}


def test_marks_of_a_partition_that_contradicted_itself_are_taken_back() -> None:
    state: dict[str, Any] = {"replication_key_value": "2026-10-01T00:00:00.000Z"}
    progress = ordered(state, "p1")
    read(progress, "p1", mark="2026-10-31T00:00:00.000Z", how={"p1": CONTRADICTS})
    progress.end()
    assert starts(ordered(after(state), "p1"), "p1") == {"p1": "2026-09-30T23:50:00.000Z"}


def test_an_earlier_end_date_makes_nothing_complete_that_was_behind() -> None:
    state: dict[str, Any] = {
        "replication_key_value": "2026-10-31T12:00:00.000Z",
        "partitions": [{"context": {"promotion_id": "p1"}, "replication_key_value": None}],
    }
    bounded = ordered(state, "p1", "p2", end=datetime(2026, 10, 1, tzinfo=UTC))
    for unit in bounded.units(contexts("p1", "p2")):
        if unit.partition == "p1":
            bounded.page(unit, Page([], None, EPOCH, "2026-09-30T00:00:00.000Z"))
        bounded.done(unit, Over())
    bounded.end()
    assert starts(ordered(after(state), "p1", "p2"), "p1", "p2") == {
        "p1": "2026-09-29T23:50:00.000Z",
        "p2": "2026-10-31T11:50:00.000Z",
    }


def test_an_earlier_end_date_does_not_go_on_with_an_interrupted_run() -> None:
    state: dict[str, Any] = {}
    read(ordered(state, "p1", "p2"), "p1", mark="2026-10-31T00:00:00.000Z")
    state = after(state)
    bounded = ordered(state, "p1", "p2", end=datetime(2026, 10, 1, tzinfo=UTC))
    read(bounded, "p2")
    bounded.end()
    assert starts(ordered(after(state), "p1", "p2"), "p2") == {"p2": None}


def test_a_bookmark_behind_the_vendors_clock_is_refused_with_both_times() -> None:
    state = {"replication_key_value": "2029-01-01T00:00:00.000Z"}
    with pytest.raises(ReadError, match=r"2029-01-01T00:00:00\.000Z.*2026-11-01T00:00:00\.000Z"):
        ordered(state, "p1")
    assert state == {"replication_key_value": "2029-01-01T00:00:00.000Z"}


def windowed(state: dict[str, Any], day: int, *listed: str, first: datetime | None = None) -> Windowed:
    today = EPOCH.date() + timedelta(days=day)
    calendar = Calendar("day", 30, "day", 0, today, open_end=False, start_date=EPOCH.date(), end_date=None)
    marks = Bookmarks(state, "date", "client_id", "Day")
    now = EPOCH + timedelta(days=day, hours=12)
    return Windowed(marks, calendar, now, lambda: first or now, with_time=False, listed=listed, complete=True)


def test_a_run_that_was_interrupted_on_an_earlier_day_reads_everything_again() -> None:
    state: dict[str, Any] = {}
    first = windowed(state, 3, "p1", "p2")
    one, _ = first.units(contexts("p1", "p2"))
    first.done(one, Over())
    same_day = windowed(after(state), 3, "p1", "p2")
    assert [unit.partition for unit in same_day.units(contexts("p1", "p2"))] == ["p2"]
    next_day = windowed(after(state), 4, "p1", "p2")
    assert [unit.partition for unit in next_day.units(contexts("p1", "p2"))] == ["p2", "p1"]


def test_a_partition_without_a_window_left_to_read_is_covered() -> None:
    state: dict[str, Any] = {}
    for _ in range(2):
        progress = windowed(state, 3, "p1")
        for unit in progress.units(contexts("p1")):
            progress.done(unit, Over())
        progress.end()
        state = after(state)
    assert (len(state["covered"]), state["older"]) == (8, [])


def test_no_partition_is_covered_beyond_the_day_of_the_vendors_first_answer() -> None:
    state: dict[str, Any] = {}
    midnight = EPOCH + timedelta(days=3)
    progress = windowed(state, 3, "p1", "p2", first=midnight - timedelta(seconds=1))
    one, two = progress.units(contexts("p1", "p2"))
    progress.page(one, Page([], None, midnight - timedelta(seconds=1)))
    progress.page(two, Page([], None, midnight + timedelta(seconds=1)))
    for unit in (two, one):
        progress.done(unit, Over())
    assert state["replication_key_value"] == (midnight - timedelta(days=2)).date().isoformat()
