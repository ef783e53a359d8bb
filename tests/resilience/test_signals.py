"""SIGTERM and Ctrl-C: the tap ends within two seconds wherever it is, with a true last state and whole lines."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.resilience.process import ROOT, Process
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


@settings(max_examples=5, deadline=None)
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


def wait_until_full(pipe: int, size: int) -> None:
    """Wait until a pipe is so full that its writer has to wait."""
    until = time.monotonic() + 30
    while int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder) < size:
        assert time.monotonic() < until
        os.sched_yield()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a pipe be made small")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_signal_while_the_target_is_busy_loses_no_line(sandbox: Sandbox, unbuffered: str, tmp_path: Path) -> None:
    world, target = World(sandbox), Target()
    (tmp_path / "config.json").write_text(json.dumps(world.config))
    command = [sys.executable, "-m", "tests.here", "--config", "config.json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(  # noqa: S603 - the tap itself
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path, env=environment
    ) as process:
        assert process.stdout
        size = fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        wait_until_full(process.stdout.fileno(), size)
        process.send_signal(signal.SIGTERM)
        lines = process.stdout.read().splitlines(keepends=True)
    assert process.returncode == CODES[signal.SIGTERM]
    target.begin()
    for line in lines:
        assert line.endswith(b"\n")
        target.take(json.loads(line))
    target.end(loaded=False)
    assert json.loads(lines[-1])["type"] == "STATE"
    settle(world, target)
    figures = world.compare(target)
    assert (figures.lost, figures.doubled) == (0, 0)
