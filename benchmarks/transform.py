"""Measure what dbt takes to build a large warehouse: `python -m benchmarks.transform`, needs `make test` once.

A million redemptions of 200 promotions and 300,000 rows of Genesys over 400 days, in a file of DuckDB as target-duckdb
writes it. Exit code 1 when a bar is missed or a check fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.running import ROOT, run

PYTHON = ROOT / ".venv-dbt-duckdb" / "bin" / "python"
SECONDS, MEGABYTES = 20, 500
TABLES = """
import sys, duckdb
duckdb.connect(sys.argv[1]).execute('''
    create table elasticpath_promotion_usages as select
        'usage-' || i as id, 'promotion-' || i % 200 as promotion_id,
        timestamp '2026-11-01' - interval 1 minute * (i % 576000) as used_on, 1 + i % 3 as times_used,
        'order-' || i as order_id, 'someone' || i || '@example.com' as customer_email
    from range(1000000) as numbers(i);
    create table elasticpath_promotions as select
        'promotion-' || i as id, 'Promotion ' || i as name, 'store' as store_id, true as enabled
    from range(200) as numbers(i);
    create table genesys_organization_usage as select
        'key-' || i as usage_key, 'Day' as granularity, 'HttpMethod,OAuthClientId,TemplateUri' as grouped_by,
        timestamp '2026-11-01' - interval 1 day * (i % 400) as date, 'client-' || i % 50 as clientid,
        'api/v2/resource/' || i % 750 as templateuri, 'GET' as httpmethod, 20 + i % 100 as requests,
        20 as status200, 0 as status300, i % 100 as status400, 0 as status429, 0 as status500, true as is_final
    from range(300000) as numbers(i);
    create table genesys_oauth_clients as select
        'client-' || i as id, 'Client ' || i as name, 'active' as state
    from range(50) as numbers(i)''')
"""


def main() -> int:
    """Fill, build, print; return the exit code."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "usage.duckdb"
        subprocess.run([PYTHON, "-c", TABLES, file], check=True)  # noqa: S603 - our own words
        os.environ["DBT_DUCKDB_PATH"] = str(file)
        transform = ROOT / "transform"
        places = ("--project-dir", transform, "--profiles-dir", transform / "profiles" / "duckdb")
        written = ("--target-path", name, "--log-path", name)
        built = run([PYTHON.with_name("dbt"), "build", "--exclude-resource-type", "unit_test", *places, *written])
    print(  # noqa: T201
        f"dbt build of 1,300,000 rows: {built.seconds:.1f} s (at most {SECONDS}), "
        f"{built.cpu_seconds:.1f} s of CPU, "
        f"{built.peak_megabytes:.0f} MB (at most {MEGABYTES}), exit code {built.code}{built.log}"
    )
    return int(built.code != 0 or built.seconds > SECONDS or built.peak_megabytes > MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
