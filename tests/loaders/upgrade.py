"""Have real loaders take what version 0.1.0 wrote, then a run of this version from its state.

In between, docs/install.md is followed. Beside them this version alone fills tables of its own. In the columns that
both versions have, rows must be the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.docs.pages import taken_apart
from tests.loaders.__main__ import ROOT, Tables, duckdb, in_postgres
from tests.loaders.server import postgres
from tests.running import Run, run
from tests.upgrade.recorded import DAYS, START, Message, held, last_state, recorded
from tests.upgrade.test_upgrade import OTHERS


def columns_of(old: list[Message]) -> dict[str, set[str]]:
    """Return the fields that version 0.1.0 declares, by stream, in lower case as some loaders have them."""
    schemas = [message for message in old if message["type"] == "SCHEMA"]
    return {schema["stream"]: {name.lower() for name in schema["schema"]["properties"]} for schema in schemas}


def cut(table: Counter[str], names: set[str]) -> Counter[str]:
    """Return rows of a table with some columns only."""
    cut: Counter[str] = Counter()
    for row, number in table.items():
        kept = {name: value for name, value in json.loads(row).items() if name.lower() in names}
        cut[json.dumps(kept, sort_keys=True)] += number
    return cut


def make_ready(file: Path) -> None:
    """Do with a file of DuckDB what docs/install.md tells to do before the first run of this version."""
    (block,) = (block for block in taken_apart("docs/install.md").blocks if block.language == "sql")
    script = "import duckdb, sys; file = duckdb.connect(sys.argv[1])\n"
    script += "for (statement,) in file.execute(sys.argv[2]).fetchall(): file.execute(statement)"
    python = ROOT / ".venv-target-duckdb" / "bin" / "python"
    subprocess.run([python, "-c", script, file, block.text], check=True)  # noqa: S603 - our own words


def main() -> int:
    """Load and compare; return how many tables are not what they should be."""
    old = recorded()
    with Sandbox(now=NOW) as sandbox:
        sandbox.advance(days=DAYS)
        config = sandbox.config | {"start_date": START}
        after, fresh = run(config, state=last_state(old)), run(config)
    expected = {stream: len(rows) for stream, rows in held(old, after.messages).items()}
    wrong = 0
    (site_packages,) = ROOT.glob(".venv-postgres/lib/python*/site-packages")
    with postgres(site_packages) as port, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for loader, load_all in {"duckdb": duckdb, "postgres": partial(in_postgres, port)}.items():
            load_all(folder, "upgraded", [Run(old, 0, [])])
            if loader == "duckdb":
                make_ready(folder / "upgraded.duckdb")
            upgraded: Tables = load_all(folder, "upgraded", [after])
            new: Tables = load_all(folder, "new", [fresh])
            for stream, columns in columns_of(old).items():
                shared = columns & {column.lower() for row in new[stream] for column in json.loads(row)}
                same = stream not in OTHERS or cut(upgraded[stream], shared) == cut(new[stream], shared)
                right = same and upgraded[stream].total() == expected[stream] > 0
                wrong += not right
                told = "as they should be" if right else f"NOT {expected[stream]}, or other values than in a new table"
                print(f"{loader:<10}{stream:<38}{upgraded[stream].total():>6}  {told}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
