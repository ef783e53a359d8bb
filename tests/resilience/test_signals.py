"""SIGTERM and Ctrl-C: the tap ends within two seconds wherever it is, with a true last state and whole lines."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.resilience.process import Process
from tests.resilience.target import Target
from tests.resilience.trials import settle
from tests.resilience.violence import at_request
from tests.resilience.world import World

CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
LONGEST_SECONDS = 2.0


def end(process: Process, target: Target, number: signal.Signals) -> None:
    """Send a signal, check how the process ends, and let the target take what it wrote."""
    process.send(number)
    code = process.wait()
    assert code == CODES[number], process.said
    assert process.seconds < LONGEST_SECONDS
    assert process.rest == b""
    assert json.loads(process.lines[-1])["type"] == "STATE"
    assert "the next run goes on from there" in process.said[-1]
    assert not any("Traceback" in line for line in process.errors)
    target.begin()
    for message in process.messages:
        target.take(message)
    target.end(loaded=False)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(requests=st.integers(1, 60), number=st.sampled_from(sorted(CODES)), concurrency=st.integers(1, 32))
def test_a_signal_at_any_request_ends_the_run_with_a_state_that_is_true(
    requests: int, number: signal.Signals, concurrency: int
) -> None:
    with Sandbox(now=NOW) as sandbox:
        sandbox.latency_seconds = 0.005
        world, target = World(sandbox), Target()
        with Process(world.config | {"max_concurrency": concurrency}) as process:
            assert process.reach(at_request(sandbox, requests, process.news))
            end(process, target, number)
        sandbox.latency_seconds = 0.0
        settle(world, target)
        figures = world.compare(target)
        assert (figures.lost, figures.doubled) == (0, 0)


@pytest.mark.parametrize(
    ("operation", "kind", "details"),
    [
        ("elasticpath.usages", "status", {"status": 429, "retry_after_seconds": 600}),
        ("elasticpath.usages", "slow", {"delay_seconds": 30}),
        ("elasticpath.usages", "drip", {"interval_seconds": 0.1}),
        ("elasticpath.token", "slow", {"delay_seconds": 30}),
        ("genesys.token", "throttled", {}),
        ("genesys.organization_results", "query_status", {"word": "Running"}),
        ("genesys.*_submit", "slow", {"delay_seconds": 30}),
        ("demandbase.usage", "status", {"status": 429}),
        ("pingone.environments", "reset_before_body", {}),
    ],
)
def test_whatever_the_run_waits_for_a_signal_ends_it(
    sandbox: Sandbox, operation: str, kind: str, details: dict[str, Any]
) -> None:
    world, target = World(sandbox), Target()
    came = at_request(sandbox, 1, lambda: process.news(), operation)  # noqa: PLW0108 - made below
    sandbox.fault(operation, kind, times=None, **details)
    config = world.config | {"genesys_poll_initial_seconds": 30, "demandbase_throttle_wait_seconds": 300}
    with Process(config | {"pingone_requests_per_second": 1}) as process:
        assert process.reach(came)
        end(process, target, signal.SIGTERM)
    sandbox.clear_faults()
    settle(world, target)
    figures = world.compare(target)
    assert (figures.lost, figures.doubled) == (0, 0)


def test_a_second_signal_ends_a_process_at_once(sandbox: Sandbox) -> None:
    came = at_request(sandbox, 1, lambda: process.news(), "demandbase.usage")  # noqa: PLW0108 - made below
    sandbox.fault("demandbase.usage", "slow", times=None, delay_seconds=30)
    with Process(sandbox.config) as process:
        assert process.reach(came)
        process.send(signal.SIGINT)
        process.send(signal.SIGINT)
        assert process.wait() == CODES[signal.SIGINT]
        assert process.seconds < LONGEST_SECONDS
