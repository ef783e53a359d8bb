"""Print what the Dagster of `DAGSTER_HOME` keeps: states of runs by tenant, row counts by stream and tenant."""

from __future__ import annotations

import json

import dagster as dg


def main() -> None:
    """Print it."""
    rows: dict[str, dict[str, list[int]]] = {}
    with dg.DagsterInstance.get() as instance:
        runs = {run.tags["dagster/partition"]: run.status.value for run in instance.get_runs()[::-1]}
        records = instance.get_run_records()
        pooled = [[r.start_time, r.end_time] for r in records if r.dagster_run.tags.get("usage/pool") == "shared"]
        for key in instance.all_asset_keys():
            of_stream = rows.setdefault(key.path[-1], {})
            for record in instance.fetch_materializations(key, limit=1000, ascending=True).records:
                count = record.asset_materialization.metadata["dagster/row_count"].value
                of_stream.setdefault(record.partition_key, []).append(count)
    print(json.dumps({"runs": runs, "rows": rows, "pooled": pooled}))


if __name__ == "__main__":
    main()
