"""What version 0.1.0 wrote in two days, and how it was recorded.

On the second day a promotion and a client were refused, so that its state has exceptions and its warehouse gaps.

`python -m tests.upgrade.recorded PYTHON` records it again, with a Python that has that version.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW

FILE = Path(__file__).with_name("output-of-0.1.0.jsonl.gz")
START = "2026-11-17"
DAYS = 2
Message = dict[str, Any]
Rows = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


def recorded() -> list[Message]:
    """Return the Singer messages of both days."""
    return [json.loads(line) for line in gzip.decompress(FILE.read_bytes()).splitlines()]


def last_state(messages: Iterable[Message]) -> dict[str, Any]:
    """Return the value of the last STATE message."""
    *_, last = (message["value"] for message in messages if message["type"] == "STATE")
    state: dict[str, Any] = last
    return state


def keys(messages: Iterable[Message]) -> dict[str, list[str]]:
    """Return the key of each stream."""
    return {message["stream"]: message["key_properties"] for message in messages if message["type"] == "SCHEMA"}


def held(*runs: list[Message]) -> Rows:
    """Return what a loader that updates by key holds after some runs."""
    rows: Rows = {}
    for messages in runs:
        names = keys(messages)
        for message in messages:
            if message["type"] == "RECORD":
                stream, row = message["stream"], message["record"]
                rows.setdefault(stream, {})[tuple(row[name] for name in names[stream])] = row
    return rows


def _messages_of(python: str, config: dict[str, Any], state: dict[str, Any]) -> list[bytes]:
    """Have another version of the tap read, and return its lines, of the STATE lines only the last."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {"config": config, "state": state}.items():
            Path(folder, name).write_text(json.dumps(content), encoding="utf-8")
        command = [python, "-m", "tap_usage", "--config", "config", "--state", "state"]
        lines = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=False).stdout.splitlines()  # noqa: S603 - our own words
    *_, last = (number for number, line in enumerate(lines) if line.startswith(b'{"type":"STATE"'))
    return [line for number, line in enumerate(lines) if number == last or not line.startswith(b'{"type":"STATE"')]


def record(python: str) -> None:
    """Write the file."""
    lines: list[bytes] = []
    with Sandbox(now=NOW) as sandbox:
        for day in range(DAYS):
            state = last_state(map(json.loads, lines)) if lines else {}
            if day:
                sandbox.advance(days=1)
                promotion = next(one for one, usage in sandbox.elasticpath.all_usages() if usage["used_on"] > NOW)
                client = sandbox.genesys.clients[0]["id"]
                sandbox.fault("elasticpath.usages", "forbidden", times=None, where={"promotion_id": promotion})
                sandbox.fault("genesys.client_submit", "forbidden", times=None, where={"client_id": client})
            lines += _messages_of(python, sandbox.config | {"start_date": START}, state)
    FILE.write_bytes(gzip.compress(b"\n".join([*lines, b""]), mtime=0))


if __name__ == "__main__":
    record(sys.argv[1])
