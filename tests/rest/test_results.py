"""Results of an execution that come in pages, whatever the vendor."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.rest.errors import LinkRefusedError, PagingError, RequestError
from tap_usage.rest.pages.links import NextCursor, NextLink
from tap_usage.rest.pages.polling import ExecutionError
from tap_usage.rest.pages.query import Submitted
from tap_usage.rest.pages.results import Reason, Results
from tests.rest.play import GONE, QUERY, RUNNING, Play, submitted
from tests.rest.play import SPEC as ONE_PAGE
from tests.rest.virtual import NOW, refusal

RESULTS = Results(NextLink("next", cursor="after"), "size", 8, ("too.large",))
SPEC = replace(ONE_PAGE, results=RESULTS, reason=Reason("error.status", "error.code", "error.id"), unseen=3)
TOLERANT = replace(SPEC, tolerant=True)
JOB = "/query/e1/results"
TOO_LARGE = RequestError("GET /rows", 400, "ask for less", code="too.large")
RESUMED = replace(QUERY, resume=Submitted("e9", "f", NOW - timedelta(hours=1)))


def page(*numbers: int, following: str | None = None) -> dict[str, Any]:
    body = {"queryStatus": "Complete", "results": [{"n": number} for number in numbers]}
    return body | ({"next": following} if following else {})


def failed(**error: object) -> dict[str, Any]:
    return {"queryStatus": "Failed"} | ({"error": error} if error else {})


def numbers(play: Play) -> list[int]:
    return [row["n"] for each in play.pages for row in each.rows]


def test_the_first_success_is_page_one_and_each_page_leads_to_the_next() -> None:
    script = (RUNNING, page(1, 2, following=f"{JOB}?after=a"), page(3, following=f"{JOB}?after=b"), page(4))
    play = Play(submitted(1), *script, spec=SPEC)
    assert play.asked == ["/query", JOB, JOB, f"{JOB}?after=a", f"{JOB}?after=b"]
    assert numbers(play) == [1, 2, 3, 4]
    assert (play.error, play.reading.received) == ("", 4)
    assert play.delays[3:] == [0.0, 0.0]


def test_the_final_size_is_asked_for_from_the_first_poll_on() -> None:
    play = Play(submitted(1), RUNNING, page(1, following=f"{JOB}?after=a"), page(2), spec=SPEC)
    assert play.sizes == [None, 8, 8, 8]


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        (f"{JOB}?after=a%2Bb%3D", f"{JOB}?after=a%2Bb%3D"),
        (f"{JOB}?size=2&after=a", f"{JOB}?after=a"),
        (f"{JOB}?after=a&size=2&other=1", f"{JOB}?after=a&other=1"),
        (f"https://a.example{JOB}?after=a&size=2", f"https://a.example{JOB}?after=a"),
        ("?after=a", f"{JOB}?after=a"),
        (f"{JOB}?cursor=a", f"{JOB}?cursor=a"),
        (f"{JOB}?size=2", JOB),
    ],
)
def test_a_link_is_followed_with_the_own_size_and_a_cursor_as_the_vendor_wrote_it(link: str, asked: str) -> None:
    play = Play(submitted(1), page(1, following=link), page(2), spec=SPEC)
    assert (play.asked[-1], play.sizes[-1]) == (asked, 8)
    assert numbers(play) == [1, 2]


def test_a_cursor_for_a_parameter_does_as_well() -> None:
    spec = replace(SPEC, results=replace(RESULTS, following=NextCursor("next", param="after")))
    play = Play(submitted(1), page(1, following="a"), page(2), spec=spec)
    assert play.asked[1:] == [JOB, JOB]
    assert numbers(play) == [1, 2]


@pytest.mark.parametrize("again", [f"{JOB}?after=a", f"{JOB}?size=3&after=a", f"https://a.example{JOB}?after=a"])
def test_a_cursor_that_comes_twice_is_a_failure_that_names_where(again: str) -> None:
    play = Play(submitted(1), page(1, following=f"{JOB}?after=a"), page(2, following=again), page(3), spec=SPEC)
    assert isinstance(play.reading.error, PagingError)
    assert play.error == "the pages of the results (`next`) go in a circle"
    assert play.journal == ["e1", None]


def test_an_empty_page_that_leads_on_is_not_the_end() -> None:
    script = (page(following=f"{JOB}?after=a"), page(following=f"{JOB}?after=b"), page(1, following=f"{JOB}?after=c"))
    play = Play(submitted(1), *script, page(), spec=SPEC)
    assert (numbers(play), play.error) == ([1], "")
    assert len(play.asked) == 5


@pytest.mark.parametrize("link", [7, ["x"], {"href": "/x"}])
def test_a_link_that_is_none_is_a_named_failure(link: object) -> None:
    play = Play(submitted(1), page(1) | {"next": link}, spec=SPEC)
    assert play.error == "what stands at `next` leads nowhere"


def test_a_last_page_that_says_elsewhere_that_there_is_more_is_a_failure() -> None:
    play = Play(submitted(1), page(1) | {"hasMore": True}, spec=SPEC)
    assert "`hasMore`" in play.error


def test_a_page_that_leads_on_may_say_so_twice() -> None:
    first = page(1, following="?after=a") | {"hasMore": True}
    for query in (QUERY, RESUMED):
        play = Play(*([] if query is RESUMED else [submitted(1)]), first, page(2), spec=SPEC, query=query)
        assert (numbers(play), play.error) == ([1, 2], "")


def test_a_size_that_is_too_large_is_halved_where_that_is_said_and_stays_so() -> None:
    script = (TOO_LARGE, TOO_LARGE, page(1, 2, following=f"{JOB}?after=a"), TOO_LARGE, page(3), GONE)
    play = Play(submitted(1), *script, spec=SPEC)
    assert play.sizes[1:] == [8, 4, 2, 2, 1]
    assert play.asked[1:] == [JOB, JOB, JOB, f"{JOB}?after=a", f"{JOB}?after=a"]
    assert (numbers(play), play.error) == ([1, 2, 3], "")


def test_a_single_row_that_is_too_large_is_a_failure() -> None:
    play = Play(submitted(1), *[TOO_LARGE] * 9, spec=SPEC)
    assert play.sizes[1:] == [8, 4, 2, 1]
    assert play.reading.error is TOO_LARGE


def test_any_other_refusal_halves_nothing() -> None:
    error = RequestError("GET /rows", 400, "ask for less", code="bad.request")
    play = Play(submitted(1), error, spec=SPEC)
    assert play.sizes[1:] == [8]
    assert play.reading.error is error


@pytest.mark.parametrize("word", ["Paused", "", None, 5])
def test_a_word_that_nobody_knows_or_none_means_that_it_still_runs_where_that_is_said(word: object) -> None:
    odd = {"queryStatus": word} if word is not None else {}
    play = Play(submitted(1), odd, odd, page(1), spec=TOLERANT)
    assert (numbers(play), play.error) == ([1], "")
    assert play.delays == [0.0, 5.0, 8.0, pytest.approx(12.8)]


def test_a_word_that_nobody_knows_is_named_when_the_time_is_over() -> None:
    play = Play(submitted(1), *[{"queryStatus": "Paused"}] * 50, spec=TOLERANT)
    assert isinstance(play.reading.error, ExecutionError)
    assert "still runs after 600 seconds, with a status nobody knows (Paused)" in play.error
    assert play.journal == ["e1"]


@pytest.mark.parametrize("body", [None, [], "x"])
def test_what_is_no_object_is_no_answer_even_so(body: object) -> None:
    assert isinstance(Play(submitted(1), body, spec=TOLERANT).reading.error, RequestError)


def test_a_404_on_what_was_submitted_just_now_is_asked_again_a_few_times() -> None:
    play = Play(submitted(1), GONE, GONE, GONE, page(1), spec=SPEC)
    assert play.asked.count("/query") == 1
    assert play.delays == [0.0, 5.0, 5.0, 5.0, 5.0]
    assert numbers(play) == [1]


def test_a_404_that_stays_has_it_submitted_anew_in_bounds() -> None:
    play = Play(*[submitted(1), GONE, GONE, GONE, GONE] * 4, spec=SPEC)
    assert play.asked.count("/query") == 3
    assert play.error.startswith("the vendor has forgotten the query, 3 times; ")


def test_a_404_on_one_of_an_earlier_run_counts_at_once() -> None:
    play = Play(GONE, submitted(1), page(1), spec=SPEC, query=RESUMED)
    assert play.asked == ["/query/e9/results", "/query", JOB]
    assert numbers(play) == [1]


@pytest.mark.parametrize("broken", [failed(), GONE, page(7, following="x")])
def test_rows_that_were_given_are_given_once_more_when_the_query_is_submitted_again(broken: object) -> None:
    query = RESUMED if isinstance(broken, dict) and "next" in broken else QUERY
    first = () if query is RESUMED else (submitted(1),)
    script = (*first, page(1, following="?after=a"), page(2, following="?after=b"))
    again = (submitted(1), page(1, following="?after=a"), page(2))
    play = Play(*script, broken, *again, spec=replace(SPEC, unseen=0), query=query)
    assert numbers(play) == [1, 2, 1, 2]
    assert [each.anew for each in play.pages] == [False, False, True, False]
    assert (play.error, play.reading.received) == ("", 2)


def test_a_link_that_is_refused_is_the_failure_and_the_query_is_given_up() -> None:
    play = Play(submitted(1), page(1, following="https://b.example/x"), LinkRefusedError("elsewhere"), spec=SPEC)
    assert (play.error, play.journal) == ("elsewhere", ["e1", None])


def test_a_link_of_an_earlier_query_that_is_refused_has_it_submitted_anew() -> None:
    script = (page(1, following="https://b.example/x"), LinkRefusedError("elsewhere"), submitted(1), page(1))
    play = Play(*script, spec=SPEC, query=RESUMED)
    assert (play.error, numbers(play)) == ("", [1, 1])


def test_a_page_that_could_not_be_had_leaves_the_query_for_the_next_run() -> None:
    play = Play(submitted(1), page(1, following=f"{JOB}?after=a"), refusal(503), spec=SPEC)
    assert play.reading.error
    assert play.journal == ["e1"]


@pytest.mark.parametrize("error", [{}, {"status": 500, "code": "internal"}, {"status": 429}, {"code": "bad"}])
def test_a_failure_that_does_not_blame_the_query_is_submitted_again(error: dict[str, Any]) -> None:
    play = Play(submitted(1), failed(**error), submitted(1), page(1), spec=SPEC)
    assert (play.error, numbers(play)) == ("", [1])


def test_a_failure_that_blames_the_query_is_told_with_its_code_and_not_submitted_again() -> None:
    play = Play(submitted(1), failed(status=400, code="bad.date", id="c-1"), submitted(1), page(1), spec=SPEC)
    assert play.asked.count("/query") == 1
    assert play.error == (
        "the query ended as Failed, bad.date: the vendor finds fault with the query; "
        "ask for something else, or tell the maintainers (correlation id c-1)"
    )
    assert isinstance(play.reading.error, ExecutionError)
    assert "c-1" not in play.reading.error.cause
    assert play.journal == ["e1", None]


@given(st.lists(st.integers(0, 4), max_size=12), st.data())
def test_pages_of_any_size_with_detours_bring_each_row_once(sizes: list[int], data: st.DataObject) -> None:
    script: list[Any] = [submitted(1)]
    came = 0
    for number, size in enumerate([*sizes, 0]):
        script += [data.draw(st.sampled_from((RUNNING, TOO_LARGE, GONE)))] * data.draw(st.integers(0, 1))
        following = f"{JOB}?after={number}" if number < len(sizes) else None
        script.append(page(*range(came, came + size), following=following))
        came += size
    play = Play(*script, spec=replace(SPEC, results=replace(RESULTS, rows=10**6)))
    assert (numbers(play), play.error) == ([*range(came)], "")
