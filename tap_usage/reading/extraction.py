"""One stream from its first request to its last bookmark: partitions, readings, pages, failures, state."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from tap_usage.reading.executions import Executions
from tap_usage.reading.meter import Meter
from tap_usage.reading.progress import FullTable, Windowed, bookmarks_of, context_key, ordered
from tap_usage.reading.run import Listing, Run
from tap_usage.reading.shaping import Shaping
from tap_usage.reading.sheet import Context, Sheet, SheetError, Unit
from tap_usage.reading.snapshots import Snapshots
from tap_usage.reading.windows import Calendar, Window
from tap_usage.rest import fanout
from tap_usage.rest.errors import PagingError, ReadError, RequestError, plain
from tap_usage.rest.pages.query import Page, Query, Reading, Row
from tap_usage.rest.workers import Workers
from tap_usage.times import day_of


class UnlistedError(ReadError):
    """The parent of a stream could not be listed, or not completely."""


Pages = Generator[list[Row], None, None]
"""Rows, page by page; nothing in one means that there is none before the loop has turned."""


class Extraction:
    """One pass over a stream.

    Args:
        sheet: its data sheet.
        run: is told of failures and of listed children, and writes the state.
        workers: of the vendor.
        state: the stream's part of the Singer state, changed in place.
    """

    def __init__(self, sheet: Sheet, run: Run, workers: Workers, state: dict[str, Any]) -> None:
        self._sheet = sheet
        self._run = run
        self._workers = workers
        self._state = state
        self._meter = run.meters.setdefault(sheet.name, Meter())
        self._missing = 0

    def pages(self) -> Pages:
        """Yield the rows page by page. When the next page is asked for, the last one has been written.

        Nobody else may write between a page and the asking for the next one, which is when the state speaks of it.
        Whatever fails is told to the run and does not end the others.
        """
        monotonic = self._workers.connection.clock.monotonic
        self._meter.began = self._meter.began or monotonic()
        try:
            yield from self._pages()
            if not self._missing and not self._run.failures.count(self._sheet.name):
                self._run.whole.add(type(self._sheet))
        except Exception as error:  # noqa: BLE001 - one stream must not end the others
            self._run.listed[type(self._sheet)] = Listing()
            self._run.failed(self._sheet, "", error)
        finally:
            self._meter.ended = monotonic()
            self._meter.open.clear()

    def _pages(self) -> Pages:
        sheet = self._sheet
        contexts, complete = yield from self._partitions()
        now, calendar = self._today()
        snapshots = Snapshots(self._state, sheet.counters, now) if sheet.counters else None
        shaping = Shaping(sheet, calendar, snapshots)
        listed = [partition for partition, _ in contexts]
        progress = self._progress(now, calendar, listed, complete=complete)
        failed = False
        found: list[tuple[str, Context]] = []
        self._meter.readings = progress.count(listed)
        dated = bool(sheet.windows and sheet.windows.field)
        self._meter.final = 0 if dated else None
        readings = ((unit, self._reading(unit, calendar)) for unit in progress.units(contexts))
        for event in self._events(readings):
            if event is None:
                self._run.save()
                yield []
                continue
            unit, reading, page = event.key, event.reading, event.page
            if page is None:
                yield from self._judge(unit, reading)
                progress.done(unit, reading)
                if not reading.error:
                    reading.settle()
                failed |= bool(reading.error)
                self._count(unit, reading)
            elif rows := self._shape(shaping, unit, reading, page):
                found += self._children_of(rows, unit)
                final = sum(row["is_final"] for row in rows) if dated else 0  # whoever writes rows may change them
                yield rows
                self._meter.wrote(len(rows), final)
                if snapshots:
                    snapshots.keep()
            if page and not reading.error:
                progress.page(unit, page)
            self._run.save()
        progress.end()
        self._refuse_nothing_everywhere(len(contexts))
        self._listed(found, shaping.names, complete=complete and not failed)
        if self._sheet.results and not failed:
            Executions(self._state).clear()
        self._run.save()

    def _calendar(self, today: date) -> Calendar:
        return self._sheet.calendar(today)

    def _events(self, readings: Iterable[tuple[Unit, Reading]]) -> Iterator[fanout.Event[Unit] | None]:
        return fanout.read(self._workers, readings, attrgetter("partition"))

    def _today(self) -> tuple[datetime, Calendar | None]:
        """Return the vendor's clock, told by the parent's list if not by a login, and how time is cut from there."""
        now = self._workers.connection.first()
        return now, self._calendar(now.date()) if self._sheet.windows else None

    def _judge(self, unit: Unit, reading: Reading) -> Pages:
        """Find out whether a reading failed, or only its partition is gone."""
        self._missing += reading.vanished
        if (yield from self._is_gone(unit, reading.error)):
            reading.error, reading.vanished = None, True

    def _count(self, unit: Unit, reading: Reading) -> None:
        self._run.failures.asked(self._sheet.name, self._where(unit))
        meter = self._meter
        meter.over += 1
        meter.open.discard(reading)
        if reading.expected is not None:
            meter.expected = (meter.expected or 0) + reading.expected
        if reading.vanished:
            meter.vanished += 1
            self._sheet.logger.info("%s has vanished since it was listed; nothing to read", self._where(unit))
        if reading.error:
            self._run.failed(self._sheet, self._where(unit), reading.error)

    def _shape(self, shaping: Shaping, unit: Unit, reading: Reading, page: Page) -> list[Row]:
        """Return the rows of a page; if they are unreadable, that is the failure of their reading."""
        try:
            return shaping.shape(page, unit)
        except (ReadError, KeyError, TypeError, ValueError) as error:
            what = f": {plain(str(error))}" if isinstance(error, KeyError) else ""
            told = isinstance(error, ReadError)
            unit.keyed.clear()
            reading.refuse(error if told else PagingError(f"unreadable rows ({type(error).__name__}{what})"))
            return []

    def _where(self, unit: Unit) -> str:
        parts = [f"{name}={plain(value)}" for name, value in unit.context.items()]
        if unit.window and self._sheet.bookmarked:
            parts.append(f"{unit.window.start}/{unit.window.end}")
        return " ".join(parts)

    # Partitions

    def _partitions(self) -> Generator[list[Row], None, tuple[Sequence[tuple[str, Context]], bool]]:
        """Return the partitions, in the order of their ids, and whether these are all.

        Raises:
            RequestError: for a vendor without a login: each stream fails alike.
        """
        while self._workers.started() is None:
            yield []
        parent = self._sheet.parent
        if parent is None:
            return (("", {}),), True
        while parent not in self._run.listed:
            yield []
        listing = self._run.listed[parent]
        if not listing.complete:
            self._workers.connection.check()  # what has gone wrong for the vendor is the failure of all its streams
            what = f"{parent.name} could not be listed completely, see there"
            self._run.failed(self._sheet, "", UnlistedError(what))
        return listing.contexts, listing.complete

    def _children_of(self, rows: list[Row], unit: Unit) -> list[tuple[str, Context]]:
        sheet = self._sheet
        field, values = sheet.barren
        found: list[tuple[str, Context]] = []
        for row in rows if sheet.children else ():
            own = {name: str(row[field]) for name, field in sheet.children.items()}
            if field and row.get(field) in values:
                sheet.logger.info("%s is %s; its children are not asked for", context_key(own), row.get(field))
                continue
            found.append((context_key(own), {**unit.context, **own}))
        return found

    def _listed(self, found: list[tuple[str, Context]], names: Collection[str], *, complete: bool) -> None:
        sheet = self._sheet
        chosen = sheet.config.get(sheet.only, []) if sheet.only and complete else []
        alike = {name.casefold(): name for name in names}
        for absent in sorted(set(chosen) - {partition for partition, _ in found}):
            hint = f"; {alike[absent.casefold()]} is" if absent.casefold() in alike else ""
            sheet.logger.warning("%s: %s is not listed by the vendor%s", sheet.only, absent, hint)
        self._run.listed[type(sheet)] = Listing(tuple(sorted(dict(found).items())), complete)

    def _is_gone(self, unit: Unit, error: Exception | None) -> Generator[list[Row], None, bool]:
        """Return whether an error only means that the ancestor of a partition is no longer listed."""
        if not isinstance(error, RequestError) or error.status not in self._sheet.ambiguous:
            return False
        *_, ancestor = self._sheet.ancestors()
        again = self._run.listed_again.get(ancestor)
        if again is None:
            again = self._run.listed_again[ancestor] = Run()
            for _ in Extraction(ancestor(self._sheet.config), again, self._workers, {}).pages():
                yield []
        while ancestor not in again.listed:
            yield []
        listing = again.listed[ancestor]
        field = next(iter(ancestor.children))
        return listing.complete and all(context[field] != unit.context[field] for _, context in listing.contexts)

    def _refuse_nothing_everywhere(self, partitions: int) -> None:
        """Fail when nothing was found below any parent, where that cannot be: no access looks like no data."""
        if self._sheet.inhabited and self._missing == partitions > 0:
            what = f"HTTP 404 below each of the {partitions} that were listed, so nothing could be read"
            advice = "the credentials lack a role there, or the service is not part of them"
            self._run.failed(self._sheet, "", ReadError(f"{what}: {advice}"))

    # Readings

    def _reading(self, unit: Unit, calendar: Calendar | None) -> Reading:
        sheet = self._sheet
        try:
            request = sheet.request(unit)
        except (AttributeError, KeyError) as error:
            what = f"{type(error).__name__}: {plain(str(error))}"
            raise SheetError(f"{type(sheet).__name__} cannot say what to ask for ({what}); report it") from error
        query = Query(
            replace(request, path=fill(request.path, unit), sent=self._meter.sent.add),
            sheet.located,
            sheet.identity,
            vanishing=sheet.parent is not None,
            start=unit.start,
            end=sheet.end,
            results=fill(sheet.results, unit),
        )
        if sheet.results:
            settled = partial(_is_settled, calendar, unit.window)
            query = Executions(self._state).resumed(query, self._workers.connection, settled, self._run.hurry)
        reading = sheet.paging.read(query)
        self._meter.open.add(reading)
        return reading

    def _progress(self, now: datetime, calendar: Calendar | None, listed: list[str], *, complete: bool) -> FullTable:
        sheet = self._sheet
        if sheet.results:
            Executions(self._state).forget_old(now)
        if not sheet.bookmarked:
            return FullTable(calendar.last if calendar else None)
        bookmarks = bookmarks_of(sheet, self._state)
        self._run.before[sheet.name] = bookmarks.before
        if not calendar:
            return ordered(sheet, bookmarks, now, listed, complete=complete)
        date_time = sheet.schema["properties"][sheet.replication_key].get("format") == "date-time"
        first = self._workers.connection.first
        windowed = Windowed(bookmarks, calendar, now, first, with_time=date_time, listed=listed, complete=complete)
        self._caution_of_the_oldest(calendar, [bookmarks.start(partition) for partition in listed])
        return windowed

    def _caution_of_the_oldest(self, calendar: Calendar, bookmarks: Iterable[str | None]) -> None:
        """Tell once what will never be read, because the vendor refuses to be asked for it."""
        days = {day_of(bookmark) if bookmark else None for bookmark in bookmarks}
        starts = {calendar.wanted(day): calendar.start(day) for day in days}
        if starts and (first := min(starts)) < min(starts[first], calendar.end):
            told = "what lies between %s and %s is not read: the vendor cannot be asked for it any more"
            self._sheet.logger.warning(told, first, starts[first])


def fill(path: str, unit: Unit) -> str:
    """Put the context fields of a unit into a path."""
    for name, value in unit.context.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path


def _is_settled(calendar: Calendar | None, window: Window | None, day: date) -> bool:
    """Return whether the vendor would not change its answer about a window any more, as far as a day can tell."""
    return bool(calendar and window and calendar.by(day).is_final(window.end - timedelta(days=1)))
