"""Ask a database; runs in a loader's environment, where its driver is.

`ask.py duckdb FILE` or `ask.py psycopg2 URL`, with a JSON list of statements as input; prints a JSON list of answers,
each `[columns, rows]`.
"""

from __future__ import annotations

import importlib
import json
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import Any


def plain(value: object) -> object:
    """Return a value as both drivers would give it: whole numbers as such, times as ISO 8601."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def main(driver: str, where: str) -> None:
    """Answer."""
    connection = importlib.import_module(driver).connect(where)
    if driver == "psycopg2":
        connection.autocommit = True
    answers: list[Any] = []
    cursor = connection.cursor()
    for statement in json.load(sys.stdin):
        cursor.execute(statement)
        names = [column[0] for column in cursor.description or ()]
        answers.append([names, [[plain(value) for value in row] for row in cursor.fetchall()] if names else []])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
