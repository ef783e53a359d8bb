"""The SDK's side of a stream: schema, records, batches and versions as Singer messages. What is read says its sheet."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any, cast

from singer_sdk import Stream, Tap
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.helpers.types import Context, Record
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib import RecordMessage

from tap_usage.maps import MapError
from tap_usage.output import BufferedWriter, OutputLost
from tap_usage.reading.extraction import Extraction
from tap_usage.reading.run import Run
from tap_usage.reading.sheet import Sheet
from tap_usage.rest.loop import Task
from tap_usage.rest.pages.query import Row
from tap_usage.rest.workers import Workers


class UsageStream(Stream):
    """A data sheet as a stream of the SDK.

    Args:
        tap: that it belongs to.
        sheet: what is read, and how.
        run: what the run knows.
        workers: of the vendor.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: Tap, sheet: Sheet, run: Run, workers: Workers) -> None:
        super().__init__(tap=tap, schema=sheet.schema, name=sheet.name)
        self.primary_keys = sheet.tenancy.keys(sheet.primary_keys)
        self.replication_key = sheet.replication_key or None
        self.sheet = sheet
        self._run = run
        self.workers = workers
        self._files = self.get_batch_config(self.config)
        self._rows: list[Row] = []

    def steps(self, most: int | None = None) -> Task:
        """Read and write everything; yields whether it did something.

        Args:
            most: rows after which it is enough.
        """
        self._write_schema_message()
        if self.replication_method == "FULL_TABLE" and self.emit_activate_version_messages:
            self._stream_version = self._initialized_at // 1000
        state = self._run.state_of(self.name, fresh=self.is_fresh)
        pages = Extraction(self.sheet, self._run, self.workers, state).pages()
        try:
            with self.get_record_counter() as counter, self.get_sync_timer():
                for rows in pages:
                    yield bool(rows)  # and not between rows and what the state says of them
                    if rows:
                        self._write(rows[:most])
                    counter.increment(len(rows))
                    if most is not None and (most := max(0, most - len(rows))) == 0:
                        break
                self._write_files(1)
            self._write_state_message()
            self._activate_version()
        except MapError as error:  # what waits for its file is lost: nothing more is committed
            self._run.failed(self.sheet, "", error)
            self._run.save(now=True)
        finally:
            pages.close()

    def listing(self) -> Task:
        """Read the rows for the sake of the streams that depend on them; yields whether it did something."""
        if type(self.sheet) not in self._run.listed:
            self.logger.debug("Listed for the streams that depend on it")
            extraction = Extraction(self.sheet, self._run, self.workers, {})
            self._run.meters[self.name].listed = True
            for rows in extraction.pages():
                yield bool(rows)

    def _write(self, rows: list[Row]) -> None:
        """Write rows; as a whole where the SDK's steps for each record would change nothing."""
        if self._files:
            self._rows += rows
            self._write_files(self._files.batch_size)
        elif self._written_as_read:
            self._writer.write_records(self.name, rows, self._stream_version)
        else:
            for message in self._messages(rows):
                self._writer.write_message(message)

    def _write_files(self, at_least: int) -> None:
        """Write a file of rows as often as there are so many."""
        while self._files and len(self._rows) >= at_least:
            try:
                self._sync_batches(self._files)
            except OSError as error:
                raise OutputLost.because(error, "a file of `batch_config`") from None

    def _sync_records(self, *_: object, **__: object) -> Generator[dict[str, Any], Any, Any]:
        """Yield the rows of one file: `_sync_batches` asks for them.

        Raises:
            NotImplementedError: for anything else; see `steps`.
        """
        if not self._files:
            raise NotImplementedError
        size = self._files.batch_size
        rows, self._rows = self._rows[:size], self._rows[size:]
        yield from rows if self._written_as_read else (message.record for message in self._messages(rows))

    def _messages(self, rows: Iterable[Row]) -> Iterator[RecordMessage]:
        try:
            for row in rows:
                yield from self._generate_record_messages(row)
        except Exception as error:  # noqa: BLE001 - whatever an expression of a user raises
            raise MapError.of_row(error) from None

    def _activate_version(self) -> None:
        """Have rows of earlier runs deleted, where this run has all rows; an earlier line would not know."""
        needed = {type(self.sheet), *self.sheet.ancestors()}
        if self._stream_version is not None and needed <= self._run.whole:
            super()._write_activate_version_message(self._stream_version)

    @property
    def _writer(self) -> BufferedWriter:
        return cast("BufferedWriter", self._tap.message_writer)

    @property
    def is_fresh(self) -> bool:
        """Whether a catalog made an incremental stream full-table: then it does not look at its bookmark."""
        return self.sheet.bookmarked and self.replication_method == "FULL_TABLE"

    @property
    def _written_as_read(self) -> bool:
        """Whether no stream map, flattening or deselection asks for work on each record."""
        maps = self.stream_maps
        same = len(maps) == 1 and type(maps[0]) is SameRecordTransform and not maps[0].flattening_enabled
        return same and all(self.mask.values())

    # The SDK's hooks: bookmarks are moved below, not record by record

    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Not used: rows come page by page, see `steps`."""
        raise NotImplementedError

    @property
    def emit_activate_version_messages(self) -> bool:
        """What a version would delete downstream is meant to stay: older days of snapshots, rows of other tenants."""
        kept = self.sheet.counters or self.sheet.observed or self.sheet.tenancy.row
        return super().emit_activate_version_messages and not kept

    def _write_state_message(self) -> None:
        """Write the state when a stream ends, and after each batch file."""
        self._run.commit(self.name)
        self._run.save(now=True)
