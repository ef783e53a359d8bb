"""How far a run is, told while it goes on: lines in a log, or lines that are redrawn on a terminal."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from tap_usage.logs import TAP
from tap_usage.reading.meter import Meter
from tap_usage.reading.sheet import Sheet
from tap_usage.rest.clock import Clock
from tap_usage.rest.connection import Connection
from tap_usage.rest.loop import Task
from tap_usage.rest.throttle import Waiting

LOOK_SECONDS = 0.5
LOG_SECONDS = 30.0
SHORT_SECONDS = 5.0
PACE_SECONDS = 60.0

logger = logging.getLogger(TAP)


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


class Standing:
    """How far the streams of a run are, and why vendors' requests wait.

    Args:
        sheets: of the streams, in the order in which they are told.
        meters: of those that began, by name.
        connections: to the vendors.
        clock: for the seconds.
    """

    def __init__(
        self, sheets: Iterable[Sheet], meters: dict[str, Meter], connections: Collection[Connection], clock: Clock
    ) -> None:
        self._sheets = list(sheets)
        self._meters = meters
        self._connections = connections
        self._clock = clock
        self._paces = {sheet.name: Pace() for sheet in self._sheets}

    def looks(self) -> Iterator[float | None]:
        """Yield the time as often as it is worth looking, and None in between."""
        due = self._clock.monotonic()
        while True:
            if (now := self._clock.monotonic()) < due:
                yield None
                continue
            due = now + LOOK_SECONDS
            for sheet, meter in self._running():
                if meter.readings is not None:
                    self._paces[sheet.name].see(now, meter)
            yield now

    @property
    def lines(self) -> list[Line]:
        """A line for each stream that is being read."""
        now = self._clock.monotonic()
        return [line_of(sheet, meter, self._paces[sheet.name], now) for sheet, meter in self._running()]

    @property
    def reasons(self) -> dict[str, Waiting]:
        """Why requests wait, by vendor."""
        found = {connection.host.name: connection.waiting for connection in self._connections}
        return {vendor: waiting for vendor, waiting in found.items() if waiting}

    @property
    def waits(self) -> list[Line]:
        """A line for each vendor whose requests wait."""
        now = self._clock.monotonic()
        return [wait_of(vendor, waiting, now) for vendor, waiting in self.reasons.items()]

    def _running(self) -> Iterator[tuple[Sheet, Meter]]:
        for sheet in self._sheets:
            meter = self._meters.get(sheet.name)
            if meter and meter.began is not None and meter.ended is None:
                yield sheet, meter


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
    """Return what is told of a vendor whose requests wait."""
    return Line(vendor, f"{waiting.why}, waiting {lasting(waiting.until - now)}")


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


def tell(standing: Standing) -> Task:
    """Tell how far a run is, where stderr leads to: on a terminal of its own, otherwise in the log."""
    if not logger.isEnabledFor(logging.INFO):
        return
    if os.isatty(2) and not os.isatty(1):  # records on the same terminal would tear what is redrawn
        from tap_usage import terminal  # noqa: PLC0415 - would cost each start what few need

        if console := terminal.interactive():
            yield from terminal.redraw(console, standing.looks(), lambda: [*standing.lines, *standing.waits])
            return
    yield from log(standing)


def log(standing: Standing) -> Task:
    """Log a line for each running stream every 30 s, and one when the reason changes why a vendor's requests wait."""
    due: float | None = None
    told: dict[str, str] = {}
    for now in standing.looks():
        if now is not None:
            due = due or now + LOG_SECONDS
            lines: list[Line] = []
            if regular := now >= due:
                due += LOG_SECONDS * (1 + (now - due) // LOG_SECONDS)
                lines, told = standing.lines, {}
            for vendor, waiting in standing.reasons.items():
                if regular or (waiting.until - now >= SHORT_SECONDS and told.get(vendor) != waiting.why):
                    lines.append(wait_of(vendor, waiting, now))
                    told[vendor] = waiting.why
            for line in lines:
                logging.getLogger(f"{TAP}.{line.name}").info("%s", line.text)
        yield False
