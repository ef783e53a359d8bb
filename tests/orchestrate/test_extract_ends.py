"""Signals and locks of `extract.py` with the plain pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tap_usage.sandbox import Sandbox
from tests.orchestrate.project import Done, Project, held
from tests.truth import TRUTH

USAGES = "elasticpath_promotion_usages"
Send = Callable[[subprocess.Popen[str], int], None]


def to_it(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)


def to_its_group(process: subprocess.Popen[str], number: int) -> None:
    os.killpg(process.pid, number)


def nothing_is_missing(sandbox: Sandbox, project: Project) -> bool:
    sandbox.clear_faults()
    done = project.extract("acme")
    assert done.code == 0, done.log
    return {row["id"] for row in project.rows("acme", USAGES)} == {row["id"] for row in TRUTH[USAGES](sandbox)}


@pytest.mark.parametrize("send", [to_it, to_its_group])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_reaches_the_tap_and_what_was_read_is_kept(
    sandbox: Sandbox, project: Project, halfway: threading.Event, send: Send, number: signal.Signals
) -> None:
    with held(sandbox, project, halfway) as process:
        send(process, number)
        done = Done(process)
    assert (done.code, done.told["exit_code"]) == (128 + number, 128 + number)
    assert f"Ended by {number.name}; the state is written" in done.log
    first = project.rows("acme", USAGES)
    assert len(first) == done.rows[USAGES] > 0
    assert nothing_is_missing(sandbox, project)
    assert len(project.rows("acme", USAGES)) < len(TRUTH[USAGES](sandbox)) + len(first)


def test_a_tenant_is_not_extracted_twice_at_once(sandbox: Sandbox, project: Project, halfway: threading.Event) -> None:
    with held(sandbox, project, halfway):
        second = project.extract("acme")
    assert (second.code, second.lines) == (1, [])
    (line,) = second.log.splitlines()
    assert line == "extract.py: another run of this tenant goes on; it holds state/target-jsonl/acme.lock"


def test_who_outlives_a_killed_run_keeps_its_lock(sandbox: Sandbox, project: Project, halfway: threading.Event) -> None:
    with held(sandbox, project, halfway) as process:
        process.kill()
        process.wait()
        assert project.extract("acme").code == 1
        (tap,) = holders(project.folder / "state" / "target-jsonl" / "acme.lock")
        os.kill(tap, signal.SIGKILL)
        process.communicate()
    assert nothing_is_missing(sandbox, project)


def holders(lock: Path) -> list[int]:
    """Return the taps that have a file open."""
    holding = [entry.parents[1] for entry in Path("/proc").glob("[0-9]*/fd/*") if leads_to(entry, lock)]
    return [int(process.name) for process in holding if b"tap-usage" in (process / "cmdline").read_bytes()]


def leads_to(entry: Path, file: Path) -> bool:
    """Tell whether a descriptor is of a file; it may be closed meanwhile."""
    with suppress(OSError):
        return entry.readlink() == file
    return False
