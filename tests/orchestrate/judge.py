"""What must be true after many tenants were extracted: of rows, of states, of secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from demo.postgres import USER
from tests import promised
from tests.orchestrate.accounts import USAGES, Account
from tests.orchestrate.project import ROOT
from tests.orchestrate.services import run
from tests.truth import TRUTH

LOOK = (ROOT / ".venv-target-postgres" / "bin" / "python", Path(__file__).with_name("database.py"))
TOKEN = "-token-0"  # noqa: S105 - part of each access token that a simulated vendor gives


class Server:
    """A PostgreSQL on loopback.

    Attributes:
        port: where it is.
        databases: that were made.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.databases: list[str] = []

    def url(self, database: str, driver: str = "postgresql") -> str:
        return f"{driver}://{USER}@127.0.0.1:{self.port}/{database}"

    def make(self, *databases: str) -> None:
        for database in databases:
            self.ask("postgres", f"create database {database}")
            self.databases.append(database)

    def ask(self, database: str, sql: str) -> list[Any]:
        """Return the rows of an answer."""
        found: list[Any] = json.loads(run(*LOOK, self.url(database), sql, environment=os.environ))
        return found

    def text(self, database: str) -> str:
        """Return every value of every table."""
        return run(*LOOK, self.url(database), environment=os.environ)


def rows_are_right(server: Server, warehouse: str, accounts: Mapping[str, Account]) -> int:
    """Check that each schema holds each row of its tenant once, and nothing else; return how many rows there are."""
    schemas = {row[0] for row in server.ask(warehouse, "select distinct table_schema from information_schema.tables")}
    assert schemas - {"pg_catalog", "information_schema", "public"} == accounts.keys(), schemas
    counts = []
    for name in accounts:
        for stream in TRUTH:
            keys = ", ".join(f'"{key}"' for key in promised.STREAMS[stream].keys)
            table = f"'{name}', '{stream}', count(*), count(distinct ({keys}))"
            counts.append(f'select {table} from "{name}"."{stream}"')  # noqa: S608 - our own words
    total = 0
    for name, stream, count, distinct in server.ask(warehouse, " union all ".join(counts)):
        assert count == distinct == len(TRUTH[stream](accounts[name].sandbox)), (name, stream, count, distinct)
        total += count
    ids = [f'select \'{name}\', id from "{name}"."{USAGES}"' for name in accounts]  # noqa: S608 - our own words
    held: dict[str, set[str]] = {}
    for name, key in server.ask(warehouse, " union all ".join(ids)):
        held.setdefault(name, set()).add(key)
    assert held == {name: account.ids for name, account in accounts.items()}
    return total


def nothing_secret_is_told(
    server: Server, databases: Iterable[str], folder: Path, accounts: Mapping[str, Account]
) -> str:
    """Check that no credential stands in a database or a file but the tenants' own; return what was looked through."""
    places = {f"database {database}": server.text(database) for database in databases}
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    files = [path for path in files if path.parent.name != "secrets"]
    left = [path for path in files if path.match(".meltano/run/elt/*/*/*.config.json")]  # by a Meltano that was killed
    assert not [path for path in left if path.stat().st_mode & 0o077], left
    files = [path for path in files if path not in left]
    places |= {str(path.relative_to(folder)): path.read_bytes().decode("utf-8", "replace") for path in files}
    whole = "".join(places.values())
    assert all(name in whole for name in accounts)  # what is looked for can be found
    for name, account in accounts.items():
        for secret in [*account.secret, TOKEN]:
            found = [place for place, text in places.items() if secret in text]
            assert not found, (name, found)
    size = sum(map(len, places.values())) / 1e6
    of_killed = f"; but a killed Meltano left {len(left)} files with settings, mode 600" if left else ""
    return f"no secret in {len(places)} databases and files, {size:.1f} MB{of_killed}"
