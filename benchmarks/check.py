"""Checks what a program wrote: every row there, each one once. A process of its own, which may take memory.

`python -m benchmarks.check FORMAT FILE... --promotions P --usages U --clients C` prints what it found as JSON.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.data import client_id, client_usage, promotion_id, used_on

Row = dict[str, Any]


def singer(files: Iterable[Path]) -> Iterator[Row]:
    """Yield the usages in the RECORD lines of a tap, or of the floor and the loop, which write the same."""
    for line in lines(files):
        message = msgspec.json.decode(line)
        if message["type"] == "RECORD" and message["stream"].endswith("_usages"):
            yield message["record"]


def genesys(files: Iterable[Path]) -> Iterator[Row]:
    """Yield the client usage in the RECORD lines of a tap."""
    for line in lines(files):
        message = msgspec.json.decode(line)
        if message["type"] == "RECORD" and message["stream"].endswith("client_usage"):
            yield message["record"]


def airbyte(files: Iterable[Path]) -> Iterator[Row]:
    """Yield the usages in the messages of an Airbyte source."""
    for line in lines(files):
        message = msgspec.json.decode(line)
        if message["type"] == "RECORD" and message["record"]["stream"].endswith("_usages"):
            yield message["record"]["data"]


def dlt(files: Iterable[Path]) -> Iterator[Row]:
    """Yield the usages in the files of a load package."""
    for line in lines(files):
        for row in msgspec.json.decode(line):
            yield row | {"promotion_id": row.get("_promotions_id")}


def lines(files: Iterable[Path]) -> Iterator[bytes]:
    """Yield complete lines; an interrupted program may have left a part of one."""
    for file in files:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
            yield from (line for line in opened if line.endswith(b"\n"))


def usages_found(rows: Iterable[Row], promotions: int, usages: int) -> dict[str, int]:
    """Count rows, distinct ones, and those that are not what the server holds."""
    seen = bytearray(promotions * usages)
    ids = [promotion_id(number) for number in range(promotions)]
    times = [used_on(number) for number in range(usages)]
    rows_found = wrong = 0
    for row in rows:
        rows_found += 1
        promotion, usage = int(row["id"][:8], 16), int(row["id"][-12:], 16)
        seen[promotion * usages + usage] = 1
        moment = row["used_on"].removesuffix("+00:00").removesuffix("Z")
        wrong += row["promotion_id"] != ids[promotion] or not times[usage].startswith(moment[:19])
    return {"rows": rows_found, "distinct": sum(seen), "wrong": wrong, "expected": promotions * usages}


def client_usage_found(rows: Iterable[Row], clients: int) -> dict[str, int]:
    """The same for the usage of Genesys clients."""
    expected = {
        (client_id(number), row["date"], row["templateUri"]): row for number in range(clients) for row in client_usage()
    }
    keys = []
    wrong = 0
    for row in rows:
        keys.append((row["oauth_client_id"], row["date"], row["templateUri"]))
        wrong += row["requests"] != expected[keys[-1]]["requests"]
    return {"rows": len(keys), "distinct": len(set(keys)), "wrong": wrong, "expected": len(expected)}


FORMATS: dict[str, Callable[[Iterable[Path]], Iterator[Row]]] = {
    "singer": singer,
    "genesys": genesys,
    "airbyte": airbyte,
    "dlt": dlt,
}


def singer_bytes(files: Iterable[Path]) -> dict[str, int]:
    """Return the bytes of RECORD and STATE lines, and of the largest and the last state."""
    found = {"record_bytes": 0, "state_bytes": 0, "states": 0, "largest_state_bytes": 0, "last_state_bytes": 0}
    for line in lines(files):
        kind = msgspec.json.decode(line)["type"]
        if kind == "STATE":
            found["states"] += 1
            found["state_bytes"] += len(line)
            found["last_state_bytes"] = len(line)
            found["largest_state_bytes"] = max(len(line), found["largest_state_bytes"])
        elif kind == "RECORD":
            found["record_bytes"] += len(line)
    return found


def main() -> None:
    """Read the command line and check."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check")
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("files", nargs="+", type=Path)
    for name in ("promotions", "usages", "clients"):
        parser.add_argument(f"--{name}", type=int, default=0)
    settings = parser.parse_args()
    rows = FORMATS[settings.format](settings.files)
    if settings.format == "genesys":
        found = client_usage_found(rows, settings.clients)
    else:
        found = usages_found(rows, settings.promotions, settings.usages)
    print(json.dumps(found | (singer_bytes(settings.files) if settings.format == "singer" else {})))  # noqa: T201


if __name__ == "__main__":
    main()
