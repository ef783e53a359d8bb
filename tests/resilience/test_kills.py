"""The tap as a process that is killed: the next one goes on from the last STATE line, and nothing is lost."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.resilience.process import Process
from tests.resilience.target import Target
from tests.resilience.trials import settle
from tests.resilience.violence import Strike, kill, strike
from tests.resilience.world import World


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_process_that_is_killed_again_and_again_gets_through_and_loses_nothing(data: st.DataObject) -> None:
    def draw(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    strikes = [strike(draw) for _ in range(draw(1, 3))]
    with Sandbox(now=NOW) as sandbox:
        world, target = World(sandbox), Target()
        for each in strikes:
            kill(world, target, each)
        settle(world, target)
        figures = world.compare(target)
    assert figures.compared > 0
    assert (figures.lost, figures.doubled) == (0, 0)


def test_processes_that_live_a_little_longer_each_time_get_to_the_end(sandbox: Sandbox) -> None:
    world, target = World(sandbox), Target()
    codes = []
    for requests in range(5, 500, 15):
        codes.append(kill(world, target, Strike(requests=requests)))
        if codes[-1] == 0:
            break
    assert codes[-1] == 0
    assert set(codes[:-1]) == {-9}
    settle(world, target)
    figures = world.compare(target)
    assert (figures.lost, figures.doubled) == (0, 0)


def test_a_run_that_is_resumed_in_a_process_writes_what_a_single_run_would(sandbox: Sandbox) -> None:
    world, whole, target = World(sandbox), Target(), Target()
    settle(world, whole)
    kill(world, target, Strike(requests=60))
    with Process(world.config, target.state) as process:
        assert process.wait() == 0
        target.begin()
        for message in process.messages:
            target.take(message)
        target.end()
        assert json.loads(process.lines[-1])["type"] == "STATE"
    for stream, rows in whole.rows.items():
        assert set(target.rows[stream]) == set(rows)
