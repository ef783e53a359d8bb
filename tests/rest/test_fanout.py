from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tap_usage.rest.clock import Clock
from tap_usage.rest.connection import Request
from tap_usage.rest.fanout import READINGS_PER_WORKER
from tap_usage.rest.pages.links import NextLink
from tap_usage.rest.pages.query import Reading
from tap_usage.rest.workers import Workers
from tests.rest.scripted import Slow, everything, given, row_of, scripted, singles
from tests.rest.store import Store, data, pages
from tests.rest.virtual import NOW, VirtualClock, about


def test_nothing_to_read_is_no_event_and_no_thread(open_workers: Callable[..., Workers]) -> None:
    before = threading.active_count()
    assert everything(open_workers(), iter(())) == []
    assert threading.active_count() == before


def test_each_reading_gives_its_pages_and_then_its_end(open_workers: Callable[..., Workers]) -> None:
    assert everything(open_workers(row_of), singles(3)) == [
        (0, ["/0"]),
        (0, None),
        (1, ["/1"]),
        (1, None),
        (2, ["/2"]),
        (2, None),
    ]


def test_pages_come_in_the_order_of_the_readings_though_answers_come_in_any(
    open_workers: Callable[..., Workers],
) -> None:
    arrived = [threading.Event() for _ in range(4)]

    def backwards(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        number = int(request.path[1:])
        if number < 3:
            assert arrived[number + 1].wait(5)
        arrived[number].set()
        return row_of(request)

    events = everything(open_workers(backwards, clock=Clock()), singles(4))
    assert [key for key, page in events if page] == [0, 1, 2, 3]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_no_more_requests_are_in_flight_than_allowed_and_no_fewer_than_possible(
    open_workers: Callable[..., Workers], most: int
) -> None:
    full = threading.Barrier(most)

    def script(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        full.wait(5)
        return row_of(request)

    workers = open_workers(script, max_concurrency=most, clock=Clock())
    assert len(everything(workers, singles(most * 6))) == most * 12
    assert scripted(workers).most_busy == most


def test_no_more_threads_are_started_than_there_is_work(open_workers: Callable[..., Workers]) -> None:
    following = {"/0": "/1", "/1": "/2", "/2": None}
    workers = open_workers(lambda request: row_of(request) | {"next": following[request.path]}, max_concurrency=64)
    before = threading.active_count()
    everything(workers, iter([(0, NextLink("next").read(about("/0")))]))
    assert len(scripted(workers).asked) == 3
    assert threading.active_count() - before <= 1


@pytest.mark.parametrize("most", [1, 3, 8])
def test_at_most_one_reading_more_than_workers_is_begun_before_one_is_over(
    open_workers: Callable[..., Workers], most: int
) -> None:
    begun, over, most_open = 0, 0, 0

    def counted() -> Iterator[tuple[int, Reading]]:
        nonlocal begun, most_open
        for key, reading in singles(40):
            begun += 1
            most_open = max(most_open, begun - over)
            yield key, reading

    for event in given(open_workers(row_of, max_concurrency=most), counted()):
        over += event.page is None
    assert over == 40
    assert most_open <= most + 1


def test_readings_that_wait_for_their_next_poll_make_room_for_others_but_not_for_all(
    open_workers: Callable[..., Workers],
) -> None:
    begun, over, most_open = 0, 0, 0

    def counted() -> Iterator[tuple[int, Reading]]:
        nonlocal begun, most_open
        for number in range(60):
            begun += 1
            most_open = max(most_open, begun - over)
            yield number, Slow(2)

    clock = VirtualClock()
    for event in given(open_workers(max_concurrency=3, clock=clock), counted()):
        over += event.page is None
    assert over == 60
    assert 3 + 1 < most_open <= 3 * READINGS_PER_WORKER


def test_a_request_is_not_sent_before_its_delay_is_over(open_workers: Callable[..., Workers]) -> None:
    clock = VirtualClock()
    sent: list[float] = []

    def script(_: Request) -> Any:  # noqa: ANN401 - decoded JSON
        sent.append(clock.at - 1000)
        return {}

    everything(open_workers(script, clock=clock, max_concurrency=1), iter([(0, Slow(3, delay=7.0))]))
    assert sent == pytest.approx([7, 14, 21])


def test_who_is_due_first_is_sent_first(open_workers: Callable[..., Workers]) -> None:
    clock = VirtualClock()
    sent: list[float] = []

    def script(_: Request) -> Any:  # noqa: ANN401 - decoded JSON
        sent.append(clock.at - 1000)
        return {}

    readings: list[tuple[int, Reading]] = [(0, Slow(1, 30.0)), (1, Slow(1, 10.0)), (2, Slow(1, 20.0))]
    everything(open_workers(script, clock=clock), iter(readings))
    assert sent == pytest.approx([10, 20, 30])


def test_one_partition_with_many_pages_uses_all_workers(open_workers: Callable[..., Workers]) -> None:
    store, full = Store(range(400)), threading.Barrier(4)

    def script(request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        if 0 < request.params["offset"] <= 16:
            full.wait(5)
        return store(request)

    workers = open_workers(script, max_concurrency=4, clock=Clock())
    (key,) = {key for key, _ in everything(workers, iter([(0, pages(size=5).read(data("/0")))]))}
    assert key == 0
    assert scripted(workers).most_busy == 4


def test_when_the_run_began_is_asked_in_a_worker_so_that_it_can_be_stopped(
    open_workers: Callable[..., Workers],
) -> None:
    workers = open_workers()
    connection = scripted(workers)
    main = threading.current_thread()

    def started() -> Any:  # noqa: ANN401 - a time
        assert threading.current_thread() is not main
        return NOW

    connection.started = started  # type: ignore[method-assign]
    assert workers.started() is None
    workers.loop.wait()
    assert workers.started() == NOW
