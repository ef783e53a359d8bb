"""Lists whose answers tell the next request: by a link."""

from __future__ import annotations

import functools
import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.rest.connection import Request
from tap_usage.rest.errors import LinkRefusedError, PagingError
from tap_usage.rest.pages.links import MOST_PAGES, NextCursor, NextLink
from tap_usage.rest.pages.query import Paging, Query, Reading, Rows
from tap_usage.rest.pages.single import SinglePage
from tests.rest.virtual import about, drive, give, ids, refusal

ITEMS = Rows("items", beside=("items", "size"))


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": f"r{number}"} for number in numbers]


def query(**fields: Any) -> Query:  # noqa: ANN401 - fields of the query
    return about(Request("/rows", params={"limit": 5}), ITEMS, **fields)


LINKS = NextLink("next")
COUNTED = NextLink("next", total="total")


def linked(spec: NextLink, bodies: dict[str, Any], **fields: Any) -> tuple[list[str], Reading, list[str]]:  # noqa: ANN401 - fields of the query
    """Read linked pages. Return the ids, the reading, and the paths that were asked."""
    asked: list[str] = []

    def serve(request: Request) -> Any:  # noqa: ANN401 - a body or an error
        asked.append(request.path)
        body = bodies[request.path]
        return body.pop(0) if isinstance(body, list) else body

    reading = spec.read(query(**fields))
    found = drive(reading, serve)
    return ids(found), reading, asked


def test_links_are_followed_one_by_one_until_there_is_none() -> None:
    found, reading, asked = linked(
        LINKS,
        {
            "/rows": {"items": rows(1, 2), "next": "/rows?c=2"},
            "/rows?c=2": {"items": rows(3), "next": "http://a.example/rows?c=3"},
            "http://a.example/rows?c=3": {"items": rows(4)},
        },
    )
    assert found == ["r1", "r2", "r3", "r4"]
    assert asked == ["/rows", "/rows?c=2", "http://a.example/rows?c=3"]
    assert (reading.error, reading.received, reading.expected) == (None, 4, None)


def test_a_link_replaces_the_parameters_of_the_first_request() -> None:
    reading = LINKS.read(query())
    first = reading.next_ask()
    assert first
    assert dict(first.request.params) == {"limit": 5}
    give(reading, first, {"items": rows(1), "next": "/rows?c=2"})
    second = reading.next_ask()
    assert second
    assert not second.request.params
    assert second.request.check({"error": "oops"})


@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}])
def test_no_link_is_the_end(end: dict[str, Any]) -> None:
    found, reading, _ = linked(LINKS, {"/rows": {"items": rows(1)} | end})
    assert found == ["r1"]
    assert reading.error is None


def test_an_empty_page_with_a_link_is_not_the_end() -> None:
    pages: dict[str, Any] = {"/rows": {"size": 0, "next": "/2"}, "/2": {"items": [], "next": "/3"}}
    found, reading, _ = linked(LINKS, pages | {"/3": {"items": rows(1)}})
    assert found == ["r1"]
    assert reading.error is None


def test_rows_that_come_again_are_given_once() -> None:
    found, reading, _ = linked(LINKS, {"/rows": {"items": rows(1, 2, 2), "next": "/2"}, "/2": {"items": rows(2, 3)}})
    assert found == ["r1", "r2", "r3"]
    assert reading.error is None


@pytest.mark.parametrize(
    "pages",
    [
        {"/rows": {"items": rows(1), "next": "/rows"}},
        {"/rows": {"items": rows(1), "next": "/2"}, "/2": {"items": rows(1), "next": "/3"}},
        {"/rows": {"items": rows(1), "next": "/2"}, "/2": {"items": rows(2), "next": "/2"}},
        {"/rows": {"items": rows(1), "next": "/2"}, "/2": {"items": rows(2), "next": "/rows"}},
        {"/rows": {"items": [], "next": "/2"}, "/2": {"items": [], "next": "/2"}},
        {"/rows": {"items": rows(1), "next": 5}},
        {"/rows": {"items": rows(1), "next": {"href": "/2"}}},
    ],
)
def test_links_that_lead_nowhere_end_in_a_failure_after_a_second_look(pages: dict[str, Any]) -> None:
    found, reading, asked = linked(LINKS, pages)
    assert isinstance(reading.error, PagingError)
    assert "twice in a row" in str(reading.error)
    assert len(found) == len(set(found))
    assert asked.count("/rows") >= 2
    assert len(asked) <= 6


def test_a_list_that_does_not_add_up_once_is_read_once_more() -> None:
    short = {"items": rows(1), "total": 3}
    whole = {"items": rows(1, 2, 3), "total": 3}
    found, reading, asked = linked(COUNTED, {"/rows": [short, whole]})
    assert found == ["r1", "r2", "r3"]
    assert reading.error is None
    assert len(asked) == 2


