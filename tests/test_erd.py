"""docs/erd.md shows the tables, keys and parents as they are."""

from __future__ import annotations

import re
from pathlib import Path

from tap_usage import schema
from tests.promised import STREAMS

TEXT = (Path(__file__).parents[1] / "docs" / "erd.md").read_text(encoding="utf-8")
TABLE = re.compile(r"^    (\w+) \{\n(.*?)^    \}", re.MULTILINE | re.DOTALL)
TABLES = {name: body.splitlines() for name, body in TABLE.findall(TEXT)}


def marked(name: str, mark: str) -> set[str]:
    """Return the columns of a table that have a mark."""
    return {line.split()[1] for line in TABLES[name] if mark in line.split(maxsplit=2)[-1].split(", ")}


def test_every_stream_has_its_columns_and_its_key() -> None:
    assert TABLES.keys() == STREAMS.keys()
    for name, stream in STREAMS.items():
        assert {line.split()[1] for line in TABLES[name]} == set(schema.load(name)["properties"])
        assert marked(name, "PK") == set(stream.keys)


def test_every_child_has_a_line_from_its_parent() -> None:
    for name, stream in STREAMS.items():
        lines = re.findall(rf"^    (\w+) \|\|--o\{{ {name} : (\w+)$", TEXT, re.MULTILINE)
        assert bool(lines) is bool(stream.parent)
        assert not lines or stream.parent in {parent for parent, _ in lines}
        assert {column for _, column in lines} <= marked(name, "FK")
