"""A loader that keeps what it was given, and the lines in between, at any of which the tap may be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from tap_usage.vendors import VENDORS
from tests.resilience.ledger import COUNTERS
from tests.resilience.target import merged
from tests.simulation.clock import Killed

Row = dict[str, Any]
Key = tuple[Any, ...]

KEYS: dict[str, tuple[str, ...]] = {sheet.name: tuple(sheet.primary_keys) for v in VENDORS for sheet in v.streams}
decode = msgspec.json.decode


class Loader:
    """Upserts by key. What came since the last STATE line may be lost when the tap is killed.

    Attributes:
        rows: what is held, by stream and key.
        snapshots: those that a STATE line covers, with their streams, in the order in which they came.
        records, states: how many came in this run.
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[Key, Row]] = {stream: {} for stream in KEYS}
        self.snapshots: list[tuple[str, Row]] = []
        self.records = self.states = 0
        self._known: set[str] = set()
        self._printed: list[tuple[bytes, int]] = []
        self._waiting: list[tuple[str, Row]] = []

    @property
    def state(self) -> dict[str, Any]:
        """The last STATE."""
        return decode(self._printed[-1][0]) if self._printed else {}

    @property
    def state_bytes(self) -> int:
        return len(self._printed[-1][0]) if self._printed else 0

    def start(self, kind: str, share: float) -> dict[str, Any]:
        """Return the state that a run begins with.

        Args:
            kind: `last`; `merged` (all of them, one over the other); `over one` (the last one over an older one);
                `older`.
            share: which older one, from 0 for the first to 1.
        """
        if not self._printed or kind == "last":
            return self.state
        number = int(share * len(self._printed))
        older, snapshots = self._printed[number]
        if kind == "older":
            # Whoever goes back to an older state goes back to what was counted then: later deltas begin there.
            del self._printed[number + 1 :]
            del self.snapshots[snapshots:]
            return self.state
        state = decode(older)
        for text, _ in self._printed[number + 1 :] if kind == "merged" else self._printed[-1:]:
            state = merged(state, decode(text))
        return state

    def begin(self) -> None:
        self.records = self.states = 0
        self._known.clear()

    def take_schema(self, stream: str) -> None:
        self._known.add(stream)

    def take_row(self, stream: str, row: Row) -> None:
        assert stream in self._known, f"a row of {stream} before its SCHEMA"
        self.records += 1
        self._waiting.append((stream, row))

    def take_state(self, encoded: bytes) -> None:
        self.states += 1
        self.snapshots += [(stream, row) for stream, row in self._waiting if stream in COUNTERS]
        self._load()
        self._printed.append((encoded, len(self.snapshots)))

    def end(self, *, loaded: bool) -> None:
        """The run is over; `loaded` tells whether what came after its last STATE line was kept."""
        if loaded:
            self._load()
        self._waiting.clear()

    def _load(self) -> None:
        for stream, row in self._waiting:
            self.rows[stream][tuple([row[name] for name in KEYS[stream]])] = row
        self._waiting.clear()


class Lines:
    """What a run writes, as the tap's own writer takes it; the loader gets each line at once.

    Args:
        loader: gets the lines.
        most: lines after which the tap is killed.
        pace: is called with the number of rows that are about to be written, and takes its time.

    Attributes:
        written, records: about the bytes of all lines, and of RECORD lines, so far.
    """

    def __init__(self, loader: Loader, most: int | None, pace: Callable[[int], None]) -> None:
        self._loader = loader
        self._left = -1 if most is None else most
        self._pace = pace
        self.written = 0
        self.records = 0

    def write_schema(self, stream: str) -> None:
        self._line()
        self._loader.take_schema(stream)

    def write_records(self, stream: str, rows: Iterable[Row]) -> None:
        rows = list(rows)
        self._pace(len(rows))
        for row in rows:
            self._line()
            self._loader.take_row(stream, row)
        self.records += 300 * len(rows)
        self.written += 300 * len(rows)

    def write_state(self, encoded: bytes) -> None:
        self._line()
        self._loader.take_state(encoded)
        self.written += len(encoded)

    def flush(self) -> None: ...

    def _line(self) -> None:
        if not self._left:
            raise Killed
        self._left -= 1
