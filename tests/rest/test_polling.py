from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.rest.errors import RequestError
from tap_usage.rest.pages.polling import GROWTH, ExecutionError
from tests.rest.play import COMPLETE, GONE, QUERY, ROWS, RUNNING, SPEC, Play, submitted
from tests.rest.virtual import NOW, VirtualClock, give


def test_a_query_is_submitted_polled_and_read() -> None:
    play = Play(submitted(1), RUNNING, {"queryStatus": "Queued"}, COMPLETE)
    assert play.asked == ["/query", *["/query/e1/results"] * 3]
    (page,) = play.pages
    assert page.rows == ROWS
    assert page.body is COMPLETE
    assert page.date == NOW
    assert (play.reading.error, play.reading.received) == (None, 2)


def test_the_submission_is_sent_as_given_and_never_blindly_repeated() -> None:
    ask = SPEC.read(QUERY).next_ask()
    assert ask
    assert (ask.request.path, ask.request.method, ask.request.json) == ("/query", "POST", {"interval": "x"})
    assert dict(ask.request.params) == {"a": 1}
    assert not ask.request.repeatable
    assert ask.delay == 0


def test_polls_may_be_repeated_and_carry_nothing_of_the_submission() -> None:
    reading = SPEC.read(QUERY)
    first = reading.next_ask()
    assert first
    give(reading, first, submitted(1))
    poll = reading.next_ask()
    assert poll
    assert (poll.request.method, poll.request.json, dict(poll.request.params)) == ("GET", None, {})
    assert poll.request.repeatable


def test_waits_start_small_and_grow_to_the_longest() -> None:
    play = Play(submitted(1), *[RUNNING] * 8, COMPLETE)
    expected = [0.0, 5.0]
    while len(expected) < 10:
        expected.append(min(expected[-1] * GROWTH, 60.0))
    assert play.delays == pytest.approx(expected)
    assert GROWTH > 1


def test_the_first_wait_is_not_longer_than_the_longest() -> None:
    spec = replace(SPEC, initial=30.0, longest=2.0)
    assert Play(submitted(1), RUNNING, RUNNING, COMPLETE, spec=spec).delays == [0.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    "body",
    [
        {"queryStatus": "Complete"},
        {"queryStatus": "Complete", "results": None},
        {"queryStatus": "Complete", "results": []},
    ],
)
def test_a_complete_answer_may_hold_no_rows(body: dict[str, Any]) -> None:
    play = Play(submitted(1), body)
    assert [page.rows for page in play.pages] == [[]]
    assert play.error == ""


@pytest.mark.parametrize(
    ("more", "path"), [({"hasMore": True}, "hasMore"), ({"cursors": {"after": "c"}}, "cursors.after")]
)
def test_a_complete_answer_that_says_there_is_more_is_a_failure_that_names_where(
    more: dict[str, Any], path: str
) -> None:
    play = Play(submitted(1), {**COMPLETE, **more}, spec=replace(SPEC, more="cursors.after"))
    assert [page.rows for page in play.pages] == [ROWS]
    assert play.error == f"the answer says that there is more (`{path}`), which cannot be read"


@pytest.mark.parametrize("word", ["Failed", "Cancelled"])
def test_a_failed_query_is_submitted_again_at_once_and_a_bounded_number_of_times(word: str) -> None:
    failed = {"queryStatus": word, "results": ROWS}
    play = Play(submitted(1), failed, submitted(2), RUNNING, failed, submitted(3), failed, submitted(4), COMPLETE)
    assert play.asked == [
        "/query",
        "/query/e1/results",
        "/query",
        "/query/e2/results",
        "/query/e2/results",
        "/query",
        "/query/e3/results",
    ]
    assert play.pages == []
    assert isinstance(play.reading.error, ExecutionError)
    assert play.error.startswith(f"the query ended as {word}, 3 times; ")


def test_a_query_that_fails_once_is_read_when_the_next_one_completes() -> None:
    play = Play(submitted(1), {"queryStatus": "Failed"}, submitted(2), RUNNING, COMPLETE)
    assert [page.rows for page in play.pages] == [ROWS]
    assert play.error == ""


