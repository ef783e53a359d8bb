"""Executions at Genesys: submitted once, polled until they are over, given up in bounds, never mistaken for empty."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.resilience.process import Process
from tests.resilience.target import Target, executions
from tests.resilience.trials import run
from tests.resilience.world import World
from tests.running import Run
from tests.running import run as read

MORNING = "2026-11-22T00:30:00Z"
ORGANIZATION = "genesys_organization_usage"
GENESYS = ("genesys_organization_usage", "genesys_client_usage", "genesys_client_usage_summary")
SUBMITS = ("genesys.organization_submit", "genesys.client_submit", "genesys.client_summary")
WINDOWS = 3


@pytest.fixture
def world() -> Iterator[World]:
    with Sandbox(now=MORNING) as sandbox:
        world = World(sandbox)
        world.config |= {"genesys_poll_initial_seconds": 5, "genesys_poll_max_seconds": 60}
        yield world


def organization(world: World, state: dict[str, Any] | None = None, **settings: Any) -> Run:  # noqa: ANN401 - settings
    return read(world.config, state=state, select=[ORGANIZATION], **settings)


def submitted(world: World) -> int:
    return sum(world.sandbox.count(operation) for operation in SUBMITS)


def interrupted(world: World) -> dict[str, Any]:
    """Return the state of a run that was killed when its executions had been submitted."""
    target = Target()
    world.sandbox.fault("genesys.organization_results", "query_status", times=None, word="Running")
    for lines in range(1, 20):
        target = Target()
        config = world.config | {"genesys_poll_timeout_seconds": 30}
        if (
            run(config, target, lines=lines, select=(ORGANIZATION,)) is None
            and len(executions(target.state)) == WINDOWS
        ):
            break
    world.sandbox.clear_faults()
    world.sandbox.forget_requests()
    return target.state


def test_an_execution_whose_state_line_stood_is_polled_and_not_submitted_again(world: World) -> None:
    state = interrupted(world)
    known = executions(state)
    assert len(known) == WINDOWS
    done = organization(world, state)
    polled = {
        seen.request.values["execution_id"] for seen in world.sandbox.requests if "execution_id" in seen.request.values
    }
    assert done.code == 0
    assert submitted(world) == 0
    assert polled == set(known)
    assert len(done.rows(ORGANIZATION)) == len(world.truth(ORGANIZATION))
    assert not executions(done.state)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_no_kill_has_a_query_submitted_again_that_stood_in_the_state(world: World, concurrency: int) -> None:
    world.sandbox.genesys.polls_until_complete = 2
    config = world.config | {"max_concurrency": concurrency}
    held = world.sandbox.genesys.executions
    whole, remembered = Target(), 0
    run(config, whole, select=GENESYS)
    for lines in range(3, whole.lines, 12):
        target = Target()
        assert run(config, target, lines=lines, select=GENESYS, loaded=False) is None
        stood = {held[name].query for name in executions(target.state)}
        remembered += len(stood)
        before = set(held)
        assert run(config, target, select=GENESYS) == 0
        asked = {held[name].query for name in held.keys() - before}
        assert not stood & asked
        # After a kill between two windows the lookback shifts what is asked: nobody asks the rest of them again.
        assert not asked & {held[name].query for name in executions(target.state)}
    assert remembered > 10


def test_an_execution_is_polled_on_its_day_and_later_only_if_it_asks_for_settled_days(world: World) -> None:
    state = interrupted(world)
    world.sandbox.advance(hours=11.9)
    assert organization(world, state).code == 0
    assert submitted(world) == 0
    world.sandbox.advance(hours=12)
    done = organization(world, state)
    assert done.code == 0
    assert submitted(world) == 1
    assert not executions(done.state)
    assert len(done.rows(ORGANIZATION)) == len(world.truth(ORGANIZATION))


def test_an_execution_that_the_vendor_has_forgotten_is_submitted_anew(world: World) -> None:
    state = interrupted(world)
    world.sandbox.genesys.forget_executions()
    done = organization(world, state)
    assert done.code == 0
    assert submitted(world) == WINDOWS
    assert len(done.rows(ORGANIZATION)) == len(world.truth(ORGANIZATION))


def test_an_execution_that_is_forgotten_for_ever_fails_in_bounds(world: World) -> None:
    world.sandbox.fault("genesys.organization_results", "not_found", times=None)
    done = organization(world)
    assert done.code == 1
    assert submitted(world) == 3 * WINDOWS
    assert all("has forgotten the query, 3 times" in line for line in done.failures)


@pytest.mark.parametrize("times", [1, 2])
def test_a_failed_query_is_submitted_again_in_the_same_run(world: World, times: int) -> None:
    world.sandbox.fault("genesys.organization_results", "query_status", times=times, word="Failed")
    done = organization(world, genesys_window_days=31)
    assert done.code == 0
    assert submitted(world) == 1 + times
    assert len(done.rows(ORGANIZATION)) == len(world.truth(ORGANIZATION))


def test_a_query_that_fails_three_times_has_failed_and_moves_nothing(world: World) -> None:
    world.sandbox.fault("genesys.organization_results", "query_status", times=3, word="Failed")
    done = organization(world, genesys_window_days=31)
    assert done.code == 1
    assert submitted(world) == 3
    assert done.rows(ORGANIZATION) == []
    assert "2026-11-08/2026-11-22: the query ended as Failed, 3 times; ask for less at once" in done.failures[0]
    assert done.bookmark(ORGANIZATION) is None
    assert not executions(done.state)
    again = organization(world, done.state)
    assert len(again.rows(ORGANIZATION)) == len(world.truth(ORGANIZATION))


@pytest.mark.parametrize(
    "operation", ["genesys.organization_submit", "genesys.client_submit", "genesys.client_summary"]
)
def test_a_submission_whose_answer_was_lost_is_repeated_once(world: World, operation: str) -> None:
    world.sandbox.fault(operation, "answer_lost", times=1)
    done = read(world.config, select=list(GENESYS))
    made = {"genesys.organization_submit": 3, "genesys.client_submit": 12, "genesys.client_summary": 4}
    assert done.code == 0
    assert world.sandbox.count(operation) == made[operation] + 1
    for stream in GENESYS:
        assert len(done.rows(stream)) == len(world.truth(stream))


@pytest.mark.parametrize("kind", ["answer_lost", "reset_mid_body", "truncated_json", "execution_id_missing"])
def test_a_submission_whose_answer_is_lost_twice_is_not_made_a_third_time(world: World, kind: str) -> None:
    world.sandbox.fault("genesys.organization_submit", kind, times=None)
    done = organization(world, genesys_window_days=31)
    assert done.code == 1
    assert submitted(world) == 2
    assert "after 2 tries" in done.failures[0]


def test_a_submission_that_was_refused_for_the_moment_is_made_until_it_is_taken(world: World) -> None:
    world.sandbox.fault("genesys.organization_submit", "status", times=5, status=429, retry_after_seconds=1)
    done = organization(world, genesys_window_days=31)
    assert done.code == 0
    assert submitted(world) == 6
    assert len(world.sandbox.genesys.executions) == 1


def test_a_query_that_still_runs_at_the_deadline_has_failed_and_is_waited_for_by_the_next_run(world: World) -> None:
    world.sandbox.fault("genesys.organization_results", "query_status", times=None, word="Running")
    done = organization(world, genesys_poll_timeout_seconds=120)
    assert done.code == 1
    assert done.rows(ORGANIZATION) == []
    assert all("still runs after 120 seconds; the next run goes on waiting" in line for line in done.failures)
    assert done.bookmark(ORGANIZATION) is None
    assert len(executions(done.state)) == WINDOWS
    world.sandbox.clear_faults()
    again = organization(world, done.state)
    assert again.code == 0
    assert submitted(world) == WINDOWS
    assert len(again.rows(ORGANIZATION)) == len(world.truth(ORGANIZATION))


def test_a_status_that_nobody_knows_is_a_failure_that_names_it(world: World) -> None:
    world.sandbox.fault("genesys.organization_results", "query_status", times=1, word="Suspended<br>")
    done = organization(world, genesys_window_days=31)
    assert done.code == 1
    assert "a status nobody knows: Suspended br" in done.failures[0]
    assert "2026-11-08/2026-11-22" in done.failures[0]
    assert done.bookmark(ORGANIZATION) is None


def test_a_submission_stands_in_a_state_line_within_seconds(world: World) -> None:
    world.sandbox.genesys.polls_until_complete = 10**6
    quiet = {name: value for name, value in world.config.items() if name.startswith(("genesys", "start"))}
    # A large state is written rarely, unless something of it matters.
    state: dict[str, Any] = {"bookmarks": {"pingone_issuance_rule_usage_counts": {"snapshots": {"x" * 50_000: {}}}}}
    with Process(quiet | {"genesys_poll_initial_seconds": 60}, state) as process:
        stands = lambda: any(b'"execution_id"' in line for line in process.lines if b'"STATE"' in line)  # noqa: E731
        assert process.reach(stands)
        came = time.monotonic()
        first = min(seen.at for seen in world.sandbox.requests if seen.operation in SUBMITS)
        assert came - first < 5
        last = [message for message in process.messages if message["type"] == "STATE"][-1]
        assert set(executions(last["value"])) <= set(world.sandbox.genesys.executions)
