"""Many readings side by side: requests in worker threads, everything else in the main thread, pages in order.

The workers only send requests. The main thread asks the readings what may be sent, feeds them the answers, and gives
their pages in the order of the readings, so that bookmarks move in that order only. Readings ahead of the one that is
being given are limited, and so are the bytes that wait: memory stays bounded when the target or a query is slow, and
what the vendor has ready waits there. What the first reading cannot go on without is outside of these limits, so that
they never stop what everything else waits for.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, TypeVar

from tap_usage.rest.connection import Answer
from tap_usage.rest.errors import ReadError
from tap_usage.rest.memory import Memory
from tap_usage.rest.paging import PAGE_BYTES, Ask, Page, Reading
from tap_usage.rest.workers import TICK_SECONDS, Run, Sent, Workers

READINGS_PER_WORKER = 4

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
    run = Run()
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
        due: its requests for which there is no room yet.
        polls: it is one that waits for the vendor.
        held: bytes it was handed and has not given.
    """

    key: Key
    reading: Reading
    sent: int = 0
    put_off: int = 0
    due: deque[Ask] = field(default_factory=deque)
    polls: bool = False
    held: int = 0


class _Pass(Generic[Key]):
    def __init__(self, workers: Workers, readings: Iterator[tuple[Key, Reading]], run: Run, sent: Sent) -> None:
        self._workers = workers
        self._clock = workers.connection.clock
        self._most = workers.connection.max_concurrency
        self._readings = readings
        self._run = run
        self._sent = sent
        self._memory = Memory()
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
            page = first.reading.pages.popleft()
            self._hold(first, -page.size)
            return Event(first.key, first.reading, page)
        if first.reading.finished:
            self._active.popleft()
            self._hold(first, -first.held)
            return Event(first.key, first.reading)
        return None

    def _has_room(self) -> bool:
        """One reading more than requests may be in flight; those that wait for the vendor do not count."""
        busy = sum(not begun.polls for begun in self._active)
        return busy <= self._most and len(self._active) < self._most * READINGS_PER_WORKER

    @property
    def _is_free(self) -> bool:
        return self._run.in_flight < self._most

    def _dispatch(self) -> None:
        """Send what the first reading cannot go on without, and what there is room for."""
        now = self._clock.monotonic()
        while self._later and self._later[0][0] <= now:
            *_, ask, begun = heapq.heappop(self._later)
            begun.put_off -= 1
            begun.due.append(ask)
        for begun in self._active:
            while self._is_free and self._send_one(begun):
                pass
            if not self._is_free:
                return

    def _send_one(self, begun: _Begun[Key]) -> bool:
        """Send one request if there is one to send. Nothing will ever come of a reading that has none left: end it."""
        reading, first, ask = begun.reading, begun is self._active[0], None
        if reading.finished:
            return False
        if not begun.due and (needed := reading.next_ask()):
            self._put_off(needed, begun)
        if begun.due:
            if first or self._memory.has_room(begun.due[0].weight, first=False):
                ask = begun.due.popleft()
                self._submit(ask, begun, 0 if first else ask.weight)
        elif not (begun.sent or begun.put_off or reading.pages):
            reading.error = StalledError("the reading came to a stop before its end: a defect of the tap, report it")
            reading.finished = True
        elif self._memory.has_room(PAGE_BYTES, first=first) and (ask := reading.ask_ahead()):
            self._submit(ask, begun, ask.weight)
        return ask is not None

    def _put_off(self, ask: Ask, begun: _Begun[Key]) -> None:
        """Put a request off until its time comes."""
        if ask.delay > 0:
            begun.polls = True
            begun.put_off += 1
            heapq.heappush(self._later, (self._clock.monotonic() + ask.delay, next(self._numbers), ask, begun))
        else:
            begun.due.append(ask)

    def _submit(self, ask: Ask, begun: _Begun[Key], weight: int) -> None:
        begun.sent += 1
        request = replace(ask.request, sent=self._sent.add)
        owner = ask, begun, self._memory.expect(weight)
        self._workers.submit(partial(self._workers.connection.send, request), owner, self._run)

    def _receive(self) -> None:
        """Wait for an answer and hand it to its reading, at most until a request is due or a second has passed."""
        seconds = TICK_SECONDS
        if self._later:
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

    def _hand_over(self, owner: tuple[Ask, _Begun[Key], int], outcome: Answer | BaseException) -> None:
        ask, begun, expected = owner
        reading = begun.reading
        begun.sent -= 1
        self._run.in_flight -= 1
        self._memory.came(expected)
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
        if isinstance(outcome, Answer) and reading.held:
            self._hold(begun, outcome.size)
            self._memory.learn(outcome.size)

    def _hold(self, begun: _Begun[Key], size: int) -> None:
        """Count what a reading holds; what it threw away is only known when it holds nothing."""
        held = begun.held + size if begun.reading.held else 0
        self._memory.held += held - begun.held
        begun.held = held
