"""Rows come and go while they are read: nothing that stays is lost, nothing is given twice, no mark lies."""

from __future__ import annotations

import random
from datetime import datetime

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.rest.store import Change, Store, pages, read, stamp

CHANGES = st.dictionaries(
    st.integers(1, 25),
    st.lists(st.tuples(st.sampled_from(["insert", "delete"]), st.integers(0, 20)), max_size=3),
    max_size=8,
)
TIMES = st.lists(st.integers(0, 20), max_size=40)
often = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@often
@given(
    times=TIMES,
    changes=CHANGES,
    size=st.integers(1, 8),
    clamp=st.integers(1, 12),
    method=st.sampled_from(["exact", "unnamed", "pagination", "missing", "lower_bound", "observed"]),
    max_offset=st.integers(1, 40),
    ordered=st.booleans(),
    in_flight=st.integers(1, 6),
    seed=st.integers(0, 99),
)
@example(
    times=[0, 0],
    changes={},
    size=2,
    clamp=1,
    method="missing",
    max_offset=1,
    ordered=False,
    in_flight=1,
    seed=0,
)
@example(
    times=[0, 1, 2],
    changes={2: [("delete", 0)]},
    size=1,
    clamp=9,
    method="exact",
    max_offset=40,
    ordered=True,
    in_flight=1,
    seed=0,
)
def test_every_row_that_stays_is_given_once_or_the_reading_says_that_it_failed(  # noqa: PLR0913, PLR0917 - one world
    times: list[int],
    changes: dict[int, list[Change]],
    size: int,
    clamp: int,
    method: str,
    max_offset: int,
    ordered: bool,  # noqa: FBT001 - drawn
    in_flight: int,
    seed: int,
) -> None:
    store = Store(times, clamp=clamp, method=method, changes=changes, max_offset=max_offset)
    spec = pages(size=size, max_offset=max_offset, ordered=ordered)
    names, reading = read(store, spec, in_flight=in_flight, seed=seed)
    assert len(names) == len(set(names))
    assert reading.received == len(names)
    assert reading.error or store.stayed <= set(names)


@often
@given(times=TIMES, changes=CHANGES, in_flight=st.integers(1, 6), seed=st.integers(0, 99))
def test_a_list_in_an_order_is_given_up_only_when_it_moves_twice_without_anything_new(
    times: list[int], changes: dict[int, list[Change]], in_flight: int, seed: int
) -> None:
    _, reading = read(Store(times, changes=changes), pages(size=5), in_flight=in_flight, seed=seed)
    assert reading.error is None or "twice in a row" in str(reading.error)


@often
@given(times=TIMES, start=st.integers(0, 20), end=st.integers(0, 21), in_flight=st.integers(1, 6))
def test_exactly_the_rows_between_start_and_end_are_given(
    times: list[int], start: int, end: int, in_flight: int
) -> None:
    store = Store(times)
    until = datetime.fromisoformat(stamp(end))
    names, reading = read(store, pages(size=4), start=stamp(start), end=until, in_flight=in_flight)
    assert reading.error is None
    assert sorted(names) == sorted(f"r{number}" for number, second in enumerate(times) if start <= second < end)


@often
@given(
    times=TIMES,
    size=st.integers(1, 8),
    method=st.sampled_from(["exact", "missing", "lower_bound"]),
    max_offset=st.integers(1, 40),
    in_flight=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_a_quiet_list_is_given_whole_and_in_order_unless_one_time_is_deeper_than_offsets_reach(  # noqa: PLR0913, PLR0917
    times: list[int], size: int, method: str, max_offset: int, in_flight: int, seed: int
) -> None:
    store = Store(times, method=method, max_offset=max_offset)
    names, reading = read(store, pages(size=size, max_offset=max_offset), in_flight=in_flight, seed=seed)
    assert names == [row["id"] for row in store.ordered()][: len(names)]
    if max(map(times.count, times), default=0) <= max_offset:
        assert reading.error is None
    if reading.error:
        assert "share used_on" in str(reading.error)
    else:
        assert len(names) == len(times)


@often
@given(
    times=st.lists(st.integers(0, 3), max_size=40),
    size=st.integers(1, 8),
    method=st.sampled_from(["exact", "missing", "lower_bound"]),
    max_offset=st.integers(5, 100),
    ordered=st.booleans(),
    in_flight=st.integers(1, 4),
    seed=st.integers(0, 10**6),
)
def test_rows_of_one_time_may_change_places_but_none_is_lost_without_a_word(  # noqa: PLR0913, PLR0917 - one world
    times: list[int],
    size: int,
    method: str,
    max_offset: int,
    ordered: bool,  # noqa: FBT001 - drawn
    in_flight: int,
    seed: int,
) -> None:
    store = Store(times, method=method, shuffle=random.Random(seed), max_offset=max_offset)  # noqa: S311 - repeatable
    spec = pages(size=size, max_offset=max_offset, ordered=ordered)
    names, reading = read(store, spec, in_flight=in_flight, seed=seed)
    assert len(names) == len(set(names))
    assert reading.error or store.stayed <= set(names)


@often
@given(
    times=TIMES,
    changes=CHANGES,
    bias=st.integers(-40, 5),
    size=st.integers(1, 8),
    ordered=st.booleans(),
    in_flight=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_a_wrong_total_loses_nothing_without_a_word(  # noqa: PLR0913, PLR0917 - one world
    times: list[int],
    changes: dict[int, list[Change]],
    bias: int,
    size: int,
    ordered: bool,  # noqa: FBT001 - drawn
    in_flight: int,
    seed: int,
) -> None:
    store = Store(times, bias=bias, changes=changes)
    names, reading = read(store, pages(size=size, ordered=ordered), in_flight=in_flight, seed=seed)
    assert len(names) == len(set(names))
    assert reading.error or store.stayed <= set(names)
    if bias > 0 and times and not changes:
        assert "the vendor says" in str(reading.error)
        assert store.stayed <= set(names)
