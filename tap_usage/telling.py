"""How far a run is, told while it goes on: lines in a log, or lines that are redrawn on a terminal."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Collection, Iterable, Iterator

from tap_usage.logs import TAP
from tap_usage.output import BufferedWriter
from tap_usage.reading.lines import Line, Pace, line_of, wait_of
from tap_usage.reading.meter import Meter
from tap_usage.reading.sheet import Sheet
from tap_usage.rest.clock import Clock
from tap_usage.rest.connection import Connection
from tap_usage.rest.loop import Task
from tap_usage.rest.throttle import Waiting

LOOK_SECONDS = 0.5
LOG_SECONDS = 30.0
SHORT_SECONDS = 5.0

logger = logging.getLogger(TAP)


class Standing:
    """How far the streams of a run are, and why vendors' requests wait.

    Args:
        sheets: of the streams, in the order in which they are told.
        meters: of those that began, by name.
        connections: to the vendors.
        writer: to the target.
        clock: for the seconds.
    """

    def __init__(
        self,
        sheets: Iterable[Sheet],
        meters: dict[str, Meter],
        connections: Collection[Connection],
        writer: BufferedWriter,
        clock: Clock,
    ) -> None:
        self._sheets = list(sheets)
        self._meters = meters
        self._connections = connections
        self._writer = writer
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
        """Why requests wait, by vendor; and the target, when all waits for it."""
        found = {connection.host.name: connection.waiting for connection in self._connections}
        since = self._writer.full_since
        if since is not None and self._clock.monotonic() - since >= SHORT_SECONDS:
            found["target"] = Waiting("reads nothing at the moment", math.inf)
        return {name: waiting for name, waiting in found.items() if waiting}

    @property
    def waits(self) -> list[Line]:
        """A line for each of them."""
        now = self._clock.monotonic()
        return [wait_of(vendor, waiting, now) for vendor, waiting in self.reasons.items()]

    def _running(self) -> Iterator[tuple[Sheet, Meter]]:
        for sheet in self._sheets:
            meter = self._meters.get(sheet.name)
            if meter and meter.began is not None and meter.ended is None:
                yield sheet, meter


def tell(standing: Standing) -> Task:
    """Tell how far a run is, where stderr leads to: on a terminal of its own, otherwise in the log."""
    if not logger.isEnabledFor(logging.INFO):
        return
    if os.isatty(2) and not os.isatty(1):  # records on the same terminal would tear what is redrawn
        from tap_usage import terminal

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
                logging.getLogger(f"{TAP}.{line.name}").info("%s: %s", line.name, line.text)
        yield False
