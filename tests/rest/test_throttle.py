from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.rest.clock import Stopped
from tap_usage.rest.throttle import RESTART_SECONDS, RESTART_SPACING_SECONDS, PausedError, Throttle
from tests.rest.virtual import VirtualClock


def slots(throttle: Throttle, clock: VirtualClock, count: int) -> list[float]:
    """Return when so many requests were let out, counted from now."""
    began, taken = clock.at, []
    for _ in range(count):
        throttle.take()
        taken.append(clock.at - began)
    return taken


def test_without_a_limit_nobody_waits() -> None:
    clock = VirtualClock()
    assert slots(Throttle(clock), clock, 100) == [0.0] * 100
    assert clock.waits == []


def test_requests_are_spaced_evenly_after_the_first_few() -> None:
    clock = VirtualClock()
    taken = slots(Throttle(clock, per_second=4, grace_slots=2), clock, 8)
    assert taken == pytest.approx([0, 0, 0, 0.25, 0.5, 0.75, 1.0, 1.25])


def test_a_worker_that_wakes_late_does_not_waste_the_budget() -> None:
    clock = VirtualClock()
    throttle = Throttle(clock, per_second=10, grace_slots=3)
    slots(throttle, clock, 10)
    clock.at += 0.25
    assert slots(throttle, clock, 4) == pytest.approx([0, 0, 0.05, 0.15], abs=1e-6)


def test_an_idle_hour_saves_up_no_burst() -> None:
    clock = VirtualClock()
    throttle = Throttle(clock, per_second=10, grace_slots=4)
    slots(throttle, clock, 10)
    clock.at += 3600
    assert slots(throttle, clock, 7) == pytest.approx([0, 0, 0, 0, 0, 0.1, 0.2], abs=1e-6)


@given(
    per_second=st.sampled_from([0.5, 3.0, 20.0, 100.0]),
    grace=st.integers(0, 6),
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_no_stretch_of_time_holds_more_requests_than_the_rate_and_the_grace(
    per_second: float, grace: int, gaps: list[float]
) -> None:
    clock = VirtualClock()
    throttle = Throttle(clock, per_second, grace)
    taken = []
    for gap in gaps:
        clock.at += gap
        throttle.take()
        taken.append(clock.at)
    for first, begin in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= (taken[last] - begin) * per_second + grace + 1 + 1e-6


def test_a_pause_lets_nothing_out_before_it_is_over() -> None:
    clock = VirtualClock()
    throttle = Throttle(clock)
    throttle.pause(30, "HTTP 429")
    assert slots(throttle, clock, 1) == [30]


def test_a_pause_that_is_longer_than_is_waited_for_is_told() -> None:
    clock = VirtualClock()
    throttle = Throttle(clock)
    throttle.longest = 5.0
    throttle.pause(4, "HTTP 429")
    throttle.take()
    throttle.pause(42, "HTTP 429")
    with pytest.raises(PausedError, match="it takes no request for 42 s more"):
        throttle.take()
    assert clock.waits == [4]


def test_after_a_pause_the_workers_start_one_after_the_other_even_without_a_limit() -> None:
    clock = VirtualClock()
    throttle = Throttle(clock)
    throttle.pause(30, "HTTP 429")
    taken = slots(throttle, clock, 40)
    apart = [later - earlier for earlier, later in itertools.pairwise(taken)]
    steps = round(RESTART_SECONDS / RESTART_SPACING_SECONDS)
    assert apart[: steps - 1] == pytest.approx([RESTART_SPACING_SECONDS] * (steps - 1))
    assert taken[steps + 2 :] == [taken[-1]] * (len(taken) - steps - 2)


def test_after_a_pause_a_strict_limit_stays_in_force() -> None:
    clock = VirtualClock()
    throttle = Throttle(clock, per_second=2)
    throttle.pause(10, "HTTP 429")
    assert slots(throttle, clock, 4) == pytest.approx([10, 10.5, 11, 11.5])


def test_a_shorter_pause_does_not_cut_a_longer_one_short() -> None:
    clock = VirtualClock()
    throttle = Throttle(clock)
    throttle.pause(300, "HTTP 429")
    throttle.pause(1, "HTTP 429")
    throttle.pause(0, "HTTP 429")
    assert slots(throttle, clock, 3) == pytest.approx([300, 300.05, 300.1])


def test_a_pause_holds_back_those_who_wait_for_a_slot_already() -> None:
    class Interrupted(VirtualClock):
        pauses: ClassVar[list[Callable[[], None]]] = []

        def wait(self, seconds: float) -> None:
            super().wait(seconds)
            if self.pauses:
                self.pauses.pop()()

    clock = Interrupted()
    throttle = Throttle(clock, per_second=1, grace_slots=0)
    throttle.take()
    clock.pauses.append(lambda: throttle.pause(60, "HTTP 429"))
    throttle.take()
    assert clock.at - 1000 >= 61


def test_a_pause_that_is_over_slows_nobody_down() -> None:
    clock = VirtualClock()
    throttle = Throttle(clock)
    throttle.pause(30, "HTTP 429")
    clock.at += 100
    assert slots(throttle, clock, 50) == [0.0] * 50


def test_waiting_for_a_slot_ends_when_the_run_is_being_ended() -> None:
    clock = VirtualClock()
    throttle = Throttle(clock)
    throttle.pause(3600, "HTTP 429")
    clock.stop()
    with pytest.raises(Stopped):
        throttle.take()


def test_no_two_workers_get_the_same_slot() -> None:
    class Frozen(VirtualClock):
        def wait(self, seconds: float) -> None:
            self.waits.append(seconds)

    clock = Frozen()
    throttle = Throttle(clock, per_second=1, grace_slots=0)
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        for _ in range(50):
            throttle.take()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(clock.waits) == pytest.approx(range(1, 400))
