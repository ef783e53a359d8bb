"""What a run tells while it goes on: its lines and figures, and when it tells them."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from tap_usage.reading.meter import Meter
from tap_usage.reading.sheet import Sheet
from tap_usage.rest.connection import Connection
from tap_usage.rest.loop import Loop, Task
from tap_usage.rest.pages.query import Ask, Reading
from tap_usage.rest.request import Answer
from tap_usage.rest.throttle import Waiting
from tap_usage.sandbox import Sandbox
from tap_usage.tap import STREAMS
from tap_usage.telling import Pace, Standing, lasting, line_of, log
from tests.conftest import NOW
from tests.declared import SETTINGS
from tests.rest.virtual import VirtualClock
from tests.running import ImpatientClock, ImpatientTap, KeptLines

DEFAULTS = {
    name: setting["default"] for own in SETTINGS.values() for name, setting in own.items() if "default" in setting
}


class Open(Reading):
    """A reading that was begun."""

    def __init__(self, expected: int | None = None, submitted: float | None = None, next_look: float = 0.0) -> None:
        super().__init__()
        self.expected = expected
        self.submitted = submitted
        self.next_look = next_look

    def next_ask(self) -> Ask | None:
        return None

    def take(self, ask: Ask, answer: Answer) -> None:
        """Nothing is asked."""


def sheet(stream: str) -> Sheet:
    return STREAMS[stream](DEFAULTS)


def told(stream: str, meter: Meter, *seen: tuple[float, int, int], now: float = 0.0) -> str:
    """Return the text of a stream; `seen` are times, rows and readings from which its pace is known."""
    pace = Pace()
    for at, rows, over in seen:
        pace.see(at, Meter(rows=rows, over=over))
    return line_of(sheet(stream), meter, pace, now).text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (0.4, "0 s"), (40, "40 s"), (59.6, "1:00"), (130, "2:10"), (3599, "59:59"), (3730, "1:02:10")],
)
def test_seconds_are_told_as_a_person_tells_them(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


def test_queries_are_told_with_how_long_the_oldest_runs_and_when_the_next_look_is() -> None:
    running = [Open(submitted=100.0 + i, next_look=270.0 + i) for i in range(13)]
    meter = Meter(readings=18, over=5, open={*running, Open()})
    assert told("genesys_client_usage", meter, now=230.0) == (
        "5 of 18 queries read, 13 run at genesys for 2:10, next look in 40 s"
    )
    assert told("genesys_client_usage", Meter(readings=18, open={running[0]}), now=270.0) == (
        "0 of 18 queries read, 1 runs at genesys for 2:50"
    )
    assert told("genesys_client_usage", Meter(readings=18)) == "0 of 18 queries read"


def test_rows_of_known_totals_are_told_with_their_pace_and_the_time_left() -> None:
    meter = Meter(readings=13, over=7, rows=464, expected=500, open={Open(759), *(Open(0) for _ in range(5))})
    assert told("elasticpath_promotion_usages", meter, (0, 2, 0), (60, 464, 7)) == (
        "464 of 1,259 rows, 7 of 13 promotions, 7.7 rows/s, about 1:43 left"
    )


@pytest.mark.parametrize(
    ("meter", "left"),
    [
        (Meter(readings=13, over=7, rows=464, expected=700, open={Open(100)}), "3:29"),
        (Meter(readings=13, over=7, rows=464, open={Open(200) for _ in range(6)}), "8:54"),
        (Meter(readings=13, over=7, rows=464, expected=700, open={Open() for _ in range(6)}), "3:29"),
        (Meter(readings=13, over=7, rows=464), "43 s"),
    ],
    ids=["some not begun", "of what is over nothing was said", "of what is open nothing was said", "nothing was said"],
)
def test_where_the_total_is_not_known_the_time_left_is_that_of_readings_alike(meter: Meter, left: str) -> None:
    assert told("elasticpath_promotion_usages", meter, (0, 264, 0), (50, 464, 7)) == (
        f"464 rows, 7 of 13 promotions, 4.0 rows/s, about {left} left"
    )


def test_a_list_has_no_partitions_to_tell_of() -> None:
    meter = Meter(readings=1, rows=12_000, open={Open(30_000)})
    assert told("elasticpath_promotions", meter, (0, 0, 0), (100, 12_000, 0)) == (
        "12,000 of 30,000 rows, 120 rows/s, about 2:30 left"
    )


def test_windows_are_queries_and_what_has_no_pace_has_no_time_left() -> None:
    assert told("demandbase_api_usage", Meter(readings=3, over=1, rows=7)) == "7 rows, 1 of 3 queries"
    full = Meter(readings=3, over=3, rows=7)
    assert told("demandbase_api_usage", full, (0, 0, 0), (1, 7, 3)) == "7 rows, 3 of 3 queries, 7.0 rows/s"


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        ("genesys_client_usage", "waits for genesys_oauth_clients"),
        ("genesys_oauth_clients", "waits for genesys"),
    ],
)
def test_before_a_stream_knows_what_to_read_it_tells_what_it_waits_for(stream: str, text: str) -> None:
    assert told(stream, Meter()) == text


def test_the_pace_of_rows_is_that_of_the_last_minute_and_that_of_readings_of_all_time() -> None:
    pace = Pace()
    assert (pace.rows, pace.readings) == (0, 0)
    for at in range(0, 601, 10):
        counted = 0 if at <= 540 else (at - 540) * 3
        pace.see(at, Meter(rows=counted, over=counted))
    assert (pace.rows, pace.readings) == (3, 0.3)


class Told(logging.Handler):
    """Keeps lines of the log with the seconds at which they came."""

    def __init__(self, clock: Any) -> None:  # noqa: ANN401 - a clock, once there is a tap
        super().__init__(logging.INFO)
        self.clock = clock
        self.began = clock.monotonic()
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        who = record.name.rpartition(".")[2]
        if record.levelno == logging.INFO:
            self.lines.append((round(self.clock.monotonic() - self.began), f"{who}: {record.getMessage()}"))


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


def logged(seconds: float, waits: dict[float, Waiting], meters: dict[str, Meter]) -> list[tuple[int, str]]:
    """Return what a run of so many seconds logs."""
    clock = VirtualClock()
    loop = Loop(clock)
    over: list[bool] = []

    def work() -> Task:
        loop.later(seconds, lambda: over.append(True))
        while not over:
            yield False

    standing = Standing(map(sheet, meters), meters, [cast("Connection", Vendor(clock, waits))], clock)
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


class LedClock(ImpatientClock):
    """The loop leads the time: when nothing comes to it, time goes on, and workers wait until it has."""

    def wait(self, seconds: float) -> None:
        if threading.current_thread() is threading.main_thread():
            super().wait(seconds)
            return
        until = self.monotonic() + seconds
        passed = threading.Event()
        while self.monotonic() < until:
            self.check()
            passed.wait(0.005)

    def receive(self, source: queue.SimpleQueue[Any], seconds: float) -> Any:  # noqa: ANN401 - whatever is queued
        came = super().receive(source, min(seconds, 0.02))
        if came is None:
            super().wait(seconds)
        return came


class LedTap(ImpatientTap):
    clock_class = LedClock


def lines_of_run(config: dict[str, Any]) -> list[tuple[int, str]]:
    tap = LedTap(config=config, message_writer=KeptLines())
    with kept(tap.clock) as lines:
        tap.run()
    return [line for line in lines if not line[1].endswith(" s") or " requests, " not in line[1]]


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
