from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from tap_usage.rest.connection import Request
from tap_usage.rest.errors import RequestError
from tap_usage.rest.pages.polling import fingerprint
from tap_usage.rest.pages.query import Submitted
from tests.rest.play import COMPLETE, GONE, QUERY, ROWS, RUNNING, SPEC, Play, submitted
from tests.rest.virtual import NOW, VirtualClock, give, refusal


def test_a_submission_is_noted_with_the_vendors_clock_before_the_first_poll() -> None:
    noted: list[Submitted | None] = []
    reading = SPEC.read(replace(QUERY, journal=noted.append))
    ask = reading.next_ask()
    assert ask
    assert noted == []
    give(reading, ask, submitted(7))
    assert noted == [Submitted("e7", "", NOW)]


def test_a_query_is_over_only_when_its_rows_were_written() -> None:
    play = Play(submitted(1), COMPLETE)
    assert play.journal == ["e1"]
    play.reading.settle()
    assert play.journal == ["e1", None]


def test_each_resubmission_replaces_the_note() -> None:
    play = Play(submitted(1), {"queryStatus": "Failed"}, submitted(2), GONE, submitted(3), COMPLETE)
    assert play.journal == ["e1", None, "e2", None, "e3"]


def test_a_query_that_failed_for_good_is_forgotten() -> None:
    failed = {"queryStatus": "Failed"}
    play = Play(submitted(1), failed, submitted(2), failed, submitted(3), failed)
    assert play.journal[-1] is None


def test_a_query_that_still_runs_is_kept_for_the_next_run() -> None:
    assert Play(submitted(1)).journal == ["e1"]


@pytest.mark.parametrize("error", [refusal(500), refusal(403), refusal(None)])
def test_a_query_that_could_not_be_polled_is_kept_for_the_next_run(error: RequestError) -> None:
    play = Play(submitted(1), RUNNING, error)
    assert play.reading.error is error
    assert play.journal == ["e1"]


def test_a_submission_that_failed_leaves_no_note() -> None:
    play = Play(refusal(500))
    assert play.reading.error
    assert play.journal == []


EARLIER = Submitted("e9", "f", datetime(2026, 11, 22, 11, tzinfo=NOW.tzinfo))
RESUMED = replace(QUERY, resume=EARLIER)


def test_an_earlier_query_is_polled_at_once_and_not_submitted_again() -> None:
    play = Play(RUNNING, COMPLETE, query=RESUMED)
    assert play.asked == ["/query/e9/results"] * 2
    assert play.delays[0] == 0
    assert play.delays[1] > 0
    assert [page.rows for page in play.pages] == [ROWS]


def test_an_earlier_query_that_was_forgotten_is_submitted_anew() -> None:
    play = Play(GONE, submitted(1), COMPLETE, query=RESUMED)
    assert play.asked == ["/query/e9/results", "/query", "/query/e1/results"]
    assert play.journal == [None, "e1"]
    assert play.error == ""


def test_an_earlier_query_gets_the_whole_time_again() -> None:
    play = Play(query=RESUMED)
    assert sum(play.delays) == pytest.approx(SPEC.timeout)
    assert play.journal == []


@pytest.mark.parametrize("vanishing", [True, False])
def test_a_404_to_the_submission_means_nothing_is_there_only_where_that_is_known(
    vanishing: bool,  # noqa: FBT001 - a case
) -> None:
    play = Play(GONE, query=replace(QUERY, vanishing=vanishing))
    assert play.reading.vanished is vanishing
    assert (play.reading.error is None) is vanishing
    assert play.asked == ["/query"]


def test_a_parent_that_vanishes_while_its_query_runs_is_no_failure() -> None:
    play = Play(submitted(1), RUNNING, GONE, GONE, query=replace(QUERY, vanishing=True))
    assert play.asked == ["/query", "/query/e1/results", "/query/e1/results", "/query"]
    assert play.reading.vanished
    assert play.error == ""


def test_the_same_query_has_the_same_fingerprint_whatever_the_order_of_its_fields() -> None:
    one = Request("/query", "POST", params={"a": 1, "b": 2}, json={"interval": "x", "groupBy": ["A", "B"]})
    other = Request("/query", "POST", params={"b": 2, "a": 1}, json={"groupBy": ["A", "B"], "interval": "x"})
    assert fingerprint("http://a", one) == fingerprint("http://a", other)


def test_host_method_path_parameters_and_body_all_tell_queries_apart() -> None:
    base = Request("/query", "POST", params={"a": 1}, json={"groupBy": ["A", "B"]})
    others = [
        Request("/query2", "POST", params={"a": 1}, json={"groupBy": ["A", "B"]}),
        Request("/query", "PUT", params={"a": 1}, json={"groupBy": ["A", "B"]}),
        Request("/query", "POST", params={"a": 2}, json={"groupBy": ["A", "B"]}),
        Request("/query", "POST", params={"a": 1}, json={"groupBy": ["B", "A"]}),
        Request("/query", "POST", params={"a": 1}),
    ]
    marks = [fingerprint("http://a", request) for request in (base, *others)] + [fingerprint("http://b", base)]
    assert len(set(marks)) == len(marks)


def test_while_a_query_runs_its_reading_tells_since_when_and_when_the_next_look_is() -> None:
    clock = VirtualClock()
    reading = SPEC.read(replace(QUERY, clock=clock))
    seen = []
    for body in (submitted(1), RUNNING, {"queryStatus": "Failed"}, submitted(2), COMPLETE):
        ask = reading.next_ask()
        assert ask
        clock.wait(ask.delay)
        give(reading, ask, body)
        seen.append((reading.submitted, reading.next_look))
    assert [since for since, _ in seen] == [1000, 1000, None, 1013, None]
    assert [seen[at][1] for at in (0, 1, 3)] == [1005, 1013, 1018]


def test_a_query_of_an_earlier_run_runs_since_it_was_submitted() -> None:
    clock = VirtualClock()
    assert SPEC.read(replace(RESUMED, clock=clock)).submitted == clock.monotonic() - 3600
