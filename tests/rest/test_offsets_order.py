from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tap_usage.rest.connection import Request
from tests.rest.store import TEN, Store, data, names, pages, read, stamp, unsorted
from tests.rest.virtual import asked, drive, give, ids


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(
    "change", [("delete", 0), ("delete", 3), ("delete", 4), ("delete", 9), ("insert", 0), ("insert", 20)]
)
@pytest.mark.parametrize("before", [1, 2, 3, 4])
def test_one_change_between_two_pages_loses_nothing_and_doubles_nothing(
    ordered: bool,  # noqa: FBT001 - a case
    change: tuple[str, int],
    before: int,
) -> None:
    store = Store(TEN, changes={before: [change]})
    given, reading = read(store, pages(size=4, ordered=ordered))
    assert reading.error is None
    assert store.stayed <= set(given)
    assert len(given) == len(set(given))


def test_in_an_order_it_goes_on_from_the_last_sure_row_not_from_the_start() -> None:
    store = Store(range(20), changes={4: [("delete", 0)]})
    given, reading = read(store, pages(size=5))
    assert given == names(*range(20))
    assert reading.error is None
    assert [start for start, _, _ in store.asked].count(None) == 4
    assert {start for start, _, _ in store.asked} == {None, stamp(12)}


def test_without_an_order_it_starts_anew_once_and_gives_up_the_second_time() -> None:
    once = Store(TEN, changes={3: [("delete", 0)]})
    given, reading = read(once, pages(size=4, ordered=False))
    assert reading.error is None
    assert sorted(given) == sorted(names(*TEN))
    twice = Store(TEN, changes={3: [("delete", 0)], 5: [("delete", 0)]})
    _, reading = read(twice, pages(size=4, ordered=False))
    assert str(reading.error) == "rows moved while they were read, twice in a row; run again, or tell the vendor"


def test_a_row_that_stands_in_the_place_of_another_is_noticed_where_the_pages_seem_to_join() -> None:
    first, second = [0, 1, 2, 3], [3, 1, 4, 5]
    served = [first, second, [2, 1, 0, 3], [3, 4, 5]]

    def serve(_: Request) -> Any:  # noqa: ANN401 - decoded JSON
        rows = [{"id": f"r{number}", "used_on": stamp(0)} for number in served.pop(0)]
        return {"data": rows, "meta": {"results": {"total": 6}}}

    reading = pages(size=4).read(data())
    assert sorted(ids(drive(reading, serve))) == names(0, 1, 2, 3, 4, 5)
    assert reading.error is None


def test_an_order_that_is_ignored_is_a_failure_though_all_rows_are_given_and_none_is_marked() -> None:
    store = Store([5, 3, 9, 1, 7, 2, 8])
    reading = pages(size=4).read(data())
    found = drive(reading, lambda request: unsorted(store, request))
    assert set(ids(found)) == set(names(*range(7)))
    assert str(reading.error) == "rows do not come in the order of `used_on`; they were emitted, but not bookmarked"
    assert found[-1].mark is None


def test_an_order_that_was_broken_once_is_read_once_more() -> None:
    store = Store(range(12))

    def serve(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        body = store(request)
        if len(store.asked) == 2:
            body["data"][1:3] = body["data"][2:0:-1]
        return body

    reading = pages(size=5).read(data())
    assert ids(drive(reading, serve)) == names(*range(12))
    assert reading.error is None


@pytest.mark.parametrize("value", [None, 5, "", "yesterday", "2026-13-01T00:00:00Z", ["2026-01-01T00:00:09Z"]])
def test_a_row_without_a_readable_time_is_a_failure_that_names_the_field(value: object) -> None:
    store = Store(TEN)
    store.rows[5]["used_on"] = value
    reading = pages(size=4).read(data())
    found = drive(reading, lambda request: unsorted(store, request))
    assert ids(found) == names(0, 1, 2, 3)
    assert str(reading.error) == "a row without a readable `used_on` came"


def test_times_are_compared_as_instants_not_as_text() -> None:
    times = ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00.5+01:00", "2026-01-01T00:00:01Z", "2026-01-01T00:00:01.250Z"]
    rows = [{"id": f"r{number}", "used_on": time} for number, time in enumerate(times)]
    reading = pages(size=9).read(data())
    found = drive(reading, lambda _: {"data": rows, "meta": {"results": {"total": 4}}})
    assert ids(found) == names(0, 1, 2, 3)
    assert found[-1].mark == times[-1]
    assert reading.error is None


def test_a_mark_is_the_vendors_own_text_of_the_last_value() -> None:
    store = Store([0, 0, 1, 1, 1, 2])
    reading = pages(size=3).read(data())
    assert [page.mark for page in drive(reading, store)] == [stamp(1), stamp(1), stamp(2)]


def test_rows_without_an_order_have_no_mark() -> None:
    reading = pages(ordered=False).read(data())
    assert {page.mark for page in drive(reading, Store(TEN))} == {None}


def test_the_end_holds_even_where_the_vendor_ignores_it() -> None:
    store = Store(TEN)
    reading = pages(size=4).read(data(end=datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)))
    found = drive(reading, lambda request: unsorted(store, request), in_flight=3)
    assert ids(found) == names(0, 1, 2, 3, 4)
    assert found[-1].mark == stamp(4)
    assert reading.error is None


