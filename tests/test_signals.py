"""SIGTERM and Ctrl-C end a run within two seconds (five, when the target does not read), and what they say is true."""

from __future__ import annotations

import contextlib
import fcntl
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_usage.sandbox import Request, Sandbox
from tests.command import messages, started, written
from tests.running import run
from tests.truth import TRUTH, bare, counted, missing

USAGES = "elasticpath_promotion_usages"
ORGANIZATION = "genesys_organization_usage"
SECONDS = 2.0
SECONDS_WITHOUT_A_READER = 5.0
TAKEN = "the state is written, the next run goes on from there"
signals = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])


@pytest.fixture
def sandbox(sandbox_of_today: Sandbox) -> Sandbox:
    return sandbox_of_today


@contextlib.contextmanager
def running(
    sandbox: Sandbox, folder: Path, output: Path | None = None, **settings: object
) -> Iterator[subprocess.Popen[str]]:
    config = written(folder / "config.json", {**sandbox.config, **settings})
    with started("--config", config, cwd=folder, output=output) as process:
        try:
            yield process
        finally:
            process.kill()


def only(sandbox: Sandbox, vendor: str) -> dict[str, Any]:
    """Return settings that leave one vendor."""
    return {name: None for name in sandbox.config if not name.startswith(vendor)}


def arrival() -> tuple[threading.Event, Callable[[Request], bool]]:
    """Return an event, and a condition of a fault that sets it."""
    event = threading.Event()

    def where(_request: Request) -> bool:
        event.set()
        return True

    return event, where


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[list[dict[str, Any]], str]:
    """Send a signal and return messages and log of a process that ends in time, with the code of the signal."""
    at = time.monotonic()
    process.send_signal(number)
    output, log = process.communicate(timeout=20)
    assert time.monotonic() - at < SECONDS
    assert process.returncode == 128 + number
    assert "Traceback" not in log
    return messages(output or ""), log


