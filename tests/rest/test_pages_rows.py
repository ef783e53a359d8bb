"""Where the rows of an answer are, and how an answer says that there are more of them."""

from __future__ import annotations

from typing import Any

import pytest

from tap_usage.rest.pages.rows import Rows, count

BUCKETS = Rows("data.*.results", envelope=("data.*.start_time", "object"))


@pytest.mark.parametrize("body", [{"a": {"b": []}}, {"a": {"b": [{}]}}, {"a": {"b": [{"id": 1}] * 3}, "c": 1}])
def test_a_list_of_objects_is_rows(body: dict[str, Any]) -> None:
    assert Rows("a.b").problem(body) is None
    assert Rows("a.b").of(body) == body["a"]["b"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        5,
        True,
        {},
        {"a": None},
        {"a": []},
        {"a": {"b": None}},
        {"a": {"b": {}}},
        {"a": {"b": "text"}},
        {"a": {"b": [1]}},
        {"a": {"b": [{}, None]}},
        {"a": {"b": [[]]}},
    ],
)
def test_anything_else_is_not_and_the_problem_names_the_place_but_no_value(body: object) -> None:
    problem = Rows("a.b").problem(body)
    assert problem
    assert "a.b" in problem or "not a JSON object" in problem
    assert "text" not in problem


def test_rows_may_be_missing_where_a_name_beside_proves_that_this_is_the_answer() -> None:
    rows = Rows("a.b", beside=("a", "size"))
    assert rows.problem({"size": 0}) is None
    assert rows.problem({"a": None}) is None
    assert rows.problem({"a": {"b": None}}) is None
    assert rows.problem({"error": "oops"})
    assert rows.problem({"a": {"b": "text"}})
    assert rows.of({"size": 0}) == []


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (7, 7), (-1, None), (True, None), (False, None), ("7", None), (7.0, None), (None, None), ([7], None)],
)
def test_a_number_of_rows_is_a_whole_number(value: object, number: int | None) -> None:
    assert count(value) == number


def test_an_answer_that_itself_is_the_row_may_be_any_object() -> None:
    assert Rows().problem({"anything": 1}) is None
    assert Rows().problem([]) is not None
    assert Rows().of({"anything": 1}) == [{"anything": 1}]


def test_rows_inside_rows_come_in_their_order_with_the_fields_around_them() -> None:
    body = {
        "object": "page",
        "data": [
            {"start_time": 1, "results": [{"count": 1}, {"count": 2}]},
            {"start_time": 2, "results": []},
            {"results": [{"count": 3}]},
        ],
    }
    assert BUCKETS.problem(body) is None
    assert BUCKETS.of(body) == [
        {"count": 1, "start_time": 1, "object": "page"},
        {"count": 2, "start_time": 1, "object": "page"},
        {"count": 3, "start_time": None, "object": "page"},
    ]


def test_lists_may_be_nested_more_than_once() -> None:
    body = {"a": [{"t": 1, "b": {"c": [{"u": 2, "rows": [{"v": 3}]}, {"u": 4, "rows": [{"v": 5}]}]}}]}
    rows = Rows("a.*.b.c.*.rows", envelope=("a.*.t", "a.*.b.c.*.u"))
    assert rows.problem(body) is None
    assert rows.of(body) == [{"v": 3, "u": 2, "t": 1}, {"v": 5, "u": 4, "t": 1}]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": {}},
        {"data": [{}]},
        {"data": [{"results": None}]},
        {"data": [{"results": [{}]}, {"results": {}}]},
        {"data": [{"results": [1]}]},
        {"data": [[]]},
        {"data": [None]},
    ],
)
def test_a_bucket_without_rows_is_not_what_was_asked_for(body: object) -> None:
    assert BUCKETS.problem(body) == "an answer without rows in `data.*.results`"


def test_buckets_may_be_missing_where_a_name_beside_proves_it_or_the_total_is_0() -> None:
    assert Rows("data.*.results", beside=("object",)).problem({"object": "page"}) is None
    assert BUCKETS.problem({"data": None, "total": 0}, ("total",)) is None


@pytest.mark.parametrize("field", ["dat.*.start_time", "data.*.results.*.id", "other.*.x"])
def test_an_outer_field_that_is_not_on_the_way_to_the_rows_is_refused_when_it_is_said(field: str) -> None:
    with pytest.raises(ValueError, match="is not on the way to the rows in `data"):
        Rows("data.*.results", envelope=(field,))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"has_more": True}, "has_more"),
        ({"hasMore": True}, "hasMore"),
        ({"next": "/2"}, "next"),
        ({"next": {"href": "/2"}}, "next"),
        ({"_links": {"next": {"href": "/2"}}}, "_links.next"),
        ({"@odata.nextLink": "https://a.example"}, "@odata.nextLink"),
        ({"meta": {"paging": {"next-page-token": "t"}}}, "meta.paging.next-page-token"),
        ({"pageInfo": {"hasNextPage": True}}, "pageInfo.hasNextPage"),
        ({"nextPageUri": "x", "next_page_url": "y"}, "nextPageUri"),
    ],
)
def test_an_answer_says_in_well_known_words_that_there_is_more(body: dict[str, Any], path: str) -> None:
    assert Rows("items").said_more({"items": [], **body}) == path


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"has_more": False},
        {"has_more": None},
        {"has_more": "", "next": "", "nextUri": None},
        {"has_more": 1, "next": 7, "next_cursor": []},
        {"_links": {"next": {"href": ""}, "self": {"href": "/1"}}},
        {"_links": {"next": {}}},
        {"items": [{"next": "/2", "has_more": True}]},
        {"others": [{"next": "/2"}]},
        {"a": {"b": {"c": {"next": "too deep"}}}},
        {"nextbilling": "2026-01-01", "previous": "/0", "more": True},
    ],
)
def test_nothing_else_says_so(body: dict[str, Any]) -> None:
    assert Rows("items").said_more({"items": [], **body}) == ""


def test_what_is_looked_at_says_nothing_of_its_own() -> None:
    body = {"paging": {"next": "c"}, "has_more": True}
    assert Rows("items").said_more(body, "paging.next", "has_more") == ""
    assert Rows("items").said_more(body, "paging.next") == "has_more"
    assert Rows("items").said_more(body, "paging.nxt", "has_more") == "paging.next"


def test_the_fields_of_an_answer_that_itself_is_the_row_say_nothing() -> None:
    assert Rows().said_more({"next": "/2"}) == ""
