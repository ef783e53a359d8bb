"""What the report asks of the database that dbt built: DuckDB or PostgreSQL, the connection of dbt's profiles."""

from __future__ import annotations

import os
import re
import unicodedata
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Rows = dict[str, list[Row]]

QUESTIONS = {path.stem: path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("questions/*.sql")}


class UnreadableError(Exception):
    """The database cannot be opened; the message is one line for a person."""


def read() -> Rows:
    """Ask every question of `questions`, by name; one whose tables are not there has no rows.

    Raises:
        UnreadableError: no database is named, or it cannot be opened.
    """
    schema = os.environ.get("DBT_SCHEMA", "analytics")
    quoted = '"' + schema.replace('"', '""') + '"'
    connection = connect()
    try:
        cursor = connection.cursor()
        tables = fetch(cursor, "select table_schema, table_name from information_schema.tables")
        there = {row["table_name"] for row in tables if row["table_schema"] == schema}
        return {
            name: fetch(cursor, question.replace("{schema}", quoted)) if needed(question) <= there else []
            for name, question in QUESTIONS.items()
        }
    finally:
        connection.close()


def needed(question: str) -> set[str]:
    """The tables a question asks."""
    return set(re.findall(r"{schema}\.(\w+)", question))


def connect() -> Any:  # noqa: ANN401 - of either driver
    """Open the database that dbt's variables name, for reading.

    Raises:
        UnreadableError: none is named, or it cannot be opened.
    """
    if (path := os.environ.get("DBT_DUCKDB_PATH")) and find_spec("duckdb"):
        import duckdb

        if not Path(path).exists():
            raise UnreadableError(f"There is no database {path}: load it and build the marts first")
        try:
            return duckdb.connect(path, read_only=True)
        except duckdb.Error as error:
            raise UnreadableError(f"{path} cannot be opened: {first_line(error)}") from None
    if (name := os.environ.get("DBT_POSTGRES_DBNAME")) and find_spec("psycopg2"):
        import psycopg2

        try:
            return psycopg2.connect(
                host=os.environ.get("DBT_POSTGRES_HOST", "127.0.0.1"),
                port=os.environ.get("DBT_POSTGRES_PORT", "5432"),
                user=os.environ.get("DBT_POSTGRES_USER"),
                password=os.environ.get("DBT_POSTGRES_PASSWORD", ""),
                dbname=name,
            )
        except psycopg2.Error as error:
            raise UnreadableError(f"PostgreSQL cannot be reached: {first_line(error)}") from None
    raise UnreadableError("No database is named: set DBT_DUCKDB_PATH, or DBT_POSTGRES_DBNAME and what goes with it")


def first_line(error: Exception) -> str:
    """The first line of a driver's message."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def fetch(cursor: Any, question: str) -> list[Row]:  # noqa: ANN401 - of either driver
    """Ask, and return rows by column name, values as the report wants them."""
    cursor.execute(question)
    names = [column[0] for column in cursor.description]
    return [{name: plain(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()]


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    """A decimal as a whole number or a fraction, a text without what a page cannot hold."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return printable(value) if isinstance(value, str) else value


def printable(text: str) -> str:
    """A text in which control characters are visible, and those that turn the direction of what follows.

    What joins emoji is of the same class as the latter and stays.
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if unprintable(character) else character for character in text)


def unprintable(character: str) -> bool:
    """Whether XML forbids the character, or it would change what stands around it."""
    turns = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return turns or unicodedata.category(character) in {"Cc", "Cs"} or character in "\ufffe\uffff"


def tenants(rows: Rows) -> list[str]:
    """Every tenant there is data of; the empty one stands for rows without."""
    return sorted({row["x_tenant"] for row in rows["recency"]})


def of_tenant(rows: Rows, tenant: str) -> Rows:
    """The rows of one tenant."""
    return {name: [row for row in of if row["x_tenant"] == tenant] for name, of in rows.items()}
