"""Bookmarks: every shape of the state that the docstring tells of, and how big it may become."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.rest.polling import OLDEST_TO_RESUME, Submitted
from tap_usage.sandbox import Sandbox
from tap_usage.state import Bookmarks, Executions, instant, utc_text
from tests.running import run

USAGES = "elasticpath_promotion_usages"
VALUE = "replication_key_value"
OLD, MIDDLE, NEW, BOUND = (f"2026-11-{day}T00:00:00.000Z" for day in (10, 15, 20, 21))
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def bookmarks(state: dict[str, Any], scope: list[str] | None = None, query: str = "") -> Bookmarks:
    return Bookmarks(state, "used_on", "promotion_id", scope, query)


def exception(partition: str, value: str | None) -> dict[str, Any]:
    return {"context": {"promotion_id": partition}, "replication_key": "used_on", VALUE: value}


def after(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state as the next run gets it."""
    copy: dict[str, Any] = json.loads(json.dumps(state))
    return copy


def test_without_a_state_everything_is_read_from_its_start() -> None:
    assert bookmarks({}).start("p1") is None
    assert bookmarks({}).interrupted is None


def test_a_complete_run_leaves_one_bookmark_whatever_the_number_of_partitions() -> None:
    state: dict[str, Any] = {}
    marks = bookmarks(state)
    marks.begin(BOUND)
    known = [f"p{number:03}" for number in range(300)]
    for partition in known:
        marks.progress(partition, OLD)
        marks.finish(partition, MIDDLE)
    marks.complete(known)
    assert state == {"replication_key": "used_on", VALUE: MIDDLE}
    assert bookmarks(after(state)).start("p7") == MIDDLE


def test_a_bookmark_does_not_pass_the_vendors_clock_at_the_begin() -> None:
    state: dict[str, Any] = {}
    marks = bookmarks(state)
    marks.begin(MIDDLE)
    marks.progress("p1", NEW)
    assert marks.start("p1") == MIDDLE
    marks.finish("p1", NEW)
    marks.complete({"p1"})
    assert state[VALUE] == MIDDLE


def test_a_bookmark_never_goes_back() -> None:
    state: dict[str, Any] = {VALUE: NEW}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.progress("p1", OLD)
    assert marks.start("p1") == NEW
    marks.finish("p1", OLD)
    marks.complete({"p1"})
    assert state[VALUE] == NEW


def test_a_run_that_found_no_row_at_all_leaves_no_bookmark() -> None:
    state: dict[str, Any] = {}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.finish("p1", None)
    marks.complete({"p1"})
    assert state == {"replication_key": "used_on"}


def test_values_are_compared_as_instants_not_as_texts() -> None:
    state: dict[str, Any] = {VALUE: "2026-11-20T01:00:00+02:00"}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.finish("p1", "2026-11-19T23:30:00Z")
    marks.complete({"p1"})
    assert state[VALUE] == "2026-11-19T23:30:00Z"


def test_a_partition_that_failed_keeps_its_older_value() -> None:
    state: dict[str, Any] = {VALUE: OLD}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.progress("p1", MIDDLE)
    marks.fail("p1")
    marks.fail("p2")
    marks.finish("p3", NEW)
    marks.complete({"p1", "p2", "p3"})
    assert state == {
        "replication_key": "used_on",
        VALUE: NEW,
        "partitions": [exception("p1", MIDDLE), exception("p2", OLD)],
    }
    again = bookmarks(after(state))
    assert [again.start(partition) for partition in ("p1", "p2", "p3", "new")] == [MIDDLE, OLD, NEW, NEW]
    assert again.is_behind("p1")
    assert not again.is_behind("p3")


def test_a_partition_that_failed_before_its_first_row_has_a_null() -> None:
    state: dict[str, Any] = {}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.fail("p1")
    marks.finish("p2", NEW)
    marks.complete({"p1", "p2"})
    assert state["partitions"] == [exception("p1", None)]
    assert bookmarks(after(state)).start("p1") is None


def test_a_failed_partition_that_comes_through_is_an_exception_no_more() -> None:
    state: dict[str, Any] = {VALUE: NEW, "partitions": [exception("p1", None)]}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.finish("p1", MIDDLE)
    marks.complete({"p1"})
    assert state == {"replication_key": "used_on", VALUE: NEW}


