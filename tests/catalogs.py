"""Runs with a catalog that a user has changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tap_usage.tap import IncompleteError
from tests.running import ImpatientTap, KeptLines, Run

Catalog = dict[str, Any]


def discovered(config: dict[str, Any], select: Iterable[str] | None = None) -> Catalog:
    """Return the catalog of the configured vendors, with the named streams selected (default: all)."""
    tap = ImpatientTap(config=config)
    catalog: Catalog = json.loads(tap.catalog_json_text)
    for entry in catalog["streams"]:
        put(entry, (), selected=select is None or entry["tap_stream_id"] in select)
    return catalog


def entry_of(catalog: Catalog, stream: str) -> Catalog:
    entry: Catalog = next(entry for entry in catalog["streams"] if entry["tap_stream_id"] == stream)
    return entry


def put(entry: Catalog, breadcrumb: tuple[str, ...], **metadata: object) -> None:
    """Put metadata at a breadcrumb of a stream's entry; keyword names have `_` for `-`."""
    place = next(place for place in entry["metadata"] if tuple(place["breadcrumb"]) == breadcrumb)
    place["metadata"] |= {name.replace("_", "-"): value for name, value in metadata.items()}


def run_catalog(config: dict[str, Any], catalog: Catalog, state: dict[str, Any] | None = None) -> Run:
    """Run the tap as its command line would with `--catalog`."""
    lines = KeptLines()
    tap = ImpatientTap(
        config=dict(config),
        catalog=json.loads(json.dumps(catalog)),
        state=json.loads(json.dumps(state or {})),
        message_writer=lines,
    )
    try:
        tap.run()
        code = 0
    except IncompleteError:
        code = 1
    lines.flush()
    return Run(lines.lines, code, tap.this_run.failures.lines, tap.clock.waits)  # type: ignore[attr-defined]
