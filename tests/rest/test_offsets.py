from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tap_usage.rest.connection import Request
from tap_usage.rest.errors import PagingError
from tests.rest.store import TEN, Store, data, names, pages, read, stamp
from tests.rest.virtual import asked, drive, give, ids


def test_limit_and_offset_are_always_sent_and_order_and_bounds_where_there_are_any() -> None:
    end = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    spec = pages(size=50)
    ask = spec.read(data(Request("/rows", params={"own": 1}), start=stamp(5), end=end)).next_ask()
    assert ask
    assert ask.request.path == "/rows"
    assert dict(ask.request.params) == {
        "own": 1,
        "limit": 50,
        "offset": 0,
        "from": stamp(5),
        "before": "2026-01-01T00:00:00.000Z",
    }


def test_an_end_between_two_seconds_is_kept() -> None:
    end = datetime(2026, 1, 1, 0, 0, 5, 500_000, tzinfo=UTC)
    ask = pages().read(data(end=end)).next_ask()
    assert ask
    assert ask.request.params["before"] == "2026-01-01T00:00:05.500Z"


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999Z"),
        (datetime.min.replace(tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_the_first_and_the_last_time_there_is_are_ends_like_any_other(end: datetime, text: str) -> None:
    assert asked(pages().read(data(end=end))).request.params["before"] == text


def test_times_at_the_edge_of_the_calendar_are_compared_as_any_others() -> None:
    texts = ["0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00Z", stamp(0), "9999-12-31T23:59:59.999999-01:00"]
    rows = [{"id": f"r{number}", "used_on": text} for number, text in enumerate(texts)]
    reading = pages(size=9).read(data(end=datetime.max.replace(tzinfo=UTC)))
    found = drive(reading, lambda _: {"data": rows, "meta": {"results": {"total": 4}}})
    assert ids(found) == names(0, 1, 2)
    assert reading.error is None


def test_nothing_more_is_asked_before_the_first_answer() -> None:
    reading = pages().read(data())
    assert reading.next_ask()
    assert reading.next_ask() is None
    assert not reading.finished


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_short_first_page_that_holds_all_rows_ends_it(count: int) -> None:
    store = Store(TEN[:count])
    given, reading = read(store, pages())
    assert given == names(*range(count))
    assert store.offsets == [0]
    assert reading.expected == count


def test_a_full_first_page_is_not_taken_for_the_end() -> None:
    store = Store([0, 1, 2])
    given, _ = read(store, pages())
    assert given == names(0, 1, 2)
    assert store.offsets == [0, 2]


def test_pages_overlap_by_one_row() -> None:
    store = Store(TEN)
    given, _ = read(store, pages(size=4))
    assert given == names(*TEN)
    assert store.offsets == [0, 3, 6, 9]
    assert {limit for _, _, limit in store.asked} == {4}


def test_as_soon_as_the_total_is_known_all_pages_may_be_asked_together() -> None:
    store = Store(TEN)
    reading = pages(size=4).read(data())
    first = reading.next_ask()
    assert first
    give(reading, first, store(first.request))
    more = [reading.next_ask(), reading.next_ask(), reading.ask_ahead(), reading.ask_ahead()]
    assert [ask.request.params["offset"] for ask in more if ask] == [3, 6]


def test_pages_that_arrive_out_of_order_are_given_in_order() -> None:
    for seed in range(30):
        given, reading = read(Store(range(40)), pages(size=4), in_flight=8, seed=seed)
        assert given == names(*range(40))
        assert reading.error is None


def test_what_arrived_early_counts_as_held_until_it_is_given() -> None:
    store = Store(TEN)
    reading = pages(size=4).read(data())
    first = asked(reading)
    give(reading, first, store(first.request))
    assert reading.held == 1
    second, third = asked(reading), asked(reading)
    give(reading, third, store(third.request))
    assert reading.held == 2
    give(reading, second, store(second.request))
    assert reading.held == len(reading.pages) == 3


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("method", ["exact", "missing"])
def test_the_smallest_pages_still_overlap(size: int, count: int, method: str) -> None:
    store = Store(range(count), method=method)
    given, reading = read(store, pages(size=size))
    assert given == names(*range(count))
    assert reading.error is None
    assert len(store.asked) <= count + 1


def test_a_row_deleted_before_a_page_of_one_row_hides_no_other() -> None:
    store = Store([0, 1, 2], changes={2: [("delete", 0)]})
    given, reading = read(store, pages(size=1))
    assert given == names(0, 1, 2)
    assert reading.error is None


@pytest.mark.parametrize("method", ["exact", "unnamed", "pagination"])
def test_a_total_is_relied_on_in_both_shapes_a_vendor_documents(method: str) -> None:
    store = Store(TEN, method=method)
    given, reading = read(store, pages(size=4))
    assert given == names(*TEN)
    assert reading.expected == 10


@pytest.mark.parametrize("method", ["missing", "lower_bound", "observed"])
def test_without_a_total_to_rely_on_it_goes_on_until_a_page_brings_nothing_new(method: str) -> None:
    store = Store(TEN, method=method, bias=-7)
    given, reading = read(store, pages(size=4))
    assert given == names(*TEN)
    assert store.offsets == [0, 3, 6, 9]
    assert reading.expected is None


@pytest.mark.parametrize("total", [-1, True, "10", 10.0, None, [10]])
def test_a_total_that_is_no_count_is_none(total: object) -> None:
    store = Store(TEN)
    spec = pages(size=4)
    assert spec.total_of({"meta": {"results": {"total": total}}}) == (None, False)
    reading = spec.read(data())
    found = drive(reading, lambda request: store(request) | {"meta": {"results": {"total": total}}})
    assert ids(found) == names(*TEN)
    assert reading.error is None


@pytest.mark.parametrize("bias", [-1, -5, -9, -10])
def test_a_total_that_is_too_small_cuts_nothing_off(bias: int) -> None:
    given, reading = read(Store(TEN, bias=bias), pages(size=4))
    assert given == names(*TEN)
    assert reading.error is None


def test_a_total_smaller_than_a_page_that_the_vendor_cut_short_is_not_believed() -> None:
    given, reading = read(Store(TEN, bias=-8, clamp=4), pages(size=9))
    assert given == names(*TEN)
    assert reading.error is None


@pytest.mark.parametrize("ordered", [True, False])
def test_a_total_that_is_too_large_is_a_failure_after_all_rows(ordered: bool) -> None:  # noqa: FBT001 - a case
    given, reading = read(Store(TEN, bias=1), pages(size=4, ordered=ordered))
    assert given == names(*TEN)
    assert isinstance(reading.error, PagingError)
    assert str(reading.error).startswith("10 rows came, the vendor says 11, twice in a row")


def test_a_total_that_is_too_large_is_told_with_the_rows_of_all_segments() -> None:
    given, reading = read(Store(range(100), bias=1, max_offset=20), pages(size=5, max_offset=20), in_flight=4)
    assert given == names(*range(100))
    assert str(reading.error).startswith("100 rows came, the vendor says 101, twice in a row")


@pytest.mark.parametrize("clamp", [2, 3, 4])
@pytest.mark.parametrize("method", ["exact", "missing"])
def test_a_vendor_that_gives_fewer_rows_than_asked_is_followed(clamp: int, method: str) -> None:
    store = Store(TEN, clamp=clamp, method=method)
    given, reading = read(store, pages(size=9), in_flight=3)
    assert given == names(*TEN)
    assert reading.error is None


@pytest.mark.parametrize("method", ["exact", "missing"])
def test_pages_of_one_row_prove_nothing_and_are_a_failure(method: str) -> None:
    given, reading = read(Store(TEN, clamp=1, method=method), pages(size=9))
    assert given == names(0)
    assert isinstance(reading.error, PagingError)


def test_a_page_that_shrinks_once_in_the_middle_loses_nothing() -> None:
    store = Store(range(20))

    def serve(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        body = store(request)
        if len(store.asked) == 3:
            del body["data"][2:]
        return body

    reading = pages(size=5).read(data())
    assert ids(drive(reading, serve, in_flight=4)) == names(*range(20))
    assert reading.error is None


def test_a_page_that_comes_for_every_offset_is_a_failure_not_an_endless_loop() -> None:
    store = Store(TEN)
    reading = pages(size=4).read(data())

    def serve(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        return store(request) and store.envelope(store.ordered()[:4], 10)

    assert set(ids(drive(reading, serve))) == set(names(0, 1, 2, 3))
    assert isinstance(reading.error, PagingError)
    assert len(store.asked) < 20


def test_links_are_not_looked_at() -> None:
    store = Store([0, 1])
    link = {"links": {"next": "http://127.0.0.1:1/rows?page[offset]=-1", "current": "x"}}
    reading = pages().read(data())
    assert ids(drive(reading, lambda request: store(request) | link)) == names(0, 1)
    assert store.offsets == [0]
