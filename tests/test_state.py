"""Bookmarks: every shape of the state that their docstrings tell of, and how big it may become."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tap_usage.reading.state import Bookmarks
from tests.state_life import merged, written

VALUE = "replication_key_value"
OLD, MIDDLE, NEW, BOUND = (f"2026-11-{day}T00:00:00.000Z" for day in (10, 15, 20, 21))
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def bookmarks(state: dict[str, Any], *listed: str, bound: str = BOUND, query: str = "", **how: bool) -> Bookmarks:
    """Return bookmarks of a pass that has begun."""
    marks = Bookmarks(state, "used_on", "promotion_id", query)
    marks.begin(bound, NOW, listed, **how)
    return marks


def exception(partition: str, value: str | None) -> dict[str, Any]:
    return {"context": {"promotion_id": partition}, "replication_key": "used_on", VALUE: value}


def after(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state as the next run gets it."""
    copy: dict[str, Any] = json.loads(written(state))
    return copy


def starts(state: dict[str, Any], *partitions: str, query: str = "") -> list[str | None]:
    """Return where the next run would start, when these partitions are listed."""
    marks = bookmarks(after(state), *partitions, query=query)
    return [marks.start(partition) for partition in partitions]


def complete(state: dict[str, Any], **latest: str | None) -> dict[str, Any]:
    """Return the state after a pass over partitions with these latest values."""
    state = after(state)
    marks = bookmarks(state, *latest)
    for partition, value in latest.items():
        marks.finish(partition, value)
    marks.complete()
    return after(state)


def test_without_a_state_everything_is_read_from_its_start() -> None:
    assert starts({}, "p1") == [None]
    assert Bookmarks({}, "used_on", "promotion_id").interrupted is None


def test_a_complete_run_leaves_one_bookmark_and_eight_characters_for_each_partition() -> None:
    known = [f"p{number:03}" for number in range(300)]
    state = complete({}, **dict.fromkeys(known, MIDDLE))
    covered = state.pop("covered")
    assert len(covered) == 8 * 300
    nothing = {"pass": {"began": None, "bound": None}, "older": []}
    assert state == {"replication_key": "used_on", VALUE: MIDDLE, **nothing}
    assert starts({**state, "covered": covered}, "p007", "p300") == [MIDDLE, None]


def test_the_state_of_ten_thousand_promotions_takes_ten_bytes_each_and_two_kilobytes() -> None:
    known = [f"promotion-{number}" for number in range(10_000)]
    state: dict[str, Any] = {}
    marks = bookmarks(state, *known)
    for number, partition in enumerate(known):
        if number < 40:
            marks.progress(partition, f"2026-11-10T00:00:{number:02}.000Z")
        else:
            marks.finish(partition, MIDDLE)
        if number % 500 == 0:
            assert len(written(state)) <= 10 * len(known) + 2000
    marks.complete()
    assert 80_000 <= len(written(state)) <= 10 * len(known) + 2000


def test_of_more_groups_than_sixteen_the_two_oldest_become_one_with_the_earlier_value() -> None:
    state: dict[str, Any] = {}
    marks = bookmarks(state)
    for number in range(18):
        marks.progress(f"p{number}", f"2026-11-10T00:00:{number:02}.000Z")
    assert len(state["older"]) == 16
    assert [marks.start(f"p{number}") for number in (0, 1, 2, 3)] == [
        "2026-11-10T00:00:00.000Z",
        "2026-11-10T00:00:00.000Z",
        "2026-11-10T00:00:00.000Z",
        "2026-11-10T00:00:03.000Z",
    ]


def test_a_bookmark_does_not_pass_the_vendors_clock_at_the_begin() -> None:
    state: dict[str, Any] = {}
    marks = bookmarks(state, bound=MIDDLE)
    marks.progress("p1", NEW)
    assert marks.start("p1") == MIDDLE
    marks.finish("p1", NEW)
    assert state[VALUE] == MIDDLE


def test_a_bookmark_never_goes_back() -> None:
    state = complete({}, p1=NEW)
    assert complete(state, p1=None)[VALUE] == NEW
    assert complete(state, p1=OLD)[VALUE] == NEW


def test_a_run_that_found_no_row_at_all_leaves_no_value() -> None:
    assert complete({}, p1=None)[VALUE] is None


def test_values_are_compared_as_instants_not_as_texts() -> None:
    state = complete({}, p1="2026-11-20T01:00:00+02:00")
    assert complete(state, p1="2026-11-19T23:30:00Z")[VALUE] == "2026-11-19T23:30:00Z"


def test_a_partition_that_is_not_finished_keeps_its_older_value() -> None:
    state = complete({}, p1=OLD, p2=OLD)
    marks = bookmarks(state, "p1", "p2")
    marks.finish("p1", NEW)
    marks.complete()
    assert state[VALUE] == NEW
    assert [group[VALUE] for group in state["older"]] == [OLD]
    assert starts(state, "p1", "p2") == [NEW, OLD]


def test_a_partition_that_was_read_in_part_goes_on_from_there() -> None:
    state = complete({}, p1=OLD, p2=OLD)
    marks = bookmarks(state, "p1", "p2")
    marks.progress("p1", MIDDLE)
    assert starts(state, "p1", "p2") == [MIDDLE, OLD]


def test_a_partition_that_comes_back_after_weeks_goes_on_from_its_value() -> None:
    state = complete({}, p1=OLD, p2=OLD)
    for _ in range(3):
        state = complete(state, p2=NEW)
    assert starts(state, "p1", "p2") == [OLD, NEW]


