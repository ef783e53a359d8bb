"""How a reading by offset ends when an answer is none: failures, 404, what comes too late."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from tap_usage.rest.connection import Request
from tap_usage.rest.errors import PagingError, RequestError
from tap_usage.rest.pages.attempt import Attempt
from tests.rest.store import TEN, Store, data, names, pages, stamp
from tests.rest.virtual import asked, drive, give, ids, refusal


@pytest.mark.parametrize("in_flight", [1, 4])
def test_a_failure_in_the_middle_keeps_the_pages_before_it(in_flight: int) -> None:
    store = Store(range(20))

    def serve(request: Request) -> Any:  # noqa: ANN401 - decoded JSON or an error
        return refusal(503) if request.params["offset"] == 8 else store(request)

    for seed in range(10):
        reading = pages(size=5).read(data())
        found = drive(reading, serve, in_flight=in_flight, order=random.Random(seed))  # noqa: S311 - any order
        assert ids(found) == names(*range(9))
        assert found[-1].mark == stamp(8)
        assert isinstance(reading.error, RequestError)


def test_a_body_that_is_no_page_fails_the_check() -> None:
    ask = asked(pages().read(data()))
    assert ask.request.check({"data": []}) is None
    bodies: list[object] = [None, [], {}, {"data": None}, {"data": {}}, {"data": [1]}]
    for body in bodies:
        assert ask.request.check(body)


def test_a_404_means_that_there_is_nothing_where_that_is_known_of_the_vendor() -> None:
    reading = pages().read(data(vanishing=True))
    assert drive(reading, lambda _: refusal(404)) == []
    assert reading.vanished
    assert reading.error is None


def test_elsewhere_a_404_is_a_failure() -> None:
    reading = pages().read(data())
    drive(reading, lambda _: refusal(404))
    assert not reading.vanished
    assert reading.error


@pytest.mark.parametrize("seed", range(8))
def test_a_404_for_a_page_that_is_gone_by_now_hides_no_page_before_it(seed: int) -> None:
    store = Store(range(20), changes={5: [("delete", 19)] * 4})

    def serve(request: Request) -> Any:  # noqa: ANN401 - decoded JSON or an error
        body = store(request)
        return body if body["data"] else refusal(404)

    reading = pages(size=4).read(data(vanishing=True))
    found = drive(reading, serve, in_flight=7, order=random.Random(seed))  # noqa: S311 - any order
    assert store.stayed <= set(ids(found))
    assert reading.error is None
    assert not reading.vanished


def test_a_parent_that_vanishes_in_the_middle_ends_the_reading_with_what_came() -> None:
    store = Store(range(20))

    def serve(request: Request) -> Any:  # noqa: ANN401 - decoded JSON or an error
        return refusal(404) if len(store.asked) >= 3 else store(request)

    reading = pages(size=5).read(data(vanishing=True))
    assert ids(drive(reading, serve)) == names(*range(13))
    assert reading.error is None
    assert reading.vanished


def test_an_answer_whose_turn_is_over_is_not_kept() -> None:
    attempt = Attempt(reach=1000, limit=4, due=6)
    attempt.arrive(3, refusal(500))
    attempt.arrive(6, refusal(500))
    assert list(attempt.arrived) == [6]


def test_what_arrives_after_the_end_changes_nothing() -> None:
    store = Store(TEN)
    reading = pages(size=4).read(data())
    first = asked(reading)
    give(reading, first, store(first.request))
    second, third = asked(reading), asked(reading)
    give(reading, second, refusal(500))
    assert reading.finished
    error = reading.error
    give(reading, third, store(third.request))
    assert reading.error is error
    assert reading.next_ask() is None
    assert len(reading.pages) == 1


@pytest.mark.parametrize("row", [{}, {"id": None}])
def test_a_row_without_its_identity_is_a_failure_that_names_the_field(row: dict[str, Any]) -> None:
    store = Store(TEN)

    def serve(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        body = store(request)
        if len(store.asked) == 2:
            body["data"][2] = {"used_on": body["data"][2]["used_on"], **row}
        return body

    reading = pages(size=4).read(data())
    assert ids(drive(reading, serve)) == names(0, 1, 2, 3)
    assert str(reading.error) == "a row without `id` came, which is a key"


def test_rows_may_be_told_apart_by_several_fields() -> None:
    store = Store(TEN)
    query = replace(data(), identity=("used_on", "number"))
    reading = pages(size=4).read(query)
    assert ids(drive(reading, store, in_flight=3)) == names(*TEN)
    assert reading.error is None


def test_rows_that_nothing_tells_apart_are_refused_because_nothing_proves_that_all_came() -> None:
    with pytest.raises(PagingError, match="pages by offset need keys that the vendor sends"):
        pages().read(replace(data(), identity=()))
