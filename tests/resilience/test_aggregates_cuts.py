"""Jobs whose results come in pages: a run that ends after any line loses and doubles nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.resilience.target import Target, executions
from tests.resilience.trials import run
from tests.resilience.world import World
from tests.truth import AGGREGATES


@pytest.fixture
def world() -> Iterator[World]:
    with Sandbox(now=NOW) as sandbox:
        world = World(sandbox)
        sandbox.genesys.aggregates.rows_per_answer = 4
        world.config["genesys_window_days"] = 7
        yield world


@pytest.mark.parametrize("loaded", [False, True], ids=["lost", "loaded"])
def test_a_run_that_ends_in_the_middle_of_pages_is_made_up_for_by_the_next(world: World, *, loaded: bool) -> None:
    whole = Target()
    assert run(world.config, whole, select=AGGREGATES) == 0
    held, polled = world.sandbox.genesys.executions, 0
    for lines in range(1 + loaded, whole.lines, 3):
        target = Target()
        if run(world.config, target, lines=lines, loaded=loaded, select=AGGREGATES) == 0:
            break
        stood = {held[name].query for name in executions(target.state)}
        before, polled = set(held), polled + len(stood)
        assert run(world.config, target, select=AGGREGATES) == 0
        figures = world.compare(target, AGGREGATES)
        assert figures.compared > 0
        assert (figures.lost, figures.doubled) == (0, 0), f"after {lines} lines"
        assert target.state == whole.state, f"after {lines} lines"
        assert not stood & {held[name].query for name in held.keys() - before}, f"after {lines} lines"
    assert polled > 20


@pytest.mark.parametrize("kind", ["not_found", "query_status"])
def test_jobs_that_come_to_nothing_in_the_middle_of_pages_are_submitted_anew_and_each_row_is_held_once(
    world: World, kind: str
) -> None:
    later = {"times": 5 if kind == "not_found" else 1, "where": lambda request: "after" in request.query}
    for after in range(0, 12, 2):
        target = Target()
        world.sandbox.clear_faults()
        world.sandbox.fault("genesys.*_aggregates_results", kind, after=after, **later)
        assert run(world.config | {"max_concurrency": 1}, target, select=AGGREGATES) == 0
        figures = world.compare(target, AGGREGATES)
        assert (figures.lost, figures.doubled) == (0, 0), f"after {after}"
