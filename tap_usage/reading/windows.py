"""Windows of whole UTC days or calendar buckets, what a lookback reads again, and when a row is final."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

UNITS = ("day", "week", "month", "year")
DEFAULT_DAYS = 90


def floor(day: date, unit: str) -> date:
    """Return the first day of the day, week (Monday), month or year that holds `day`."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if unit == "year" else day


def add(day: date, unit: str, count: int) -> date:
    """Return the day `count` units later, months and years from their first day on; the last day there is at most."""
    try:
        if unit == "month":
            months = day.year * 12 + day.month - 1 + count
            return date(months // 12, months % 12 + 1, 1)
        if unit == "year":
            return date(day.year + count, 1, 1)
        return day + timedelta(days=count * (7 if unit == "week" else 1))
    except (OverflowError, ValueError):
        return date.max if count > 0 else date.min


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open run of whole UTC days: `start` belongs to it, `end` does not."""

    start: date
    end: date


@dataclass(frozen=True)
class Calendar:
    """How a stream cuts time into windows.

    Attributes:
        bucket: what one row is about: day, week, month or year.
        span: days (or buckets, see `step`) that one request may cover.
        step: the unit of `span` and `lookback`, and what bookmarks count: "day", or the same as `bucket`.
        lookback: finished units read again.
        today: the vendor's date.
        open_end: the current bucket is read too; otherwise only days that are over.
        start_date, end_date: settings; the end is exclusive.
        oldest: the first day that the vendor may be asked for, None for any.
    """

    bucket: str
    span: int
    step: str
    lookback: int
    today: date
    open_end: bool
    start_date: date | None
    end_date: date | None
    oldest: date | None = None

    def by(self, day: date) -> Calendar:
        """Return the calendar of an answer that was given on a day: what was not over then is not final."""
        return self if day >= self.today else replace(self, today=day)

    @property
    def natural_end(self) -> date:
        """The end of what the vendor has, exclusive."""
        return add(floor(self.today, self.bucket), self.bucket, 1) if self.open_end else self.today

    @property
    def end(self) -> date:
        """The end of what is read, exclusive: the natural one, or whole buckets before `end_date`."""
        if self.end_date is None or self.end_date >= self.natural_end:
            return self.natural_end
        return floor(self.end_date, self.bucket)

    @property
    def last(self) -> Window:
        """The last bucket that is read."""
        return Window(floor(self.end - timedelta(days=1), self.bucket), self.end)

    @property
    def lookback_units(self) -> int:
        """The lookback; a bucket that is still open is always read again."""
        return max(1, self.lookback) if self.open_end else self.lookback

    def start(self, bookmark: date | None) -> date:
        """Return the first day to read, given the last unit that was read."""
        wanted = self.wanted(bookmark)
        if self.oldest is None or wanted >= self.oldest:
            return wanted
        return add(floor(self.oldest - timedelta(days=1), self.bucket), self.bucket, 1)

    def wanted(self, bookmark: date | None) -> date:
        """Return the first day to read if the vendor could be asked for any."""
        earliest = self.start_date or self.today - timedelta(days=DEFAULT_DAYS)
        if bookmark is None:
            return floor(earliest, self.bucket)
        start = floor(add(bookmark, self.step, 1 - self.lookback_units), self.bucket)
        return max(start, floor(earliest, self.bucket)) if self.start_date and earliest <= bookmark else start

    def bookmark(self, end: date) -> date:
        """Return the last unit before `end`: what a bookmark says when everything before `end` was read."""
        return add(end, self.step, -1)

    def windows(self, bookmark: date | None) -> Iterator[Window]:
        """Yield the windows to read, oldest first; none splits a bucket."""
        start = self.start(bookmark)
        while start < self.end:
            end = floor(add(start, self.step, self.span), self.bucket)
            end = min(max(end, add(start, self.bucket, 1)), self.end)
            yield Window(start, end)
            start = end

    def is_final(self, day: date) -> bool:
        """Return whether the vendor will not change the row of the bucket that holds `day` any more."""
        ended = add(floor(day, self.bucket), self.bucket, 1)
        return add(ended, self.step, self.lookback_units) <= self.natural_end
