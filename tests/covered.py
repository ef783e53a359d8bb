"""What a stream's part of a state says of a partition."""

from __future__ import annotations

from typing import Any

from tap_usage.reading.covered import Ids, digest


def value_of(entry: dict[str, Any], partition: str) -> str | None:
    """Return the value up to which a partition is complete; None if it is in no set."""
    mark = digest(partition, entry.get("query", ""))
    for group in (entry, *entry.get("older", [])):
        if mark in Ids(group.get("covered", "")).digests:
            value: str | None = group["replication_key_value"]
            return value
    return None
