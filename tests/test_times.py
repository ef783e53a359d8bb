"""Instants as texts: UTC, four digits of the year, and no arithmetic that leaves the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.times import FIRST, LAST, day_of, earlier, instant, later, midnight, shifted, unix_seconds, utc_text


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_survives_its_text_to_the_millisecond(moment: datetime) -> None:
    text = utc_text(moment)
    assert len(text) == len("2026-11-22T10:00:00.000Z")
    assert timedelta() <= moment - instant(text) < timedelta(milliseconds=1)


def test_a_text_without_an_offset_is_utc() -> None:
    assert instant("2026-11-22T12:00:00") == instant("2026-11-22T12:00:00Z") == instant("2026-11-22T14:00:00+02:00")
    assert instant("2026-11-22") == datetime(2026, 11, 22, tzinfo=UTC)
    with pytest.raises(ValueError, match="yesterday"):
        instant("yesterday")


def test_what_lies_beyond_the_calendar_is_its_first_or_last_instant() -> None:
    assert instant("0001-01-01T00:00:00+14:00") == FIRST
    assert instant("9999-12-31T23:59:59-12:00") == LAST
    assert shifted(FIRST, timedelta(minutes=-10)) == FIRST
    assert shifted(LAST, timedelta(microseconds=999)) == LAST


def test_years_have_four_digits() -> None:
    assert midnight(date(1, 1, 1)) == "0001-01-01T00:00:00Z"
    assert utc_text(FIRST) == "0001-01-01T00:00:00.000Z"


def test_days_of_every_spelling_are_the_same_day() -> None:
    spelt = ("2026-11-22", "2026-11-22T00:00:00Z", "2026-11-22T00:00:00.000Z", "2026-11-22T02:00:00+02:00")
    assert {day_of(text) for text in spelt} == {date(2026, 11, 22)}


@given(st.dates())
def test_unix_seconds_of_a_day_are_read_as_that_day(day: date) -> None:
    assert day_of(unix_seconds(day)) == day
    assert unix_seconds(date(1970, 1, 2)) == 86400


def test_no_text_is_earlier_than_any() -> None:
    assert (later(None, "2026-11-22"), earlier(None, "2026-11-22")) == ("2026-11-22", None)
    assert later("2026-11-22T01:00:00+02:00", "2026-11-21T23:30:00Z") == "2026-11-21T23:30:00Z"
