"""One stream from its first request to its last bookmark: partitions, readings, pages, failures, state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tap_usage import schema
from tap_usage.reading.executions import Executions
from tap_usage.reading.progress import FullTable, Ordered, Unit, Windowed, context_key
from tap_usage.reading.shaping import Shaping
from tap_usage.reading.snapshots import Snapshots
from tap_usage.reading.state import Bookmarks
from tap_usage.rest import fanout
from tap_usage.rest.errors import PagingError, ReadError, RequestError, plain
from tap_usage.rest.offsets import OffsetPages
from tap_usage.rest.paging import Page, Reading, Row
from tap_usage.rest.polling import Execution, Submitted, fingerprint
from tap_usage.rest.workers import Sent, Workers
from tap_usage.times import instant

if TYPE_CHECKING:
    from tap_usage.streams import UsageStream
    from tap_usage.tap import TapUsage

Contexts = list[tuple[str, dict[str, str]]]


class Extraction:
    """One pass over a stream.

    Args:
        stream: its data sheet.
        tap: is told of failures and of listed children, and writes the state.
        workers: of the vendor.
        state: the stream's part of the Singer state, changed in place.

    Attributes:
        emitted, vanished: counts for the summary.
        missing: partitions that were listed and answered 404.
        expected: rows the vendor said there are, None if it did not say.
    """

    def __init__(self, stream: UsageStream, tap: TapUsage, workers: Workers, state: dict[str, Any]) -> None:
        self._stream = stream
        self._tap = tap
        self._workers = workers
        self._state = state
        self._snapshots: Snapshots | None = None
        self._shaping = Shaping(stream)
        self.emitted = 0
        self.expected: int | None = None
        self._sent = Sent()
        self.vanished = 0
        self.missing = 0
        self._failed = False
        self._names: set[str] = set()

    def pages(self) -> Iterator[list[Row]]:
        """Yield the rows page by page. When the next page is asked for, the last one has been written.

        Raises:
            ReadError: when the stream cannot be read at all; failures of partitions are told to the tap.
            Stopped: when the run is being ended.
        """
        stream = self._stream
        self._workers.started()  # a vendor without a login fails here, each stream with the same words
        contexts, complete = self._contexts()
        progress = self._progress([partition for partition, _ in contexts], complete=complete)
        found: Contexts = []
        for unit, reading, page in self._events(progress.units(contexts)):
            if page is None:
                progress.done(unit, reading)
                if not reading.error:
                    reading.settle()
                complete &= not reading.error or not stream.children
            elif rows := self._shape(unit, reading, page):
                found += self._children_of(rows, unit)
                yield rows
                self.emitted += len(rows)
            if page and not reading.error:
                progress.page(unit, page)
            self._save()
        progress.end()
        self._refuse_nothing_everywhere(len(contexts))
        self._listed(found, complete=complete)
        if isinstance(stream.paging, Execution) and not self._failed:
            Executions(self._state).clear()
        self._save()

    @property
    def summary(self) -> str:
        """How much was emitted of what the vendor said there is, and what it took."""
        of = f" of {self.expected}" if self.expected is not None else ""
        gone = f", {self.vanished} vanished" if self.vanished else ""
        return f"{self.emitted}{of} rows, {self._sent.count} requests{gone}"

    def _events(self, units: Iterator[Unit]) -> Iterator[tuple[Unit, Reading, Page | None]]:
        """Yield pages and ends of readings; write the state in between, count, and report failures."""
        for event in fanout.read(self._workers, ((unit, self._reading(unit)) for unit in units), self._sent):
            if event.key is None or event.reading is None:
                self._save()
                continue
            unit, reading = event.key, event.reading
            if event.page is None:
                self.missing += reading.vanished
            if event.page is None and self._is_gone(unit, reading.error):
                reading.error, reading.vanished = None, True
            yield unit, reading, event.page
            if event.page is None:
                self._count(unit, reading)

    def _count(self, unit: Unit, reading: Reading) -> None:
        self._tap.failures.asked(self._stream.name, _where(unit))
        if reading.expected is not None:
            self.expected = (self.expected or 0) + reading.expected
        if reading.vanished:
            self.vanished += 1
            self._stream.logger.info("%s has vanished since it was listed; nothing to read", _where(unit))
        if reading.error:
            self._failed = True
            self._tap.failed(self._stream, _where(unit), reading.error)

    def _shape(self, unit: Unit, reading: Reading, page: Page) -> list[Row]:
        """Return the rows of a page; if they are unreadable, that is the failure of their reading."""
        try:
            self._names.update(str(row.get("id")) for row in page.rows if self._stream.only)
            return self._shaping.shape(page, unit, self._snapshots)
        except (ReadError, KeyError, TypeError, ValueError) as error:
            told = isinstance(error, ReadError)
            reading.refuse(error if told else PagingError(f"unreadable rows ({type(error).__name__})"))
            return []

    # Partitions

    def _contexts(self) -> tuple[Contexts, bool]:
        """Return the partitions, in the order of their ids, and whether these are all."""
        kind = self._stream.parent
        if kind is None:
            return [("", {})], True
        parent = self._tap.stream_of(kind)
        if kind not in self._tap.listed:
            parent.list_children()
        contexts, complete = self._tap.listed[kind]
        if not complete:
            self._tap.failed(self._stream, "", ReadError(f"{parent.name} could not be listed completely, see there"))
        return contexts, complete

    def _children_of(self, rows: list[Row], unit: Unit) -> Contexts:
        stream = self._stream
        field, values = stream.barren
        found: Contexts = []
        for row in rows if stream.children else ():
            if field and row.get(field) in values:
                stream.logger.info("%s is %s; its children are not asked for", row.get("id"), row.get(field))
                continue
            context = {**unit.context, **{name: str(row[own]) for name, own in stream.children.items()}}
            found.append((context_key(context), context))
        return found

    def _listed(self, found: Contexts, *, complete: bool) -> None:
        stream = self._stream
        chosen = stream.config.get(stream.only, []) if stream.only and complete else []
        listed = {partition for partition, _ in found}
        alike = {name.casefold(): name for name in self._names}
        for absent in sorted(set(chosen) - listed):
            hint = f"; {alike[absent.casefold()]} is" if absent.casefold() in alike else ""
            stream.logger.warning("%s: %s is not listed by the vendor%s", stream.only, absent, hint)
        if stream.children:
            self._tap.listed[type(stream)] = (sorted(found, key=itemgetter(0)), complete)

    def _is_gone(self, unit: Unit, error: Exception | None) -> bool:
        """Return whether an error only means that the ancestor of a partition is no longer listed."""
        if not isinstance(error, RequestError) or error.status not in self._stream.ambiguous:
            return False
        *_, ancestor = self._stream.ancestors()
        listed = self._tap.listed_again(ancestor)
        field = next(iter(ancestor.children))
        return listed is not None and unit.context[field] not in listed

    def _refuse_nothing_everywhere(self, partitions: int) -> None:
        """Fail when nothing was found below any parent, where that cannot be: no access looks like no data."""
        if self._stream.inhabited and self.missing == partitions > 0:
            what = f"HTTP 404 below each of the {partitions} that were listed, so nothing could be read"
            advice = "the credentials lack a role there, or the service is not part of them"
            self._tap.failed(self._stream, "", ReadError(f"{what}: {advice}"))

    # Readings

    def _reading(self, unit: Unit) -> Reading:
        stream, paging = self._stream, self._stream.paging
        request = stream.request(unit)
        request = replace(request, path=fill(request.path, unit))
        if isinstance(paging, OffsetPages):
            end = stream.config.get("end_date") if paging.order else None
            return paging.read(request, unit.start, instant(end) if end else None)
        if not isinstance(paging, Execution):
            return paging.read(request)
        mark = fingerprint(stream.connection.host.url, request)

        executions = Executions(self._state)
        window = unit.window
        final = window is not None and stream.calendar.is_final(window.end - timedelta(days=1))

        def journal(submitted: Submitted | None) -> None:
            if submitted:
                executions.keep(replace(submitted, fingerprint=mark, final=final))
                self._tap.write_state_soon()
            else:
                executions.drop(mark)

        resume = executions.find(mark, stream.connection.now())
        return paging.read(request, fill(paging.results, unit), stream.connection.clock, journal, resume)

    # State

    def _save(self) -> None:
        """Write the state if a line is due; in BATCH mode the SDK does, when the files are there."""
        if not self._stream.config.get("batch_config"):
            self._tap.write_state()

    def _progress(self, listed: list[str], *, complete: bool) -> FullTable:
        stream, config = self._stream, self._stream.config
        now = self._workers.started()
        if isinstance(stream.paging, Execution):
            Executions(self._state).forget_old(now)
        if stream.counters:
            self._snapshots = Snapshots(self._state, stream.counters, now)
            return FullTable()
        if not stream.windows and not stream.lookback:
            return FullTable()
        identity = [*stream.parent.children][-1] if stream.parent else None
        query = " ".join(_words(config[setting]) for setting in stream.query)
        key = str(type(stream).replication_key)  # a catalog may have taken it from the stream
        bookmarks = Bookmarks(self._state, key, identity, query)
        if stream.windows:
            date_time = schema.load(stream.name)["properties"][key].get("format") == "date-time"
            return Windowed(bookmarks, stream.calendar, now, with_time=date_time, listed=listed, complete=complete)
        bounds = [instant(config[name]) if name in config else None for name in ("start_date", "end_date")]
        lookback = timedelta(minutes=config[stream.lookback])
        return Ordered(bookmarks, now, lookback, *bounds, listed=listed, complete=complete)


def fill(path: str, unit: Unit) -> str:
    """Put the context fields of a unit into a path."""
    for name, value in unit.context.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path


def _where(unit: Unit) -> str:
    parts = [f"{name}={plain(value)}" for name, value in unit.context.items()]
    if unit.window:
        parts.append(f"{unit.window.start}/{unit.window.end}")
    return " ".join(parts)


def _words(setting: str | list[str]) -> str:
    return setting if isinstance(setting, str) else ",".join(sorted(setting))
