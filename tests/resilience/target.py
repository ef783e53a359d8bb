"""What a target keeps of the lines of several runs, some of which were killed."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

Row = dict[str, Any]
Key = tuple[str, ...]


class Target:
    """A target that upserts by key. What it got since the last STATE line may be lost when the tap is killed.

    Attributes:
        rows: what is held, by stream and key.
        state: of the last STATE line.
        states: how many STATE lines came in this run.
        again: rows of this run that were held before it began, by stream.
        lines: how many lines came in this run.
    """

    def __init__(self) -> None:
        self.rows: defaultdict[str, dict[Key, Row]] = defaultdict(dict)
        self.state: dict[str, Any] = {}
        self.states = 0
        self.lines = 0
        self.again: defaultdict[str, list[Row]] = defaultdict(list)
        self._keys: dict[str, list[str]] = {}
        self._waiting: list[tuple[str, Row]] = []
        self._before: dict[str, set[Key]] = {}

    def begin(self) -> None:
        """A run begins."""
        self.states = self.lines = 0
        self.again.clear()
        self._before = {stream: set(rows) for stream, rows in self.rows.items()}

    def take(self, message: dict[str, Any]) -> None:
        """Take one message of the tap."""
        self.lines += 1
        if message["type"] == "SCHEMA":
            self._keys[message["stream"]] = message["key_properties"]
        elif message["type"] == "RECORD":
            row = message["record"]
            self._waiting.append((message["stream"], row))
            if self.key(message["stream"], row) in self._before.get(message["stream"], ()):
                self.again[message["stream"]].append(row)
        elif message["type"] == "STATE":
            self.state = message["value"]
            self.states += 1
            self._load()

    def end(self, *, loaded: bool = True) -> None:
        """The run is over; `loaded` tells whether what came after its last STATE line was kept."""
        if loaded:
            self._load()
        self._waiting.clear()

    def key(self, stream: str, row: Row) -> Key:
        return tuple(str(row[name]) for name in self._keys[stream])

    def doubled(self, stream: str) -> int:
        """Return how many rows of this run were read again."""
        return len(self.again[stream])

    def held(self, stream: str) -> list[Row]:
        return list(self.rows[stream].values())

    def _load(self) -> None:
        for stream, row in self._waiting:
            self.rows[stream][self.key(stream, row)] = row
        self._waiting.clear()


def executions(state: dict[str, Any]) -> Counter[str]:
    """Return the ids of the executions that a state remembers."""
    streams = state.get("bookmarks", {}).values()
    return Counter(entry["execution_id"] for stream in streams for entry in stream.get("executions", []))
