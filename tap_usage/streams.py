"""The stream that all vendors' streams are: a data sheet below, the Singer SDK above, and the reading in between."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib import RecordMessage

from tap_usage import schema
from tap_usage.maps import MapError
from tap_usage.output import OutputLost
from tap_usage.reading.extraction import Extraction
from tap_usage.reading.failures import Subject
from tap_usage.reading.progress import Unit
from tap_usage.reading.snapshots import Counters
from tap_usage.reading.windows import Calendar
from tap_usage.rest.connection import Connection, Request
from tap_usage.rest.offsets import OffsetPages
from tap_usage.rest.paging import NextLink, Row, SinglePage
from tap_usage.rest.polling import Execution
from tap_usage.rest.workers import Workers
from tap_usage.times import instant

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Context, Record

    from tap_usage.tap import TapUsage


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
        inhabited: below one parent at least there is something: 404 below all of them is a failure.
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
        promised: fields that the vendor sends in every row.
        permission: what the credentials must be allowed to, for the line of a refusal.
        key_fields: dimensions of `usage_key`, for rows without a key of their own.
        query: settings on which history depends; when they change it is read again.
    """

    path: ClassVar[str]
    paging: SinglePage | NextLink | OffsetPages | Execution
    tuning: ClassVar[Mapping[str, str]] = {}
    parent: ClassVar[type[UsageStream] | None] = None
    children: ClassVar[Mapping[str, str]] = {}
    barren: ClassVar[tuple[str, Collection[str]]] = ("", ())
    inhabited: ClassVar[bool] = False
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
    promised: ClassVar[tuple[str, ...]] = ()
    permission: ClassVar[str] = ""
    key_fields: ClassVar[tuple[str, ...]] = ()
    query: ClassVar[tuple[str, ...]] = ()

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    _tap: TapUsage

    def __init__(self, tap: TapUsage, workers: Workers) -> None:
        super().__init__(tap=tap, schema=schema.load(self.name), name=self.name)
        self._workers = workers
        self.came_whole = True
        tuned = {name: self.config[setting] for name, setting in self.tuning.items() if setting in self.config}
        self.paging = replace(self.paging, **tuned)

    # What a vendor may say with a method

    def request(self, unit: Unit) -> Request:  # noqa: ARG002 - for those that ask for windows
        """Return the request that a unit begins with; placeholders in the path are filled by the caller."""
        return Request(self.path)

    def dimensions(self) -> tuple[str, ...]:
        """Return the fields that make up `usage_key`."""
        return self.key_fields

    # Reading

    @property
    def connection(self) -> Connection:
        """The vendor's connection."""
        return self._workers.connection

    def begin(self) -> None:
        """Have the vendor asked for a token, without waiting for it."""
        self._workers.begin()

    @property
    def subject(self) -> Subject:
        """What failures of this stream are about."""
        listed = self._tap.stream_of(self.parent) if self.parent else self
        vendor, _, kind = listed.name.partition("_")
        if self.windows or isinstance(self.paging, Execution):
            kind = "queries"
        return Subject(vendor, self.name, kind.replace("_", " "), self.permission)

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

    @classmethod
    def ancestors(cls) -> Iterator[type[UsageStream]]:
        """Yield the parent, its parent, and so on."""
        kind = cls.parent
        while kind:
            yield kind
            kind = kind.parent

    def batches(self) -> Iterator[list[Row]]:
        """Yield all rows, page by page; whatever fails is told to the tap and does not end the others."""
        began = self.connection.clock.monotonic()
        extraction = Extraction(self, self._tap, self._workers, self._tap.state_of(self.name, fresh=self._is_fresh))
        whole = False
        try:
            yield from extraction.pages()
            whole = not extraction.missing and not self._tap.failures.concern(self.name)
        except Exception as error:  # noqa: BLE001 - one stream must not end the others
            self._tap.listed.setdefault(type(self), ([], False))
            self._tap.failed(self, "", error)
        finally:
            self.came_whole &= whole
            seconds = self.connection.clock.monotonic() - began
            self._tap.summaries.setdefault(self.name, f"{extraction.summary}, {seconds:.1f} s")

    def list_children(self) -> None:
        """Read the rows for the sake of the children only."""
        self.logger.debug("Listed for the streams that depend on it")
        for _ in self.batches():
            pass

    @property
    def _is_fresh(self) -> bool:
        """Whether a catalog made an incremental stream full-table: then it does not look at its bookmark."""
        bookmarked = bool(self.windows or self.lookback) and not self.counters
        return bookmarked and self.replication_method == "FULL_TABLE"

    # The SDK's hooks: bookmarks are moved in here and in `state`, not record by record

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002 - partitions are read below
        for rows in self.batches():
            yield from rows

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write whole pages where the SDK's steps for each record would change nothing."""
        if write_messages and self._written_as_read:
            with self.get_record_counter() as counter, self.get_sync_timer():
                for rows in self.batches():
                    self._tap.message_writer.write_records(self.name, rows, self._stream_version)
                    counter.increment(len(rows))
            self._write_state_message()
        else:
            yield from self._sync_each(context, write_messages=write_messages)
        if write_messages:
            self._activate_version()

    def _sync_each(self, context: Context | None, *, write_messages: bool) -> Iterator[dict[str, Any]]:
        try:
            for record in super()._sync_records(context, write_messages=write_messages):
                if write_messages or self._written_as_read:
                    yield record
                else:  # the SDK would put rows into files as they came, with what a map or a catalog takes out
                    yield from (message.record for message in self._generate_record_messages(record))
        except MapError as error:
            self._tap.failed(self, "", error)

    def _generate_record_messages(self, record: Record) -> Generator[RecordMessage, None, None]:
        try:
            messages = list(super()._generate_record_messages(record))
        except Exception as error:  # noqa: BLE001 - whatever an expression of a user raises
            raise MapError.of_row(error) from None
        yield from messages

    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:
        try:
            super()._sync_batches(batch_config, context)
        except OSError as error:  # those of reading are told to the tap before they come here
            raise OutputLost.because(error, "a file of `batch_config`") from None
        self._activate_version()

    def _write_activate_version_message(self, full_table_version: int) -> None:
        """Before the rows, where the SDK writes it, nobody knows whether all of them will come."""

    def _activate_version(self) -> None:
        lists = (self._tap.stream_of(kind) for kind in self.ancestors())
        if self._stream_version is not None and self.came_whole and all(stream.came_whole for stream in lists):
            super()._write_activate_version_message(self._stream_version)

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
        """Write the state when a stream ends, and after each batch file: between them nobody else does."""
        self._tap.write_state(now=True)