@pytest.mark.parametrize("total", [0, 1, 3, 100])
def test_a_list_that_never_adds_up_is_a_failure_that_says_both_numbers(total: int) -> None:
    found, reading, _ = linked(COUNTED, {"/rows": {"items": rows(1, 2), "total": total}})
    assert found == ["r1", "r2"]
    assert f"2 rows came, the vendor says {total}" in str(reading.error)
    assert reading.expected == total


@pytest.mark.parametrize("total", [None, "2", -1, True])
def test_a_total_that_is_no_number_proves_nothing(total: object) -> None:
    found, reading, _ = linked(COUNTED, {"/rows": {"items": rows(1, 2, 3), "total": total}})
    assert found == ["r1", "r2", "r3"]
    assert reading.error is None


def test_a_first_page_that_is_served_for_every_link_is_not_taken_for_the_whole_list() -> None:
    first = {"items": rows(1, 2), "total": 4, "next": "/2"}
    found, reading, _ = linked(COUNTED, {"/rows": first, "/2": first | {"next": None}})
    assert found == ["r1", "r2"]
    assert isinstance(reading.error, PagingError)


def test_a_list_that_shrinks_between_two_pages_is_read_once_more() -> None:
    first = {"items": rows(1, 2), "total": 4, "next": "/2"}
    shrunk = {"items": rows(2, 3), "total": 3, "next": "/2"}
    pages = {"/rows": [first, shrunk], "/2": {"items": rows(4), "total": 3}}
    found, reading, _ = linked(COUNTED, pages)
    assert found == ["r1", "r2", "r4", "r3"]
    assert reading.error is None


def test_a_failure_in_the_middle_keeps_the_pages_before_it() -> None:
    error = refusal(503)
    found, reading, _ = linked(LINKS, {"/rows": {"items": rows(1), "next": "/2"}, "/2": error})
    assert found == ["r1"]
    assert reading.error is error


def test_a_refused_link_is_the_failure_of_the_list() -> None:
    error = LinkRefusedError("a link to http://b.example was refused")
    found, reading, _ = linked(
        LINKS, {"/rows": {"items": rows(1), "next": "http://b.example"}, "http://b.example": error}
    )
    assert found == ["r1"]
    assert reading.error is error


@pytest.mark.parametrize(("vanishing", "page", "vanished"), [(True, 1, True), (False, 1, False), (True, 2, False)])
def test_only_a_404_on_the_first_page_means_that_there_is_nothing(
    vanishing: bool,  # noqa: FBT001 - a case
    page: int,
    vanished: bool,  # noqa: FBT001 - a case
) -> None:
    first: Any = refusal(404) if page == 1 else {"items": rows(1), "next": "/2"}
    _, reading, _ = linked(LINKS, {"/rows": first, "/2": refusal(404)}, vanishing=vanishing)
    assert reading.vanished is vanished
    assert (reading.error is None) is vanished


def test_links_without_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_PAGES >= 10_000
    monkeypatch.setattr("tap_usage.rest.pages.links.MOST_PAGES", 50)
    numbers = iter(range(1000))

    def serve(_: Request) -> Any:  # noqa: ANN401 - decoded JSON
        number = next(numbers)
        return {"items": rows(number), "next": f"/{number}"}

    reading = LINKS.read(query())
    assert len(drive(reading, serve)) < 200
    assert isinstance(reading.error, PagingError)


@given(st.lists(st.lists(st.integers(0, 30), max_size=5), min_size=1, max_size=12), st.booleans())
def test_every_row_of_every_page_is_given_once(lists: list[list[int]], counted: bool) -> None:  # noqa: FBT001 - drawn
    distinct = {number for page in lists for number in page}
    bodies: dict[str, Any] = {}
    for number, page in enumerate(lists):
        following = {"next": f"/{number + 1}"} if number + 1 < len(lists) else {}
        bodies[f"/{number}" if number else "/rows"] = {"items": rows(*page), "total": len(distinct), **following}
    found, reading, _ = linked(COUNTED if counted else LINKS, bodies)
    assert len(found) == len(set(found))
    if reading.error is None:
        assert set(found) == {f"r{number}" for number in distinct}
    else:
        assert any(
            page and set(page) <= set(functools.reduce(operator.iadd, lists[:number], []))
            for number, page in enumerate(lists)
        )


@pytest.mark.parametrize("kind", [LINKS, COUNTED, NextCursor("c", "c"), SinglePage(most=3)])
def test_each_reading_of_a_specification_is_a_fresh_one(kind: Paging) -> None:
    for _ in range(2):
        reading = kind.read(query())
        assert reading.next_ask()
        assert not reading.finished
