"""When a run tells how far it is, and why it waits."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from tap_usage.output import BufferedWriter
from tap_usage.reading.meter import Meter
from tap_usage.rest.connection import Connection
from tap_usage.rest.loop import Loop, Task
from tap_usage.rest.throttle import Waiting
from tap_usage.sandbox import Sandbox
from tap_usage.telling import Standing, log
from tests.conftest import NOW
from tests.rest.virtual import VirtualClock
from tests.running import ImpatientClock, ImpatientTap, KeptLines
from tests.test_lines import sheet


class Told(logging.Handler):
    """Keeps lines of the log with the seconds at which they came."""

    def __init__(self, clock: Any) -> None:  # noqa: ANN401 - a clock, once there is a tap
        super().__init__(logging.INFO)
        self.clock = clock
        self.began = clock.monotonic()
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.INFO:
            self.lines.append((round(self.clock.monotonic() - self.began), record.getMessage()))


@contextmanager
def kept(clock: Any) -> Iterator[list[tuple[int, str]]]:  # noqa: ANN401 - a clock
    logger, handler = logging.getLogger("tap-usage"), Told(clock)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class Vendor:
    """As much of a connection as is asked why it waits; `script` says from when on for what and until when."""

    def __init__(self, clock: VirtualClock, script: dict[float, Waiting]) -> None:
        self.host = self
        self.name = "vendor"
        self._clock = clock
        self._script = script

    @property
    def waiting(self) -> Waiting | None:
        now = self._clock.at - 1000
        last = [waiting for at, waiting in self._script.items() if at <= now < waiting.until]
        return Waiting(last[-1].why, last[-1].until + 1000) if last else None


class Target(BufferedWriter):
    """Does not read from a second of the run to another."""

    def __init__(self, clock: VirtualClock, since: float, until: float) -> None:
        super().__init__()
        self._times = clock, since + 1000, until + 1000

    @property
    def full_since(self) -> float | None:
        clock, since, until = self._times
        return since if since <= clock.at < until else None


def logged(
    seconds: float, waits: dict[float, Waiting], meters: dict[str, Meter], full: tuple[float, float] = (0, 0)
) -> list[tuple[int, str]]:
    """Return what a run of so many seconds logs."""
    clock = VirtualClock()
    loop = Loop(clock)
    over: list[bool] = []

    def work() -> Task:
        loop.later(seconds, lambda: over.append(True))
        while not over:
            yield False

    vendor = cast("Connection", Vendor(clock, waits))
    standing = Standing(map(sheet, meters), meters, [vendor], Target(clock, *full), clock)
    with kept(clock) as lines:
        loop.run([work()], beside=[log(standing)])
    return lines


def test_a_log_has_a_line_each_half_minute_for_each_stream_that_is_read() -> None:
    meters = {
        "genesys_oauth_clients": Meter(began=0.0, ended=1.0, readings=1),
        "demandbase_api_usage": Meter(began=0.0, readings=3, over=1, rows=7),
        "genesys_client_usage": Meter(began=0.0),
        "demandbase_credits": Meter(),
    }
    assert logged(29, {}, meters) == []
    assert logged(95, {}, meters) == [
        (at, line)
        for at in (30, 60, 90)
        for line in (
            "demandbase_api_usage: 7 rows, 1 of 3 queries",
            "genesys_client_usage: waits for genesys_oauth_clients",
        )
    ]


def test_a_wait_is_told_when_its_reason_changes_and_each_half_minute() -> None:
    waits = {
        2: Waiting("HTTP 429", 6.0),
        10: Waiting("HTTP 429", 55.0),
        20: Waiting("HTTP 429", 65.0),
        40: Waiting("290 of 300 requests of this minute used", 66.0),
        80: Waiting("290 of 300 requests of this minute used", 85.0),
        92: Waiting("290 of 300 requests of this minute used", 100.0),
    }
    assert logged(120, waits, {}) == [
        (10, "vendor: HTTP 429, waiting 45 s"),
        (30, "vendor: HTTP 429, waiting 35 s"),
        (40, "vendor: 290 of 300 requests of this minute used, waiting 26 s"),
        (60, "vendor: 290 of 300 requests of this minute used, waiting 6 s"),
        (92, "vendor: 290 of 300 requests of this minute used, waiting 8 s"),
    ]


def test_a_target_that_reads_nothing_is_told_after_some_seconds_and_each_half_minute() -> None:
    assert logged(70, {}, {}, full=(3, 7)) == []
    at = [at for at, line in logged(70, {}, {}, full=(3, 64)) if line == "target: reads nothing at the moment"]
    assert at == [8, 30, 60]


class LedClock(ImpatientClock):
    """Time goes on only while nothing else does: when all requests that are on their way wait for it."""

    loop: Loop | None = None

    def __init__(self) -> None:
        super().__init__()
        self._asleep: set[int] = set()

    def wait(self, seconds: float) -> None:
        me = threading.get_ident()
        if me == threading.main_thread().ident:
            super().wait(seconds)
            return
        until = self.monotonic() + seconds
        passed = threading.Event()
        self._asleep.add(me)
        while self.monotonic() < until:
            self.check()
            passed.wait(0.005)
        self._asleep.discard(me)

    def receive(self, source: queue.SimpleQueue[Any], seconds: float) -> Any:  # noqa: ANN401 - whatever is queued
        came = super().receive(source, 0.005)
        if came is None and self.loop and len(self._asleep) >= self.loop.awaited:
            super().wait(seconds)
        return came


class LedTap(ImpatientTap):
    clock_class = LedClock

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - as the tap has it
        super().__init__(**kwargs)
        assert isinstance(self.clock, LedClock)
        self.clock.loop = self.loop


def lines_of_run(config: dict[str, Any]) -> list[tuple[int, str]]:
    tap = LedTap(config=config, message_writer=KeptLines())
    with kept(tap.clock) as lines:
        tap.run()
    return [line for line in lines if " requests, " not in line[1] and not line[1].startswith("SUMMARY: ")]


def test_a_run_of_seconds_tells_nothing_of_its_progress(sandbox: Sandbox) -> None:
    assert not [line for _, line in lines_of_run(sandbox.config) if "vanished" not in line and "children" not in line]


def test_a_long_run_tells_each_half_minute_of_what_it_reads_and_why_it_waits() -> None:
    with Sandbox(now=NOW) as sandbox:
        sandbox.fault("genesys.organization_results", "query_status", times=5, word="Running")
        sandbox.fault("demandbase.usage", "status", times=1, after=1, status=429, retry_after_seconds=100)
        own = {name: value for name, value in sandbox.config.items() if name.startswith(("genesys", "demandbase"))}
        patient = {"genesys_poll_initial_seconds": 5, "genesys_poll_max_seconds": 60}
        lines = lines_of_run(own | patient | {"demandbase_throttle_wait_seconds": 5, "start_date": "2026-11-20"})
    of_query = [(at, line) for at, line in lines if line.startswith("genesys_organization_usage: ")]
    assert [at for at, _ in of_query] == pytest.approx([30 * (1 + i) for i in range(len(of_query))], abs=3)
    assert len(of_query) >= 3
    for _, line in of_query:
        assert line.startswith("genesys_organization_usage: 0 of 1 queries read, 1 runs at genesys for ")
        assert ", next look in " in line
    of_wait = [(at, line) for at, line in lines if line.startswith("demandbase: ")]
    assert [line.partition(", waiting")[0] for _, line in of_wait] == ["demandbase: HTTP 429"] * len(of_wait)
    assert [at for at, _ in of_wait] == pytest.approx([1, 30, 60, 90], abs=4)
