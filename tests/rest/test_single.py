from __future__ import annotations

from typing import Any

import pytest

from tap_usage.rest.connection import Request
from tap_usage.rest.errors import ContradictionError, PagingError, RequestError
from tap_usage.rest.pages.query import Reading, Rows
from tap_usage.rest.pages.single import SinglePage
from tests.rest.virtual import NOW, about, drain, drive, give, ids, refusal


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": f"r{number}"} for number in numbers]


def single(place: Rows | str, *, most: int | None = None, **fields: Any) -> Reading:  # noqa: ANN401 - of a query
    return SinglePage(most).read(about(Request("/rows", params={"a": 1}), place, **fields))


def test_a_single_page_is_one_request_and_one_page() -> None:
    reading = single("items")
    ask = reading.next_ask()
    assert ask
    assert reading.next_ask() is None
    assert (ask.request.path, ask.request.method, dict(ask.request.params)) == ("/rows", "GET", {"a": 1})
    give(reading, ask, {"items": rows(1, 1, 2), "total": 9})
    (page,) = drain(reading)
    assert page.rows == rows(1, 1, 2)
    assert page.body["total"] == 9
    assert page.date == NOW
    assert page.mark is None
    assert (reading.finished, reading.error, reading.received) == (True, None, 3)


def test_method_and_body_of_a_request_are_kept() -> None:
    reading = SinglePage().read(about(Request("/rows", "POST", json={"a": 1})))
    ask = reading.next_ask()
    assert ask
    assert (ask.request.method, ask.request.json) == ("POST", {"a": 1})


def test_an_answer_may_itself_be_the_only_row() -> None:
    reading = single(Rows(beside=("issued", "revoked")), identity=())
    assert drive(reading, lambda _: {"issued": 4, "extra": 1})[0].rows == [{"issued": 4, "extra": 1}]


def test_two_different_rows_with_one_key_are_a_failure_that_names_it() -> None:
    reading = single("items")
    assert drive(reading, lambda _: {"items": [{"id": "r1", "count": 1}, {"id": "r1", "count": 2}]}) == []
    assert str(reading.error) == "two different rows with the same `id` came in one answer, which is their key"


def test_a_row_without_its_key_is_a_failure_that_names_it() -> None:
    reading = single("items")
    assert drive(reading, lambda _: {"items": [*rows(1), {"count": 2}]}) == []
    assert str(reading.error) == "a row without `id` came, which is a key"


@pytest.mark.parametrize("body", [None, [], [{"issued": 4}], {}, {"error": "oops"}, "issued"])
def test_an_answer_that_cannot_be_the_row_is_refused(body: object) -> None:
    reading = single(Rows(beside=("issued", "revoked")))
    assert drive(reading, lambda _: body) == []
    assert isinstance(reading.error, RequestError)


def test_rows_that_are_missing_beside_a_name_that_proves_it_are_none() -> None:
    reading = single(Rows("items", beside=("items", "size")))
    assert [page.rows for page in drive(reading, lambda _: {"size": 0})] == [[]]
    assert reading.error is None


@pytest.mark.parametrize("vanishing", [True, False])
@pytest.mark.parametrize("status", [404, 403, 500, None])
def test_a_404_means_nothing_is_there_only_where_that_is_known(
    vanishing: bool,  # noqa: FBT001 - a case
    status: int | None,
) -> None:
    reading = single("items", vanishing=vanishing)
    error = refusal(status)
    assert drive(reading, lambda _: error) == []
    assert reading.finished
    assert reading.vanished is (vanishing and status == 404)
    assert reading.error is (None if reading.vanished else error)


def test_more_rows_than_the_vendor_promises_are_a_failure_and_none_is_given() -> None:
    reading = single("items", most=1)
    assert drive(reading, lambda _: {"items": rows(1, 2)}) == []
    assert isinstance(reading.error, ContradictionError)
    assert str(reading.error) == "2 rows came in `items`, the vendor promises 1 at most: tell the vendor"


def test_an_answer_that_says_it_is_not_the_last_one_is_a_failure_that_names_where() -> None:
    reading = single("items")
    assert ids(drive(reading, lambda _: {"items": rows(1), "has_more": True})) == ["r1"]
    assert isinstance(reading.error, PagingError)
    assert str(reading.error).startswith("the answer says in `has_more` that there is more")


def test_rows_of_a_single_page_need_nothing_that_tells_them_apart() -> None:
    reading = SinglePage().read(about(identity=()))
    assert [page.rows for page in drive(reading, lambda _: {"items": [{"a": 1}, {"a": 1}]})] == [[{"a": 1}, {"a": 1}]]
