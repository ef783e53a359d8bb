"""A partition for each tenant, an asset for each stream; every run is `extract.py TENANT [STREAM ...]`.

A run has the tag `usage/pool` of its tenant's `pool` in `tenants.yml`, for `tag_concurrency_limits` in `dagster.yaml`.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

PROJECT = Path(__file__).absolute().parents[2]
RETRY_SECONDS = float(
    os.environ.get("USAGE_RETRY_SECONDS", "360")
)  # Meltano holds a killed run's state for 300 seconds
PYTHON = os.environ.get("USAGE_PYTHON", ".venv-meltano/bin/python")
STREAMS = sorted(path.stem for path in (PROJECT / "schemas").glob("*.json"))
PLAN: dict[str, Any] = yaml.load((PROJECT / "orchestrate" / "tenants.yml").read_bytes(), yaml.BaseLoader)  # noqa: S506 - makes texts only
TENANTS = dg.StaticPartitionsDefinition(list(PLAN["tenants"]))


@dg.multi_asset(
    specs=[
        dg.AssetSpec(["usage", stream], partitions_def=TENANTS, group_name=stream.partition("_")[0], skippable=True)
        for stream in STREAMS
    ],
    can_subset=True,
    pool="tap_usage",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=RETRY_SECONDS),
)
def extract(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Extract all streams of a tenant, or some; what arrived is told also when others failed."""
    chosen = {key.path[-1] for key in context.selected_asset_keys}
    words = [] if chosen == set(STREAMS) else sorted(chosen)
    command = [PYTHON, "orchestrate/extract.py", context.partition_key, *words]
    last = ""
    with subprocess.Popen(  # noqa: S603 - names of tenants.yml and of schemas
        command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            for last in process.stdout or ():
                context.log.info(last.rstrip())
            code = process.wait()
        finally:
            process.send_signal(signal.SIGTERM)
    report = json.loads(last) if last.startswith("{") else {"streams": {}}
    for stream in sorted(chosen & report["streams"].keys()):
        told = report["streams"][stream]
        metadata = {"dagster/row_count": told["rows"], "failures": told["failures"]}
        yield dg.MaterializeResult(["usage", stream], metadata=metadata)
    if code:
        raise dg.Failure(f"{context.partition_key}: exit code {code}; {last.rstrip()}", allow_retries=True)


usage = dg.define_asset_job("usage", selection=[extract], partitions_def=TENANTS)


@dg.schedule(job=usage, cron_schedule="0 3 * * *")
def daily(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Run every tenant each day."""
    for name, settings in PLAN["tenants"].items():
        pool = (settings or {}).get("pool")
        yield dg.RunRequest(
            run_key=f"{context.scheduled_execution_time:%Y-%m-%d}-{name}",
            partition_key=name,
            tags={"usage/pool": pool} if pool else {},
        )


defs = dg.Definitions(assets=[extract], jobs=[usage], schedules=[daily])