def read_until(process: subprocess.Popen[str], fits: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Return the messages up to the first that fits."""
    told = []
    assert process.stdout
    for line in process.stdout:
        told.append(json.loads(line))
        if fits(told[-1]):
            return told
    raise AssertionError("no message fitted")


@signals
def test_a_wait_between_polls_is_ended(sandbox: Sandbox, tmp_path: Path, number: signal.Signals) -> None:
    sandbox.genesys.polls_until_complete = 10**9
    patient: dict[str, Any] = {
        **only(sandbox, "genesys"),
        "genesys_poll_initial_seconds": 300,
        "genesys_poll_max_seconds": 300,
    }

    def submitted(message: dict[str, Any]) -> bool:
        return len(message.get("value", {}).get("bookmarks", {}).get(ORGANIZATION, {}).get("executions", ())) == 3

    with running(sandbox, tmp_path, **patient) as process:
        before = read_until(process, submitted)
        after, _ = end(process, number)
    last = [message for message in (*before, *after) if message["type"] == "STATE"][-1]
    assert len(last["value"]["bookmarks"][ORGANIZATION]["executions"]) == 3
    sandbox.genesys.polls_until_complete = 0
    sandbox.forget_requests()
    done = run(sandbox.config, select=[ORGANIZATION], state=last["value"])
    assert sandbox.count("genesys.organization_submit") == 0
    assert counted(bare(ORGANIZATION, done.rows(ORGANIZATION))) == counted(TRUTH[ORGANIZATION](sandbox))


@signals
def test_a_wait_that_the_vendor_asked_for_is_ended(sandbox: Sandbox, tmp_path: Path, number: signal.Signals) -> None:
    sandbox.fault("elasticpath.usages", "status", status=429, retry_after_seconds=600, times=None, after=6)
    output = tmp_path / "output"
    with running(sandbox, tmp_path, output, **only(sandbox, "elasticpath"), max_concurrency=1) as process:
        assert process.stderr
        assert any("next try in 600" in line for line in process.stderr)
        _, log = end(process, number)
    told = messages(output.read_text(encoding="utf-8"))
    assert told[-1]["type"] == "STATE"
    emitted = [message["record"] for message in told if message.get("stream") == USAGES and message["type"] == "RECORD"]
    sandbox.clear_faults()
    done = run(sandbox.config, select=[USAGES], state=told[-1]["value"])
    assert emitted
    assert not missing([*emitted, *done.rows(USAGES)], TRUTH[USAGES](sandbox))
    assert f"Ended by {number.name}; {TAKEN}" in log


@pytest.mark.parametrize(
    ("number", "operation"),
    [
        (signal.SIGTERM, "elasticpath.usages"),
        (signal.SIGTERM, "elasticpath.token"),
        (signal.SIGINT, "elasticpath.promotions"),
    ],
)
def test_a_slow_answer_is_not_waited_for(
    sandbox: Sandbox, tmp_path: Path, number: signal.Signals, operation: str
) -> None:
    arrived, where = arrival()
    sandbox.fault(operation, "slow", delay_seconds=30, times=None, where=where)
    with running(sandbox, tmp_path, **only(sandbox, "elasticpath")) as process:
        assert arrived.wait(20)
        told, _ = end(process, number)
    assert not [message for message in told if message["type"] == "RECORD" and message["stream"] == USAGES]


def test_a_body_that_drips_is_not_waited_for(sandbox: Sandbox, tmp_path: Path) -> None:
    arrived, where = arrival()
    sandbox.fault("demandbase.usage", "drip", interval_seconds=0.1, total=10_000, times=None, where=where)
    with running(sandbox, tmp_path, **only(sandbox, "demandbase")) as process:
        assert arrived.wait(20)
        end(process, signal.SIGTERM)


def test_a_backoff_is_ended(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fault("pingone.environments", "html", times=None)
    with running(sandbox, tmp_path, **only(sandbox, "pingone"), max_retries=50) as process:
        assert process.stderr
        assert any("next try in" in line for line in process.stderr)
        end(process, signal.SIGTERM)


def test_a_second_signal_ends_the_process_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    arrived, where = arrival()
    sandbox.fault("elasticpath.usages", "slow", delay_seconds=30, times=None, where=where)
    with running(sandbox, tmp_path, tmp_path / "output", **only(sandbox, "elasticpath")) as process:
        assert arrived.wait(20)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
        assert process.returncode == 128 + signal.SIGINT


@signals
def test_a_target_that_does_not_read_is_not_waited_for(
    sandbox: Sandbox, tmp_path: Path, number: signal.Signals
) -> None:
    sandbox.elasticpath.add_usages(sandbox.elasticpath.add_promotion(), 20_000, "2026-08-25T00:00:00Z", 60)
    with running(sandbox, tmp_path, **only(sandbox, "elasticpath")) as process:
        assert process.stdout
        assert process.stderr
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        process.stdout.readline()
        at = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == 128 + number
        assert time.monotonic() - at < SECONDS_WITHOUT_A_READER
        log = process.stderr.read()
    assert f"Ended by {number.name}; the target did not take the last lines" in log.splitlines()[-1]
    assert "Traceback" not in log


@signals
def test_a_target_that_dies_of_the_same_signal_is_no_closed_pipe_and_is_promised_nothing(
    sandbox: Sandbox, tmp_path: Path, number: signal.Signals
) -> None:
    arrived, where = arrival()
    sandbox.fault("elasticpath.usages", "slow", delay_seconds=30, times=None, where=where)
    with running(sandbox, tmp_path, **only(sandbox, "elasticpath")) as process:
        assert process.stdout
        assert process.stderr
        assert arrived.wait(20)
        process.send_signal(number)
        process.stdout.close()
        assert process.wait(20) == 128 + number
        log = process.stderr.read()
    assert f"Ended by {number.name}; the target did not take the last lines" in log.splitlines()[-1]
    assert "ERROR" not in log
    assert TAKEN not in log
