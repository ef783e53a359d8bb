"""Many readings side by side: requests in worker threads, everything else in the main thread, pages in order.

The workers only send requests. The main thread asks the readings what may be sent, feeds them the answers, and gives
their pages in the order of the readings, so that bookmarks move in that order only. Readings ahead of the one that is
being given are limited, and so are the pages that wait: memory stays bounded when the target is slow.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar, cast

from tap_usage.rest.connection import Answer, Connection
from tap_usage.rest.paging import Ask, Page, Reading

BUFFERED_PAGES_PER_WORKER = 4
READINGS_PER_WORKER = 4
TICK_SECONDS = 1.0

Key = TypeVar("Key")


@dataclass(slots=True)
class Event(Generic[Key]):
    """What happened next.

    Attributes:
        key: whose reading it is; None for a tick, which comes when there was nothing to give for a second.
        page: rows of that reading, or None when it is over (see its `error`).
    """

    key: Key | None
    reading: Reading | None = None
    page: Page | None = None


class Workers:
    """Daemon threads that send requests of one connection. Started when first needed, ended by `close`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._tasks: queue.SimpleQueue[tuple[Callable[[], Any], Any, _Run] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def started(self) -> datetime:
        """Return the vendor's clock when the run first asked; waiting for it can be stopped.

        Raises:
            RequestError: when not even a token can be had.
            Stopped: when the run is being ended.
        """
        run = _Run()
        self.submit(self.connection.started, None, run)
        while (answer := self.connection.clock.receive(run.answers, TICK_SECONDS)) is None:
            pass
        _, outcome = answer
        if isinstance(outcome, BaseException):
            raise outcome
        return cast("datetime", outcome)

    def submit(self, task: Callable[[], Any], owner: Any, run: _Run) -> None:  # noqa: ANN401 - handed back as it came
        """Have a task done; what it returns or raises goes to the run's queue."""
        run.in_flight += 1
        if len(self._threads) < min(self.connection.max_concurrency, run.in_flight):
            thread = threading.Thread(target=self._work, name=f"{self.connection.host.name}-worker", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._tasks.put((task, owner, run))

    def close(self, seconds: float = 1.0) -> None:
        """End the threads; one that hangs in a slow answer dies with the process."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(seconds)
        self._threads.clear()
        self.connection.close()

    def _work(self) -> None:
        while (queued := self._tasks.get()) is not None:
            task, owner, run = queued
            if run.abandoned:
                continue
            try:
                outcome = task()
            except BaseException as error:  # noqa: BLE001 - judged in the main thread
                outcome = error
            run.answers.put((owner, outcome))


class _Run:
    """One pass over readings: its queue of answers and its count of requests in flight."""

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self.in_flight = 0
        self.abandoned = False


def read(workers: Workers, readings: Iterable[tuple[Key, Reading]]) -> Generator[Event[Key], None, None]:
    """Read all readings, as many side by side as the connection allows, and give what comes in their order.

    Yields:
        The pages of each reading, then one event without a page when it is over; ticks in between.

    Raises:
        Stopped: when the run is being ended.
    """
    run = _Run()
    try:
        yield from _Pass(workers, iter(readings), run).events()
    finally:
        run.abandoned = True


class _Pass(Generic[Key]):
    def __init__(self, workers: Workers, readings: Iterator[tuple[Key, Reading]], run: _Run) -> None:
        self._workers = workers
        self._clock = workers.connection.clock
        self._most = workers.connection.max_concurrency
        self._readings = readings
        self._run = run
        self._active: deque[tuple[Key, Reading]] = deque()
        self._later: list[tuple[float, int, Ask, Reading]] = []
        self._numbers = itertools.count()
        self._more = True
        self._told = self._clock.monotonic()

    def events(self) -> Iterator[Event[Key]]:
        while True:
            self._clock.check()
            while self._more and self._has_room():
                if (following := next(self._readings, None)) is None:
                    self._more = False
                else:
                    self._active.append(following)
            if not self._active:
                return
            self._drain()
            self._dispatch()
            event = self._next_event()
            if event is None:
                self._receive()
                if self._clock.monotonic() - self._told < TICK_SECONDS:
                    continue
                event = Event(None)
            self._told = self._clock.monotonic()
            yield event

    def _next_event(self) -> Event[Key] | None:
        key, reading = self._active[0]
        if reading.pages:
            return Event(key, reading, reading.pages.popleft())
        if reading.finished:
            self._active.popleft()
            return Event(key, reading)
        return None

    def _has_room(self) -> bool:
        """One reading more than requests may be in flight; those that wait for their next poll do not count."""
        waiting = len(self._later)
        return len(self._active) - waiting <= self._most and len(self._active) < self._most * READINGS_PER_WORKER

    def _dispatch(self) -> None:
        """Send what may be sent: first what was put off, then what the readings want, the first reading first."""
        now = self._clock.monotonic()
        while self._later and self._later[0][0] <= now and self._run.in_flight < self._most:
            *_, due, reading = heapq.heappop(self._later)
            self._submit(due, reading)
        room = self._most * BUFFERED_PAGES_PER_WORKER - sum(reading.held for _, reading in self._active)
        for place, (_, reading) in enumerate(self._active):
            first = not place and reading.held < self._most
            while self._run.in_flight < self._most and (first or self._run.in_flight < room):
                if (ask := reading.next_ask()) is None:
                    break
                if ask.delay > 0:
                    heapq.heappush(self._later, (now + ask.delay, next(self._numbers), ask, reading))
                else:
                    self._submit(ask, reading)

    def _submit(self, ask: Ask, reading: Reading) -> None:
        self._workers.submit(partial(self._workers.connection.send, ask.request), (ask, reading), self._run)

    def _receive(self) -> None:
        """Wait for an answer and hand it to its reading, at most until a request is due or a second has passed."""
        seconds = TICK_SECONDS
        if self._later and self._run.in_flight < self._most:
            seconds = max(0.0, min(self._later[0][0] - self._clock.monotonic(), TICK_SECONDS))
        if not self._run.in_flight:
            self._clock.wait(seconds)
        elif answer := self._clock.receive(self._run.answers, seconds):
            self._hand_over(*answer)

    def _drain(self) -> None:
        """Hand over what has arrived, so that workers never wait for the target."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._hand_over(*self._run.answers.get_nowait())

    def _hand_over(self, owner: tuple[Ask, Reading], outcome: Answer | BaseException) -> None:
        ask, reading = owner
        self._run.in_flight -= 1
        if not isinstance(outcome, Answer | Exception):
            raise outcome
        try:
            if isinstance(outcome, Answer):
                reading.take(ask, outcome)
            else:
                reading.fail(ask, outcome)
        except Exception as error:  # noqa: BLE001 - a fault of one reading must not end the others
            reading.error = error
            reading.finished = True
