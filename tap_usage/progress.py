"""How a stream gets through its partitions: what is asked, and what a bookmark may say afterwards.

One class for each kind of stream: everything every time, rows in an order, windows of days, counters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tap_usage.rest.errors import ContradictionError
from tap_usage.rest.paging import Page, Reading
from tap_usage.snapshots import Snapshots
from tap_usage.state import Bookmarks, instant, utc_text
from tap_usage.windows import Calendar, Window, day_of, midnight

PASS_STAYS_FRESH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Unit:
    """What one reading is for.

    Attributes:
        partition: its id, "" in a stream without partitions.
        context: context fields, for the path and the rows.
        window: the days it covers, if it covers days.
        start: value of the order to read from, None for everything.
        last: no further unit of this partition comes.
    """

    partition: str = ""
    context: dict[str, str] = field(default_factory=dict)
    window: Window | None = None
    start: str | None = None
    last: bool = True


class FullTable:
    """Everything, every time."""

    def units(self, contexts: Iterable[tuple[str, dict[str, str]]]) -> Iterator[Unit]:
        """Yield what to read for `(id, context)` pairs, which come in the order of their ids."""
        for partition, context in contexts:
            yield Unit(partition, context)

    def page(self, unit: Unit, page: Page) -> None:
        """All rows of a page were written."""

    def done(self, unit: Unit, reading: Reading) -> None:
        """A reading is over; it may have failed."""

    def end(self, known: Collection[str], *, complete: bool) -> bool:  # noqa: ARG002 - for those that keep a state
        """All readings are over. Return whether to read all of them again.

        Args:
            known: ids of all partitions.
            complete: whether these are all there are.
        """
        return False


class Counting(FullTable):
    """Snapshots of counters; those of what no longer exists are forgotten.

    Args:
        snapshots: of the stream.
        chosen: a setting chose what is read; what it left out may come back.
    """

    def __init__(self, snapshots: Snapshots, *, chosen: bool) -> None:
        self._snapshots = snapshots
        self._complete = not chosen

    def done(self, unit: Unit, reading: Reading) -> None:  # noqa: ARG002 - the same for all
        self._complete &= reading.error is None

    def end(self, known: Collection[str], *, complete: bool) -> bool:
        if complete and self._complete and known != {""}:
            self._snapshots.keep_only(known)
        return False


class Bookmarked(FullTable):
    """Reads each partition from its bookmark on, and moves bookmarks over what came completely.

    An interrupted run is finished first. When it began long ago, everything is read once more after that, because the
    partitions it had finished have new rows by now.
    """

    def __init__(self, bookmarks: Bookmarks, bound: str, *, whole: bool) -> None:
        self._bookmarks = bookmarks
        self._bound = bound
        self._skip = ""
        self._stale = False
        if interrupted := bookmarks.interrupted:
            self._skip, began = interrupted
            self._stale = self._is_stale(began)
        bookmarks.begin(bound, whole=whole)

    def units(self, contexts: Iterable[tuple[str, dict[str, str]]]) -> Iterator[Unit]:
        for partition, context in contexts:
            if not self._skip or partition > self._skip or self._bookmarks.is_behind(partition):
                yield from self._units_of(partition, context)

    def end(self, known: Collection[str], *, complete: bool) -> bool:
        if not complete:
            self._bookmarks.abandon()
            return False
        self._bookmarks.complete(known)
        again, self._stale, self._skip = self._stale, False, ""
        if again:
            self._bookmarks.begin(self._bound)
        return again

    def _is_stale(self, began: str) -> bool:
        raise NotImplementedError

    def _units_of(self, partition: str, context: dict[str, str]) -> Iterator[Unit]:
        raise NotImplementedError


class Ordered(Bookmarked):
    """Rows in the order of their replication key.

    Args:
        bookmarks: of the stream.
        now: the vendor's clock when the run began.
        lookback: read again before the bookmark, for rows that became visible late.
        start_date, end_date: settings.
        whole: all partitions are known.
    """

    def __init__(  # noqa: PLR0913 - settings
        self,
        bookmarks: Bookmarks,
        now: datetime,
        lookback: timedelta,
        start_date: datetime | None,
        end_date: datetime | None,
        *,
        whole: bool = True,
    ) -> None:
        self._now = now
        self._lookback = lookback
        self._start_date = start_date
        self._end_date = end_date
        super().__init__(bookmarks, utc_text(min(now, end_date) if end_date else now), whole=whole)
        self._marks: dict[str, str] = {}
        self._before: dict[str, str | None] = {}

    def page(self, unit: Unit, page: Page) -> None:
        if page.mark is not None:
            self._marks[unit.partition] = page.mark
            self._bookmarks.progress(unit.partition, page.mark)

    def done(self, unit: Unit, reading: Reading) -> None:
        mark = self._marks.pop(unit.partition, None)
        before = self._before.pop(unit.partition)
        if reading.error:
            if isinstance(reading.error, ContradictionError):
                self._bookmarks.take_back(unit.partition, before)
            self._bookmarks.fail(unit.partition)
        else:
            self._bookmarks.finish(unit.partition, mark)

    def _is_stale(self, began: str) -> bool:
        return self._now - instant(began) > PASS_STAYS_FRESH

    def _units_of(self, partition: str, context: dict[str, str]) -> Iterator[Unit]:
        bookmark = self._before[partition] = self._bookmarks.start(partition)
        start = instant(bookmark) - self._lookback if bookmark else self._start_date
        yield Unit(partition, context, start=utc_text(start) if start else None)


class Windowed(Bookmarked):
    """Windows of days; a partition's bookmark is the last unit before which every window came.

    Args:
        bookmarks: of the stream.
        calendar: cuts the windows.
        with_time: bookmarks are date-times, not dates.
        whole: all partitions are known.
    """

    def __init__(self, bookmarks: Bookmarks, calendar: Calendar, *, with_time: bool, whole: bool = True) -> None:
        self._calendar = calendar
        self._with_time = with_time
        self._broken: set[str] = set()
        super().__init__(bookmarks, self._text(calendar), whole=whole)

    def done(self, unit: Unit, reading: Reading) -> None:
        if reading.error:
            self._broken.add(unit.partition)
        elif unit.window and unit.partition not in self._broken and not unit.last:
            self._bookmarks.progress(unit.partition, self._value(unit.window))
        if unit.last and unit.partition in self._broken:
            self._broken.discard(unit.partition)
            self._bookmarks.fail(unit.partition)
        elif unit.last:
            self._bookmarks.finish(unit.partition, self._value(unit.window) if unit.window else None)

    def _is_stale(self, began: str) -> bool:
        return day_of(began) < day_of(self._bound)

    def _units_of(self, partition: str, context: dict[str, str]) -> Iterator[Unit]:
        bookmark = self._bookmarks.start(partition)
        windows = list(self._calendar.windows(day_of(bookmark) if bookmark else None))
        for window in windows:
            yield Unit(partition, context, window, last=window is windows[-1])

    def _text(self, calendar: Calendar) -> str:
        day = calendar.bookmark(calendar.end)
        return midnight(day) if self._with_time else day.isoformat()

    def _value(self, window: Window) -> str:
        day = self._calendar.bookmark(window.end)
        return midnight(day) if self._with_time else day.isoformat()


def context_key(context: dict[str, Any]) -> str:
    """Return the id of a partition: the last of its context fields."""
    return next(reversed(context.values()), "") if context else ""
