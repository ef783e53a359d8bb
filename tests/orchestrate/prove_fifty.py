"""Fifty tenants by the command alone, with default settings: the plain pipe, four at once, as an engine would."""

from __future__ import annotations

import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.orchestrate.accounts import USAGES, accounts
from tests.orchestrate.judge import Server
from tests.orchestrate.project import ROOT, Project

TENANTS = 50
AT_ONCE = 4
SECONDS = 1.5


def prove(_server: Server, folder: Path) -> None:
    """Extract them, and tell what one took."""
    names = [f"tenant_{number:02}" for number in range(TENANTS)]
    (folder / "project").mkdir()
    with accounts(names) as tenants:
        project = Project(folder / "project", "pipe", "target-jsonl", destination_path="output/{tenant}")
        use_the_real_loader(project)
        for name, account in tenants.items():
            project.add(name, account.variables(TAP_USAGE_GENESYS_USAGE_API="query"))
        before, started = processor_seconds(), time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = dict(zip(names, pool.map(project.extract, names), strict=True))
        wall, processor = time.monotonic() - started, processor_seconds() - before
        assert not {name: each.log for name, each in done.items() if each.code}
        for name, account in tenants.items():
            assert {row["id"] for row in project.rows(name, USAGES)} == account.ids, name
        rows = sum(sum(each.rows.values()) for each in done.values())
    each = wall / TENANTS
    cores = os.cpu_count()
    print(f"fifty: {TENANTS} tenants, {rows} rows, {AT_ONCE} at once on {cores} cores: {wall:.1f} s, {each:.2f} s each")
    print(f"fifty: {processor / TENANTS:.2f} s of processor each, without the simulated vendors")
    if each > SECONDS:
        print(f"fifty: more than {SECONDS} s each; is this machine doing something else?")


def use_the_real_loader(project: Project) -> None:
    """Take the loader from its environment, in place of the small one of the tests."""
    program = project.folder / ".venv-target-jsonl" / "bin" / "target-jsonl"
    program.unlink()
    program.symlink_to(ROOT / ".venv-target-jsonl" / "bin" / "target-jsonl")


def processor_seconds() -> float:
    """Return the processor time of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
