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
