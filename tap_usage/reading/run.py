"""What one run knows: what failed, what was listed, what was read, and where that is written down."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol

from tap_usage.reading.failures import Failures
from tap_usage.reading.meter import Meter
from tap_usage.reading.sheet import Context, Sheet
from tap_usage.reading.state import VALUE
from tap_usage.rest.errors import ReadError


@dataclass(frozen=True)
class Listing:
    """The partitions that a parent lists.

    Attributes:
        contexts: id and context fields of each, in the order of the ids.
        complete: these are all.
    """

    contexts: tuple[tuple[str, Context], ...] = ()
    complete: bool = False


class States(Protocol):
    """Who writes the state."""

    def write(self, *, now: bool = False, last: bool = False) -> None:
        """Write a line if the state has changed and one is due; `now` and `last` make it due."""

    def hurry(self) -> None:
        """Have the next `write` write a line."""


@dataclass
class Run:
    """What one run knows.

    Attributes:
        state: the Singer state, changed in place as rows are given on.
        told: what STATE lines say: the same, or, where rows wait for a file of theirs, what was committed.
        states: writes the lines, None for a run that writes none.
        failures: what failed.
        listed: what parents list.
        whole: what was read to its end, and nothing that was listed was missing.
        listed_again: what was asked to find out whether a parent still is there.
        meters: how far each stream is, by name.
        before: the bookmarks that the given state has, by stream, where they could be read.
    """

    state: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    states: States | None = None
    failures: Failures = field(default_factory=Failures)
    listed: dict[type[Sheet], Listing] = field(default_factory=dict)
    whole: set[type[Sheet]] = field(default_factory=set)
    listed_again: dict[type[Sheet], Run] = field(default_factory=dict)
    meters: dict[str, Meter] = field(default_factory=dict)
    before: dict[str, str | None] = field(default_factory=dict)

    def state_of(self, stream: str, *, fresh: bool = False) -> dict[str, Any]:
        """Return the part of the state that belongs to a stream; `fresh`: what was there is forgotten."""
        bookmarks: dict[str, dict[str, Any]] = self.state.setdefault("bookmarks", {})
        if fresh:
            bookmarks.pop(stream, None)
        return bookmarks.setdefault(stream, {})

    def bookmark(self, stream: str) -> tuple[str | None, str | None]:
        """Return the bookmark that a stream had in the given state, and the one that STATE lines speak of now."""
        if stream not in self.before:
            return None, None
        return self.before[stream], self.told.get("bookmarks", {}).get(stream, {}).get(VALUE)

    def commit(self, stream: str) -> None:
        """Take note that all rows of a stream that its bookmark speaks of were written."""
        if self.told is not self.state:
            self.told.setdefault("bookmarks", {})[stream] = deepcopy(self.state_of(stream))

    def save(self, *, now: bool = False, last: bool = False) -> None:
        """Write the state, if it has changed and a line is due."""
        if self.states:
            self.states.write(now=now, last=last)

    def hurry(self) -> None:
        """Have the state written soon."""
        if self.states:
            self.states.hurry()

    def failed(self, sheet: Sheet, where: str, error: Exception) -> None:
        """Note the failure of a partition or window, or of all of it; it is named at the end of the run."""
        text = self.failures.add(sheet.subject, where, error)
        unexpected = None if isinstance(error, ReadError) else error
        sheet.logger.debug("%s: %s", where or "all of it", text, exc_info=unexpected)
