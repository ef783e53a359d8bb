"""What `--discover` says of each stream, against a file that a reviewer has seen."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests import declared
from tests.promised import STREAMS

FOLDER = Path(__file__).parent / "snapshots"
HOW = "UPDATE_SNAPSHOTS=1 pytest tests/test_catalog.py"


@pytest.fixture(scope="module")
def catalog() -> dict[str, dict[str, Any]]:
    return declared.catalog()


@pytest.mark.parametrize("stream", STREAMS)
def test_the_catalog_entry_is_the_one_that_was_reviewed(catalog: dict[str, dict[str, Any]], stream: str) -> None:
    file = FOLDER / f"{stream}.json"
    found = json.dumps(catalog[stream], indent=2) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8")
    assert file.exists(), f"no snapshot of {stream}; make it with: {HOW}"
    assert json.loads(found) == json.loads(file.read_text(encoding="utf-8")), f"if this is meant: {HOW}, then review"


def test_there_is_a_snapshot_per_stream_and_no_other() -> None:
    assert sorted(file.stem for file in FOLDER.iterdir()) == sorted(STREAMS), HOW


@pytest.mark.parametrize("stream", declared.EVERY_STREAM)
def test_keys_are_automatic_and_everything_else_may_be_deselected(
    catalog: dict[str, dict[str, Any]], stream: str
) -> None:
    entry = catalog[stream]
    automatic = {
        place["breadcrumb"][-1]
        for place in entry["metadata"]
        if place["breadcrumb"] and place["metadata"]["inclusion"] == "automatic"
    }
    replication = {entry["replication_key"]} if entry.get("replication_key") else set()
    assert automatic == set(entry["key_properties"]) | replication
