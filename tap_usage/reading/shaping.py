"""From the rows of an answer to the rows of a stream: what its data sheet says about them."""

from __future__ import annotations

import logging

from tap_usage.reading import rows as row_changes
from tap_usage.reading.drift import Drift
from tap_usage.reading.sheet import Sheet, Unit, Windows
from tap_usage.reading.snapshots import Snapshots
from tap_usage.reading.windows import Calendar, Window, add, floor
from tap_usage.rest.errors import PagingError
from tap_usage.rest.pages.query import Page, Row
from tap_usage.times import day_of, utc_text


class Shaping:
    """Shapes the rows of one stream.

    Args:
        sheet: the data sheet.
        calendar: for streams with windows.
        snapshots: for streams of cumulative counters.

    Attributes:
        names: what a sheet with `only` may have been asked for.
    """

    def __init__(self, sheet: Sheet, calendar: Calendar | None, snapshots: Snapshots | None) -> None:
        self._sheet = sheet
        self._calendar = calendar
        self._snapshots = snapshots
        self.names: set[str] = set()
        properties = sheet.schema["properties"]
        self._drift = Drift(properties, sheet.promised, sheet.logger)
        self._dimensions = sheet.dimensions()
        self._times = [name for name in self._dimensions if properties.get(name, {}).get("format") == "date-time"]
        constants = {field: sheet.config[setting] for field, setting in sheet.constants.items()}
        self._constants: Row = {**sheet.tenancy.row, **constants}
        if sheet.grouping:
            self._constants["grouped_by"] = sheet.grouping.grouped_by(sheet.config)
        self._blanks = (*sheet.blanks, *sheet.flat)
        field = sheet.windows.field if sheet.windows else ""
        self._day = properties.get(field, {}).get("format") == "date"
        self._keys = tuple(dict.fromkeys([*sheet.children.values(), *sheet.primary_keys]))

    def shape(self, page: Page, unit: Unit) -> list[Row]:
        """Return the rows of a page as they are emitted; they are changed in place.

        Args:
            page: rows as they came.
            unit: what they were asked for.

        Raises:
            ReadError, KeyError, TypeError, ValueError: when they cannot be what they should be.
        """
        sheet = self._sheet
        if page.anew:
            unit.keyed.clear()
        rows = self._chosen(page.rows) if sheet.only else page.rows
        row_changes.leave_out(rows, sheet.secrets)
        self._drift.miss(rows)
        row_changes.flatten(rows, sheet.flat)
        row_changes.blank_to_null(rows, self._blanks)
        row_changes.read_numbers(rows, sheet.numbers)
        added: Row = {**self._constants, **unit.context}
        if sheet.observed:
            added["observed_on"] = utc_text(page.date)[:10]
        for field, value in added.items():
            for row in rows:
                row[field] = value
        self._drift.settle(rows)
        if unit.window and self._calendar and sheet.windows and sheet.windows.field:
            rows = self._within(rows, sheet.windows, unit.window, self._calendar.by(page.date.date()))
        if self._dimensions:
            row_changes.add_usage_keys(rows, self._dimensions, self._times, unit.keyed)
        if self._snapshots and sheet.counters:
            _require(rows, sheet.counters.identity)
            self._snapshots.stamp(rows, page.date)
        for key in self._keys:
            _require(rows, key)
        row_changes.leave_out(rows, sheet.absent)
        return rows

    def _chosen(self, rows: list[Row]) -> list[Row]:
        """Return the rows that the setting asks for."""
        (field, *_) = self._sheet.children.values()
        self.names.update(str(row.get(field)) for row in rows)
        chosen = self._sheet.config.get(self._sheet.only)
        return rows if chosen is None else [row for row in rows if row.get(field) in chosen]

    def _within(self, rows: list[Row], windows: Windows, window: Window, calendar: Calendar) -> list[Row]:
        """Return the rows that belong to the window, with `is_final`; a vendor may treat an end as inclusive."""
        kept: list[Row] = []
        near, odd = not rows, False
        for row in rows:
            try:
                day = day_of(row[windows.field])
            except (KeyError, TypeError, ValueError):
                raise PagingError(f"a row without a readable `{windows.field}` came") from None
            if day != floor(day, calendar.bucket):
                raise PagingError(f"a row is dated {day}, where no {calendar.bucket} begins; read it by day instead")
            if window.start <= day < window.end:
                row["is_final"] = calendar.is_final(day)
                if self._day:
                    row[windows.field] = day.isoformat()
                if windows.stamp:
                    row[windows.stamp] = day.isoformat()
                kept.append(row)
            else:
                near |= add(window.start, calendar.bucket, -1) <= day <= window.end
                odd |= day != window.end
        if not (kept or near):
            raise PagingError(f"rows came, but none of {window.start}/{window.end}, which was asked for: report it")
        if len(kept) < len(rows):
            level = logging.INFO if odd else logging.DEBUG
            told = "%d rows outside %s/%s left out"
            self._sheet.logger.log(level, told, len(rows) - len(kept), window.start, window.end)
        return kept


def _require(rows: list[Row], key: str) -> None:
    if None in [row.get(key) for row in rows]:
        raise PagingError(f"a row without `{key}` came, which is a key")
