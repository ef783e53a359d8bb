"""The stream that all vendors' streams are: a data sheet below, the Singer SDK above, and the reading in between."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform

from tap_usage import rows as row_changes
from tap_usage import schema
from tap_usage.drift import Drift
from tap_usage.progress import Counting, FullTable, Ordered, Unit, Windowed, context_key
from tap_usage.rest import fanout
from tap_usage.rest.connection import Connection, Request
from tap_usage.rest.errors import PagingError, ReadError, RequestError
from tap_usage.rest.offsets import OffsetPages
from tap_usage.rest.paging import NextLink, Page, Reading, Row, SinglePage
from tap_usage.rest.polling import Execution, Submitted, fingerprint
from tap_usage.snapshots import Counters, Snapshots
from tap_usage.state import Bookmarks, Executions, instant, utc_text
from tap_usage.windows import Calendar, day_of, floor

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context, Record

    from tap_usage.tap import TapUsage

Contexts = list[tuple[str, dict[str, str]]]


@dataclass(frozen=True)
class Windows:
    """Which settings cut a stream's time into windows.

    Attributes:
        field: field of the row that holds its date.
        bucket: setting with the bucket (day, week, month, year).
        span: setting with the size of a window.
        lookback: setting with what is read again.
        step: "day", or "bucket": the unit of both.
        open_end: the current bucket is read too.
        stamp: field to add with the first day of the row's bucket.
    """

    field: str
    bucket: str
    span: str
    lookback: str
    step: str = "day"
    open_end: bool = False
    stamp: str = ""


class UsageStream(Stream):
    """One endpoint of a vendor.

    A subclass is a data sheet: `name path paging primary_keys replication_key`, then what deviates.

    Attributes:
        path: below the vendor's URL, with `{field}` for fields of the context.
        paging: how the answer goes on.
        tuning: fields of `paging` that settings determine.
        parent: the stream whose rows are this one's partitions.
        children: for a parent: context field → field of its rows.
        barren: field and values of rows whose children are not asked for.
        ambiguous: HTTP statuses with which the vendor may also mean that the parent is gone.
        only: setting that lists the ids to read.
        windows: for streams that are read by days or periods.
        lookback: setting with the minutes that are read again before a bookmark, for streams in an order.
        counters: for snapshots of cumulative counters.
        observed: rows carry the day of the snapshot.
        constants: field to add → setting.
        envelope: fields of the answer that every row carries.
        blanks: fields in which the vendor writes "" for nothing.
        secrets: fields that never leave the tap.
        key_fields: dimensions of `usage_key`, for rows without a key of their own.
        query: settings on which history depends; when they change it is read again.
    """

    path: ClassVar[str]
    paging: SinglePage | NextLink | OffsetPages | Execution
    tuning: ClassVar[Mapping[str, str]] = {}
    parent: ClassVar[type[UsageStream] | None] = None
    children: ClassVar[Mapping[str, str]] = {}
    barren: ClassVar[tuple[str, Collection[str]]] = ("", ())
    ambiguous: ClassVar[Collection[int]] = ()
    only: ClassVar[str] = ""
    windows: ClassVar[Windows | None] = None
    lookback: ClassVar[str] = ""
    counters: ClassVar[Counters | None] = None
    observed: ClassVar[bool] = False
    constants: ClassVar[Mapping[str, str]] = {}
    envelope: ClassVar[tuple[str, ...]] = ()
    blanks: ClassVar[tuple[str, ...]] = ()
    secrets: ClassVar[tuple[str, ...]] = ()
    key_fields: ClassVar[tuple[str, ...]] = ()
    query: ClassVar[tuple[str, ...]] = ()

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    _tap: TapUsage

    def __init__(self, tap: TapUsage, workers: fanout.Workers) -> None:
        super().__init__(tap=tap, schema=schema.load(self.name), name=self.name)
        self._workers = workers
        self.paging = replace(
            self.paging,
            **{name: self.config[setting] for name, setting in self.tuning.items() if setting in self.config},
        )
        self._drift = Drift(self.schema["properties"], self.logger)
        self.emitted = 0
        self.expected: int | None = None
        self.requests = 0
        self.vanished = 0

    # What a vendor may say with a method

    def request(self, unit: Unit) -> Request:
        """Return the request that a unit begins with."""
        return Request(self._path(self.path, unit))

    def dimensions(self) -> tuple[str, ...]:
        """Return the fields that make up `usage_key`."""
        return self.key_fields

    # Reading

    @property
    def connection(self) -> Connection:
        """The vendor's connection."""
        return self._workers.connection

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002 - partitions are read in here
        """Yield all rows; whatever fails is told to the tap and does not end the others."""
        for rows in self.batches():
            yield from rows

    def batches(self) -> Iterator[list[Record]]:
        """Yield all rows, page by page. When the next page is asked for, the last one has been written."""
        began = self.connection.clock.monotonic()
        self.emitted = 0
        try:
            yield from self._read()
        except Exception as error:  # noqa: BLE001 - one stream must not end the others
            self._tap.listed.setdefault(type(self), ([], False))
            self._tap.failed(self, "", error)
        seconds = self.connection.clock.monotonic() - began
        of = f" of {self.expected}" if self.expected is not None else ""
        gone = f", {self.vanished} vanished" if self.vanished else ""
        self.logger.info("%d%s rows, %d requests%s, %.1f s", self.emitted, of, self.requests, gone, seconds)

    def _read(self) -> Iterator[list[Record]]:
        contexts, complete = self._contexts()
        known = {partition for partition, _ in contexts}
        progress = self._progress()
        if isinstance(self.paging, Execution):
            self._executions.forget_old(self.connection.now())
        found: Contexts = []
        again = True
        while again:
            for unit, reading, page in self._events(progress.units(contexts)):
                if page is None:
                    progress.done(unit, reading)
                    if not reading.error:
                        reading.settle()
                    complete &= not reading.error or not self.children
                    self._save()
                    continue
                try:
                    rows = self._prepare(page, unit)
                except (ReadError, KeyError, TypeError, ValueError) as error:
                    known_kind = isinstance(error, ReadError)
                    reading.error = error if known_kind else PagingError(f"unreadable rows ({type(error).__name__})")
                    reading.finished = True
                    reading.pages.clear()
                    continue
                found += self._contexts_of(rows, unit)
                yield rows
                self.emitted += len(rows)
                progress.page(unit, page)
                self._save()
            again = progress.end(known, complete=complete)
        chosen = self.config.get(self.only, []) if self.only and complete else []
        for absent in sorted(set(chosen) - {partition for partition, _ in found}):
            self.logger.warning("%s: %s is not listed by the vendor", self.only, absent)
        if self.children:
            self._tap.listed[type(self)] = (sorted(found, key=itemgetter(0)), complete)
        self._save()

    def _events(self, units: Iterator[Unit]) -> Iterator[tuple[Unit, Reading, Page | None]]:
        """Yield pages and ends of readings; write the state in between, count, and report failures."""
        for event in fanout.read(self._workers, ((unit, self._reading(unit)) for unit in units)):
            if event.key is None or event.reading is None:
                self._save()
                continue
            reading = event.reading
            if event.page is None and self._is_gone(event.key, reading.error):
                reading.error, reading.vanished = None, True
            yield event.key, reading, event.page
            if event.page is not None:
                continue
            self.requests += reading.tries
            if reading.expected is not None:
                self.expected = (self.expected or 0) + reading.expected
            if reading.vanished:
                self.vanished += 1
                self.logger.info("%s has vanished since it was listed; nothing to read", self._where(event.key))
            if reading.error:
                self._tap.failed(self, self._where(event.key), reading.error)

    def _contexts(self) -> tuple[Contexts, bool]:
        """Return the partitions, in the order of their ids, and whether these are all."""
        if self.parent is None:
            return [("", {})], True
        parent = self._tap.stream_of(self.parent)
        if self.parent not in self._tap.listed:
            parent.list_children()
        contexts, complete = self._tap.listed[self.parent]
        if not complete:
            self._tap.failed(self, "", ReadError(f"{parent.name} could not be listed completely, see there"))
        return contexts, complete

    def list_children(self) -> None:
        """Read the rows for the sake of the children only."""
        self.logger.info("Listed for the streams that depend on it")
        for _ in self.batches():
            pass

    def _is_gone(self, unit: Unit, error: Exception | None) -> bool:
        """Return whether an error only means that the ancestor of a partition is no longer listed."""
        if not isinstance(error, RequestError) or error.status not in self.ambiguous or self.parent is None:
            return False
        *_, ancestor = self._ancestors()
        listed = self._tap.listed_again(ancestor)
        field = next(iter(ancestor.children))
        return listed is not None and unit.context[field] not in listed

    def _ancestors(self) -> Iterator[type[UsageStream]]:
        kind = self.parent
        while kind:
            yield kind
            kind = kind.parent

    def _contexts_of(self, rows: Iterable[Row], unit: Unit) -> Contexts:
        field, values = self.barren
        found: Contexts = []
        for row in rows if self.children else ():
            if field and row.get(field) in values:
                self.logger.info("%s is %s; its children are not asked for", row.get("id"), row.get(field))
                continue
            context = {**unit.context, **{name: str(row[own]) for name, own in self.children.items()}}
            found.append((context_key(context), context))
        return found

    def _reading(self, unit: Unit) -> Reading:
        request = self.request(unit)
        if isinstance(self.paging, OffsetPages):
            end = self.config.get("end_date") if self.paging.order else None
            return self.paging.read(request, unit.start, instant(end) if end else None)
        if not isinstance(self.paging, Execution):
            return self.paging.read(request)
        mark = fingerprint(self.connection.host.url, request)

        def journal(submitted: Submitted | None) -> None:
            if submitted:
                self._executions.keep(replace(submitted, fingerprint=mark))
                self._tap.write_state_soon()
            else:
                self._executions.drop(mark)

        resume = self._executions.find(mark, self.connection.now())
        results = self._path(self.paging.results, unit)
        return self.paging.read(request, results, self.connection.clock, journal, resume)

    def _path(self, path: str, unit: Unit) -> str:
        for name, value in unit.context.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        return path

    def _where(self, unit: Unit) -> str:
        parts = [f"{name}={value}" for name, value in unit.context.items()]
        if unit.window:
            parts.append(f"{unit.window.start}/{unit.window.end}")
        return " ".join(parts)

    # Rows

    def _prepare(self, page: Page, unit: Unit) -> list[Row]:
        """Return the rows of a page as they are emitted."""
        rows = page.rows
        if self.only and (chosen := self.config.get(self.only)) is not None:
            rows = [row for row in rows if row.get("id") in chosen]
        row_changes.leave_out(rows, self.secrets)
        row_changes.blank_to_null(rows, self.blanks)
        added: Row = {field: page.body.get(field) for field in self.envelope}
        added |= {field: self.config[setting] for field, setting in self.constants.items()}
        added |= unit.context
        if self.observed:
            added["observed_on"] = utc_text(page.date)[:10]
        for row in rows if added else ():
            row.update(added)
        if self.windows and unit.window:
            rows = self._within(rows, unit, self.windows)
        if dimensions := self.dimensions():
            row_changes.add_usage_keys(rows, dimensions)
        for row in rows if self.counters else ():
            self._snapshots.stamp(row, page.date)
        self._drift.settle(rows)
        for key in self.primary_keys:
            if None in [row.get(key) for row in rows]:
                raise PagingError(f"a row without `{key}` came, which is a key")
        return rows

    def _within(self, rows: list[Row], unit: Unit, windows: Windows) -> list[Row]:
        """Return the rows that belong to the window, with `is_final`; a vendor may treat an end as inclusive."""
        kept = []
        assert unit.window  # noqa: S101 - for the type checker
        for row in rows:
            day = day_of(row[windows.field])
            if day != floor(day, self.calendar.bucket):
                bucket = self.calendar.bucket
                raise PagingError(f"a row is dated {day}, where no {bucket} begins; read it by day instead")
            if unit.window.start <= day < unit.window.end:
                row["is_final"] = self.calendar.is_final(day)
                if windows.stamp:
                    row[windows.stamp] = day.isoformat()
                kept.append(row)
        if len(kept) < len(rows):
            self.logger.info("%s: %d rows of other days left out", self._where(unit), len(rows) - len(kept))
        return kept

    # State

    @cached_property
    def _state(self) -> dict[str, Any]:
        """The stream's part of the tap's state; a full-table run of an incremental stream does not look at it."""
        bookmarked = bool(self.windows or self.lookback) and not self.counters
        fresh = bookmarked and self.replication_method == "FULL_TABLE"
        bookmarks: dict[str, Any] = self._tap.state.setdefault("bookmarks", {})
        if fresh:
            bookmarks.pop(self.name, None)
        stream: dict[str, Any] = bookmarks.setdefault(self.name, {})
        return stream

    def _save(self) -> None:
        """Write the state if a line is due; in BATCH mode the SDK does, when the files are there."""
        if not self.config.get("batch_config"):
            self._tap.write_state()

    @cached_property
    def _executions(self) -> Executions:
        return Executions(self._state)

    @cached_property
    def _snapshots(self) -> Snapshots:
        assert self.counters  # noqa: S101 - for the type checker
        return Snapshots(self._state, self.counters)

    @cached_property
    def calendar(self) -> Calendar:
        """How this run cuts time, by the vendor's clock."""
        assert self.windows  # noqa: S101 - for the type checker
        windows, config = self.windows, self.config
        bucket = config[windows.bucket].lower()
        bounds = {name: instant(config[name]).date() if name in config else None for name in ("start_date", "end_date")}
        return Calendar(
            bucket=bucket,
            span=config[windows.span],
            step=bucket if windows.step == "bucket" else windows.step,
            lookback=config[windows.lookback],
            today=self._workers.started().date(),
            open_end=windows.open_end,
            **bounds,
        )

    def _progress(self) -> FullTable:
        try:
            return self._begin()
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ReadError("the bookmark in the given state cannot be read; correct or remove it") from None

    def _begin(self) -> FullTable:
        if self.counters:
            return Counting(self._snapshots, chosen=any(self.config.get(kind.only) for kind in self._ancestors()))
        if not self.windows and not self.lookback:
            return FullTable()
        identity = [*self.parent.children][-1] if self.parent else None
        chosen = self.config.get(self.parent.only) if self.parent and self.parent.only else None
        query = " ".join(_words(self.config[setting]) for setting in self.query)
        key = str(type(self).replication_key)  # a catalog may have taken it from the stream
        bookmarks = Bookmarks(self._state, key, identity, chosen, query)
        if self.windows:
            date_time = schema.load(self.name)["properties"][key].get("format") == "date-time"
            return Windowed(bookmarks, self.calendar, with_time=date_time)
        bounds = [instant(self.config[name]) if name in self.config else None for name in ("start_date", "end_date")]
        return Ordered(bookmarks, self._workers.started(), timedelta(minutes=self.config[self.lookback]), *bounds)

    # The SDK's hooks: bookmarks are moved in here and in `state`, not record by record

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write whole pages where the SDK's steps for each record would change nothing."""
        if not write_messages or not self._written_as_read:
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        with self.get_record_counter() as counter, self.get_sync_timer():
            for rows in self.batches():
                self._tap.message_writer.write_records(self.name, rows, self._stream_version)
                counter.increment(len(rows))
        self._write_state_message()

    @property
    def _written_as_read(self) -> bool:
        """Whether no stream map, flattening, deselection or record limit asks for work on each record."""
        maps = self.stream_maps
        same = len(maps) == 1 and type(maps[0]) is SameRecordTransform and not maps[0].flattening_enabled
        return same and self.selected and all(self.mask.values()) and self.ABORT_AT_RECORD_COUNT is None

    @property
    def partitions(self) -> None:
        return None

    @property
    def emit_activate_version_messages(self) -> bool:
        """Snapshots are never replaced as a whole: older days would be deleted downstream."""
        return super().emit_activate_version_messages and not (self.counters or self.observed)

    def get_replication_key_signpost(self, context: Context | None = None) -> None:  # noqa: ARG002
        return None

    def finalize_state_progress_markers(self, state: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        self._write_state_message()

    def _write_starting_replication_value(self, context: Context | None) -> None: ...

    def _increment_stream_state(self, latest_record: Record, *, context: Context | None = None) -> None: ...

    def _finalize_state(self, state: dict[str, Any] | None = None) -> None: ...

    def _process_record(
        self,
        record: Record,
        child_context: Context | None = None,
        partition_context: Context | None = None,
    ) -> None: ...

    def _write_state_message(self) -> None:
        self._tap.write_state(now=True)


def _words(setting: str | list[str]) -> str:
    return setting if isinstance(setting, str) else ",".join(sorted(setting))
