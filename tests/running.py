"""Runs of the tap inside the test process: no waiting, all output kept."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tap_usage.output import BufferedWriter
from tap_usage.tap import IncompleteError
from tests.here import LocalClock, LocalTap


class ImpatientClock(LocalClock):
    """A clock whose waits take no time; `waits` tells what would have been waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._skipped = 0.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def wait(self, seconds: float) -> None:
        self.check()
        with self._lock:
            self.waits.append(seconds)
            self._skipped += max(0.0, seconds)


class KeptLines(BufferedWriter):
    """Keeps the lines instead of writing them to standard output."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def flush(self) -> None:
        lines, self._buffer = self._buffer, bytearray()
        self.lines += [json.loads(line) for line in lines.splitlines()]


class ImpatientTap(LocalTap):
    clock_class = ImpatientClock

    def _setup_signal_handlers(self) -> None:
        """Leave pytest's handlers alone."""


@dataclass
class Run:
    """What a run gave.

    Attributes:
        messages: all Singer messages in order.
        code: exit code.
        failures: the lines that name what failed.
        waits: seconds that would have been waited.
    """

    messages: list[dict[str, Any]]
    code: int
    failures: list[str]
    waits: list[float] = field(default_factory=list)

    def rows(self, stream: str) -> list[dict[str, Any]]:
        return [m["record"] for m in self.messages if m["type"] == "RECORD" and m["stream"] == stream]

    @property
    def counts(self) -> Counter[str]:
        return Counter(m["stream"] for m in self.messages if m["type"] == "RECORD")

    @property
    def states(self) -> list[dict[str, Any]]:
        return [m["value"] for m in self.messages if m["type"] == "STATE"]

    @property
    def state(self) -> dict[str, Any]:
        return self.states[-1] if self.states else {}

    def bookmark(self, stream: str) -> str | None:
        value: str | None = self.state["bookmarks"][stream].get("replication_key_value")
        return value


def streams_in(line: str) -> list[str]:
    """Return the streams that a failure line names."""
    return line.split(": ")[1].split(", ")


def run(
    config: dict[str, Any],
    *,
    state: dict[str, Any] | None = None,
    select: list[str] | None = None,
    **settings: object,
) -> Run:
    """Run the tap; `settings` are put over `config`, `select` names the streams (default: all)."""
    lines = KeptLines()
    merged = {name: value for name, value in {**config, **settings}.items() if value is not None}
    tap = ImpatientTap(config=merged, state=json.loads(json.dumps(state or {})), message_writer=lines)
    for name, stream in tap.streams.items():
        stream.selected = select is None or name in select
    try:
        tap.run()
        code = 0
    except IncompleteError:
        code = 1
    lines.flush()
    return Run(lines.lines, code, tap.this_run.failures.lines, tap.clock.waits)  # type: ignore[attr-defined]
