"""Rows of the tap and rows of databases in one form, so that they can be compared.

A loader keeps a time without its zone, an object as text or not, a missing field as null, a name in its own case;
target-duckdb makes an empty text null.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.promised import STREAMS
from tests.truth import Row

SCHEMAS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))["properties"]
    for path in (Path(__file__).parents[2] / "schemas").glob("*.json")
}

SNAPSHOTS = {name for name, stream in STREAMS.items() if "observed_on" in (*stream.keys, *stream.dimensions)}
WINDOWS = {name for name, stream in STREAMS.items() if stream.replication_key in {"date", "period_start"}}
Truth = dict[str, list[Row]]


def held(stream: str, truths: list[Truth]) -> Iterable[Row]:
    """Return the rows that a table must have after a run at noon, one in the afternoon, and one a day later."""
    first, *_, again, last = [truth[stream] for truth in truths]
    if stream in SNAPSHOTS:
        return [*again, *last]
    if stream in WINDOWS:  # a day later the first day is no longer asked for, and stays
        start = min(row["date"] for row in last)
        return [row for row in first if row["date"] < start] + last
    return {row["id"]: row for row in first + again + last}.values()


def alike(stream: str, rows: Iterable[Row]) -> list[Row]:
    """Return rows with the names of the stream's schema, without nulls, empty texts and the loader's own columns."""
    schema = SCHEMAS[stream]
    names = {name.lower(): name for name in schema}
    found = [{names.get(name.lower(), name): value for name, value in row.items()} for row in rows]
    return [
        {name: _alike(schema.get(name, {}), value) for name, value in row.items() if _counts(name, value)}
        for row in found
    ]


def counted(stream: str, rows: Iterable[Row]) -> Counter[str]:
    """Return rows of a stream as a multiset of texts."""
    return Counter(json.dumps(row, sort_keys=True) for row in alike(stream, rows))


def _counts(name: str, value: object) -> bool:
    return value is not None and value != "" and not name.startswith("_sdc_")


def _alike(schema: dict[str, Any], value: Any) -> Any:  # noqa: ANN401 - any value of a row
    kinds = schema.get("type", [])
    if isinstance(value, str):
        if schema.get("format") == "date-time":
            time = datetime.fromisoformat(value)
            return (time.astimezone(UTC) if time.tzinfo else time).replace(tzinfo=None).isoformat()
        if "object" in kinds or "array" in kinds:
            return json.loads(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
