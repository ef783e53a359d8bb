"""Look into a PostgreSQL; runs in the loader's environment, where its driver is.

`database.py URL SQL` prints the answer of a statement as JSON; `database.py URL` prints every value of every table.
"""

from __future__ import annotations

import json
import sys

import psycopg2

TABLES = """select table_schema, table_name from information_schema.tables
            where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"""


def main(url: str, sql: str = "") -> None:
    """Print what is asked for."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    cursor = connection.cursor()
    if sql:
        cursor.execute(sql)
        print(json.dumps(cursor.fetchall() if cursor.description else [], default=str))
        return
    cursor.execute(TABLES)
    for schema, table in cursor.fetchall():
        cursor.execute(f'select * from "{schema}"."{table}"')  # noqa: S608 - of our own
        for row in cursor.fetchall():
            print(table, *(bytes(value) if isinstance(value, memoryview) else value for value in row))


if __name__ == "__main__":
    main(*sys.argv[1:])
