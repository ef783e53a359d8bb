"""Run Meltano twice against the simulated vendors, the second time a day later, and write the report of what arrived.

Everything it writes is in `output/demo`, as that of the demo.
"""

from __future__ import annotations

from demo.run import OUTPUT, ROOT, begin, environment_with, in_duckdb, meltano
from tap_usage.sandbox import Sandbox

REPORT = OUTPUT / "report.html"


def main() -> None:
    """Load twice, build after each load, and report."""
    begin()
    with in_duckdb() as target, Sandbox() as sandbox:
        usual = environment_with(sandbox.config, target)
        environment = {name: value for name, value in usual.items() if not name.startswith("DBT_")} | {
            "DBT_DUCKDB_PATH": target.where,
            "DBT_DUCKDB_TARGET_PATH": str(OUTPUT / "dbt"),
            "DBT_DUCKDB_LOG_PATH": str(OUTPUT / "dbt"),
        }
        meltano("install", "install", "--clean", "tap-usage", target.loader, "dbt-duckdb", environment=environment)
        load = ("--environment=sandbox", "run", "tap-usage", target.loader, "dbt-duckdb:build")
        meltano("run 1", *load, environment=environment)
        sandbox.advance(days=1)
        meltano("run 2", *load, environment=environment)
        report = ("--environment=sandbox", "invoke", "dbt-duckdb:report", "--output", str(REPORT))
        meltano("report", *report, environment=environment)
    print(f"\nThe report: {REPORT.relative_to(ROOT)}, a file for your browser")


if __name__ == "__main__":
    main()
