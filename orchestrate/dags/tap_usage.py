"""One task per tenant, each `extract.py TENANT`; the same file for every executor of Airflow 3.

A tenant without a `pool` in `tenants.yml` is extracted by the task `extract`, one with a pool by `extract_<pool>`:
those share the slots of a pool of Airflow, which has to be there (`airflow pools set NAME SLOTS TEXT`). The tasks are
mapped over names; what is secret is read by `extract.py` alone, so that Airflow never sees it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag, task

PROJECT = Path(__file__).absolute().parents[2]
RETRY_SECONDS = float(
    os.environ.get("USAGE_RETRY_SECONDS", "360")
)  # Meltano holds a killed run's state for 300 seconds


def tenants() -> dict[str, dict[str, Any]]:
    """Return what `tenants.yml` says of each tenant."""
    plan = yaml.load((PROJECT / "orchestrate" / "tenants.yml").read_bytes(), yaml.BaseLoader)  # noqa: S506 - makes texts only
    return {name: settings or {} for name, settings in plan["tenants"].items()}


@task
def names(pool: str | None) -> list[dict[str, str]]:
    """Return the variables of each task that shares a pool, or that has none."""
    return [{"TENANT": name} for name, settings in tenants().items() if settings.get("pool") == pool]


@dag(schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, max_active_runs=1)
def tap_usage() -> None:
    """Extract the usage of every tenant."""
    for pool in sorted({settings.get("pool") for settings in tenants().values()}, key=str):
        BashOperator.partial(
            task_id=f"extract_{pool}" if pool else "extract",
            **({"pool": pool} if pool else {}),
            cwd=str(PROJECT),
            append_env=True,
            bash_command='exec "${USAGE_PYTHON:-.venv-meltano/bin/python}" orchestrate/extract.py "$TENANT"',
            map_index_template="{{ task.env['TENANT'] }}",
            max_active_tis_per_dag=8,
            retries=2,
            retry_delay=timedelta(seconds=RETRY_SECONDS),
            execution_timeout=timedelta(hours=6),
        ).expand(env=names.override(task_id=f"names_{pool}" if pool else "names")(pool))


tap_usage()
