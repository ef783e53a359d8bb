"""docs/erd.md shows the tables, keys and parents as they are."""

from __future__ import annotations

import re

from docs import erd
from tests.declared import catalog
from tests.promised import STREAMS

TEXT = erd.PAGE.read_text(encoding="utf-8")
TABLE = re.compile(r"^    (\w+) \{\n(.*?)^    \}", re.MULTILINE | re.DOTALL)
TABLES = {name: body.splitlines() for name, body in TABLE.findall(TEXT)}


def marked(name: str, mark: str) -> set[str]:
    """Return the columns of a table that have a mark."""
    return {line.split()[1] for line in TABLES[name] if mark in line.split(maxsplit=2)[-1].split(", ")}


def test_the_page_is_what_schemas_and_sheets_make_of_it() -> None:
    assert erd.page() == TEXT, "Make it anew: .venv/bin/python -m docs.erd"


def test_every_stream_has_its_columns_and_its_key() -> None:
    assert TABLES.keys() == STREAMS.keys()
    for name, entry in catalog().items():
        assert {line.split()[1] for line in TABLES[name]} == set(entry["schema"]["properties"])
        assert marked(name, "PK") == set(STREAMS[name].keys)


def test_every_child_has_a_line_from_its_parent() -> None:
    for name, stream in STREAMS.items():
        lines = re.findall(rf"^    (\w+) \|\|--o\{{ {name} : (\w+)$", TEXT, re.MULTILINE)
        assert bool(lines) is bool(stream.parent)
        assert not lines or stream.parent in {parent for parent, _ in lines}
        assert {column for _, column in lines} <= marked(name, "FK")
