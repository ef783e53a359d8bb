"""Workers over a script: readings are fanned out, nothing goes over a wire."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from tap_usage.rest import fanout
from tap_usage.rest.auth import ClientCredentials
from tap_usage.rest.clock import Clock
from tap_usage.rest.connection import Answer, Connection, Request
from tap_usage.rest.fanout import Event
from tap_usage.rest.host import Host
from tap_usage.rest.loop import Loop
from tap_usage.rest.pages.query import Ask, Page, Reading
from tap_usage.rest.pages.single import SinglePage
from tap_usage.rest.workers import Workers
from tests.rest.virtual import NOW, about, answer
from tests.running import ImpatientClock

Script = Callable[[Request], Any]


class Scripted(Connection):
    """A connection whose answers come from a function of the request; it counts how many are asked at once."""

    def __init__(self, script: Script, clock: Clock | None = None, max_concurrency: int = 4) -> None:
        sheet = Host("vendor", "http://127.0.0.1", ClientCredentials("http://127.0.0.1/token", {}))
        super().__init__(sheet, clock or ImpatientClock(), max_concurrency=max_concurrency)
        self.script = script
        self.asked: list[str] = []
        self.busy = 0
        self.most_busy = 0
        self.answered = 0
        self._lock = threading.Condition()

    def wait_for(self, count: int) -> None:
        """Wait until so many requests have been answered."""
        with self._lock:
            assert self._lock.wait_for(lambda: self.answered >= count, timeout=5)

    def send(self, request: Request) -> Answer:
        with self._lock:
            self.asked.append(request.path)
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
        request.sent()
        try:
            return answer(self.script(request))
        finally:
            with self._lock:
                self.busy -= 1
                self.answered += 1
                self._lock.notify_all()


def scripted(workers: Workers) -> Scripted:
    assert isinstance(workers.connection, Scripted)
    return workers.connection


PATIENCE = 10_000
POLL = "/poll"
ONE = SinglePage()


def singles(count: int) -> Iterator[tuple[int, Reading]]:
    for number in range(count):
        yield number, ONE.read(about(f"/{number}"))


def row_of(request: Request) -> dict[str, Any]:
    return {"items": [{"id": request.path}]}


def told(event: Event[Any]) -> tuple[Any, Any]:
    return event.key, [row["id"] for row in event.page.rows] if event.page else None


def open_on(connection: Connection) -> Workers:
    return Workers(connection, Loop(connection.clock))


def read(
    workers: Workers,
    readings: Iterable[tuple[int, Reading]],
    group: Callable[[int], Hashable] = id,
) -> Iterator[Event[int] | None]:
    """Read as a task of the loop does: give what comes, and None for each time that the loop waits."""
    events = fanout.read(workers, readings, group)
    with contextlib.closing(events):
        for event in events:
            yield event
            if event is None:
                workers.loop.wait()
            workers.loop.turn()


def given(
    workers: Workers,
    readings: Iterable[tuple[int, Reading]],
    group: Callable[[int], Hashable] = id,
) -> Iterator[Event[int]]:
    """Read to the end; fail when nothing else comes any more."""
    waits = 0
    for event in read(workers, readings, group):
        waits = 0 if event else waits + 1
        assert waits < PATIENCE, "the run stands still"
        if event:
            yield event


def everything(workers: Workers, readings: Iterable[tuple[int, Reading]]) -> list[tuple[Any, Any]]:
    return [told(event) for event in given(workers, readings)]


class Slow(Reading):
    """A reading that has to be asked again later, like a query that runs; it counts how many of it are open."""

    def __init__(self, polls: int, delay: float = 5.0) -> None:
        super().__init__()
        self._left = polls
        self._delay = delay
        self._asked = False

    def next_ask(self) -> Ask | None:
        if self._asked or self.finished:
            return None
        self._asked = True
        return Ask(Request(POLL), self._delay)

    def take(self, ask: Ask, answer: Answer) -> None:  # noqa: ARG002 - as the base class has it
        self._left -= 1
        self._asked = False
        if not self._left:
            self.pages.append(Page([{"id": "x"}], answer.body, NOW))
            self.finished = True


class Broken(Slow):
    def take(self, ask: Ask, answer: Answer) -> None:  # noqa: ARG002 - as the base class has it
        raise KeyError("defect")
