"""How time is cut: whole buckets, half-open windows, lookbacks, and when a row is final."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.reading.windows import UNITS, Calendar, Window, add, floor
from tap_usage.times import day_of, midnight

TODAY = date(2026, 11, 22)  # a Sunday
SOME_DAY = st.dates(date(2015, 1, 1), date(2030, 12, 31))


def calendar(**changes: object) -> Calendar:
    usual: dict[str, Any] = {
        "bucket": "day",
        "span": 31,
        "step": "day",
        "lookback": 3,
        "today": TODAY,
        "open_end": False,
        "start_date": None,
        "end_date": None,
    }
    return Calendar(**(usual | changes))


def windows(bookmark: date | None = None, **changes: object) -> list[Window]:
    return list(calendar(**changes).windows(bookmark))


@pytest.mark.parametrize(
    ("unit", "first"),
    [
        ("day", date(2026, 11, 22)),
        ("week", date(2026, 11, 16)),
        ("month", date(2026, 11, 1)),
        ("year", date(2026, 1, 1)),
    ],
)
def test_a_day_falls_back_to_the_first_day_of_its_bucket(unit: str, first: date) -> None:
    assert floor(TODAY, unit) == first
    assert floor(first, unit) == first
    assert floor(first - timedelta(days=1), unit) < first


def test_a_week_begins_on_a_monday() -> None:
    assert floor(date(2026, 11, 16), "week") == date(2026, 11, 16)
    assert floor(date(2026, 11, 15), "week") == date(2026, 11, 9)


@pytest.mark.parametrize(
    ("unit", "count", "day"),
    [
        ("day", 10, date(2026, 12, 2)),
        ("week", -1, date(2026, 11, 15)),
        ("month", 2, date(2027, 1, 1)),
        ("month", -11, date(2025, 12, 1)),
        ("month", 0, date(2026, 11, 1)),
        ("year", -3, date(2023, 1, 1)),
    ],
)
def test_months_and_years_are_added_from_their_first_day(unit: str, count: int, day: date) -> None:
    assert add(TODAY, unit, count) == day


@given(SOME_DAY, st.sampled_from(UNITS), st.integers(-40, 40), st.integers(-40, 40))
def test_adding_in_steps_is_adding_at_once(day: date, unit: str, one: int, other: int) -> None:
    start = floor(day, unit)
    assert add(add(start, unit, one), unit, other) == add(start, unit, one + other)


def test_a_first_run_reads_ninety_days_up_to_yesterday() -> None:
    cut = windows()
    assert (cut[0].start, cut[-1].end) == (date(2026, 8, 24), TODAY)


def test_a_start_date_replaces_the_ninety_days() -> None:
    assert windows(start_date=date(2026, 11, 1))[0].start == date(2026, 11, 1)


def test_the_current_period_is_read_where_the_end_is_open() -> None:
    assert windows(open_end=True, bucket="month", step="month")[-1].end == date(2026, 12, 1)
    assert windows(open_end=True)[-1].end == date(2026, 11, 23)


@pytest.mark.parametrize(("lookback", "first"), [(0, 22), (1, 21), (3, 19), (10, 12)])
def test_a_later_run_reads_the_finished_days_of_the_lookback_again(lookback: int, first: int) -> None:
    cut = windows(date(2026, 11, 21), today=date(2026, 11, 23), lookback=lookback)
    assert cut == [Window(date(2026, 11, first), date(2026, 11, 23))]


@pytest.mark.parametrize(("lookback", "first"), [(0, 22), (1, 22), (2, 21)])
def test_an_open_period_is_read_again_whatever_the_lookback(lookback: int, first: int) -> None:
    cut = windows(date(2026, 11, 22), lookback=lookback, open_end=True)
    assert cut == [Window(date(2026, 11, first), date(2026, 11, 23))]


def test_a_lookback_of_days_reads_the_whole_week_that_it_touches_again() -> None:
    cut = windows(date(2026, 11, 24), today=date(2026, 11, 25), bucket="week")
    assert cut[0].start == date(2026, 11, 16)


def test_a_lookback_does_not_go_behind_the_start_date() -> None:
    cut = windows(date(2026, 11, 21), start_date=date(2026, 11, 20), lookback=10)
    assert cut[0].start == date(2026, 11, 20)


def test_an_end_date_is_exclusive_and_cuts_whole_buckets() -> None:
    assert windows(end_date=date(2026, 11, 1))[-1].end == date(2026, 11, 1)
    cut = windows(end_date=date(2026, 11, 12), bucket="month", open_end=True, step="month")
    assert cut[-1].end == date(2026, 11, 1)


def test_an_end_date_in_the_future_changes_nothing() -> None:
    assert windows(end_date=date(2027, 1, 1)) == windows()


def test_nothing_is_left_to_read_when_the_bookmark_is_at_the_end() -> None:
    assert windows(date(2026, 11, 21), lookback=0) == []
    assert windows(date(2026, 11, 21), end_date=date(2026, 10, 1)) == []


@given(
    bucket=st.sampled_from(UNITS),
    span=st.integers(1, 90),
    by_bucket=st.booleans(),
    lookback=st.integers(0, 12),
    open_end=st.booleans(),
    bookmark=st.none() | st.dates(date(2026, 1, 1), TODAY),
    start_date=st.none() | st.dates(date(2025, 1, 1), TODAY),
    end_date=st.none() | st.dates(date(2025, 1, 1), date(2027, 6, 1)),
)
def test_windows_are_whole_buckets_without_gap_or_overlap(  # noqa: PLR0913, PLR0917 - all that cuts windows
    bucket: str,
    span: int,
    by_bucket: bool,  # noqa: FBT001 - hypothesis chooses
    lookback: int,
    open_end: bool,  # noqa: FBT001
    bookmark: date | None,
    start_date: date | None,
    end_date: date | None,
) -> None:
    step = bucket if by_bucket else "day"
    cut = calendar(
        bucket=bucket,
        span=span,
        step=step,
        lookback=lookback,
        open_end=open_end,
        start_date=start_date,
        end_date=end_date,
    )
    found = list(cut.windows(bookmark))
    for one, following in pairwise(found):
        assert one.end == following.start
    for window in found:
        assert window.start < window.end <= cut.end
        assert window.start == floor(window.start, bucket)
        assert window.end in {floor(window.end, bucket), cut.end}
        assert window.end <= max(add(window.start, step, span), add(window.start, bucket, 1))
    if found:
        assert (found[0].start, found[-1].end) == (cut.start(bookmark), cut.end)
    else:
        assert cut.start(bookmark) >= cut.end


@pytest.mark.parametrize(
    ("changes", "open_from"),
    [
        ({}, date(2026, 11, 19)),
        ({"lookback": 0}, TODAY),
        ({"open_end": True, "lookback": 2}, date(2026, 11, 21)),
        ({"open_end": True, "lookback": 0}, TODAY),
        ({"bucket": "week"}, date(2026, 11, 16)),
        ({"bucket": "week", "today": date(2026, 11, 26)}, date(2026, 11, 23)),
        ({"bucket": "month", "today": date(2026, 12, 3)}, date(2026, 11, 1)),
        ({"bucket": "month", "today": date(2026, 12, 4)}, date(2026, 12, 1)),
        ({"bucket": "month", "step": "month", "open_end": True, "lookback": 2}, date(2026, 10, 1)),
        ({"bucket": "year", "step": "year", "open_end": True, "lookback": 2}, date(2025, 1, 1)),
        ({"end_date": date(2026, 10, 1)}, date(2026, 11, 19)),
    ],
)
def test_a_row_is_final_when_its_bucket_is_over_by_the_lookback(changes: dict[str, Any], open_from: date) -> None:
    cut = calendar(**changes)
    assert not cut.is_final(open_from)
    assert cut.is_final(open_from - timedelta(days=1))


@given(
    bucket=st.sampled_from(UNITS),
    by_bucket=st.booleans(),
    lookback=st.integers(0, 5),
    open_end=st.booleans(),
    pauses=st.lists(st.integers(0, 9), min_size=1, max_size=12),
)
def test_a_bucket_is_read_in_the_run_in_which_it_becomes_final(
    bucket: str,
    by_bucket: bool,  # noqa: FBT001 - hypothesis chooses
    lookback: int,
    open_end: bool,  # noqa: FBT001
    pauses: list[int],
) -> None:
    bookmark, told = None, dict[date, bool]()
    day = TODAY
    for pause in pauses:
        day += timedelta(days=pause)
        step = bucket if by_bucket else "day"
        cut = calendar(bucket=bucket, step=step, lookback=lookback, open_end=open_end, today=day)
        for window in cut.windows(bookmark):
            start = window.start
            while start < window.end:
                told[start] = cut.is_final(start)
                start = add(start, bucket, 1)
        bookmark = cut.bookmark(cut.end)
    assert told == {start: cut.is_final(start) for start in told}


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2015", date(2015, 1, 1)),
        ("2015-03", date(2015, 3, 1)),
        ("2015-03-20", date(2015, 3, 20)),
        ("2026-11-22T00:00:00Z", TODAY),
        ("2026-11-22T23:59:59.999", TODAY),
        ("2026-11-22T01:00:00+02:00", date(2026, 11, 21)),
    ],
)
def test_dates_of_all_forms_are_read(text: str, day: date) -> None:
    assert day_of(text) == day


@pytest.mark.parametrize("text", ["", "20", "2015-3", "2015-13", "soon", "2026-11-22T"])
def test_other_texts_are_no_dates(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        day_of(text)


def test_a_days_first_instant_is_utc() -> None:
    assert midnight(TODAY) == "2026-11-22T00:00:00Z"
