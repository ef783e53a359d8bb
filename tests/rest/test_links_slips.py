"""Cursors, rows that nothing tells apart, and slips of a data sheet that would lose rows."""

from __future__ import annotations

from typing import Any

import pytest

from tap_usage.rest.connection import Request
from tap_usage.rest.errors import PagingError
from tap_usage.rest.pages.links import NextCursor, NextLink
from tap_usage.rest.pages.query import Paging, Reading, Rows
from tests.rest.virtual import about, drive, give, ids

CURSOR = NextCursor("next_page", "page", more="has_more")


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": f"r{number}"} for number in numbers]


def played(spec: Paging, bodies: dict[Any, Any], **fields: Any) -> tuple[list[str], Reading, list[Any]]:  # noqa: ANN401
    """Read a list whose answers depend on the parameter `page`. Return the ids, the reading, and what was asked."""
    asked: list[Any] = []

    def serve(request: Request) -> Any:  # noqa: ANN401 - a body or an error
        page = request.params.get("page")
        asked.append(page)
        assert request.params["limit"] == 5
        body = bodies[page]
        return body.pop(0) if isinstance(body, list) else body

    reading = spec.read(about(Request("/rows", params={"limit": 5}), **fields))
    return ids(drive(reading, serve)), reading, asked


def test_a_cursor_asks_for_the_next_page_as_a_parameter_beside_the_others() -> None:
    found, reading, asked = played(
        CURSOR,
        {
            None: {"items": rows(1, 2), "has_more": True, "next_page": "c1"},
            "c1": {"items": [], "has_more": True, "next_page": 7},
            "7": {"items": rows(3), "has_more": False, "next_page": None},
        },
    )
    assert found == ["r1", "r2", "r3"]
    assert asked == [None, "c1", "7"]
    assert (reading.error, reading.received) == (None, 3)


@pytest.mark.parametrize("end", [{}, {"next_page": None}, {"next_page": ""}, {"next_page": "x", "has_more": False}])
def test_no_cursor_or_a_word_that_there_is_no_more_is_the_end(end: dict[str, Any]) -> None:
    found, reading, asked = played(CURSOR, {None: {"items": rows(1), **end}})
    assert (found, reading.error, asked) == (["r1"], None, [None])


@pytest.mark.parametrize("cursor", [{}, {"next_page": None}, {"next_page": ""}])
def test_more_without_a_cursor_is_a_failure_that_names_both(cursor: dict[str, Any]) -> None:
    spec = NextCursor("next_page", "page", more="goes_on")
    found, reading, _ = played(spec, {None: {"items": rows(1), "goes_on": True, **cursor}})
    assert found == ["r1"]
    assert str(reading.error) == (
        "the answer says in `goes_on` that there is more, but nothing is at `next_page`, where it is looked for"
    )


@pytest.mark.parametrize("cursor", [True, [], {"after": "x"}, 1.5])
def test_a_cursor_that_is_no_word_leads_nowhere(cursor: object) -> None:
    _, reading, asked = played(CURSOR, {None: {"items": rows(1), "next_page": cursor}})
    assert str(reading.error).startswith("what stands at `next_page` leads nowhere, twice in a row")
    assert asked == [None, None]


def test_a_cursor_that_repeats_is_a_circle() -> None:
    bodies = {None: {"items": rows(1), "next_page": "c"}, "c": {"items": [], "next_page": "c"}}
    _, reading, asked = played(CURSOR, bodies)
    assert "go in a circle, twice in a row" in str(reading.error)
    assert asked == [None, "c", None, "c"]


def test_a_total_is_kept_with_a_cursor_too() -> None:
    found, reading, _ = played(NextCursor("next", "page", total="total"), {None: {"items": rows(1), "total": 2}})
    assert found == ["r1"]
    assert "1 rows came, the vendor says 2, twice in a row" in str(reading.error)


