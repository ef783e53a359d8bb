"""Dagster's daemon and the plain pipe: one tenant fails in part, one is killed; then one stream of one tenant."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.orchestrate.accounts import FAILS, KILLED, OWN_USAGES, SHARED, USAGES, accounts
from tests.orchestrate.judge import Server, nothing_secret_is_told, rows_are_right
from tests.orchestrate.project import ROOT
from tests.orchestrate.prove_local import made
from tests.orchestrate.services import Services, descendants, kill, run, running, timed, until
from tests.truth import TRUTH

PROGRAMS = ROOT / ".venv-dagster" / "bin"
SETTINGS = """
concurrency:
  runs:
    max_concurrent_runs: 4
    tag_concurrency_limits: [{key: usage/pool, value: {applyLimitPerUniqueValue: true}, limit: 1}]
  pools: {default_limit: 4, granularity: op}
run_coordinator: {module: dagster.core.run_coordinator, class: QueuedRunCoordinator}
telemetry: {enabled: false}
"""


def prove(server: Server, folder: Path) -> None:
    """Run every tenant as a partition."""
    with ExitStack() as stack:
        tenants = stack.enter_context(accounts())
        server.make("usage_dagster")
        project = made(folder, "pipe", server, "usage_dagster", tenants)
        home = folder / "dagster"
        home.mkdir()
        (home / "dagster.yaml").write_text(SETTINGS, encoding="utf-8")
        file = project.folder / "orchestrate" / "dagster" / "definitions.py"
        path = f"{PROGRAMS}:{os.environ['PATH']}"
        mine = {"DAGSTER_HOME": str(home), "PATH": path, "USAGE_PYTHON": sys.executable, "USAGE_RETRY_SECONDS": "5"}
        environment = {**os.environ, **mine}
        services = stack.enter_context(Services(home, environment))
        with timed("dagster: definitions validate"):
            run(PROGRAMS / "dagster", "definitions", "validate", "-f", file, environment=environment, cwd=home)
        tenants[FAILS].refuse_once()
        tenants[KILLED].wait()
        with timed("dagster: daemon and backfill, eight tenants, plain pipe, four at once, one fails, one is killed"):
            services.start("daemon", PROGRAMS / "dagster-daemon", "run", "-f", file)
            chosen = ["-j", "usage", "--partitions", ",".join(tenants), "--noprompt"]
            run(PROGRAMS / "dagster", "job", "backfill", "-f", file, *chosen, environment=environment, cwd=home)
            assert tenants[KILLED].halfway.wait(300)
            (extract,) = running(f"extract.py {KILLED}")
            ended = kill([extract, *descendants(extract)])
            tenants[KILLED].go_on()
            report = until("all partitions end", lambda: ended_report(environment, len(tenants)))
        assert report["runs"] == dict.fromkeys(tenants, "SUCCESS"), report["runs"]
        counts = report["rows"]
        for stream, rows in TRUTH.items():
            for name, account in tenants.items():
                told = counts[stream][name]
                assert told[-1] == len(rows(account.sandbox)) or name == FAILS, (stream, name, told)
        whole, again = counts[USAGES][FAILS]
        assert whole == len(tenants[FAILS].ids) - OWN_USAGES - list(tenants).index(FAILS)
        assert OWN_USAGES <= again <= OWN_USAGES + 10
        rows = rows_are_right(server, "usage_dagster", tenants)
        print(f"dagster: {rows} rows, each once, each in its tenant's schema; {ended} processes killed")
        print(f"dagster: {FAILS} read {whole} usages, then {again}; both counts are in the metadata")
        with timed("dagster: one stream of one tenant"):
            words = ["--select", f'key:"usage/{USAGES}"', "--partition", "boreal", "-f", str(file)]
            run(PROGRAMS / "dagster", "asset", "materialize", *words, environment=environment, cwd=home)
        counts = look(environment)["rows"]
        assert counts[USAGES]["boreal"][-1] == 1
        assert len(counts["elasticpath_promotions"]["boreal"]) == 1
        with timed("dagster: two tenants that share a pool"):
            chosen = [
                "-j",
                "usage",
                "--partitions",
                ",".join(SHARED),
                "--tags",
                '{"usage/pool": "shared"}',
                "--noprompt",
            ]
            run(PROGRAMS / "dagster", "job", "backfill", "-f", file, *chosen, environment=environment, cwd=home)
            times = until("both end", lambda: pooled(environment))
        assert times[0][1] <= times[1][0], times
        rows_are_right(server, "usage_dagster", tenants)
    told = nothing_secret_is_told(server, ["usage_dagster"], folder, tenants)
    print(f"dagster: {told}; {services.peak_kilobytes / 1024:.0f} MB PSS at most")


def look(environment: dict[str, str]) -> dict[str, Any]:
    """Return what Dagster keeps: states of runs by tenant, row counts by stream and tenant in their order."""
    script = Path(__file__).with_name("dagster_instance.py")
    found: dict[str, Any] = json.loads(run(PROGRAMS / "python", script, environment=environment))
    return found


def pooled(environment: dict[str, str]) -> list[list[float]] | None:
    """Return when the runs that share a pool began and ended, in their order, when all of them have ended."""
    times: list[list[float]] = look(environment)["pooled"]
    return sorted(times) if len(times) == len(SHARED) and all(end for _, end in times) else None


def ended_report(environment: dict[str, str], count: int) -> dict[str, Any] | None:
    """Return what Dagster keeps when so many runs have ended."""
    report = look(environment)
    states = report["runs"].values()
    return report if len(states) == count and not set(states) - {"SUCCESS", "FAILURE"} else None