def test_a_failed_partition_that_is_listed_no_more_is_forgotten() -> None:
    state: dict[str, Any] = {VALUE: NEW, "partitions": [exception("gone", OLD), exception("p1", OLD)]}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.fail("p1")
    marks.complete({"p1"})
    assert state["partitions"] == [exception("p1", OLD)]


def test_an_interrupted_run_says_how_far_it_came() -> None:
    state: dict[str, Any] = {VALUE: OLD}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.finish("p1", NEW)
    marks.finish("p2", None)
    marks.progress("p3", MIDDLE)
    assert state["pass"] == {"after": "p2", "bound": BOUND, "latest": NEW, "scope": None}
    again = bookmarks(after(state))
    assert again.interrupted == ("p2", BOUND)
    assert [again.start(partition) for partition in ("p1", "p2", "p3", "p4")] == [NEW, NEW, MIDDLE, OLD]


def test_a_run_that_goes_on_keeps_the_bound_of_the_interrupted_one() -> None:
    state: dict[str, Any] = {"pass": {"after": "p1", "bound": MIDDLE, "latest": OLD, "scope": None}}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.finish("p2", NEW)
    marks.complete({"p1", "p2"})
    assert state == {"replication_key": "used_on", VALUE: MIDDLE}


def test_a_run_that_reads_an_older_partition_again_does_not_go_back_behind_it() -> None:
    state: dict[str, Any] = {
        "pass": {"after": "p5", "bound": BOUND, "latest": NEW, "scope": None},
        "partitions": [exception("p2", None)],
    }
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.finish("p2", MIDDLE)
    assert marks.interrupted == ("p5", BOUND)
    marks.fail("p3")
    assert marks.interrupted == ("p5", BOUND)


def test_a_run_of_another_filter_does_not_go_on_with_an_interrupted_one() -> None:
    state: dict[str, Any] = {
        VALUE: OLD,
        "pass": {"after": "p5", "bound": BOUND, "latest": NEW, "scope": None},
        "partitions": [exception("p6", MIDDLE)],
    }
    marks = bookmarks(state, scope=["p1", "p6"])
    assert marks.interrupted is None
    assert [marks.start(partition) for partition in ("p1", "p6")] == [OLD, MIDDLE]


def test_an_abandoned_run_leaves_the_old_bookmark_and_what_single_partitions_have() -> None:
    state: dict[str, Any] = {VALUE: OLD}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.finish("p1", NEW)
    marks.fail("p2")
    marks.abandon()
    assert state == {"replication_key": "used_on", VALUE: OLD, "partitions": [exception("p2", OLD)]}


def test_an_earlier_end_lets_go_of_an_interrupted_run_and_claims_nothing_beyond_what_was_read() -> None:
    state: dict[str, Any] = {VALUE: MIDDLE, "pass": {"after": "p1", "bound": NEW, "latest": NEW, "scope": None}}
    marks = bookmarks(state)
    marks.begin(MIDDLE)
    assert marks.interrupted == ("", MIDDLE)
    marks.complete({"p1", "p2"})
    assert state == {"replication_key": "used_on", VALUE: MIDDLE}


def test_a_pass_over_an_incomplete_list_leaves_no_trace_but_what_single_partitions_have() -> None:
    state: dict[str, Any] = {VALUE: OLD}
    marks = bookmarks(state)
    marks.begin(BOUND, whole=False)
    marks.finish("p2", NEW)
    marks.progress("p3", MIDDLE)
    assert state == {"replication_key": "used_on", VALUE: OLD, "partitions": [exception("p3", MIDDLE)]}


def test_a_pass_over_an_incomplete_list_leaves_an_interrupted_one_as_it_is() -> None:
    interrupted = {"after": "p1", "bound": MIDDLE, "latest": OLD, "scope": None}
    state: dict[str, Any] = {"pass": dict(interrupted)}
    marks = bookmarks(state)
    marks.begin(BOUND, whole=False)
    marks.finish("p5", NEW)
    assert state["pass"] == interrupted


