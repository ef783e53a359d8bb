"""From the rows of an answer to the rows of a stream: what its data sheet says about them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tap_usage.reading import rows as row_changes
from tap_usage.reading.drift import Drift
from tap_usage.reading.progress import Unit
from tap_usage.reading.snapshots import Snapshots
from tap_usage.reading.windows import Window, floor
from tap_usage.rest.errors import PagingError
from tap_usage.rest.paging import Page, Row
from tap_usage.times import day_of, utc_text

if TYPE_CHECKING:
    from tap_usage.streams import UsageStream


class Shaping:
    """Shapes the rows of one stream.

    Args:
        stream: the data sheet.
    """

    def __init__(self, stream: UsageStream) -> None:
        self._stream = stream
        properties = stream.schema["properties"]
        self._drift = Drift(properties, stream.promised, stream.logger)
        self._dimensions = stream.dimensions()
        self._times = [name for name in self._dimensions if properties.get(name, {}).get("format") == "date-time"]

    @cached_property
    def _constants(self) -> Row:
        return {field: self._stream.config[setting] for field, setting in self._stream.constants.items()}

    def shape(self, page: Page, unit: Unit, snapshots: Snapshots | None) -> list[Row]:
        """Return the rows of a page as they are emitted; they are changed in place.

        Args:
            page: rows as they came.
            unit: what they were asked for.
            snapshots: for streams of cumulative counters.

        Raises:
            ReadError, KeyError, TypeError, ValueError: when they cannot be what they should be.
        """
        stream = self._stream
        rows = page.rows
        if stream.only and (chosen := stream.config.get(stream.only)) is not None:
            rows = [row for row in rows if row.get("id") in chosen]
        row_changes.leave_out(rows, stream.secrets)
        row_changes.blank_to_null(rows, stream.blanks)
        added: Row = {**{field: page.body.get(field) for field in stream.envelope}, **self._constants, **unit.context}
        if stream.observed:
            added["observed_on"] = utc_text(page.date)[:10]
        for row in rows if added else ():
            row.update(added)
        self._drift.settle(rows)
        if unit.window:
            rows = self._within(rows, unit.window)
        if self._dimensions:
            row_changes.add_usage_keys(rows, self._dimensions, self._times)
        if snapshots and stream.counters:
            _require(rows, stream.counters.identity)
            snapshots.stamp(rows, page.date)
        for key in stream.primary_keys:
            _require(rows, key)
        return rows

    def _within(self, rows: list[Row], window: Window) -> list[Row]:
        """Return the rows that belong to the window, with `is_final`; a vendor may treat an end as inclusive."""
        calendar, windows = self._stream.calendar, self._stream.windows
        kept: list[Row] = []
        for row in rows if windows else ():
            day = day_of(row[windows.field])  # type: ignore[union-attr]
            if day != floor(day, calendar.bucket):
                raise PagingError(f"a row is dated {day}, where no {calendar.bucket} begins; read it by day instead")
            if window.start <= day < window.end:
                row["is_final"] = calendar.is_final(day)
                kept.append(row)
                if windows and windows.stamp:
                    row[windows.stamp] = day.isoformat()
        if len(kept) < len(rows):
            self._stream.logger.info("%d rows outside %s/%s left out", len(rows) - len(kept), window.start, window.end)
        return kept


def _require(rows: list[Row], key: str) -> None:
    if None in [row.get(key) for row in rows]:
        raise PagingError(f"a row without `{key}` came, which is a key")
