"""DuckDB and PostgreSQL, filled by their real loaders, each in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml

from demo.postgres import USER

ROOT = Path(__file__).parents[2]
PLUGINS = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))["plugins"]
LOADERS = {plugin["name"]: plugin for plugin in PLUGINS["loaders"]}
Message = dict[str, Any]
Row = dict[str, Any]


def program(environment: str, name: str) -> Path:
    """Return a program of an environment that `make test` makes."""
    return ROOT / f".venv-{environment}" / "bin" / name


def done(command: Sequence[str | Path], given: str = "", **variables: str) -> str:
    """Run a program and return what it printed.

    Raises:
        AssertionError: it failed; its last lines are in the message.
    """
    process = subprocess.run(  # noqa: S603 - our own words
        command, input=given, capture_output=True, text=True, check=False, env={**os.environ, **variables}
    )
    assert process.returncode == 0, f"{process.stdout[-2000:]}{process.stderr[-4000:]}"
    return process.stdout


@dataclass(frozen=True)
class Database:
    """A database that a loader fills and that dbt builds in.

    Attributes:
        name: of the database, and the stem of its file.
        place: folder of files it needs.
        loader: the loader's plugin and environment.
        dbt: the environment of dbt.
        schema: where the loader's tables are.
        driver: module that connects.
    """

    name: str
    place: Path
    loader: ClassVar[str]
    dbt: ClassVar[str]
    schema: ClassVar[str]
    driver: ClassVar[str]

    @property
    def where(self) -> str:
        """What its driver connects to."""
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of its loader beside those of `meltano.yml`."""
        raise NotImplementedError

    @property
    def variables(self) -> dict[str, str]:
        """Variables that dbt's profile takes it from."""
        raise NotImplementedError

    @property
    def target(self) -> Path:
        """Where dbt writes what it did, `run_results.json` among it."""
        return self.place / f"dbt-{self.driver}-{self.name}"

    def copy(self, name: str) -> Self:
        """Return a database with the same tables, to be changed without harm."""
        raise NotImplementedError

    def load(self, messages: Iterable[Message], **settings: object) -> None:
        """Have the loader take Singer messages; `settings` are put over its own."""
        plugin = LOADERS[self.loader]
        usual = {setting["name"]: setting["value"] for setting in plugin["settings"] if "value" in setting}
        config = self.place / f"{self.loader}-{self.name}.json"
        config.write_text(json.dumps(usual | self.settings | settings), encoding="utf-8")
        lines = "".join(f"{json.dumps(message)}\n" for message in messages)
        python, loader = program(self.loader, "python"), program(self.loader, self.loader)
        done([python, loader, "--config", config], lines, **plugin.get("env", {}))

    def ask(self, *statements: str) -> list[tuple[list[str], list[list[Any]]]]:
        """Return columns and rows of each statement, values as in JSON."""
        script = Path(__file__).with_name("ask.py")
        python = program(self.loader, "python")
        return list(map(tuple, json.loads(done([python, script, self.driver, self.where], json.dumps(statements)))))

    def rows(self, statement: str) -> list[Row]:
        """Return the rows of a statement."""
        ((columns, rows),) = self.ask(statement)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def tables(self, schema: str | None = None) -> dict[str, list[Row]]:
        """Return all rows of all tables and views of a schema, the loader's if none is given."""
        schema = schema or self.schema
        listed = self.rows("select table_schema, table_name from information_schema.tables order by table_name")
        names = [row["table_name"] for row in listed if row["table_schema"] == schema]
        answers = self.ask(*(f'select * from "{schema}"."{name}"' for name in names))  # noqa: S608 - tables of our own
        return {
            name: [dict(zip(columns, row, strict=True)) for row in rows]
            for name, (columns, rows) in zip(names, answers, strict=True)
        }

    def build(self, *words: str) -> str:
        """Have dbt build everything (or what `words` say, `test` for one) and return what it printed."""
        variables = {
            "DBT_PROJECT_DIR": str(ROOT / "transform"),
            "DBT_PROFILES_DIR": str(ROOT / "transform" / "profiles" / self.dbt.removeprefix("dbt-")),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.target),
        }
        return done([program(self.dbt, "dbt"), *(words or ("build",))], **variables, **self.variables)


class DuckDB(Database):
    """A file of DuckDB."""

    loader, dbt, schema, driver = "target-duckdb", "dbt-duckdb", "main", "duckdb"

    @property
    def where(self) -> str:
        return str(self.place / f"{self.name}.duckdb")

    @property
    def settings(self) -> dict[str, Any]:
        return {"path": self.where, "database": self.name}

    @property
    def variables(self) -> dict[str, str]:
        return {"DBT_DUCKDB_PATH": self.where}

    def copy(self, name: str) -> Self:
        twin = replace(self, name=name)
        shutil.copyfile(self.where, twin.where)
        return twin


@dataclass(frozen=True)
class Postgres(Database):
    """A database of a PostgreSQL on loopback.

    Attributes:
        port: of the server.
    """

    port: int
    loader, dbt, schema, driver = "target-postgres", "dbt-postgres", "usage", "psycopg2"

    @property
    def where(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{self.name}"

    @property
    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "user": USER, "password": USER, "database": self.name}

    @property
    def variables(self) -> dict[str, str]:
        return {
            "DBT_POSTGRES_HOST": "127.0.0.1",
            "DBT_POSTGRES_PORT": str(self.port),
            "DBT_POSTGRES_USER": USER,
            "DBT_POSTGRES_DBNAME": self.name,
        }

    def copy(self, name: str) -> Self:
        server = replace(self, name="postgres")
        server.ask(f'create database "{name}" template "{self.name}"')
        return replace(self, name=name)
