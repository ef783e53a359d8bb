from __future__ import annotations

import pytest

from tap_usage.rest.loop import Loop, StuckError, Task
from tests.rest.virtual import VirtualClock


def test_what_comes_for_a_task_that_had_its_turn_is_not_left_waiting() -> None:
    clock = VirtualClock()
    loop = Loop(clock)
    came: list[float] = []

    def needs() -> Task:
        while not came:
            yield False
        assert clock.waits == []

    def brings() -> Task:
        loop.put(lambda: came.append(clock.at))
        yield False

    def another() -> Task:
        yield False

    loop.run([needs(), brings(), another()])
    assert came == [1000]


def test_tasks_that_wait_for_each_other_end_the_run_instead_of_hanging_it() -> None:
    closed: list[bool] = []

    def waits() -> Task:
        try:
            while True:
                yield False
        finally:
            closed.append(True)

    with pytest.raises(StuckError):
        Loop(VirtualClock()).run([waits(), waits()])
    assert closed == [True, True]


def test_a_task_that_waits_for_what_is_due_much_later_is_not_stuck() -> None:
    loop = Loop(VirtualClock())
    over: list[bool] = []

    def waits() -> Task:
        loop.later(3600, lambda: over.append(True))
        while not over:
            yield False

    loop.run([waits()])
    assert over


def test_what_goes_on_beside_takes_turns_while_tasks_wait_and_ends_with_them() -> None:
    clock = VirtualClock()
    loop = Loop(clock)
    over: list[bool] = []
    turns: list[float] = []
    closed: list[bool] = []

    def waits() -> Task:
        loop.later(3, lambda: over.append(True))
        while not over:
            yield False

    def beside() -> Task:
        try:
            while True:
                turns.append(clock.at)
                yield True
        finally:
            closed.append(True)

    def brief() -> Task:
        yield True

    loop.run([waits()], beside=[brief(), beside()])
    assert turns[:4] == [1000, 1001, 1002, 1003]
    assert sum(clock.waits) == 3
    assert closed == [True]


def test_what_goes_on_beside_does_not_hide_that_tasks_are_stuck() -> None:
    def forever() -> Task:
        while True:
            yield True

    def waits() -> Task:
        while True:
            yield False

    with pytest.raises(StuckError):
        Loop(VirtualClock()).run([waits()], beside=[forever()])
