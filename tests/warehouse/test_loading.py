"""The tables that loaders make hold the vendors' truth, whichever database, run after run."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from pathlib import Path

from tap_usage import schema
from tests.promised import STREAMS
from tests.truth import bare
from tests.warehouse.conftest import Both, Recording, require
from tests.warehouse.databases import Database, done, program
from tests.warehouse.rows import alike, counted, held


def test_streams_of_a_run_come_by_turns(recording: Recording) -> None:
    streams = [message["stream"] for message in recording.runs[0].messages if message["type"] == "RECORD"]
    assert len(list(groupby(streams))) > 2 * len(STREAMS)


def test_after_three_runs_every_table_holds_what_the_vendors_hold(loaded: Database, recording: Recording) -> None:
    tables = loaded.tables()
    assert set(tables) == set(STREAMS)
    for stream in STREAMS:
        found = bare(stream, alike(stream, tables[stream]))
        assert counted(stream, found) == counted(stream, held(stream, recording.truths)), stream


def test_after_the_first_run_every_table_holds_what_was_sent(first_day: Database, recording: Recording) -> None:
    for stream, rows in first_day.tables().items():
        assert counted(stream, rows) == counted(stream, recording.runs[0].rows(stream)), stream


def test_both_databases_hold_the_same(both: Both) -> None:
    duckdb, postgres = (database.tables() for database in both)
    for stream in STREAMS:
        assert counted(stream, duckdb[stream]) == counted(stream, postgres[stream]) != Counter(), stream


def test_whole_numbers_have_64_bits_in_both(loaded: Database) -> None:
    columns = loaded.rows("select table_schema, table_name, column_name, data_type from information_schema.columns")
    kinds = {
        (row["table_name"], row["column_name"].lower()): row["data_type"].lower()
        for row in columns
        if row["table_schema"] == loaded.schema
    }
    whole = [
        (stream, name.lower())
        for stream in STREAMS
        for name, definition in schema.load(stream)["properties"].items()
        if "integer" in definition["type"]
    ]
    assert {kinds[column] for column in whole} == {"bigint"}


def test_a_key_has_one_row(loaded: Database) -> None:
    for stream, rows in loaded.tables().items():
        keys = [tuple(row[name] for name in STREAMS[stream].keys) for row in alike(stream, rows)]
        assert len(keys) == len(set(keys)), stream


def test_loading_a_run_again_changes_nothing(loaded: Database, recording: Recording) -> None:
    twin = loaded.copy("again")
    twin.load(recording.runs[-1].messages)
    assert {name: counted(name, rows) for name, rows in twin.tables().items()} == {
        name: counted(name, rows) for name, rows in loaded.tables().items()
    }


def test_a_loader_that_appends_has_what_was_sent(tmp_path: Path, recording: Recording) -> None:
    require("target-jsonl")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"destination_path": str(tmp_path), "do_timestamp_file": False}), encoding="utf-8")
    for run in recording.runs[:2]:
        lines = "".join(f"{json.dumps(message)}\n" for message in run.messages)
        done([program("target-jsonl", "python"), program("target-jsonl", "target-jsonl"), "--config", config], lines)
    for stream in STREAMS:
        rows = map(json.loads, (tmp_path / f"{stream}.jsonl").read_text(encoding="utf-8").splitlines())
        sent = [row for run in recording.runs[:2] for row in run.rows(stream)]
        assert counted(stream, rows) == counted(stream, sent) != Counter(), stream


def test_postgresql_holds_utc_whatever_its_zone(both: Both, recording: Recording) -> None:
    abroad = both[1].copy("abroad")
    zone = f"alter database {abroad.name} set timezone to 'America/New_York'"
    abroad.ask(f"drop schema {abroad.schema} cascade", zone)
    abroad.load(recording.runs[0].messages)
    for stream, rows in abroad.tables().items():
        assert counted(stream, rows) == counted(stream, recording.runs[0].rows(stream)), stream
