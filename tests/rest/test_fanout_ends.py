from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tap_usage.rest.clock import Clock, Stopped
from tap_usage.rest.connection import Request
from tap_usage.rest.errors import RequestError
from tap_usage.rest.fanout import StalledError
from tap_usage.rest.pages.links import NextLink
from tap_usage.rest.pages.query import Ask, Reading
from tap_usage.rest.workers import Sent, Workers
from tests.rest.scripted import (
    ONE,
    Broken,
    Scripted,
    Slow,
    everything,
    given,
    open_on,
    read,
    row_of,
    scripted,
    singles,
    told,
)
from tests.rest.store import Store, data, pages
from tests.rest.virtual import VirtualClock, about, refusal


def test_a_failure_of_one_reading_leaves_the_others_alone(open_workers: Callable[..., Workers]) -> None:
    def script(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        if request.path in {"/1", "/4"}:
            raise refusal(503)
        return row_of(request)

    errors = {}
    for event in given(open_workers(script), singles(6)):
        if event.page is None:
            errors[event.key] = event.reading.error
    assert {key for key, error in errors.items() if error} == {1, 4}
    assert all(isinstance(errors[key], RequestError) for key in (1, 4))


def test_an_unexpected_exception_of_a_request_is_the_failure_of_its_reading(
    open_workers: Callable[..., Workers],
) -> None:
    def script(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        if request.path == "/0":
            raise ZeroDivisionError
        return row_of(request)

    events = list(given(open_workers(script), singles(2)))
    errors = [event.reading.error for event in events if event.page is None]
    assert isinstance(errors[0], ZeroDivisionError)
    assert errors[1] is None


def test_a_defect_of_one_reading_is_its_failure_and_no_others(open_workers: Callable[..., Workers]) -> None:
    readings: list[tuple[int, Reading]] = [(0, Broken(1)), (1, Slow(1))]
    events = [event for event in given(open_workers(), iter(readings)) if event.page is None]
    assert [type(event.reading.error) for event in events] == [KeyError, type(None)]


def test_a_reading_that_awaits_nothing_and_asks_for_nothing_is_a_defect_that_is_told_not_waited_for(
    open_workers: Callable[..., Workers],
) -> None:
    class Silent(Slow):
        def next_ask(self) -> Ask | None:
            return super().next_ask() if self._left > 1 else None

    class Hiding(Slow):
        def next_ask(self) -> Ask | None:
            return None

        def ask_ahead(self) -> Ask | None:
            return super().next_ask()

    readings: list[tuple[int, Reading]] = [(0, Silent(2)), (1, Hiding(1)), (2, Slow(1))]
    events = given(open_workers(), iter(readings))
    ends = [event.reading for event in events if event.page is None]
    assert [type(reading.error) for reading in ends] == [StalledError, StalledError, type(None)]


def test_what_a_reading_put_off_is_not_sent_when_it_is_over_by_then(open_workers: Callable[..., Workers]) -> None:
    workers = open_workers()
    ended, other = Slow(9, delay=30.0), Slow(9, delay=7.0)
    for event in read(workers, iter([(0, ended), (1, other)])):
        ended.finished = True
        if event and event.key == 1 and event.page is None:
            break
    assert len(scripted(workers).asked) == 9
    assert other.finished


def test_an_answer_for_a_reading_that_is_over_is_not_taken(open_workers: Callable[..., Workers]) -> None:
    following = {"/0": "/1", "/1": "/2", "/2": None}
    workers = open_workers(lambda request: row_of(request) | {"next": following[request.path]}, max_concurrency=1)
    came = []
    for event in given(workers, iter([(0, NextLink("next").read(about("/0")))])):
        came.append(told(event))
        if event.page:
            event.reading.finished = True
            scripted(workers).wait_for(2)
    assert came == [(0, ["/0"]), (0, None)]


def test_pages_before_a_failure_are_given_before_it(open_workers: Callable[..., Workers]) -> None:
    bodies: dict[str, Any] = {"/0": {"items": [{"id": 1}], "next": "/2"}}

    def script(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        if request.path not in bodies:
            raise refusal(500)
        return bodies[request.path]

    readings: list[tuple[int, Reading]] = [(0, NextLink("next").read(about("/0")))]
    assert everything(open_workers(script), iter(readings)) == [(0, [1]), (0, None)]


def test_a_defect_of_whoever_lists_the_readings_is_raised(open_workers: Callable[..., Workers]) -> None:
    def listing() -> Iterator[tuple[int, Reading]]:
        yield from singles(1)
        raise LookupError("no more partitions")

    with pytest.raises(LookupError):
        everything(open_workers(row_of), listing())


def test_the_loop_turns_at_least_once_a_second(open_workers: Callable[..., Workers]) -> None:
    clock = VirtualClock()
    events = list(read(open_workers(clock=clock), iter([(0, Slow(1, delay=10.0))])))
    assert 10 <= events.count(None) <= 13


def test_nobody_spins_while_all_workers_are_busy_and_a_poll_is_overdue(open_workers: Callable[..., Workers]) -> None:
    class Counting(Clock):
        received = 0

        def receive(self, source: queue.SimpleQueue[Any], seconds: float) -> Any:  # noqa: ANN401 - whatever is queued
            self.received += 1
            if seconds > 0.1:
                patient.set()
            return super().receive(source, seconds)

    clock, patient = Counting(), threading.Event()

    def script(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        if request.path == "/0":
            patient.wait(5)
        return {"items": []}

    readings: list[tuple[int, Reading]] = [(0, Slow(1, delay=0.001)), *singles(1)]
    list(given(open_workers(script, clock=clock, max_concurrency=1), iter(readings)))
    assert clock.received < 20


def test_a_stop_while_everything_waits_ends_it_within_a_slice(open_workers: Callable[..., Workers]) -> None:
    clock = Clock()
    threading.Timer(0.05, clock.stop).start()
    began = clock.monotonic()
    with pytest.raises(Stopped):
        list(given(open_workers(clock=clock), iter([(0, Slow(1, delay=3600.0))])))
    assert clock.monotonic() - began < 2


def test_a_stop_while_an_answer_is_awaited_ends_it_within_a_slice(open_workers: Callable[..., Workers]) -> None:
    clock, gate = Clock(), threading.Event()

    def script(_: Request) -> Any:  # noqa: ANN401 - decoded JSON
        clock.stop()
        gate.wait(10)
        return {"items": []}

    began = clock.monotonic()
    with pytest.raises(Stopped):
        list(given(open_workers(script, clock=clock), singles(1)))
    assert clock.monotonic() - began < 2
    gate.set()


def test_a_stop_counts_even_while_there_is_something_to_give(open_workers: Callable[..., Workers]) -> None:
    clock = Clock()
    events = given(open_workers(row_of, clock=clock), singles(9))
    assert told(next(events)) == (0, ["/0"])
    clock.stop()
    with pytest.raises(Stopped):
        next(events)


def test_requests_are_counted_when_they_are_sent_whether_or_not_their_readings_come_to_an_end(
    open_workers: Callable[..., Workers],
) -> None:
    store, sent = Store(range(400)), Sent()
    workers = open_workers(store, max_concurrency=1)
    about = data("/0")
    for event in given(
        workers, iter([(0, pages(size=5).read(replace(about, request=replace(about.request, sent=sent.add))))])
    ):
        if event.page and event.page.rows[-1]["id"] == "r40":
            break
    workers.close()
    assert 10 <= sent.count == len(store.asked) < 20


def test_a_worker_that_was_stopped_ends_the_run(open_workers: Callable[..., Workers]) -> None:
    def script(_: Request) -> Any:  # noqa: ANN401 - decoded JSON
        raise Stopped

    with pytest.raises(Stopped):
        list(given(open_workers(script), singles(3)))


def test_work_that_nobody_waits_for_any_more_is_not_done(
    open_workers: Callable[..., Workers],
) -> None:
    gate = threading.Event()

    def script(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        gate.wait(5)
        return row_of(request)

    workers = open_workers(script, max_concurrency=1, clock=Clock())
    first, second = read(workers, singles(1)), read(workers, iter([(9, ONE.read(about("/9")))]))
    assert next(first) is None
    assert next(second) is None
    second.close()
    gate.set()
    assert [told(event) for event in first if event] == [(0, ["/0"]), (0, None)]
    workers.close()
    assert scripted(workers).asked == ["/0"]


def test_the_next_reader_of_the_same_workers_hears_nothing_of_the_one_before(
    open_workers: Callable[..., Workers],
) -> None:
    workers = open_workers(row_of, max_concurrency=2)
    first = given(workers, singles(10))
    assert told(next(first)) == (0, ["/0"])
    first.close()
    assert everything(workers, ((key + 100, reading) for key, reading in singles(3))) == [
        *itertools.chain.from_iterable(((100 + n, [f"/{n}"]), (100 + n, None)) for n in range(3))
    ]


def test_a_reader_may_read_something_else_in_between(open_workers: Callable[..., Workers]) -> None:
    workers = open_workers(row_of, max_concurrency=2)
    found = [(event.key, len(everything(workers, singles(2)))) for event in given(workers, singles(4)) if event.page]
    assert found == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_closed_workers_leave_no_thread_and_can_be_closed_again() -> None:
    before = set(threading.enumerate())
    workers = open_on(Scripted(row_of, max_concurrency=8))
    assert len(everything(workers, singles(30))) == 60
    assert set(threading.enumerate()) - before
    workers.close()
    assert set(threading.enumerate()) <= before
    workers.close()


def test_closing_does_not_wait_for_answers_that_hang() -> None:
    gate = threading.Event()

    def script(_: Request) -> Any:  # noqa: ANN401 - decoded JSON
        gate.wait(10)
        return {"items": []}

    clock = Clock()
    workers = open_on(Scripted(script, clock, max_concurrency=32))
    events = read(workers, singles(32))
    assert next(events) is None
    events.close()
    began = clock.monotonic()
    workers.close(0.1)
    assert clock.monotonic() - began < 2
    hanging = [thread for thread in threading.enumerate() if thread.name == "vendor-worker"]
    assert all(thread.daemon for thread in hanging)
    gate.set()
    for thread in hanging:
        thread.join(5)
