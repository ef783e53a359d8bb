"""Many readings side by side: requests in worker threads, everything else in the main thread, pages in order.

The workers only send requests. The main thread asks the readings what may be sent, feeds them the answers, and gives
their pages in the order of the readings, so that bookmarks move in that order only. Readings ahead of the one that is
being given are limited, and so are the pages that wait: memory stays bounded when the target is slow. What the first
reading cannot go on without is outside of these limits, so that they never stop what everything else waits for.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar, cast

from tap_usage.rest.connection import Answer, Connection
from tap_usage.rest.errors import ReadError
from tap_usage.rest.paging import Ask, Page, Reading

BUFFERED_PAGES_PER_WORKER = 4
READINGS_PER_WORKER = 4
TICK_SECONDS = 1.0

Key = TypeVar("Key")


class StalledError(ReadError):
    """A reading is not over, but awaits nothing and asks for nothing: a defect of the tap."""


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


class Sent:
    """How many requests went out, repeats included: counted when they do, so that it is right at any moment."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        """Count one."""
        with self._lock:
            self.count += 1


class Workers:
    """Daemon threads that send requests of one connection. Started when first needed, ended by `close`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._tasks: queue.SimpleQueue[tuple[Callable[[], Any], Any, _Run] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._beginning: _Run | None = None

    def begin(self) -> None:
        """Have the vendor asked for a token and its time, without waiting: vendors may begin side by side."""
        if self._beginning is None:
            self._beginning = _Run()
            self.submit(self.connection.started, None, self._beginning)

    def started(self) -> datetime:
        """Return the vendor's clock when the run first asked; waiting for it can be stopped.

        Raises:
            RequestError: when not even a token can be had; the same one again where asking again is in vain.
            ClockError: when it is more than a day from that of this machine.
            Stopped: when the run is being ended.
        """
        self.begin()
        run = cast("_Run", self._beginning)
        while (answer := self.connection.clock.receive(run.answers, TICK_SECONDS)) is None:
            pass
        self._beginning = None
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


def read(
    workers: Workers, readings: Iterable[tuple[Key, Reading]], sent: Sent | None = None
) -> Generator[Event[Key], None, None]:
    """Read all readings, as many side by side as the connection allows, and give what comes in their order.

    Args:
        workers: of one vendor.
        readings: whose they are, and what reads.
        sent: counts their requests.

    Yields:
        The pages of each reading, then one event without a page when it is over; ticks in between.

    Raises:
        Stopped: when the run is being ended.
    """
    run = _Run()
    try:
        yield from _Pass(workers, iter(readings), run, sent or Sent()).events()
    finally:
        run.abandoned = True


@dataclass(slots=True, eq=False)
class _Begun(Generic[Key]):
    """A reading that was begun.

    Attributes:
        sent: its requests that are on their way.
        put_off: its requests whose time has not come.
    """

    key: Key
    reading: Reading
    sent: int = 0
    put_off: int = 0


class _Pass(Generic[Key]):
    def __init__(self, workers: Workers, readings: Iterator[tuple[Key, Reading]], run: _Run, sent: Sent) -> None:
        self._workers = workers
        self._clock = workers.connection.clock
        self._most = workers.connection.max_concurrency
        self._readings = readings
        self._run = run
        self._sent = sent
        self._active: deque[_Begun[Key]] = deque()
        self._later: list[tuple[float, int, Ask, _Begun[Key]]] = []
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
                    self._active.append(_Begun(*following))
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
        first = self._active[0]
        if first.reading.pages:
            return Event(first.key, first.reading, first.reading.pages.popleft())
        if first.reading.finished:
            self._active.popleft()
            return Event(first.key, first.reading)
        return None

    def _has_room(self) -> bool:
        """One reading more than requests may be in flight; those that wait for their next poll do not count."""
        busy = sum(begun.sent > 0 or not begun.put_off for begun in self._active)
        return busy <= self._most and len(self._active) < self._most * READINGS_PER_WORKER

    @property
    def _is_free(self) -> bool:
        return self._run.in_flight < self._most

    def _dispatch(self) -> None:
        """Send what the first reading cannot go on without, what was put off, and then what there is room for."""
        first = self._active[0]
        while self._is_free and (ask := self._following(first)):
            self._send(ask, first)
        now = self._clock.monotonic()
        while self._is_free and self._later and self._later[0][0] <= now:
            *_, ask, begun = heapq.heappop(self._later)
            begun.put_off -= 1
            if not begun.reading.finished:
                self._submit(ask, begun)
        held = sum(begun.reading.held for begun in self._active)
        for begun in self._active:
            # What the first reading asks ahead may always use all workers, whatever the others hold.
            room = self._most * (BUFFERED_PAGES_PER_WORKER + (begun is first)) - held
            while self._is_free and self._run.in_flight < room and (ask := self._following(begun, ahead=True)):
                self._send(ask, begun)

    def _following(self, begun: _Begun[Key], *, ahead: bool = False) -> Ask | None:
        """Return what a reading asks for. Nothing will ever come of one that neither asks, awaits nor gives: end it."""
        reading = begun.reading
        if reading.finished:
            return None
        if ask := reading.next_ask():
            return ask
        if not (begun.sent or begun.put_off or reading.pages):
            reading.error = StalledError("the reading came to a stop before its end: a defect of the tap, report it")
            reading.finished = True
            return None
        return reading.ask_ahead() if ahead else None

    def _send(self, ask: Ask, begun: _Begun[Key]) -> None:
        """Send a request, or put it off until its time comes."""
        if ask.delay > 0:
            begun.put_off += 1
            heapq.heappush(self._later, (self._clock.monotonic() + ask.delay, next(self._numbers), ask, begun))
        else:
            self._submit(ask, begun)

    def _submit(self, ask: Ask, begun: _Begun[Key]) -> None:
        begun.sent += 1
        request = replace(ask.request, sent=self._sent.add)
        self._workers.submit(partial(self._workers.connection.send, request), (ask, begun), self._run)

    def _receive(self) -> None:
        """Wait for an answer and hand it to its reading, at most until a request is due or a second has passed."""
        seconds = TICK_SECONDS
        if self._later and self._is_free:
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

    def _hand_over(self, owner: tuple[Ask, _Begun[Key]], outcome: Answer | BaseException) -> None:
        ask, begun = owner
        reading = begun.reading
        begun.sent -= 1
        self._run.in_flight -= 1
        if not isinstance(outcome, Answer | Exception):
            raise outcome
        if reading.finished:
            return
        try:
            if isinstance(outcome, Answer):
                reading.take(ask, outcome)
            else:
                reading.fail(ask, outcome)
        except Exception as error:  # noqa: BLE001 - a fault of one reading must not end the others
            reading.error = error
            reading.finished = True
