"""Snapshots of counters that only ever grow: what they grew by since an earlier day."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tap_usage.state import utc_text


@dataclass(frozen=True)
class Counters:
    """Which fields of a stream are cumulative counters, and which field tells what they belong to.

    Attributes:
        identity: field that tells one set of counters from another.
        names: the counters.
    """

    identity: str
    names: tuple[str, ...]


class Snapshots:
    """The last snapshots of a stream, a view on its part of the Singer state.

    For every set of counters the state holds the last snapshot (`on`, `at`, `counts`) and, as `base`, the last one of
    an earlier day: a second run on one day counts from the same base again and replaces the day's row. A counter that
    an answer leaves out keeps its last known value, so that nothing is lost when it comes back.
    """

    def __init__(self, state: dict[str, Any], counters: Counters) -> None:
        self._entries: dict[str, dict[str, Any]] = state.setdefault("snapshots", {})
        self._counters = counters

    def stamp(self, row: dict[str, Any], observed: datetime) -> None:
        """Add `observed_at`, `observed_on`, the deltas, `delta_since` and `counter_reset` to a row, and remember it.

        Args:
            row: a row of the stream, with its identity; changed in place.
            observed: the vendor's clock when it answered.
        """
        at = utc_text(observed)
        on = at[:10]
        last = self._entries.get(str(row[self._counters.identity]))
        base = (last if last["on"] < on else last.get("base")) if last else None
        known = base["counts"] if base else {}
        row["observed_at"] = at
        row["observed_on"] = on
        row["delta_since"] = base["at"] if base else None
        row["counter_reset"] = False
        counts = dict(known)
        for name in self._counters.names:
            value, before = row.get(name), known.get(name)
            delta = None
            if isinstance(value, int) and not isinstance(value, bool):
                counts[name] = value
                if before is not None:
                    row["counter_reset"] |= value < before
                    delta = value if value < before else value - before
            row[f"{name}_delta"] = delta
        entry: dict[str, Any] = {"on": on, "at": at, "counts": counts}
        if base:
            entry["base"] = {"on": base["on"], "at": base["at"], "counts": base["counts"]}
        self._entries[str(row[self._counters.identity])] = entry

    def keep_only(self, known: Collection[str]) -> None:
        """Forget what no longer exists."""
        for key in self._entries.keys() - set(known):
            del self._entries[key]