@pytest.mark.parametrize("method", ["exact", "missing"])
@pytest.mark.parametrize("in_flight", [1, 5])
@pytest.mark.parametrize(("size", "max_offset"), [(10, 50), (10, 7), (2, 1), (100, 99), (7, 20)])
def test_past_the_largest_offset_it_goes_on_from_the_last_value(
    size: int, max_offset: int, in_flight: int, method: str
) -> None:
    store = Store(range(200), max_offset=max_offset, method=method)
    given, reading = read(store, pages(size=size, max_offset=max_offset), in_flight=in_flight)
    assert given == names(*range(200))
    assert reading.error is None
    assert max(store.offsets) <= max_offset


def test_what_is_read_ahead_is_thrown_away_when_the_segment_before_begins_anew() -> None:
    store = Store(range(100), max_offset=20)
    reading = pages(size=5, max_offset=20).read(data())
    opening = asked(reading)
    give(reading, opening, store(opening.request))
    needed, deepest = reading.next_ask(), reading.ask_ahead()
    assert needed
    assert deepest
    give(reading, deepest, store(deepest.request))
    ahead = reading.ask_ahead()
    assert ahead
    assert ahead.request.params["from"] == stamp(24)
    store.delete(0)
    give(reading, ahead, store(ahead.request))
    assert reading.held == 3
    give(reading, needed, store(needed.request))
    assert reading.held == len(reading.pages) == 1
    assert asked(reading).request.params["from"] == stamp(4)


@pytest.mark.parametrize("odd", [None, 7, ["2026-01-01T00:00:09Z"], {}])
def test_nothing_goes_on_from_a_deepest_page_that_ends_without_a_time_or_is_empty(odd: object) -> None:
    for empty in (False, True):
        store = Store(range(100), max_offset=20)
        reading = pages(size=5, max_offset=20).read(data())
        opening = asked(reading)
        give(reading, opening, store(opening.request))
        needed, deepest = reading.next_ask(), reading.ask_ahead()
        assert needed
        assert deepest
        body = store(deepest.request)
        body["data"][-1]["used_on"] = odd
        give(reading, deepest, store.envelope([], 100) if empty else body)
        assert {ask.request.params["offset"] for ask in iter(reading.ask_ahead, None)} == {8, 12, 16}


def test_more_than_ten_thousand_rows_are_read_without_a_larger_offset() -> None:
    store = Store([second // 3 for second in range(10_500)], max_offset=10_000)
    given, reading = read(store, pages(size=100, max_offset=10_000), in_flight=16, seed=1)
    assert given == names(*range(10_500))
    assert reading.error is None
    assert max(store.offsets) <= 10_000
    assert len(store.asked) < 150


@pytest.mark.parametrize("method", ["exact", "missing"])
def test_more_rows_of_one_time_than_offsets_reach_is_a_failure_that_names_it(method: str) -> None:
    store = Store([*range(5), *[7] * 60, 8], max_offset=40, method=method)
    given, reading = read(store, pages(size=10, max_offset=40), in_flight=3)
    assert "more rows than offset 40 reaches share used_on 2026-01-01T00:00:07.000Z" in str(reading.error)
    assert given[:5] == names(*range(5))
    assert "r65" not in given


@pytest.mark.parametrize("in_flight", [1, 4])
def test_rows_of_one_time_on_both_sides_of_the_depth_are_given_once(in_flight: int) -> None:
    store = Store([*range(6), *[7] * 9, *range(8, 30)], max_offset=10)
    given, reading = read(store, pages(size=3, max_offset=10), in_flight=in_flight)
    assert given == names(*range(37))
    assert reading.error is None


@pytest.mark.parametrize("answer", [{"data": []}, {"data": [], "meta": {"results": {"total": 0}}}])
@pytest.mark.parametrize("times", [1, 2, 9])
def test_an_answer_to_another_question_is_not_taken_for_the_end(answer: dict[str, Any], times: int) -> None:
    store = Store(range(20), changes={3: [("delete", 0)]})
    wrong = [answer] * times

    def serve(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        return wrong.pop() if request.params.get("from") and wrong else store(request)

    reading = pages(size=5).read(data())
    given = ids(drive(reading, serve))
    assert reading.error or store.stayed <= set(given)
    assert (reading.error is None) is (times == 1)


def test_without_an_order_more_rows_than_offsets_reach_is_a_failure() -> None:
    store = Store(range(60), max_offset=40)
    given, reading = read(store, pages(size=10, max_offset=40, ordered=False), in_flight=3)
    assert str(reading.error) == "more rows than offset 40 reaches, and no order to go on from"
    assert set(given) <= set(names(*range(60)))
