"""Print all rows and columns of a schema as `[table, row]` lines; runs in a loader's environment, where its driver is.

`tables.py duckdb FILE SCHEMA` or `tables.py psycopg2 URL SCHEMA`.
"""

from __future__ import annotations

import importlib
import json
import sys

TABLES = "select table_name from information_schema.tables where table_schema = '{}' order by 1"
COLUMNS = "select table_name, column_name, lower(data_type) from information_schema.columns where table_schema = '{}'"


def main(driver: str, where: str, schema: str) -> None:
    """Print the rows."""
    cursor = importlib.import_module(driver).connect(where).cursor()
    cursor.execute(COLUMNS.format(schema))
    for table, column, kind in cursor.fetchall():
        print(json.dumps(["columns", {"table": table, "column": column, "kind": kind}]))
    cursor.execute(TABLES.format(schema))
    for (table,) in cursor.fetchall():
        cursor.execute(f"select * from {schema}.{table}")  # noqa: S608 - tables of our own
        names = [column[0] for column in cursor.description]
        for row in cursor.fetchall():
            print(json.dumps([table, dict(zip(names, row, strict=True))], default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
