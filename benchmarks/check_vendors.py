"""Checks what a tap read from the sandbox: every row there, each one once. A process of its own, as `benchmarks.check`.

`python -m benchmarks.check_vendors STREAM,... FILE...`, with the options of `benchmarks.vendors`, prints what it found
as JSON.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from benchmarks.check import Row, lines
from benchmarks.vendors import parsed
from tap_usage.sandbox import Sandbox
from tests.truth import DEFAULT_DAYS, TRUTH, first_day, organization_usage

KEYS = {
    "pingone_issuance_rule_usage_counts": ("issuance_rule_id",),
    "genesys_organization_usage": ("date", "clientId", "templateUri", "httpMethod"),
    "genesys_client_usage": ("oauth_client_id", "date", "templateUri", "httpMethod"),
    "genesys_client_usage_summary": ("oauth_client_id", "date", "templateUri", "httpMethod"),
    "demandbase_api_usage": ("date", "api", "transactions"),
    "demandbase_credits": ("allocatedCredits",),
    "elasticpath_promotion_usages": ("promotion_id", "id"),
}
Key = tuple[object, ...]


def held(sandbox: Sandbox, stream: str) -> Iterable[Row]:
    """Return the rows of a stream that a first run reads; those of the organization day by day, there may be many."""
    return by_day(sandbox) if stream == "genesys_organization_usage" else TRUTH[stream](sandbox)


def by_day(sandbox: Sandbox) -> Iterator[Row]:
    """Yield the organization's usage."""
    days = [first_day(sandbox) + timedelta(days=number) for number in range(DEFAULT_DAYS)]
    for day in days:
        yield from organization_usage(sandbox, day, day + timedelta(days=1))


def keys(stream: str, rows: Iterable[Row]) -> Iterator[Key]:
    """Yield what tells a stream's rows apart."""
    fields = KEYS.get(stream, ("id",))
    for row in rows:
        yield (stream, *(row.get(field) for field in fields))


def records(files: Iterable[Path]) -> Iterator[Key]:
    """Yield the keys of all RECORD lines."""
    for line in lines(files):
        message = msgspec.json.decode(line)
        if message["type"] == "RECORD":
            yield from keys(message["stream"], [message["record"]])


def found(sandbox: Sandbox, streams: Sequence[str], files: Iterable[Path]) -> dict[str, int]:
    """Count rows, those that the sandbox holds, and those that it does not."""
    expected = Counter(key for stream in streams for key in keys(stream, held(sandbox, stream)))
    rows = distinct = wrong = 0
    left = expected.copy()
    for key in records(files):
        rows += 1
        wrong += key not in expected
        if left[key] > 0:
            left[key] -= 1
            distinct += 1
    return {"rows": rows, "distinct": distinct, "wrong": wrong, "expected": expected.total()}


def main() -> None:
    """Read the command line and check."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check_vendors")
    parser.add_argument("streams")
    parser.add_argument("files", nargs="+", type=Path)
    setup, given = parsed(parser)
    print(json.dumps(found(setup.sandbox(), given["streams"].split(","), given["files"])))  # noqa: T201


if __name__ == "__main__":
    main()
