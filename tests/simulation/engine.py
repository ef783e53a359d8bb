"""One run of the tap on simulated time: the only place that knows how a run is put together, without the Singer SDK."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast
from unittest.mock import patch

import msgspec

from tap_usage import settings
from tap_usage.output import BufferedWriter, StateWriter
from tap_usage.reading.extraction import Extraction
from tap_usage.reading.run import Run
from tap_usage.reading.sheet import Sheet
from tap_usage.rest import memory
from tap_usage.rest.clock import Stopped
from tap_usage.rest.connection import Connection
from tap_usage.rest.loop import Loop, Task
from tap_usage.rest.transport import Transport
from tap_usage.rest.workers import Workers
from tap_usage.vendors import VENDORS
from tests.simulation.clock import Killed, SimulatedClock
from tests.simulation.loader import Lines
from tests.simulation.plan import Plan
from tests.simulation.vendors.vendor import Vendor
from tests.simulation.wire import Weather, Wire
from tests.simulation.workers import SimulatedWorkers

PROPERTIES = settings.schema([settings.COMMON, *(vendor.settings for vendor in VENDORS)])["properties"]
DEFAULTS = {name: setting["default"] for name, setting in PROPERTIES.items() if setting.get("default") is not None}
# As the tap does, which takes them for None.
UNSET = dict.fromkeys(PROPERTIES)
ROOMS = ("MOST_BYTES", "AHEAD_BYTES", "SHARE_BYTES")


class DenseStates(StateWriter):
    """Writes a STATE line whenever there may be one."""

    def is_due(self, size: int, age: float, *, now: bool) -> bool:  # noqa: ARG002 - as the writer has it
        return True


class Engine:
    """One run.

    Args:
        config: settings that were given.
        plan: of the run.
        state: that it begins with.
        vendors: that it reads.
        clock: of the run.
        weather: of the run.
        lines: takes what is written.

    Attributes:
        failures: what is told at the end.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one run
        self,
        config: Mapping[str, Any],
        plan: Plan,
        state: dict[str, Any],
        vendors: Collection[Vendor],
        clock: SimulatedClock,
        weather: Weather,
        lines: Lines,
    ) -> None:
        self._config = DEFAULTS | dict(config) | plan.settings
        self._wires = {vendor.name: Wire(vendor, clock, weather) for vendor in vendors}
        self._clock = clock
        self._lines = lines
        self._plan = plan
        self._run = Run(state=state, told=state)
        self._run.states = (DenseStates if plan.dense else StateWriter)(cast("BufferedWriter", lines), state, clock)

    def run(self) -> int | None:
        """Read; return the exit code, None when the run was killed."""
        loop = Loop(self._clock)
        rooms = {name: int(getattr(memory, name) * self._plan.room) for name in ROOMS}
        try:
            with contextlib.suppress(Stopped), patch.multiple(memory, **rooms):
                if self._run.state:
                    self._lines.write_state(msgspec.json.encode(self._run.state))
                loop.run(self._tasks(loop))
            self._run.save(last=True)
        except Killed:
            return None
        if self._clock.stopping is not None:
            return 128 + self._clock.stopping
        return 1 if self._run.failures else 0

    @property
    def failures(self) -> list[str]:
        return self._run.failures.lines

    def _tasks(self, loop: Loop) -> Iterator[Task]:
        for vendor in VENDORS:
            if wire := self._wires.get(vendor.required.vendor):
                workers = SimulatedWorkers(self._connect(vendor.host(UNSET | self._config), wire), loop, self._clock)
                selected = self._plan.selected
                read = [sheet for sheet in vendor.streams if not selected or sheet.name in selected]
                listed = {parent for sheet in read for parent in sheet.ancestors()}
                for sheet in vendor.streams:
                    yield self._task(sheet, workers, read=sheet in read, listed=sheet in listed)

    def _connect(self, host: Any, wire: Wire) -> Connection:  # noqa: ANN401 - a vendor's own
        return Connection(
            host,
            self._clock,
            max_concurrency=self._config["max_concurrency"],
            timeout_seconds=self._config["request_timeout_seconds"],
            max_tries=self._config["max_retries"],
            transport=cast("Transport", wire),
        )

    def _task(self, kind: type[Sheet], workers: Workers, *, read: bool, listed: bool) -> Task:
        run, name = self._run, kind.name
        if read:
            self._lines.write_schema(name)
            for rows in Extraction(kind(self._config), run, workers, run.state_of(name)).pages():
                yield bool(rows)
                if rows:
                    self._lines.write_records(name, rows)
            run.commit(name)
            run.save(now=True)
        if listed and kind not in run.listed:
            for rows in Extraction(kind(self._config), run, workers, {}).pages():
                yield bool(rows)