def test_a_partition_whose_set_is_older_than_35_days_is_dropped_only_when_a_whole_list_lacks_it() -> None:
    ancient = "2026-10-01T00:00:00.000Z"
    state = complete({}, p1=ancient, p2=ancient)
    partly = after(state)
    bookmarks(partly, "p2", complete=False)
    assert starts(partly, "p1", "p2") == [ancient, ancient]
    wholly = after(state)
    bookmarks(wholly, "p2")
    assert starts(wholly, "p1", "p2") == [None, ancient]


def test_a_new_partition_is_read_from_its_start() -> None:
    assert starts(complete({}, p1=NEW), "p1", "p2") == [NEW, None]


def test_a_run_that_goes_on_keeps_the_bound_of_the_interrupted_one() -> None:
    state: dict[str, Any] = {}
    bookmarks(state, "p1", "p2", bound=MIDDLE).finish("p1", NEW)
    state = after(state)
    again = bookmarks(state, "p1", "p2", bound=BOUND, go_on=True)
    assert (again.was_read("p1"), again.was_read("p2")) == (True, False)
    again.finish("p2", NEW)
    assert state[VALUE] == MIDDLE


def test_a_run_that_does_not_go_on_begins_with_what_was_read_so_far() -> None:
    state: dict[str, Any] = {}
    bookmarks(state, "p1", "p2").finish("p1", NEW)
    again = bookmarks(after(state), "p1", "p2")
    assert [again.was_read("p1"), again.start("p1"), again.start("p2")] == [False, NEW, None]


def test_an_earlier_end_claims_nothing_beyond_what_was_read_and_takes_nothing_back() -> None:
    state = complete({}, p1=NEW)
    marks = bookmarks(state, "p1", "p2", bound=MIDDLE)
    marks.finish("p1", None)
    marks.finish("p2", OLD)
    marks.complete()
    assert starts(state, "p1", "p2") == [NEW, OLD]
    assert (len(str(state["covered"])), state["pass"]["began"]) == (8, None)


def test_a_partition_that_holds_nothing_newer_than_what_was_read_in_part_is_complete_up_to_there() -> None:
    state: dict[str, Any] = {}
    bookmarks(state, "p1").progress("p1", MIDDLE)
    assert complete(state, p1=None)[VALUE] == MIDDLE


def test_a_list_of_partitions_that_a_plain_sdk_tap_wrote_is_read() -> None:
    state = {"partitions": [exception("p1", OLD), exception("p2", NEW)]}
    assert starts(state, "p1", "p2", "p3") == [OLD, NEW, None]


def test_a_value_without_sets_holds_for_what_is_listed() -> None:
    assert starts({VALUE: NEW}, "p1", "p2") == [NEW, NEW]


def test_a_state_of_0_1_0_is_read_with_its_filter_its_exceptions_and_its_interrupted_pass() -> None:
    state = {
        VALUE: MIDDLE,
        "scope": ["p1", "p2", "p4"],
        "partitions": [exception("p2", OLD), exception("p5", None)],
        "pass": {"after": "p1", "bound": BOUND, "latest": NEW, "scope": None},
    }
    assert starts(state, "p1", "p2", "p3", "p4", "p5") == [NEW, OLD, None, MIDDLE, None]


def test_what_0_1_0_wrote_is_empty_after_the_first_run() -> None:
    state = complete({VALUE: MIDDLE, "scope": ["p1"], "partitions": [exception("p1", OLD)]}, p1=NEW)
    assert (state["scope"], state["partitions"]) == ([], [])


def test_history_is_read_again_when_the_query_changes() -> None:
    state: dict[str, Any] = {}
    marks = bookmarks(state, "p1", query="Day TemplateUri")
    marks.finish("p1", NEW)
    marks.complete()
    assert starts(state, "p1", query="Day TemplateUri") == [NEW]
    assert starts(state, "p1", query="Week TemplateUri") == [None]


def test_a_state_without_a_query_is_of_the_same_query() -> None:
    assert starts({VALUE: NEW}, "p1", query="Day") == [NEW]


def test_sets_of_another_query_say_nothing_even_when_a_merge_put_them_under_this_one() -> None:
    weeks: dict[str, Any] = {}
    bookmarks(weeks, "p1", query="Week").finish("p1", NEW)
    assert starts(merged({"query": "Day", VALUE: OLD}, after(weeks)), "p1", query="Day") == [None]


@pytest.mark.parametrize("partitioned", [True, False])
def test_a_key_that_stood_once_stands_in_every_later_state(partitioned: bool) -> None:  # noqa: FBT001 - a case
    state: dict[str, Any] = {VALUE: OLD, "scope": [], "partitions": []} if partitioned else {VALUE: OLD}
    keys: set[str] = set()
    for query in ("Day", "Week"):
        marks = Bookmarks(state, "date", "client_id" if partitioned else None, query)
        marks.begin(BOUND, NOW, ["p1"])
        keys |= state.keys()
        assert state[VALUE] == (OLD if query == "Day" else None)
        marks.finish("p1", OLD)
        marks.complete()
        assert state.keys() == keys
        state = after(state)


def test_a_stream_without_partitions_moves_its_one_bookmark() -> None:
    state: dict[str, Any] = {}
    marks = Bookmarks(state, "date")
    marks.begin(BOUND, NOW)
    marks.progress("", OLD)
    assert (marks.start(), state) == (OLD, {"replication_key": "date", VALUE: OLD})
    marks.finish("", NEW)
    marks.finish("", None)
    marks.complete()
    assert state == {"replication_key": "date", VALUE: NEW}
