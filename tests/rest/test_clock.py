from __future__ import annotations

import queue
import signal
import threading
from datetime import UTC, datetime, timedelta

import pytest

from tap_usage.rest.clock import Clock, Stopped


def ends_soon(thread: threading.Thread) -> bool:
    thread.join(2)
    return not thread.is_alive()


def test_the_wall_clock_is_in_utc() -> None:
    now = Clock().now()
    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_a_wait_that_is_over_already_takes_no_time(seconds: float) -> None:
    clock = Clock()
    before = clock.monotonic()
    clock.wait(seconds)
    assert clock.monotonic() - before < 0.15


def test_a_wait_takes_as_long_as_asked() -> None:
    clock = Clock()
    before = clock.monotonic()
    clock.wait(0.05)
    assert clock.monotonic() - before >= 0.05


def test_nothing_waits_once_the_run_is_being_ended() -> None:
    clock = Clock()
    clock.check()
    clock.stop(signal.SIGTERM)
    assert clock.stopping == signal.SIGTERM
    for ended in (clock.check, lambda: clock.wait(3600), lambda: clock.wait(0)):
        with pytest.raises(Stopped):
            ended()


def test_stopped_is_not_swallowed_by_a_handler_for_exceptions() -> None:
    assert not issubclass(Stopped, Exception)


def test_a_stop_ends_a_wait_in_another_thread_within_a_slice() -> None:
    clock, outcome = Clock(), queue.SimpleQueue[str]()

    def wait() -> None:
        try:
            clock.wait(3600)
        except Stopped:
            outcome.put("stopped")

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    clock.stop()
    assert ends_soon(thread)
    assert outcome.get_nowait() == "stopped"


def test_a_signal_ends_a_wait_of_the_main_thread() -> None:
    clock = Clock()
    former = signal.signal(signal.SIGALRM, lambda number, _: clock.stop(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(Stopped):
            clock.wait(3600)
    finally:
        signal.signal(signal.SIGALRM, former)
    assert clock.stopping == signal.SIGALRM


def test_what_is_queued_is_received_at_once() -> None:
    source = queue.SimpleQueue[str]()
    source.put("answer")
    assert Clock().receive(source, 3600) == "answer"


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.01])
def test_nothing_is_received_when_nothing_comes_in_time(seconds: float) -> None:
    assert Clock().receive(queue.SimpleQueue[str](), seconds) is None


def test_receiving_ends_when_the_run_is_being_ended_even_if_something_is_there() -> None:
    clock, source = Clock(), queue.SimpleQueue[str]()
    source.put("answer")
    clock.stop()
    with pytest.raises(Stopped):
        clock.receive(source, 3600)


def test_a_stop_ends_receiving_in_another_thread_within_a_slice() -> None:
    clock, outcome = Clock(), queue.SimpleQueue[str]()

    def receive() -> None:
        try:
            clock.receive(queue.SimpleQueue[str](), 3600)
        except Stopped:
            outcome.put("stopped")

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    clock.stop()
    assert ends_soon(thread)
    assert outcome.get_nowait() == "stopped"
