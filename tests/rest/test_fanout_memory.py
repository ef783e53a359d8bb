from __future__ import annotations

import gc
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tap_usage.rest.clock import Clock
from tap_usage.rest.connection import Answer, Request
from tap_usage.rest.fanout import READINGS_PER_WORKER, Event, read
from tap_usage.rest.memory import AHEAD_BYTES, MOST_BYTES
from tap_usage.rest.pages.query import PAGE_BYTES, Ask, Page, Reading
from tap_usage.rest.workers import Workers
from tests.rest.offsets_model import EventClock, SlowWire
from tests.rest.play import COMPLETE, QUERY, RUNNING, SPEC, SUBMIT, submitted
from tests.rest.scripted import ONE, POLL, Slow, everything, given, scripted
from tests.rest.store import Store, data, pages
from tests.rest.virtual import NOW, Scales, about, answer

MIB = 1024 * 1024
SLOW_SECONDS = 300
QUICK = replace(SPEC, initial=0.01)


class Waiting(EventClock):
    """Fails when somebody waits more often than there is reason to."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def wait(self, seconds: float) -> None:
        self._tell()
        super().wait(seconds)

    def receive(self, source: Any, seconds: float) -> Any:  # noqa: ANN401 - whatever is queued
        self._tell()
        return super().receive(source, seconds)

    def _tell(self) -> None:
        self._count += 1
        assert self._count < 2 * SLOW_SECONDS, "the main thread spins"


class Queries:
    """Queries that are complete when they are polled, but for the first one, which runs for minutes.

    Attributes:
        events: what comes when they are read.
        read: numbers of those whose results were sent.
    """

    def __init__(
        self, count: int, result_bytes: int, *, most: int = 8, group: Callable[[int], int] = lambda _: 0
    ) -> None:
        self.scales = Scales()
        self.read: list[int] = []
        self.submissions = 0
        self._size = result_bytes
        self.wire = SlowWire(random.Random(0), self._serve, most, 0.0, Waiting())  # noqa: S311 - repeatable
        readings = ((number, self._reading(number)) for number in range(count))
        self.events: Iterator[Event[int]] = given(self.wire, readings, group=group)

    def _reading(self, number: int) -> Reading:
        submit = replace(SUBMIT, path=f"/query/{number}")
        return QUICK.read(replace(QUERY, request=submit, clock=self.wire.clock))

    def _serve(self, request: Request) -> Any:  # noqa: ANN401 - an answer
        if request.method == "POST":
            self.submissions += 1
            return self.scales.answer(submitted(int(request.path.split("/")[2])), 100)
        number = int(request.path.split("/")[2][1:])
        if number == 0 and self.wire.clock.at < 1000 + SLOW_SECONDS:
            return self.scales.answer(RUNNING, 100)
        self.read.append(number)
        return self.scales.answer(COMPLETE, self._size)


def test_what_is_ready_waits_at_the_vendor_until_there_is_room() -> None:
    queries = Queries(24, 5 * MIB)
    assert next(queries.events).key == 0
    assert queries.submissions == 24
    assert 1 <= len(queries.read) - 1 <= 3
    weights = [queries.scales.weight, *(queries.scales.weight for _ in queries.events)]
    assert sorted(queries.read) == list(range(24))
    # What was asked for before anybody knew how large it is, and what the first reading needed.
    assert max(weights) <= 4 * 5 * MIB
    assert 5 * MIB <= max(weights[12:]) <= AHEAD_BYTES + 5 * MIB


def test_small_results_do_not_wait_for_a_query_that_runs() -> None:
    queries = Queries(24, 50_000)
    assert next(queries.events).key == 0
    assert len(queries.read) == 24


def test_one_query_that_runs_holds_back_of_its_group_only_what_is_beyond_eight_per_worker() -> None:
    queries = Queries(100, 1000, most=2)
    assert next(queries.events).key == 0
    assert len(queries.read) == 2 * 2 * READINGS_PER_WORKER


@pytest.mark.parametrize("size", [1000, 5 * MIB])
def test_a_query_that_runs_for_more_than_a_minute_holds_nobody_of_another_group(size: int) -> None:
    queries = Queries(40, size, most=2, group=lambda number: number % 5)
    given = [event.key for event in queries.events if not event.page]
    held = [number for number in range(40) if number % 5 == 0]
    others = [number for number in range(40) if number % 5]
    assert given == [*others[: given.index(0)], *sorted([*held, *others[given.index(0) :]])]
    assert len(others[: given.index(0)]) > 2 * READINGS_PER_WORKER


def test_a_result_that_is_larger_than_all_that_may_wait_is_read_when_it_is_needed() -> None:
    queries = Queries(6, 2 * MOST_BYTES)
    assert len([event for event in queries.events if event.page]) == 6


def test_nobody_spins_while_polls_wait_for_room() -> None:
    queries = Queries(24, 5 * MIB)
    assert next(queries.events).key == 0
    assert queries.wire.clock.at < 1000 + 2 * SLOW_SECONDS


def test_bytes_wait_in_bounded_number_while_the_consumer_is_slow() -> None:
    scales, size, most = Scales(), MIB // 2, 3
    stores = {f"/{number}": Store(range(400)) for number in range(8)}

    def serve(request: Request) -> Any:  # noqa: ANN401 - an answer
        return scales.answer(stores[request.path](request), size)

    wire = SlowWire(random.Random(0), serve, most, slow=0.0)  # noqa: S311 - repeatable
    readings = (pages(size=5).read(data(path)) for path in stores)
    held = rows = 0
    for event in given(wire, enumerate(readings)):
        if event.page:
            wire.clock.wait(10)
            rows += len(event.page.rows)
        held = max(held, scales.weight)
    assert rows == 8 * 400
    assert AHEAD_BYTES < held <= MOST_BYTES + 2 * size


@pytest.mark.parametrize("most", [1, 2, 5])
def test_what_the_first_reading_needs_is_sent_however_much_the_others_hold(most: int) -> None:
    scales = Scales()

    def serve(request: Request) -> Any:  # noqa: ANN401 - an answer
        return scales.answer({"items": []}, 0 if request.path == POLL else 2 * MOST_BYTES)

    wire = SlowWire(random.Random(0), serve, most, slow=0.0)  # noqa: S311 - repeatable
    readings: list[tuple[int, Reading]] = [(0, Slow(9)), (1, ONE.read(about("/1"))), (2, Slow(1))]
    ends = [event.key for event in given(wire, iter(readings)) if not event.page]
    assert ends == [0, 1, 2]


def test_what_a_reading_threw_away_takes_no_room_for_ever() -> None:
    class Wasteful(Slow):
        """Gives a page of each answer, and says that half of the answer went into it."""

        def take(self, ask: Ask, answer: Answer) -> None:
            super().take(ask, answer)
            self.pages.clear()
            self.pages.append(Page([{"id": "x"}], None, NOW, size=answer.size // 2))

    class Other(Slow):
        def next_ask(self) -> Ask | None:
            ask = super().next_ask()
            return ask and replace(ask, request=Request("/1"))

    sent: list[float] = []

    def serve(request: Request) -> Any:  # noqa: ANN401 - an answer
        sent.append(wire.clock.at if request.path == "/1" else 0.0)
        return answer({"items": []}, size=MIB)

    wire = SlowWire(random.Random(0), serve, 4, slow=0.0)  # noqa: S311 - repeatable
    readings: list[tuple[int, Reading]] = [(0, Wasteful(60, 1.0)), (1, Other(1, 30.0))]
    assert {event.key for event in given(wire, iter(readings))} == {0, 1}
    assert 1030 <= max(sent) <= 1032


def test_a_worker_that_has_nothing_to_do_keeps_no_answer(open_workers: Callable[..., Workers]) -> None:
    class Body(dict[str, Any]):
        pass

    bodies: list[weakref.ref[Body]] = []
    lock = threading.Lock()

    def script(_: Request) -> Body:
        body = Body(items=[])
        with lock:
            bodies.append(weakref.ref(body))
        return body

    workers = open_workers(script, max_concurrency=4)
    everything(workers, ((number, ONE.read(about(f"/{number}"))) for number in range(8)))
    scripted(workers).wait_for(8)
    gc.collect()
    assert [body for body in bodies if body() is not None] == []


def test_a_reader_that_breaks_off_gives_its_room_back_and_its_late_answers_take_none(
    open_workers: Callable[..., Workers],
) -> None:
    gate = threading.Event()

    def script(_: Request) -> Any:  # noqa: ANN401 - decoded JSON
        gate.wait(5)
        return {"items": [{"id": 1}]}

    workers = open_workers(script, max_concurrency=4, clock=Clock())
    loop = workers.loop
    events = read(workers, ((number, ONE.read(about(f"/{number}"))) for number in range(4)))
    assert next(events) is None
    assert loop.memory.taken == 3 * PAGE_BYTES
    events.close()
    assert loop.memory.taken == 0
    gate.set()
    while loop.awaited:
        loop.wait()
    assert loop.memory.taken == 0
