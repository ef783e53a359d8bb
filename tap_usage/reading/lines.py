"""What is told of a stream or vendor while a run goes on: figures as a person reads them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from tap_usage.reading.meter import Meter
from tap_usage.reading.sheet import Sheet
from tap_usage.rest.throttle import Waiting

PACE_SECONDS = 60.0


class Line(NamedTuple):
    """What is told of a stream or vendor.

    Attributes:
        name: of it.
        text: the rest of the line.
        done, of: how many of how many, for a bar; None where nobody knows.
    """

    name: str
    text: str
    done: int = 0
    of: int | None = None


class Pace:
    """How fast a stream is read.

    Attributes:
        rows: per second, in the last minute.
        readings: per second, since the first of them; they differ much in size.
    """

    def __init__(self) -> None:
        self.rows = 0.0
        self.readings = 0.0
        self._first: tuple[float, int] | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def see(self, now: float, meter: Meter) -> None:
        """Take note of the counts of a moment."""
        self._first = self._first or (now, meter.over)
        self._seen.append((now, meter.rows))
        while len(self._seen) > 1 and self._seen[1][0] <= now - PACE_SECONDS:
            self._seen.popleft()
        (began, over), (since, rows) = self._first, self._seen[0]
        if now > since:
            self.rows = (meter.rows - rows) / (now - since)
            self.readings = (meter.over - over) / (now - began)


def line_of(sheet: Sheet, meter: Meter, pace: Pace, now: float) -> Line:
    """Return what is told of a stream.

    Args:
        sheet: its data sheet.
        meter: how far it is.
        pace: how fast it goes.
        now: by the monotonic clock.
    """
    subject = sheet.subject
    if meter.readings is None:
        return Line(sheet.name, f"waits for {sheet.parent.name if sheet.parent else subject.vendor}")
    of_readings = f"{meter.over:,} of {meter.readings:,} {subject.units}"
    if sheet.results:
        parts = [f"{of_readings} read", *_at_the_vendor(meter, subject.vendor, now)]
        return Line(sheet.name, ", ".join(parts), meter.over, meter.readings)
    known, of = meter.known
    total = known if of >= meter.readings else None
    parts = [f"{meter.rows:,} of {total:,} rows" if total else f"{meter.rows:,} rows"]
    if sheet.parent or sheet.windows:
        parts.append(of_readings)
    if pace.rows:
        parts.append(f"{pace.rows:,.{1 if pace.rows < 100 else 0}f} rows/s")  # noqa: PLR2004 - three digits are enough
    if known and pace.rows:
        left = (known * meter.readings / of - meter.rows) / pace.rows
    else:
        left = (meter.readings - meter.over) / pace.readings if pace.readings else 0.0
    if left > 0:
        parts.append(f"about {lasting(left)} left")
    return Line(sheet.name, ", ".join(parts), *((meter.rows, total) if total else (meter.over, meter.readings)))


def wait_of(vendor: str, waiting: Waiting, now: float) -> Line:
    """Return what is told of a vendor whose requests wait, or of whoever else is waited for."""
    how_long = f", waiting {lasting(waiting.until - now)}" if waiting.until < math.inf else ""
    return Line(vendor, waiting.why + how_long)


def _at_the_vendor(meter: Meter, vendor: str, now: float) -> Iterator[str]:
    """Yield how many queries run, since when the oldest does, and when the vendor is asked next."""
    running = [(reading.submitted, reading.next_look) for reading in meter.open if reading.submitted is not None]
    if running:
        first, look = min(first for first, _ in running), min(look for _, look in running)
        yield f"{len(running):,} run{'' if running[1:] else 's'} at {vendor} for {lasting(now - first)}"
        if look > now:
            yield f"next look in {lasting(look - now)}"


def lasting(seconds: float) -> str:
    """Return seconds as `40 s`, `2:10` or `1:02:10`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"