def test_a_wider_filter_with_nothing_to_read_keeps_the_bookmark() -> None:
    state: dict[str, Any] = {VALUE: NEW, "scope": ["p1"]}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.complete({"p1"})
    assert state == {"replication_key": "used_on", VALUE: NEW}


def test_a_filter_stands_in_the_state_and_brings_in_partitions_from_their_start() -> None:
    state: dict[str, Any] = {}
    narrow = bookmarks(state, scope=["p2", "p1"])
    narrow.begin(BOUND)
    narrow.finish("p1", NEW)
    narrow.finish("p2", None)
    narrow.complete({"p1", "p2"})
    assert state == {"replication_key": "used_on", VALUE: NEW, "scope": ["p1", "p2"]}
    wide = bookmarks(after(state))
    assert [wide.start(partition) for partition in ("p1", "p2", "p3")] == [NEW, NEW, None]


def test_a_wider_filter_takes_the_bookmark_of_the_slowest() -> None:
    state: dict[str, Any] = {VALUE: NEW, "scope": ["p1"]}
    marks = bookmarks(state, scope=["p1", "p2"])
    marks.begin(BOUND)
    marks.finish("p1", None)
    marks.finish("p2", OLD)
    marks.complete({"p1", "p2"})
    assert state == {"replication_key": "used_on", VALUE: NEW, "scope": ["p1", "p2"]}


def test_no_filter_any_more_leaves_no_scope() -> None:
    state: dict[str, Any] = {VALUE: NEW, "scope": ["p1"]}
    marks = bookmarks(state)
    marks.begin(BOUND)
    marks.finish("p1", None)
    marks.finish("p2", MIDDLE)
    marks.complete({"p1", "p2"})
    assert state == {"replication_key": "used_on", VALUE: NEW}


def test_a_list_of_partitions_that_a_plain_sdk_tap_wrote_is_read() -> None:
    state: dict[str, Any] = {
        "partitions": [
            exception("p1", NEW),
            {"context": {"promotion_id": "p2"}, "replication_key": "used_on", VALUE: OLD, "progress_markers": {}},
            {"context": {"promotion_id": "p3"}},
        ]
    }
    marks = bookmarks(state)
    assert [marks.start(partition) for partition in ("p1", "p2", "p3", "p4")] == [NEW, OLD, None, None]
    marks.begin(BOUND)
    for partition in ("p1", "p2", "p3", "p4"):
        marks.finish(partition, NEW)
    marks.complete({"p1", "p2", "p3", "p4"})
    assert state == {"replication_key": "used_on", VALUE: NEW}


def test_history_is_read_again_when_the_query_changes() -> None:
    state: dict[str, Any] = {VALUE: NEW, "query": "Day HttpMethod", "partitions": [exception("p1", OLD)]}
    assert bookmarks(after(state), query="Day HttpMethod").start("p2") == NEW
    marks = bookmarks(state, query="Week HttpMethod")
    assert [marks.start("p1"), marks.start("p2")] == [None, None]
    assert state["query"] == "Week HttpMethod"


def test_a_state_without_a_query_is_of_the_same_query() -> None:
    assert bookmarks({VALUE: NEW}, query="Day").start("p1") == NEW


def test_a_stream_without_partitions_moves_its_one_bookmark() -> None:
    state: dict[str, Any] = {}
    marks = Bookmarks(state, "date")
    marks.begin(BOUND)
    marks.progress("", OLD)
    marks.fail("")
    assert (marks.start(), state) == (OLD, {"replication_key": "date", VALUE: OLD})
    marks.finish("", NEW)
    marks.complete({""})
    assert state == {"replication_key": "date", VALUE: NEW}


@pytest.mark.parametrize(
    "broken",
    [
        {VALUE: "yesterday"},
        {VALUE: 20261120},
        {"partitions": [{"context": {"promotion_id": "p1"}, VALUE: "soon"}]},
        {"partitions": [{"context": {"other": "p1"}}]},
        {"pass": {"after": "p1"}},
        {"executions": [{}]},
    ],
)
def test_a_bookmark_that_cannot_be_read_is_one_clear_failure_and_stays_as_it_is(
    sandbox: Sandbox, broken: dict[str, Any]
) -> None:
    stream = "genesys_client_usage" if "executions" in broken else USAGES
    state = {"bookmarks": {stream: broken}}
    done = run(sandbox.config, select=[stream, "elasticpath_promotions"], state=state)
    assert done.code == 1
    (line,) = done.failures
    assert stream in line
    assert "state" in line
    assert done.rows(stream) == []
    assert len(done.rows("elasticpath_promotions")) == 13
    assert broken.items() <= done.state["bookmarks"][stream].items()


