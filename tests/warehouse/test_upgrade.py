"""Tables that version 0.1.0 filled take a run of this version, once docs/install.md is followed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.docs.pages import taken_apart
from tests.running import Run, run
from tests.upgrade.recorded import DAYS, START, Message, held, last_state, recorded
from tests.upgrade.test_upgrade import OTHERS
from tests.warehouse.conftest import Both, changed
from tests.warehouse.databases import Database
from tests.warehouse.rows import alike, counted


@dataclass(frozen=True)
class Upgrade:
    """Runs of two versions.

    Attributes:
        old: what 0.1.0 wrote.
        after: the run of this version from its state.
        alone: a run of this version without a state.
    """

    old: list[Message]
    after: Run
    alone: Run


@pytest.fixture(scope="module")
def upgrade(_no_proxy: None) -> Upgrade:
    old = recorded()
    with Sandbox(now=NOW) as sandbox:
        sandbox.advance(days=DAYS)
        config = sandbox.config | {"start_date": START}
        return Upgrade(old, run(config, state=last_state(old)), run(config))


@pytest.fixture(scope="module")
def upgraded(empty_ones: Both, upgrade: Upgrade) -> Both:
    def load(database: Database) -> None:
        database.load(upgrade.old)
        if database.driver == "duckdb":
            make_ready(database)
        database.load(upgrade.after.messages)

    return changed(empty_ones, "upgraded", load)


@pytest.fixture(scope="module")
def new(empty_ones: Both, upgrade: Upgrade) -> Both:
    return changed(empty_ones, "new", lambda database: database.load(upgrade.alone.messages))


def make_ready(database: Database) -> None:
    """Do with a file of DuckDB what docs/install.md tells to do before the first run of this version."""
    (block,) = (block for block in taken_apart("docs/install.md").blocks if block.language == "sql")
    ((_, rows),) = database.ask(block.text)
    database.ask(*(statement for (statement,) in rows))


@pytest.mark.parametrize("number", range(2), ids=["DuckDB", "Postgres"])
def test_no_row_of_an_older_version_is_lost_or_doubled(upgrade: Upgrade, upgraded: Both, number: int) -> None:
    expected = {stream: len(rows) for stream, rows in held(upgrade.old, upgrade.after.messages).items()}
    tables = upgraded[number].tables()
    assert {stream: len(tables[stream]) for stream in expected} == expected
    assert min(expected.values()) > 0


@pytest.mark.parametrize("number", range(2), ids=["DuckDB", "Postgres"])
def test_columns_that_both_versions_have_hold_what_they_hold_in_a_new_table(
    upgrade: Upgrade, upgraded: Both, new: Both, number: int
) -> None:
    schemas = {each["stream"]: each["schema"]["properties"] for each in upgrade.old if each["type"] == "SCHEMA"}
    older, newer = upgraded[number].tables(), new[number].tables()
    for stream in OTHERS:
        columns = {name.lower() for name in newer[stream][0]}
        shared = {name for name in schemas[stream] if name.lower() in columns}
        counts = [
            counted(
                stream,
                [
                    {name: value for name, value in row.items() if name in shared}
                    for row in alike(stream, table[stream])
                ],
            )
            for table in (older, newer)
        ]
        assert counts[0] == counts[1], stream
