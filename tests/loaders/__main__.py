"""Load what runs side by side wrote, and what runs one stream after the other wrote, and compare table by table.

Two runs each, the second a day later from the state of the first, as a scheduler would have it. The loaders' own
columns are left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tap_usage import schema
from tap_usage.rest.loop import Loop, Task
from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.loaders.server import USER, postgres
from tests.running import Run, run
from tests.truth import STREAMS

ROOT = Path(__file__).parents[2]
SMALL = {"elasticpath_page_size": 10, "genesys_window_days": 9, "demandbase_window_periods": 9}
VERSIONS = {"emit_activate_version_messages": True}
Tables = dict[str, Counter[str]]
side_by_side = Loop.run


def one_after_the_other(loop: Loop, tasks: Iterable[Task], beside: Iterable[Task] = ()) -> None:
    """Have tasks done in turn."""
    for task in tasks:
        side_by_side(loop, [task])
    side_by_side(loop, [], beside)


def two_days() -> dict[str, list[Run]]:
    """Run the tap in both ways on two days."""
    runs: dict[str, list[Run]] = {"together": [], "alone": []}
    with Sandbox(now=NOW) as sandbox:
        for _ in range(2):
            for mode, done in runs.items():
                with patch.object(Loop, "run", one_after_the_other if mode == "alone" else side_by_side):
                    done.append(run(sandbox.config | SMALL | VERSIONS, state=done[-1].state if done else None))
            sandbox.advance(days=1)
    return runs


def load(name: str, config: dict[str, Any], taken: Run, folder: Path) -> None:
    """Have a loader take the lines of a run.

    Raises:
        subprocess.CalledProcessError: when it fails; its log was printed.
    """
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    programs = ROOT / f".venv-{name}" / "bin"
    done = subprocess.run(  # noqa: S603 - our own words
        [programs / "python", programs / name, "--config", folder / "config.json"],
        input="\n".join(map(json.dumps, taken.messages)).encode(),
        capture_output=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PGTZ": "UTC"},
    )
    if done.returncode:
        print(done.stderr.decode()[-2000:], file=sys.stderr)
    done.check_returncode()


def counted(rows: Iterable[tuple[str, dict[str, Any]]]) -> Tables:
    """Return rows by table, as a multiset."""
    tables: Tables = {}
    for table, row in rows:
        own = {name: value for name, value in row.items() if not name.startswith("_sdc_")}
        tables.setdefault(table, Counter())[json.dumps(own, sort_keys=True)] += 1
    return tables


def held(name: str, driver: str, where: str, schema: str) -> Tables:
    """Return what a loader's warehouse holds."""
    python, script = ROOT / f".venv-{name}" / "bin" / "python", Path(__file__).with_name("tables.py")
    answer = subprocess.check_output([python, script, driver, where, schema])  # noqa: S603 - our own words
    return counted(json.loads(line) for line in answer.splitlines())


def jsonl(folder: Path, mode: str, runs: list[Run]) -> Tables:
    """Load into files."""
    place = folder / mode
    for each in runs:
        load("target-jsonl", {"destination_path": str(place), "do_timestamp_file": False}, each, folder)
    return counted((file.stem, json.loads(line)) for file in place.glob("*.jsonl") for line in file.open("rb"))


def duckdb(folder: Path, mode: str, runs: list[Run]) -> Tables:
    """Load into a file of DuckDB."""
    file = str(folder / f"{mode}.duckdb")
    for each in runs:
        load("target-duckdb", {"path": file, "database": mode, "default_target_schema": "main"}, each, folder)
    return held("target-duckdb", "duckdb", file, "main")


def in_postgres(port: int, folder: Path, mode: str, runs: list[Run]) -> Tables:
    """Load into a schema of PostgreSQL."""
    server = {"host": "127.0.0.1", "port": port, "user": USER, "password": USER, "database": "postgres"}
    config = {
        **server,
        "default_target_schema": mode,
        "hard_delete": True,
    }  # the soft one trips over a column `version`
    for each in runs:
        load("target-postgres", config, each, folder)
    return held("target-postgres", "psycopg2", f"postgresql://{USER}@127.0.0.1:{port}/postgres", mode)


def rows_and_keys(runs: list[Run]) -> tuple[Counter[str], Counter[str]]:
    """Return how many rows were sent, and how many keys they have, by stream."""
    messages = [message for each in runs for message in each.messages]
    keys = {message["stream"]: message["key_properties"] for message in messages if message["type"] == "SCHEMA"}
    found = [
        (message["stream"], *(message["record"][name] for name in keys[message["stream"]]))
        for message in messages
        if message["type"] == "RECORD"
    ]
    return Counter(stream for stream, *_ in found), Counter(stream for stream, *_ in set(found))


def narrow_or_huge(columns: Iterable[str]) -> list[str]:
    """Return the columns for whole numbers that are not 64 bits wide, as `table.column kind`."""
    kinds = {(told["table"], told["column"]): told["kind"] for told in map(json.loads, columns)}
    whole = [
        (stream, name)
        for stream in STREAMS
        for name, definition in schema.load(stream)["properties"].items()
        if "integer" in definition["type"]
    ]
    found = [(stream, name, kinds.get((stream, name), kinds.get((stream, name.lower())))) for stream, name in whole]
    return [f"{stream}.{name} {kind}" for stream, name, kind in found if kind != "bigint"]


def main() -> int:
    """Load and compare; return how many tables, and columns, are not what they should be."""
    runs = two_days()
    for mode, done in runs.items():
        streams = [m["stream"] for each in done for m in each.messages if m["type"] == "RECORD"]
        print(f"{mode}: {len(streams)} rows in {sum(1 for _ in groupby(streams))} blocks of one stream each")
    sent, keys = rows_and_keys(runs["alone"])
    (site_packages,) = ROOT.glob(".venv-postgres/lib/python*/site-packages")
    wrong = 0
    with postgres(site_packages) as port, tempfile.TemporaryDirectory() as folder:
        loaders = {"jsonl": (jsonl, sent), "duckdb": (duckdb, keys), "postgres": (partial(in_postgres, port), keys)}
        loaded = {
            (name, mode): load_all(Path(folder), mode, done)
            for name, (load_all, _) in loaders.items()
            for mode, done in runs.items()
        }
    print(f"{'rows held':<38}{'sent':>8}{'keys':>8}{''.join(f'{name:>20}' for name in loaders)}")
    for stream in STREAMS:
        cells = []
        for name, (_, expected) in loaders.items():
            one, other = (loaded[name, mode].get(stream, Counter()) for mode in runs)
            right = one == other and one.total() == expected[stream] > 0
            wrong += not right
            cells.append(f"{one.total():>8} {'equal' if right else f'NOT {other.total()}':<11}")
        print(f"{stream:<38}{sent[stream]:>8}{keys[stream]:>8}{''.join(cells)}")
    for name in ("duckdb", "postgres"):
        odd = narrow_or_huge(loaded[name, "alone"]["columns"])
        wrong += len(odd)
        print(f"whole numbers in {name}: {', '.join(odd) or 'all bigint'}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
