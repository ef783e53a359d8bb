"""What the loaders make of runs: tables that hold the vendors' truth."""

from __future__ import annotations

from tests.promised import STREAMS
from tests.warehouse.databases import Database


def test_there_is_a_table_for_each_stream(loaded: Database) -> None:
    assert set(loaded.tables()) == set(STREAMS)
