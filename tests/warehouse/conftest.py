"""Both databases, loaded with three runs of the tap by their real loaders. Each fixture lives as long as the session.

How to use it, in any file of this folder:

    def test_every_redemption_has_arrived(loaded: Database) -> None:      # runs for DuckDB and for PostgreSQL
        assert loaded.rows("select count(*) as n from ...")[0]["n"] > 0

- `recording`: the three runs (first day, same day again, a day later) and what the vendors truly held after each.
- `loaded`, `first_day`, `empty`: a database with all three runs, with the first run only, without a table; the test
  runs for DuckDB and for PostgreSQL. `built`, `first_day_built`: built by dbt.
- `both`, `first_days`, `empty_ones`, `both_built`, `first_days_built`, `empty_ones_built`: the same as pairs, DuckDB
  first, to compare them.

They are shared: whoever changes one takes a `copy("a_name_of_its_own")` first, which costs some milliseconds. A
`Database` has `rows(sql)`, `tables(schema)`, `load(messages)`, `build(...)`, `variables` (those of dbt's profile),
`target` (dbt's files), and `where` (the path of the file, the URL of the server).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from demo.postgres import postgres as server
from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.running import Run, run
from tests.truth import TRUTH, Row
from tests.warehouse.databases import Database, DuckDB, Postgres, program

Both = tuple[Database, Database]
KINDS = (DuckDB, Postgres)
QUICKLY = ("build", "--exclude-resource-type", "unit_test")
each = pytest.fixture(params=range(len(KINDS)), ids=[kind.__name__ for kind in KINDS])


@dataclass(frozen=True)
class Recording:
    """Runs of the tap.

    Attributes:
        runs: what each run printed.
        truths: rows of every stream as the vendors held them after each run.
    """

    runs: list[Run]
    truths: list[dict[str, list[Row]]]


@pytest.fixture(scope="session")
def recording(_no_proxy: None) -> Recording:
    """A first run, a second one three hours later, a third one on the next day."""
    done = Recording([], [])
    with Sandbox(now=NOW) as sandbox:
        for hours in (0, 3, 24):
            sandbox.advance(hours=hours)
            done.runs.append(run(sandbox.config, state=done.runs[-1].state if done.runs else None))
            done.truths.append({stream: rows(sandbox) for stream, rows in TRUTH.items()})
    return done


@pytest.fixture(scope="session")
def empty_ones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Databases without a table."""
    require("target-duckdb", "target-postgres", "postgres")
    with server() as port:
        place = tmp_path_factory.mktemp("warehouses")
        empty = DuckDB("empty", place)
        empty.ask("select 1")  # makes the file
        yield empty, Postgres("postgres", place, port).copy("empty")


@pytest.fixture(scope="session")
def first_days(empty_ones: Both, recording: Recording) -> Both:
    """Databases after the first run."""
    return changed(empty_ones, "first_day", lambda database: database.load(recording.runs[0].messages))


@pytest.fixture(scope="session")
def both(first_days: Both, recording: Recording) -> Both:
    """Databases after all three runs."""

    def load(database: Database) -> None:
        for later in recording.runs[1:]:
            database.load(later.messages)

    return changed(first_days, "usage", load)


@pytest.fixture(scope="session")
def first_days_built(first_days: Both) -> Both:
    """Databases that dbt has built in, after the first run."""
    require("dbt-duckdb", "dbt-postgres")
    return changed(first_days, "first_day_built", lambda database: database.build(*QUICKLY))


@pytest.fixture(scope="session")
def empty_ones_built(empty_ones: Both) -> Both:
    """Databases in which dbt found nothing."""
    require("dbt-duckdb", "dbt-postgres")
    return changed(empty_ones, "empty_built", lambda database: database.build(*QUICKLY))


@pytest.fixture(scope="session")
def both_built(first_days_built: Both, recording: Recording) -> Both:
    """Databases that dbt has built in after the first run, and again after the two others."""

    def load_and_build(database: Database) -> None:
        for later in recording.runs[1:]:
            database.load(later.messages)
        database.build()

    return changed(first_days_built, "built", load_and_build)


def require(*environments: str) -> None:
    """Skip a test where it has no environments."""
    missing = [name for name in environments if not program(name, "python").exists()]
    if missing:
        pytest.skip(f"not installed, `make test` does it: {', '.join(missing)}")


def changed(databases: Both, name: str, change: Callable[[Database], object]) -> Both:
    """Return copies that were changed, side by side."""
    copies = tuple(database.copy(name) for database in databases)
    with ThreadPoolExecutor() as workers:
        list(workers.map(change, copies))
    return copies


@each
def empty(request: pytest.FixtureRequest, empty_ones: Both) -> Database:
    return empty_ones[request.param]


@each
def first_day(request: pytest.FixtureRequest, first_days: Both) -> Database:
    return first_days[request.param]


@each
def loaded(request: pytest.FixtureRequest, both: Both) -> Database:
    return both[request.param]


@each
def built(request: pytest.FixtureRequest, both_built: Both) -> Database:
    return both_built[request.param]


@each
def first_day_built(request: pytest.FixtureRequest, first_days_built: Both) -> Database:
    return first_days_built[request.param]
