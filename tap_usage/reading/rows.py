"""Small changes of rows: blanks to null, fields to leave out, keys for rows that have none."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from tap_usage.rest.errors import dig
from tap_usage.times import instant, utc_text

Row = dict[str, Any]
BLANK: tuple[object, ...] = ("", {})


def flatten(rows: Iterable[Row], paths: Mapping[str, str]) -> None:
    """Add fields that repeat what stands at a path of the row; None where nothing does."""
    for row in rows:
        for field, path in paths.items():
            row[field] = dig(row, path)


def blank_to_null(rows: Iterable[Row], fields: Iterable[str]) -> None:
    """Turn `""` and `{}` into None in the given fields, and add those that are missing."""
    for row in rows:
        for field in fields:
            value = row.get(field)
            if value is None or value in BLANK:
                row[field] = None


def read_numbers(rows: Iterable[Row], fields: Iterable[str]) -> None:
    """Turn numbers that came as text into numbers, and `""` into None; other texts stay."""
    for row in rows:
        for field in fields:
            if isinstance(came := row.get(field), str):
                row[field] = _number(came)


def leave_out(rows: Iterable[Row], fields: Iterable[str]) -> None:
    """Take fields out that must not leave the tap."""
    for row in rows:
        for field in fields:
            row.pop(field, None)


def add_usage_keys(
    rows: Iterable[Row], fields: Iterable[str], times: Collection[str] = (), keyed: Counter[str] | None = None
) -> None:
    """Add `usage_key`: one text that is the same in every run for the same dimensions.

    Rows of one reading that share all dimensions are told apart by their occurrence in it.

    Args:
        rows: rows of one answer.
        fields: the dimensions; never a metric.
        times: those of them that are date-times; however one is spelt, the time counts.
        keyed: how often the first key of the same dimensions came so far in this reading; counted on.
    """
    keyed = Counter() if keyed is None else keyed
    fields = tuple(fields)
    for row in rows:
        spelt = {field: _spelt(row.get(field)) for field in times}
        dimensions = msgspec.json.encode([(field, spelt.get(field, row.get(field))) for field in fields])
        first = _key(dimensions, 1)
        keyed[first] += 1
        row["usage_key"] = first if keyed[first] == 1 else _key(dimensions, keyed[first])


def _key(dimensions: bytes, occurrence: int) -> str:
    return hashlib.blake2b(dimensions + b"#%d" % occurrence, digest_size=16).hexdigest()


def _number(text: str) -> int | float | str | None:
    with contextlib.suppress(msgspec.DecodeError):
        return msgspec.json.decode(text, type=int | float)
    return text or None


@lru_cache(maxsize=1024)
def _spelt(time: str | None) -> str | None:
    """Return a time as `2026-11-22T00:00:00Z`, with a fraction only if it has one."""
    return utc_text(instant(time)).replace(".000Z", "Z") if time else time