def test_a_forgotten_query_is_submitted_anew_and_a_bounded_number_of_times() -> None:
    once = Play(submitted(1), RUNNING, GONE, submitted(2), COMPLETE)
    assert once.asked[-2:] == ["/query", "/query/e2/results"]
    assert once.error == ""
    always = Play(submitted(1), GONE, submitted(2), GONE, submitted(3), GONE, submitted(4))
    assert always.asked.count("/query") == 3
    assert always.error.startswith("the vendor has forgotten the query, 3 times")


def test_waits_start_small_again_after_a_resubmission() -> None:
    play = Play(submitted(1), *[RUNNING] * 6, {"queryStatus": "Failed"}, submitted(2), RUNNING, COMPLETE)
    assert play.delays[-3:] == pytest.approx([0.0, 5.0, 5.0 * GROWTH][-3:])


@pytest.mark.parametrize("word", ["complete", "COMPLETE", "Succeeded", "FAILED", "", "Paused"])
def test_a_word_nobody_knows_is_a_failure_that_names_it(word: str) -> None:
    play = Play(submitted(1), {"queryStatus": word, "results": ROWS})
    assert play.pages == []
    assert isinstance(play.reading.error, ExecutionError)
    assert play.error.startswith(f"the query has a status nobody knows: {word}; ")
    assert play.journal == ["e1", None]


def test_a_strange_word_is_named_in_one_bounded_line() -> None:
    play = Play(submitted(1), {"queryStatus": "<b>\r\n" + "x" * 500})
    assert len(play.error.splitlines()) == 1
    assert len(play.error) < 200


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"results": ROWS},
        {"queryStatus": 5},
        {"queryStatus": None},
        {"queryStatus": "Complete", "results": {}},
        {"queryStatus": "Complete", "results": [1]},
    ],
)
def test_a_poll_without_a_status_or_with_odd_rows_fails_its_check(body: object) -> None:
    play = Play(submitted(1), body)
    assert isinstance(play.reading.error, RequestError)
    assert play.pages == []


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"executionId": None},
        {"executionId": ""},
        {"executionId": 5},
        {"executionId": "a/b"},
        {"executionId": "../x?y"},
        {"executionId": "a\r\nb"},
        {"executionId": "a%2Fb"},
        {"executionId": "a#b"},
        {"executionId": " a"},
        {"executionId": "x" * 500},
        {"resultsUri": "/query/e1/results"},
    ],
)
def test_a_submission_without_a_usable_id_fails_its_check(body: object) -> None:
    play = Play(body)
    assert isinstance(play.reading.error, RequestError)
    assert "`executionId`" in play.error
    assert play.journal == []


def test_the_address_of_the_results_is_the_tables_not_the_answers() -> None:
    assert "http://b.example/elsewhere" not in Play(submitted(1), COMPLETE).asked


def test_a_query_that_runs_too_long_has_failed_after_a_last_look_at_the_deadline() -> None:
    play = Play(submitted(1))
    assert sum(play.delays) == pytest.approx(SPEC.timeout)
    assert play.error == "the query still runs after 600 seconds; the next run goes on waiting for it"
    assert play.pages == []


def test_a_query_that_completes_at_the_deadline_is_read() -> None:
    polls = len(Play(submitted(1)).asked) - 2
    play = Play(submitted(1), *[RUNNING] * polls, COMPLETE)
    assert [page.rows for page in play.pages] == [ROWS]


def test_a_query_is_looked_at_once_more_when_an_answer_had_to_wait_until_after_the_deadline() -> None:
    clock = VirtualClock()
    reading = SPEC.read(replace(QUERY, clock=clock))
    for body in (submitted(1), RUNNING, COMPLETE):
        ask = reading.next_ask()
        assert ask
        clock.wait(0 if body is COMPLETE else SPEC.timeout * 2)  # the target did not read meanwhile
        give(reading, ask, body)
    assert reading.error is None
    assert [page.rows for page in reading.pages] == [ROWS]


@given(initial=st.floats(0.05, 100), longest=st.floats(0.05, 200), timeout=st.floats(0, 1000))
def test_no_schedule_waits_beyond_its_deadline_or_its_longest_wait(
    initial: float, longest: float, timeout: float
) -> None:
    spec = replace(SPEC, initial=initial, longest=max(longest, timeout / 500), timeout=timeout)
    play = Play(submitted(1), spec=spec)
    assert sum(play.delays) == pytest.approx(timeout, abs=1e-6)
    assert max(play.delays) <= spec.longest + 1e-9
    growing = play.delays[1:-1]
    assert growing == sorted(growing)
