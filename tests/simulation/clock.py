"""Simulated time: nobody waits, and what takes time is over at its simulated instant."""

from __future__ import annotations

import heapq
import itertools
import math
import queue
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from tap_usage.rest.clock import Clock, Stopped

EPOCH = datetime(2026, 9, 1, tzinfo=UTC)
DAY = 86400
NEVER = math.inf
MOST_STEPS = 20_000

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone; nothing it had in mind is done."""


class StandsStillError(BaseException):
    """The run does not come to its end; nothing that takes errors for those of a stream may catch it."""


class SimulatedClock(Clock):
    """Seconds since `EPOCH`, moved by those who wait.

    A task that is done elsewhere has a time of its own, which only its own waits move.

    Args:
        at: true time when it begins.
        ahead: seconds that the clock of this machine is ahead of it.
        killed_at: the process is gone at this time.
        stopped_at: it gets a signal at this time.
    """

    def __init__(self, at: float, ahead: float = 0.0, killed_at: float = NEVER, stopped_at: float = NEVER) -> None:
        super().__init__()
        self.at = at
        self._ahead = timedelta(seconds=ahead)
        self.killed_at = killed_at
        self.stopped_at = stopped_at
        self._elsewhere = False
        self._steps = 0
        self._numbers = itertools.count()
        self._actions: list[tuple[float, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        return date_time(self.at) + self._ahead

    def monotonic(self) -> float:
        return self.at

    def check(self) -> None:
        if self.at >= self.stopped_at:
            if self._elsewhere:
                raise Stopped
            self.stop(signal.SIGTERM)
        super().check()

    def wait(self, seconds: float) -> None:
        self.check()
        self._move(self.at + max(0.0, seconds))
        self.check()

    def receive(self, source: queue.SimpleQueue[Any], seconds: float) -> Any:  # noqa: ANN401 - whatever is queued
        until = self.at + max(0.0, seconds)
        self.check()
        while source.empty():
            at = self._actions[0][0] if self._actions else NEVER
            self._move(min(at, until))
            self.check()
            if at > until:
                return None
        return source.get()

    def spend(self, seconds: float) -> None:
        """Have time pass in which nobody looks whether the run is being ended."""
        self._move(self.at + seconds)

    def elsewhere(self, at: float, task: Callable[[], T]) -> tuple[float, T]:
        """Do a task that begins at `at`; return when it is over, and what it returned."""
        here, self.at, self._elsewhere = self.at, at, True
        try:
            done = task()
            return self.at, done
        finally:
            self.at, self._elsewhere = here, False

    def do_at(self, at: float, action: Callable[[], None]) -> None:
        """Have something done at a later time."""
        heapq.heappush(self._actions, (at, next(self._numbers), action))

    def _move(self, at: float) -> None:
        if self._elsewhere:
            self.at = at
            return
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise StandsStillError(f"not over after {MOST_STEPS} waits")
        if at >= self.killed_at:
            raise Killed
        self.at = at
        while self._actions and self._actions[0][0] <= at:
            heapq.heappop(self._actions)[-1]()


def date_time(at: float) -> datetime:
    return EPOCH + timedelta(seconds=at)


@lru_cache(maxsize=256)
def day_text(day: int) -> str:
    """Return the date of a day since `EPOCH`."""
    return (EPOCH + timedelta(days=day)).date().isoformat()


@lru_cache(maxsize=256)
def day_number(text: str) -> int:
    """Return the days from `EPOCH` to the day of a date or date-time in UTC."""
    return (datetime.fromisoformat(text[:10]).replace(tzinfo=UTC) - EPOCH).days


def time_text(at: float) -> str:
    """Return `2026-11-22T10:00:00.000Z`."""
    return date_time(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=64)
def http_date(second: int) -> str:
    return date_time(second).strftime("%a, %d %b %Y %H:%M:%S GMT")
