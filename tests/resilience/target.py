"""What a target keeps of the lines of several runs, some of which were killed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any, Literal

from tests.resilience.ledger import Ledger

Row = dict[str, Any]
Key = tuple[str, ...]
Kind = Literal["last", "merged", "merged over one", "older"]


@dataclass(frozen=True)
class Start:
    """Which state a run begins with.

    Attributes:
        kind: the last one printed; all of them deep-merged, one over the other; the last one over an older one; an
            older one as it was printed.
        number: which older one, counted round and round.
    """

    kind: Kind = "last"
    number: int = 0


class Target:
    """A target that upserts by key. What it got since the last STATE line may be lost when the tap is killed.

    Attributes:
        rows: what is held, by stream and key.
        state: of the last STATE line.
        states: how many STATE lines came in this run.
        merged: all states so far, deep-merged.
        ledger: the snapshots that a STATE line covers.
        again: rows of this run that were held before it began, by stream.
        lines: how many lines came in this run.
        records: how many of them are rows.
    """

    def __init__(self) -> None:
        self.rows: defaultdict[str, dict[Key, Row]] = defaultdict(dict)
        self.state: dict[str, Any] = {}
        self.merged: dict[str, Any] = {}
        self.ledger = Ledger()
        self.states = 0
        self.lines = self.records = 0
        self.again: defaultdict[str, list[Row]] = defaultdict(list)
        self._keys: dict[str, list[str]] = {}
        self._waiting: list[tuple[str, Row]] = []
        self._before: dict[str, set[Key]] = {}
        self._printed: list[tuple[dict[str, Any], int]] = []

    def start(self, start: Start) -> dict[str, Any]:
        """Return the state that a run begins with."""
        if not self._printed or start.kind == "last":
            return self.state
        number = start.number % len(self._printed)
        older, snapshots = self._printed[number]
        if start.kind == "merged":
            return self.merged
        if start.kind == "merged over one":
            return merged(older, self.state)
        # Whoever goes back to an older state goes back to what was counted then: later deltas begin there.
        del self._printed[number + 1 :]
        self.ledger.forget_after(snapshots)
        self.merged = older
        return older

    def begin(self) -> None:
        """A run begins."""
        self.states = self.lines = self.records = 0
        self.again.clear()
        self._before = {stream: set(rows) for stream, rows in self.rows.items()}

    def take(self, message: dict[str, Any]) -> None:
        """Take one message of the tap."""
        self.lines += 1
        if message["type"] == "SCHEMA":
            self._keys[message["stream"]] = message["key_properties"]
        elif message["type"] == "RECORD":
            row = message["record"]
            self.records += 1
            self._waiting.append((message["stream"], row))
            if self.key(message["stream"], row) in self._before.get(message["stream"], ()):
                self.again[message["stream"]].append(row)
        elif message["type"] == "STATE":
            self.state = message["value"]
            self.merged = merged(self.merged, self.state)
            self.states += 1
            for stream, row in self._waiting:
                self.ledger.enter(stream, row)
            self._load()
            self._printed.append((self.state, self.ledger.entered))

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


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return a state deep-merged over an older one, as Meltano does: objects member by member, all else replaced."""
    made = dict(old)
    for name, value in new.items():
        both = isinstance(value, dict) and isinstance(made.get(name), dict)
        made[name] = merged(made[name], value) if both else value
    return made


def executions(state: dict[str, Any]) -> Counter[str]:
    """Return the ids of the executions that a state remembers."""
    streams = state.get("bookmarks", {}).values()
    return Counter(entry["execution_id"] for stream in streams for entry in stream.get("executions", []))