@pytest.mark.parametrize(
    "spec", [NextLink("nxt"), NextLink("_links.next.hrf"), NextCursor("nxt", "page"), NextLink("nxt", total="total")]
)
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"next": "/2"}, "next"),
        ({"_links": {"next": {"href": "/2"}}}, "_links.next"),
        ({"has_more": True}, "has_more"),
        ({"next_cursor": "c"}, "next_cursor"),
    ],
)
def test_a_misspelt_path_is_a_failure_that_names_it_and_what_the_answer_says(
    spec: NextLink | NextCursor, body: dict[str, Any], told: str
) -> None:
    found, reading, asked = played(spec, {None: {"items": rows(1), "total": 9, **body}})
    assert found == ["r1"]
    assert len(asked) == 1
    assert isinstance(reading.error, PagingError)
    assert f"says in `{told}` that there is more, but nothing is at `{spec.looked_at[0]}`" in str(reading.error)


@pytest.mark.parametrize("cursor", ["c1", "page_5", "eyJhIjoxfQ==", "a:b", "rows?page=2"])
def test_a_cursor_where_a_link_is_looked_for_is_named(cursor: str) -> None:
    found, reading, asked = played(NextLink("next"), {None: {"items": rows(1), "next": cursor}})
    assert found == ["r1"]
    assert len(asked) == 1
    assert str(reading.error) == "what stands at `next` is no URL and looks like a cursor: use NextCursor"


def test_a_link_that_is_only_a_query_belongs_to_the_path_that_was_asked() -> None:
    reading = NextLink("next").read(about(Request("/rows?page=1")))
    first = reading.next_ask()
    assert first
    give(reading, first, {"items": rows(1), "next": "?page=2"})
    second = reading.next_ask()
    assert second
    assert second.request.path == "/rows?page=2"


@pytest.mark.parametrize("row", [{}, {"id": None}, {"other": 1}])
def test_a_row_without_its_identity_is_a_failure_that_names_the_field(row: dict[str, Any]) -> None:
    bodies = {None: {"items": rows(1), "next_page": "c"}, "c": {"items": [*rows(2), row, row]}}
    found, reading, asked = played(CURSOR, bodies)
    assert found == ["r1"]
    assert str(reading.error) == "a row without `id` came, which is a key"
    assert asked == [None, "c"]


def test_several_fields_together_tell_rows_apart() -> None:
    items = [{"id": 1, "day": 1}, {"id": 1, "day": 2}, {"id": 1, "day": 2}]
    found, reading, _ = played(CURSOR, {None: {"items": items}}, identity=("id", "day"))
    assert len(found) == 2
    assert reading.error is None


def test_rows_that_only_their_place_tells_apart_are_all_given() -> None:
    same = {"category": "calls"}
    bodies = {None: {"items": [same, same], "next_page": "c"}, "c": {"items": [same, same]}}
    found, reading, _ = played(CURSOR, bodies, identity=())
    assert len(found) == 4
    assert (reading.error, reading.received) == (None, 4)


def test_a_list_read_twice_gives_only_the_places_that_were_not_given() -> None:
    numbers = [{"id": number % 2} for number in range(5)]
    bodies = {None: [{"items": numbers[:3], "total": 5}, {"items": numbers, "total": 5}]}
    found, reading, _ = played(NextCursor("next", "page", total="total"), bodies, identity=())
    assert found == [0, 1, 0, 1, 0]
    assert (reading.error, reading.received) == (None, 5)


def test_rows_inside_rows_are_paged_like_any_others() -> None:
    place = Rows("data.*.results", envelope=("data.*.day",))
    bodies = {
        None: {"data": [{"day": 1, "results": rows(1)}, {"day": 2, "results": []}], "next_page": "c"},
        "c": {"data": [{"day": 3, "results": rows(2, 3)}]},
    }
    reading = CURSOR.read(about(rows=place))
    pages = drive(reading, lambda request: bodies[request.params.get("page")])
    assert [(row["id"], row["day"]) for page in pages for row in page.rows] == [("r1", 1), ("r2", 3), ("r3", 3)]
    assert reading.error is None
