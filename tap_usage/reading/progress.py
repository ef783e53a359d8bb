"""How a stream gets through its partitions: what is asked, and what a bookmark may say afterwards.

One class for each kind of stream: everything every time, rows in an order, windows of days.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from tap_usage.reading.sheet import Context, Sheet, Unit
from tap_usage.reading.state import Bookmarks
from tap_usage.reading.windows import Calendar, Window
from tap_usage.rest.errors import ContradictionError
from tap_usage.rest.pages.query import Page, Reading
from tap_usage.times import day_of, instant, midnight, shifted, utc_text

STAYS_FRESH = timedelta(hours=1)


class FullTable:
    """Everything, every time.

    Args:
        window: what a vendor is asked for that only knows windows.
    """

    def __init__(self, window: Window | None = None) -> None:
        self._window = window

    def units(self, contexts: Iterable[tuple[str, Context]]) -> Iterator[Unit]:
        """Yield what to read for `(id, context)` pairs."""
        for partition, context in contexts:
            yield Unit(partition, context, self._window)

    def count(self, partitions: Collection[str]) -> int:
        """Return how many units there are for these partitions."""
        return len(partitions)

    def page(self, unit: Unit, page: Page) -> None:
        """All rows of a page were written."""

    def done(self, unit: Unit, reading: Reading) -> None:
        """A reading is over; it may have failed, or there was nothing (404)."""

    def end(self) -> None:
        """All readings are over."""


class Bookmarked(FullTable):
    """Reads each partition from its bookmark on, and moves bookmarks over what came completely.

    What is furthest behind is read first. A run that was interrupted not long ago is gone on with: what it had read is
    not read again.
    """

    def __init__(self, bookmarks: Bookmarks) -> None:
        super().__init__()
        self._bookmarks = bookmarks

    def units(self, contexts: Iterable[tuple[str, Context]]) -> Iterator[Unit]:
        for partition, context in sorted(contexts, key=lambda pair: (self._bookmarks.start(pair[0]) or "", pair[0])):
            if not self._bookmarks.was_read(partition):
                yield from self._units_of(partition, context)

    def count(self, partitions: Collection[str]) -> int:
        return sum(self._count_of(partition) for partition in partitions if not self._bookmarks.was_read(partition))

    def end(self) -> None:
        self._bookmarks.complete()

    def _count_of(self, partition: str) -> int:  # noqa: ARG002 - where it depends on the partition
        return 1

    def _units_of(self, partition: str, context: Context) -> Iterator[Unit]:
        raise NotImplementedError


class Ordered(Bookmarked):
    """Rows in the order of their replication key.

    Args:
        bookmarks: of the stream.
        now: the vendor's clock when the run began.
        lookback: read again before the bookmark, for rows that became visible late.
        start_date, end_date: settings.
        listed: ids of the partitions that are known.
        complete: these are all there are.
    """

    def __init__(  # noqa: PLR0913 - settings
        self,
        bookmarks: Bookmarks,
        now: datetime,
        lookback: timedelta,
        start_date: datetime | None,
        end_date: datetime | None,
        *,
        listed: Collection[str],
        complete: bool,
    ) -> None:
        super().__init__(bookmarks)
        self._lookback = lookback
        self._start_date = start_date
        self._marks: dict[str, str] = {}
        self._before: dict[str, str | None] = {}
        bound = utc_text(min(now, end_date) if end_date else now)
        began = bookmarks.interrupted
        bookmarks.begin(bound, now, listed, complete=complete, go_on=began is not None and now - began <= STAYS_FRESH)

    def page(self, unit: Unit, page: Page) -> None:
        if page.mark is not None:
            self._marks[unit.partition] = page.mark
            self._bookmarks.progress(unit.partition, page.mark)

    def done(self, unit: Unit, reading: Reading) -> None:
        mark = self._marks.pop(unit.partition, None)
        before = self._before.pop(unit.partition)
        if isinstance(reading.error, ContradictionError):
            self._bookmarks.take_back(unit.partition, before)
        elif not reading.error and not reading.vanished:
            self._bookmarks.finish(unit.partition, mark)

    def _units_of(self, partition: str, context: Context) -> Iterator[Unit]:
        bookmark = self._before[partition] = self._bookmarks.start(partition)
        start = shifted(instant(bookmark), -self._lookback) if bookmark else self._start_date
        yield Unit(partition, context, start=utc_text(start) if start else None)


class Windowed(Bookmarked):
    """Windows of days; a partition's bookmark is the last unit before which every window came.

    Args:
        bookmarks: of the stream.
        calendar: cuts the windows.
        now: the vendor's clock when the run began; that of this machine where no answer had told it yet.
        first: returns the vendor's clock at its first answer.
        with_time: bookmarks are date-times, not dates.
        listed: ids of the partitions that are known.
        complete: these are all there are.
    """

    def __init__(  # noqa: PLR0913 - settings
        self,
        bookmarks: Bookmarks,
        calendar: Calendar,
        now: datetime,
        first: Callable[[], datetime],
        *,
        with_time: bool,
        listed: Collection[str],
        complete: bool,
    ) -> None:
        super().__init__(bookmarks)
        self._calendar = calendar
        self._first = first
        self._with_time = with_time
        self._broken: set[str] = set()
        self._ended: dict[str, date] = {}
        began = bookmarks.interrupted
        go_on = began is not None and began.date() == now.date()
        bookmarks.begin(self._text(calendar.end), now, listed, complete=complete, go_on=go_on)

    def page(self, unit: Unit, page: Page) -> None:
        ended = self._calendar.by(page.date.date()).natural_end
        self._ended[unit.partition] = min(ended, self._ended.get(unit.partition, ended))

    def done(self, unit: Unit, reading: Reading) -> None:
        told = self._calendar.by(self._first().date()).natural_end
        ended = min(told, self._ended.pop(unit.partition, told))
        if reading.error or reading.vanished:
            self._broken.add(unit.partition)
        elif unit.window and unit.partition not in self._broken:
            value = self._text(min(unit.window.end, ended))
            (self._bookmarks.finish if unit.last else self._bookmarks.progress)(unit.partition, value)
        if unit.last:
            self._broken.discard(unit.partition)

    def _count_of(self, partition: str) -> int:
        return len(self._windows_of(partition))

    def _windows_of(self, partition: str) -> list[Window]:
        bookmark = self._bookmarks.start(partition)
        return list(self._calendar.windows(day_of(bookmark) if bookmark else None))

    def _units_of(self, partition: str, context: Context) -> Iterator[Unit]:
        windows = self._windows_of(partition)
        if not windows and self._bookmarks.start(partition):
            self._bookmarks.finish(partition, None)
        for window in windows:
            yield Unit(partition, context, window, last=window is windows[-1])

    def _text(self, end: date) -> str:
        day = self._calendar.bookmark(end)
        return midnight(day) if self._with_time else day.isoformat()


def context_key(context: Context) -> str:
    """Return the id of a partition: the last of its context fields."""
    return list(context.values())[-1] if context else ""


def bookmarks_of(sheet: Sheet, state: dict[str, Any]) -> Bookmarks:
    """Return the bookmarks of a stream, a view on its part of the state.

    Raises:
        ReadError: when the state cannot be read.
    """
    identity = [*sheet.parent.children][-1] if sheet.parent else None
    settings = " ".join(_words(sheet.config[setting]) for setting in sheet.query)
    return Bookmarks(state, sheet.replication_key, identity, sheet.tenancy.query(settings), untold=settings)


def ordered(sheet: Sheet, bookmarks: Bookmarks, now: datetime, listed: Collection[str], *, complete: bool) -> Ordered:
    """Return how a sheet with an order gets through its partitions, by the settings."""
    config = sheet.config
    bounds = [instant(config[name]) if name in config else None for name in ("start_date", "end_date")]
    lookback = timedelta(minutes=config[sheet.lookback])
    return Ordered(bookmarks, now, lookback, *bounds, listed=listed, complete=complete)


def _words(setting: str | list[str]) -> str:
    return setting if isinstance(setting, str) else ",".join(sorted(setting))
