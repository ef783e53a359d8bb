"""Many readings side by side: requests in worker threads, everything else in one thread, pages in order.

The workers only send requests. The thread of control asks the readings what may be sent, feeds them the answers, and
gives their pages in the order of the readings. Readings ahead of the one that is being given are limited, and so are
the bytes that wait: memory stays bounded when the target or a query is slow, and what the vendor has ready waits there.
What the first reading cannot go on without is outside of these limits, so that they never stop what everything else
waits for. One that gives nothing for a minute is late: those behind it go on, except where they are of its group.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from tap_usage.rest.connection import Answer
from tap_usage.rest.errors import ReadError
from tap_usage.rest.memory import Share
from tap_usage.rest.pages.query import PAGE_BYTES, Ask, Page, Reading
from tap_usage.rest.workers import Workers

READINGS_PER_WORKER = 4
LATE_SECONDS = 60.0
NOTHING = -1

Key = TypeVar("Key")


class StalledError(ReadError):
    """A reading is not over, but awaits nothing and asks for nothing: a defect of the tap."""


@dataclass(slots=True)
class Event(Generic[Key]):
    """What happened next.

    Attributes:
        key: whose reading it is.
        reading: the reading.
        page: rows of it, or None when it is over (see its `error`).
    """

    key: Key
    reading: Reading
    page: Page | None = None


def read(
    workers: Workers,
    readings: Iterable[tuple[Key, Reading]],
    group: Callable[[Key], Hashable] = id,
) -> Iterator[Event[Key] | None]:
    """Read all readings, as many side by side as the connection allows, and give what comes in their order.

    Args:
        workers: of one vendor.
        readings: whose they are, and what reads.
        group: what has to be given in order, however late the first of it is.

    Yields:
        The pages of each reading, then one event without a page when it is over; None when there is nothing to give
        before the loop has turned.
    """
    fanout = _Fanout(workers, iter(readings), group)
    workers.sources.append(fanout)
    try:
        yield from fanout.events()
    finally:
        fanout.gone = True
        workers.sources.remove(fanout)
        fanout.release()


@dataclass(slots=True, eq=False)
class _Begun(Generic[Key]):
    """A reading that was begun.

    Attributes:
        sent: its requests that are on their way.
        put_off: its requests whose time has not come.
        due: its requests for which there is no room yet.
        polls: it is one that waits for the vendor.
        held: bytes it was handed and has not given.
        silent_since: when it last gave something, or came to be one that may give.
        idle: it had nothing to send: as long as `Memory.freed` is this, or for `NOTHING` until something happens to it.
    """

    key: Key
    reading: Reading
    sent: int = 0
    put_off: int = 0
    due: deque[Ask] = field(default_factory=deque)
    polls: bool = False
    held: int = 0
    silent_since: float = 0.0
    idle: int | None = None


class _Fanout(Generic[Key]):
    def __init__(
        self,
        workers: Workers,
        readings: Iterator[tuple[Key, Reading]],
        group: Callable[[Key], Hashable],
    ) -> None:
        self.gone = False
        self._workers = workers
        self._most = workers.connection.max_concurrency
        self._readings = readings
        self._group = group
        self._share = Share(workers.loop.memory)
        self._active: deque[_Begun[Key]] = deque()
        self._polling = 0
        self._held = 0
        self._giving: list[_Begun[Key]] = []
        self._more = True

    def events(self) -> Iterator[Event[Key] | None]:
        while True:
            while self._more and self._has_room():
                if (following := next(self._readings, None)) is None:
                    self._more = False
                else:
                    self._active.append(_Begun(*following))
            if not self._active:
                return
            self._giving = self._givers()
            self._workers.dispatch()
            yield next(filter(None, map(self._event, self._giving)), None)

    def release(self) -> None:
        """Give all memory back."""
        self._share.release()

    def _has_room(self) -> bool:
        """One reading more than requests may be in flight; those that wait for the vendor or are held do not count."""
        ahead = len(self._active) - self._held
        return ahead - self._polling <= self._most and ahead < self._most * READINGS_PER_WORKER

    def _givers(self) -> list[_Begun[Key]]:
        """Return the first reading, and as long as that is late the first one behind it of another group, and so on."""
        now = self._workers.loop.clock.monotonic()
        givers: list[_Begun[Key]] = []
        late: set[Hashable] = set()
        for begun in self._active:
            if late and self._group(begun.key) in late:
                continue
            givers.append(begun)
            if begun not in self._giving:
                begun.silent_since = now
                begun.idle = None
            if now - begun.silent_since < LATE_SECONDS:
                break
            late.add(self._group(begun.key))
        held = sum(self._group(begun.key) in late for begun in self._active) if late else 0
        self._held = min(held, len(late) * self._most * READINGS_PER_WORKER)
        return givers

    def _event(self, begun: _Begun[Key]) -> Event[Key] | None:
        """Return what a reading has to give."""
        if begun.reading.pages:
            page = begun.reading.pages.popleft()
            self._hold(begun, -page.size)
            begun.silent_since = self._workers.loop.clock.monotonic()
            begun.idle = None
            return Event(begun.key, begun.reading, page)
        if begun.reading.finished:
            self._active.remove(begun)
            self._polling -= begun.polls
            self._hold(begun, -begun.held)
            return Event(begun.key, begun.reading)
        return None

    def send_one(self) -> bool:
        """Send what the first reading cannot go on without, or what there is room for."""
        freed = self._share.memory.freed
        return any(self._send(begun) for begun in self._active if begun.idle is None or NOTHING < begun.idle < freed)

    def _send(self, begun: _Begun[Key]) -> bool:
        """Send one request if there is one to send. Nothing will ever come of a reading that has none left: end it."""
        reading, first = begun.reading, begun in self._giving
        begun.idle = NOTHING
        if reading.finished:
            return False
        if not begun.due and (needed := reading.next_ask()):
            self._put_off(needed, begun)
        if begun.due:
            if not first and not self._share.has_room(begun.due[0].weight, first=False):
                begun.idle = self._share.memory.freed
                return False
            ask = begun.due.popleft()
            self._submit(ask, begun, 0 if first else self._share.size(ask.weight))
            return True
        if not (begun.sent or begun.put_off or reading.pages):
            reading.error = StalledError("the reading came to a stop before its end: a defect of the tap, report it")
            reading.finished = True
            return False
        if not self._share.has_room(PAGE_BYTES, first=first):
            begun.idle = self._share.memory.freed
            return False
        if further := reading.ask_ahead():
            self._submit(further, begun, self._share.size(further.weight))
        return further is not None

    def _put_off(self, ask: Ask, begun: _Begun[Key]) -> None:
        """Put a request off until its time comes."""
        if ask.delay > 0:
            self._polling += not begun.polls
            begun.polls = True
            begun.put_off += 1
            self._workers.loop.later(ask.delay, partial(self._fall_due, ask, begun))
        else:
            begun.due.append(ask)

    def _fall_due(self, ask: Ask, begun: _Begun[Key]) -> None:
        begun.put_off -= 1
        begun.due.append(ask)
        begun.idle = None

    def _submit(self, ask: Ask, begun: _Begun[Key], expected: int) -> None:
        begun.sent += 1
        begun.idle = None
        self._share.take(expected)
        task = partial(self._workers.connection.send, ask.request)
        self._workers.submit(task, self, (ask, begun, expected))

    def receive(self, what: tuple[Ask, _Begun[Key], int], outcome: Answer | Exception) -> None:
        """Hand an answer to its reading."""
        ask, begun, expected = what
        reading = begun.reading
        begun.sent -= 1
        begun.idle = None
        if expected:
            self._share.take(-expected)
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
            self._share.learn(outcome.size)

    def _hold(self, begun: _Begun[Key], size: int) -> None:
        """Count what a reading holds; what it threw away is only known when it holds nothing."""
        held = begun.held + size if begun.reading.held else 0
        self._share.take(held - begun.held)
        begun.held = held