@pytest.mark.parametrize("bookmarks_of", [None, [], {USAGES: NEW}, {USAGES: None}, {USAGES: {"partitions": {}}}])
def test_a_state_of_another_shape_is_a_usage_error(sandbox: Sandbox, bookmarks_of: object) -> None:
    with pytest.raises(click.UsageError, match="bookmarks"):
        run(sandbox.config, state={"bookmarks": bookmarks_of})


def submitted(fingerprint: str, hours_ago: float = 0) -> Submitted:
    return Submitted(f"execution-{fingerprint}", fingerprint, NOW - timedelta(hours=hours_ago))


def test_an_execution_is_found_again_by_its_query_while_it_is_young() -> None:
    state: dict[str, Any] = {}
    kept = Executions(state)
    kept.keep(submitted("a"))
    kept.keep(submitted("b", 13))
    again = Executions(after(state))
    assert again.find("a", NOW) == submitted("a")
    assert again.find("b", NOW) is None
    assert again.find("c", NOW) is None
    assert again.find("a", NOW + OLDEST_TO_RESUME) is None


def test_a_newer_execution_of_a_query_replaces_the_older_one() -> None:
    state: dict[str, Any] = {}
    kept = Executions(state)
    kept.keep(submitted("a", 2))
    kept.keep(submitted("a", 1))
    assert len(state["executions"]) == 1
    assert kept.find("a", NOW) == submitted("a", 1)


def test_executions_leave_no_trace_when_they_are_over() -> None:
    state: dict[str, Any] = {}
    kept = Executions(state)
    kept.keep(submitted("a"))
    kept.drop("other")
    assert len(state["executions"]) == 1
    kept.drop("a")
    assert state == {}


OLD_ONE = {"execution_id": "x", "fingerprint": "f", "submitted_at": "2026-11-21T23:59:00.000Z"}
YOUNG_ONE = {"execution_id": "y", "fingerprint": "g", "submitted_at": "2026-11-22T11:00:00.000Z"}


@pytest.mark.parametrize("stream", ["genesys_organization_usage", "genesys_client_usage_summary"])
def test_executions_that_are_too_old_are_forgotten_even_by_a_run_that_fails(sandbox: Sandbox, stream: str) -> None:
    sandbox.fault("genesys.*_submit", "forbidden", times=None)
    sandbox.fault("genesys.client_summary", "forbidden", times=None)
    done = run(sandbox.config, select=[stream], state={"bookmarks": {stream: {"executions": [OLD_ONE, YOUNG_ONE]}}})
    assert done.code == 1
    assert done.state["bookmarks"][stream]["executions"] == [YOUNG_ONE]


@pytest.mark.parametrize("stream", ["genesys_organization_usage", "genesys_client_usage_summary"])
def test_a_complete_run_leaves_no_executions(sandbox: Sandbox, stream: str) -> None:
    done = run(sandbox.config, select=[stream], state={"bookmarks": {stream: {"executions": [OLD_ONE, YOUNG_ONE]}}})
    assert done.code == 0
    assert "executions" not in done.state["bookmarks"][stream]


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_survives_its_text_to_the_millisecond(moment: datetime) -> None:
    text = utc_text(moment)
    assert text.endswith("Z")
    assert timedelta() <= moment - instant(text) < timedelta(milliseconds=1)


def test_a_text_without_an_offset_is_utc() -> None:
    assert instant("2026-11-22T12:00:00") == instant("2026-11-22T12:00:00Z") == instant("2026-11-22T14:00:00+02:00")
    assert instant("2026-11-22") == datetime(2026, 11, 22, tzinfo=UTC)
    with pytest.raises(ValueError, match="yesterday"):
        instant("yesterday")
