"""The files of Airflow and Dagster say what `tenants.yml` says, where the engine is installed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrate.project import ROOT, Project

AIRFLOW = ROOT / ".venv-airflow" / "bin" / "python"
DAGSTER = ROOT / ".venv-dagster" / "bin" / "python"
with_airflow = pytest.mark.skipif(not AIRFLOW.exists(), reason="Airflow is not installed; `make orchestrate` does it")
with_dagster = pytest.mark.skipif(not DAGSTER.exists(), reason="Dagster is not installed; `make orchestrate` does it")
BY_AIRFLOW = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
dag = bag.dags["tap_usage"]
tasks = {task.task_id: task for task in dag.tasks}
told = {
    "errors": bag.import_errors,
    "runs": dag.max_active_runs,
    "catchup": dag.catchup,
    "pools": {name: task.pool for name, task in tasks.items()},
    "names": [[*map(dict, task.python_callable(*task.op_args))] for name, task in tasks.items() if "names" in name],
    "delays": [task.retry_delay.total_seconds() for name, task in tasks.items() if "extract" in name],
    "retries": [task.retries for name, task in tasks.items() if "extract" in name],
}
print("TOLD", json.dumps(told))
"""
BY_DAGSTER = """
import datetime, importlib.util, json, sys
import dagster as dg
spec = importlib.util.spec_from_file_location("definitions", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
at = datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.timezone.utc)
context = dg.build_schedule_context(repository_def=module.defs.get_repository_def(), scheduled_execution_time=at)
requests = [[r.run_key, r.partition_key, r.tags.get("usage/pool")] for r in module.daily(context)]
assets = sorted(key.path[-1] for key in module.extract.keys)
print("TOLD", json.dumps({"requests": requests, "assets": assets, "tenants": module.TENANTS.get_partition_keys()}))
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path, "pipe", "target-jsonl")
    made.add("no", {})
    made.add("globex", {}, pool="europe", vendors=["genesys"])
    return made


def told(python: Path, script: str, file: Path, home: Path) -> dict[str, Any]:
    """Return what a script in an engine's environment prints."""
    settings = {"AIRFLOW_HOME": str(home), "DAGSTER_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(  # noqa: S603 - our own words
        [python, "-c", script, file],
        env={**os.environ, **settings},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.rpartition("TOLD ")[2])
    return found


@with_airflow
def test_airflow_maps_names_of_tenants_to_tasks_and_those_with_a_pool_to_tasks_of_that_pool(
    project: Project, tmp_path: Path
) -> None:
    dag = told(AIRFLOW, BY_AIRFLOW, project.folder / "orchestrate" / "dags", tmp_path)
    assert dag["errors"] == {}
    assert (dag["runs"], dag["catchup"]) == (1, False)
    assert dag["pools"]["extract"] == dag["pools"]["names"] == "default_pool"
    assert dag["pools"]["extract_europe"] == "europe"
    assert sorted(dag["names"], key=str) == [[{"TENANT": "globex"}], [{"TENANT": "no"}]]
    assert (dag["delays"], dag["retries"]) == ([360, 360], [2, 2])


@with_dagster
def test_dagster_has_a_partition_for_each_tenant_and_an_asset_for_each_stream(project: Project, tmp_path: Path) -> None:
    defs = told(DAGSTER, BY_DAGSTER, project.folder / "orchestrate" / "dagster" / "definitions.py", tmp_path)
    assert defs["tenants"] == ["no", "globex"]
    assert defs["assets"] == sorted(path.stem for path in (ROOT / "schemas").glob("*.json"))
    assert defs["requests"] == [["2026-01-02-no", "no", None], ["2026-01-02-globex", "globex", "europe"]]
