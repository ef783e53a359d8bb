"""What a run would send and get, reckoned from what it would read, one answer, and what the lists took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tap_usage.reading.meter import Meter
from tap_usage.reading.sheet import Sheet, Unit
from tap_usage.rest.pages.attempt import OVERLAP
from tap_usage.rest.pages.offsets import OffsetPages
from tap_usage.rest.pages.query import Reading
from tap_usage.times import utc_text

POLLS_PER_QUERY = 1


@dataclass(frozen=True)
class Estimate:
    """What one stream would take; None is what nobody knows.

    Attributes:
        partitions: that are read.
        queries: that are submitted.
        requests: lists, pages, queries and one poll of each; no logins.
        rows: where the vendor tells totals.
        start, end: of what is read: days, or instants where it is read in an order; the end is exclusive.
    """

    partitions: int | None = None
    queries: int | None = None
    requests: int | None = None
    rows: int | None = None
    start: str | None = None
    end: str | None = None


def of_list(meter: Meter) -> Estimate:
    """Return what a list that was read took: a run reads it again."""
    if meter.readings is None:
        return Estimate()
    return Estimate(meter.readings, 0, meter.sent.count, meter.rows)


def of_units(sheet: Sheet, units: Sequence[Unit], seen: Reading | None, now: datetime, submitted: int = 0) -> Estimate:
    """Return what the reading of some units would take.

    Args:
        sheet: of the stream.
        units: all that are to be read.
        seen: a reading that has taken the first answer of one of them, after which all are reckoned; None without one.
        now: the vendor's clock.
        submitted: queries that an earlier run submitted and did not read.
    """
    partitions = len({unit.partition for unit in units})
    start, end = _span(sheet, units, now)
    if sheet.results:
        queries = max(0, len(units) - submitted)
        return Estimate(partitions, queries, queries + len(units) * POLLS_PER_QUERY, None, start, end)
    if not units:
        return Estimate(partitions, 0, 0)
    if seen is None:
        return Estimate(partitions, 0, None, None, start, end)
    each = pages(seen, OVERLAP if isinstance(sheet.paging, OffsetPages) else 0)
    rows = seen.expected if len(units) == 1 else None
    return Estimate(partitions, 0, each and each * len(units), rows, start, end)


def pages(seen: Reading, overlap: int) -> int | None:
    """Return how many requests a reading takes, None if nobody knows.

    Args:
        seen: the reading, which has taken its first answer.
        overlap: rows of each page that the one before it had, too; with one, a last page that is full is not taken for
            the end.
    """
    if seen.finished:
        return 1
    if seen.expected is None:
        return None
    step = max(1, seen.received - overlap)
    left = max(0, seen.expected - seen.received)
    return max(2, left // step + 2 if overlap else 1 - -left // step)


def minutes(requests: int, per_second: float, waits: Iterable[float]) -> float:
    """Return how long requests take at a vendor's limit, and after them the longest of some waits, in seconds."""
    seconds = (requests / per_second if per_second else 0.0) + max(waits, default=0.0)
    return round(seconds / 60, 1)


def _span(sheet: Sheet, units: Sequence[Unit], now: datetime) -> tuple[str | None, str | None]:
    windows = [unit.window for unit in units if unit.window]
    if not units or not sheet.bookmarked:
        return None, None
    if windows:
        return min(w.start for w in windows).isoformat(), max(w.end for w in windows).isoformat()
    starts = [unit.start for unit in units]
    first = min((start for start in starts if start), default=None) if all(starts) else None
    return first, utc_text(min(now, sheet.end) if sheet.end else now)
