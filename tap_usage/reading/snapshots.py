"""Snapshots of counters that only ever grow: what they grew by since an earlier day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tap_usage.reading.state import KEPT, refuse_future
from tap_usage.rest.errors import ContradictionError, ReadError
from tap_usage.rest.request import Json
from tap_usage.times import instant, shifted, utc_text

MILLISECOND = timedelta(milliseconds=1)
A_DAY = timedelta(days=1)  # less does no harm: time never goes back for a set of counters
EPOCH = datetime.fromtimestamp(0, UTC)

Counts = list[int | None]


@dataclass(frozen=True)
class Counters:
    """Which fields of a stream are cumulative counters, and which field tells what they belong to.

    Attributes:
        identity: field that tells one set of counters from another.
        names: the counters.
    """

    identity: str
    names: tuple[str, ...]


@dataclass
class Entry:
    """What is known of one set of counters; in the state a list of these, times as Unix milliseconds.

    Attributes:
        at: when it was last seen.
        since: when it was last seen on an earlier day than that, None if never.
        counts: the last value of each counter, None if it never came.
        growth: what each counter grew by since then, None if it was not known then.
        reset: whether one fell since then.
    """

    at: int
    since: int | None
    counts: Counts
    growth: Counts
    reset: bool = False

    @property
    def day(self) -> str:
        return _text(self.at)[:10]

    def see(self, at: int, values: Counts) -> None:
        """Take a later observation. A counter that an answer leaves out keeps its last value."""
        if _text(at)[:10] > self.day:
            self.since = self.at
            self.growth = [None if before is None else 0 for before in self.counts]
            self.reset = False
        self.at = at
        for place, (value, before, grown) in enumerate(zip(values, self.counts, self.growth, strict=True)):
            if value is None:
                continue
            self.counts[place] = value
            if before is not None and grown is not None:
                fell = value < before
                self.reset |= fell
                self.growth[place] = grown + (value if fell else value - before)


class Snapshots:
    """The last snapshots of a stream, a view on its part of the Singer state.

    A second run on one day counts on from the first one and replaces the day's row, so that the deltas of all days add
    up to the growth of the counter, also over a reset in the middle of a day. What was not seen for 35 days is
    forgotten, whatever hid it.

    Args:
        state: the stream's part of the state; it is changed in place.
        counters: of the stream.
        now: the vendor's clock.

    Raises:
        ReadError: when the state cannot be read, or speaks of a later time; it is left as it is.
    """

    def __init__(self, state: dict[str, Any], counters: Counters, now: datetime) -> None:
        self._counters = counters
        before = _milliseconds(shifted(now, -KEPT))
        try:
            given = {key: _entry(told, counters.names) for key, told in state.get("snapshots", {}).items()}
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ReadError("the snapshots in the given state cannot be read; correct or remove them") from None
        refuse_future(max((_text(entry.at) for entry in given.values()), default=None), now, A_DAY)
        self._state = state["snapshots"] = {key: _told(entry) for key, entry in given.items() if entry.at >= before}
        self._stamped: dict[str, list[Any]] = {}

    def stamp(self, rows: Iterable[dict[str, Any]], observed: datetime) -> None:
        """Add `observed_at`, `observed_on`, the deltas, `delta_since` and `counter_reset` to rows; see `keep`.

        Args:
            rows: all rows of one answer, each with its identity; changed in place.
            observed: the vendor's clock when it answered.

        Raises:
            ContradictionError: when two rows speak of the same counters.
        """
        rows = list(rows)
        self._stamped = {}
        names = [str(row[self._counters.identity]) for row in rows]
        if len(set(names)) < len(names):
            raise ContradictionError(
                f"{len(names)} rows came for {len(set(names))} of `{self._counters.identity}`: which one counts?"
            )
        for name, row in zip(names, rows, strict=True):
            self._stamp(name, row, _milliseconds(observed))

    def keep(self) -> None:
        """Remember the rows that were stamped last: they were written."""
        self._state.update(self._stamped)

    def _stamp(self, name: str, row: dict[str, Any], at: int) -> None:
        values = [_count(row.get(counter)) for counter in self._counters.names]
        if told := self._state.get(name):
            entry = Entry(*deepcopy(told))
            entry.see(max(at, entry.at), values)  # servers' clocks differ a little
        else:
            entry = Entry(at, None, values, [None] * len(values))
        self._stamped[name] = _told(entry)
        row["observed_at"] = _text(entry.at)
        row["observed_on"] = entry.day
        row["delta_since"] = None if entry.since is None else _text(entry.since)
        row["counter_reset"] = entry.reset
        for counter, value, growth in zip(self._counters.names, values, entry.growth, strict=True):
            row[f"{counter}_delta"] = None if value is None else growth


def _told(entry: Entry) -> list[Any]:
    return [entry.at, entry.since, list(entry.counts), list(entry.growth), entry.reset]


def _entry(told: Json, names: tuple[str, ...]) -> Entry:
    """Read an entry of the state; 0.1.0 wrote `on`, `at` and `counts`, and the same of an earlier day as `base`.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: if it is none.
    """
    if isinstance(told, Mapping):
        first, *later = [told["base"], told] if told.get("base") else [told]
        entry = Entry(_at(first["at"]), None, [first["counts"].get(name) for name in names], [None] * len(names))
        for snapshot in later:
            entry.see(_at(snapshot["at"]), [snapshot["counts"].get(name) for name in names])
        return entry
    entry = Entry(*told)
    if len(entry.counts) != len(names) or len(entry.growth) != len(names) or not isinstance(entry.at, int):
        raise ValueError(told)
    return entry


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _at(text: str) -> int:
    return _milliseconds(instant(text))


def _milliseconds(at: datetime) -> int:
    return (at - EPOCH) // MILLISECOND


def _text(milliseconds: int) -> str:
    return utc_text(EPOCH + milliseconds * MILLISECOND)
