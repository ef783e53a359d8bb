"""Airflow's LocalExecutor and the plain pipe: one tenant fails in part, one is killed, two share a pool."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

from demo.postgres import USER
from tests.orchestrate.accounts import FAILS, KILLED, OWN_USAGES, SHARED, USAGES, Account, accounts
from tests.orchestrate.engine import DAG, Airflow
from tests.orchestrate.judge import Server, nothing_secret_is_told, rows_are_right
from tests.orchestrate.project import Project
from tests.orchestrate.services import descendants, kill, running, timed

DRY = "cobalt"


def made(folder: Path, through: str, server: Server, warehouse: str, tenants: dict[str, Account]) -> Project:
    """Return a project whose tenants have schemas of one database."""
    place = {"host": "127.0.0.1", "port": str(server.port), "database": warehouse, "user": USER}
    (folder / "project").mkdir()
    project = Project(folder / "project", through, "target-postgres", default_target_schema="{tenant}", **place)
    for name, account in tenants.items():
        project.add(name, account.variables(), **({"pool": "shared"} if name in SHARED else {}))
    return project


def prove(server: Server, folder: Path) -> None:
    """Run the DAG by `airflow dags test`, then with the LocalExecutor."""
    with ExitStack() as stack:
        tenants = stack.enter_context(accounts())
        server.make("airflow_local", "usage_tested", "usage_local")
        airflow_of_tests(server, folder, tenants)
        project = made(folder, "pipe", server, "usage_local", tenants)
        airflow = Airflow(project, server, "airflow_local", Path(sys.executable))
        with timed("local: airflow db migrate, pools set, dags reserialize"):
            airflow.ready()
        with timed("local: scheduler, DAG processor and API server start"):
            airflow.start("LocalExecutor", stack)
        tenants[FAILS].refuse_once()
        tenants[KILLED].wait()
        with timed("local: eight tenants, plain pipe, four at once, one fails in part, one is killed"):
            airflow.trigger()
            assert tenants[KILLED].halfway.wait(300)
            (extract,) = running(f"extract.py {KILLED}")
            ended = kill([extract, *descendants(extract)])
            tenants[KILLED].go_on()
            tasks = airflow.wait()
        assert tasks == {name: ("success", 2 if name in {FAILS, KILLED} else 1) for name in tenants}, tasks
        again = airflow.told(FAILS)["streams"][USAGES]
        assert OWN_USAGES <= again["rows"] <= OWN_USAGES + 10, again
        assert not airflow.overlap(SHARED)
        rows = rows_are_right(server, "usage_local", tenants)
        states = sorted(path.stem for path in (project.folder / "state" / "target-postgres").glob("*.json"))
        assert states == sorted(tenants)
        print(f"local: {rows} rows, each once, each in its tenant's schema; {ended} processes killed")
        print(f"local: {FAILS} read {again['rows']} of {len(tenants[FAILS].ids)} usages in its second try")
    told = nothing_secret_is_told(server, ["airflow_local", "usage_local"], folder, tenants)
    print(f"local: {told}; {airflow.services.peak_kilobytes / 1024:.0f} MB PSS at most")


def airflow_of_tests(server: Server, folder: Path, tenants: dict[str, Account]) -> None:
    """Run the DAG by `airflow dags test`, for two tenants and without anything else running."""
    (folder / "tested").mkdir()
    project = made(folder / "tested", "pipe", server, "usage_tested", {DRY: tenants[DRY], FAILS: tenants[FAILS]})
    airflow = Airflow(project, server, "airflow_local", Path(sys.executable))
    airflow.ready()
    with timed("local: airflow dags test, two tenants, plain pipe, one after the other"):
        airflow.run("dags", "test", DAG, "2026-01-02")
    rows = rows_are_right(server, "usage_tested", {name: tenants[name] for name in (DRY, FAILS)})
    print(f"local: {rows} rows by airflow dags test")
