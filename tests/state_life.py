"""Runs, kills, loaders and troubles: what a life of bookmarks is made of, whatever the vendor (see `state_model`)."""

from __future__ import annotations

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tap_usage.reading.progress import Bookmarked, Unit
from tap_usage.rest.connection import Answer
from tap_usage.rest.errors import ContradictionError
from tap_usage.rest.pages.query import Ask, Reading

IDENTITY = "promotion_id"
MOST_STATE_BYTES_PER_PARTITION = 10
MOST_STATE_BYTES = 2000
GONE, FAILS, CONTRADICTS = "gone", "fails", "contradicts"

State = dict[str, Any]
Held = dict[Any, int]


class Killed(Exception):  # noqa: N818 - not an error
    """The run was ended."""


class Over(Reading):
    """A reading that is over, well or badly."""

    def __init__(self, how: str = "") -> None:
        super().__init__()
        self.vanished = how == GONE
        self.error = {FAILS: ValueError(), CONTRADICTS: ContradictionError()}.get(how)

    def next_ask(self) -> Ask | None:
        return None

    def take(self, ask: Ask, answer: Answer) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Line:
    """A STATE line, and what a loader holds that kept everything before it (row: version)."""

    text: str
    held: Held


def written(state: State) -> str:
    return json.dumps(state, default=str)


def merged(new: State, stored: State) -> State:
    """Merge as orchestrators do: objects recursively, everything else is replaced."""
    for key, value in new.items():
        if isinstance(value, dict):
            merged(value, stored.setdefault(key, {}))
        else:
            stored[key] = value
    return stored


class Life(ABC):
    """A vendor and the runs of a tap.

    Args:
        seed: decides everything.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a simulation
        self.partitions = [f"p{number}" for number in range(self.random.randint(1, 6))]
        self.lines: list[Line] = []
        self.held: Held = {}
        self.state: State = {}
        self._left: int | None = None

    def live(self) -> None:
        """Live, and check what is held in the end."""
        if self.random.random() < 0.3:
            self._begin_with_a_state_of_old()
        for _ in range(self.random.randint(1, 10)):
            self.grow()
            self._take_up()
            self._left = self.random.choice([None, None, self.random.randint(0, 15)])
            try:
                self.run(self._listed(), complete=self.random.random() < 0.9, end=self._end(), trouble=self._trouble())
            except Killed:
                continue
            self._print(1.0)
        self.grow()
        self._take_up()
        self._left = None
        for _ in range(2):  # the first one may only finish what was interrupted
            truth = self.truth()
            self.run(self.partitions, complete=True, end=None, trouble={})
            self.state = json.loads(written(self.state))
        lost = {row: version for row, version in truth.items() if self.held.get(row, -1) < version}
        assert not lost, lost
        allowed = MOST_STATE_BYTES + MOST_STATE_BYTES_PER_PARTITION * len(self.partitions)
        assert len(written(self.state)) <= allowed

    @abstractmethod
    def grow(self) -> None:
        """Let time pass, and things be used."""

    @abstractmethod
    def truth(self) -> Held:
        """Return what has to be held after a run that begins now."""

    @abstractmethod
    def run(self, listed: list[str], *, complete: bool, end: int | None, trouble: dict[str, tuple[str, int]]) -> None:
        """Run, from `state` on."""

    @abstractmethod
    def _begin_with_a_state_of_old(self) -> None: ...

    def _listed(self) -> list[str]:
        if self.random.random() < 0.1:
            return []
        share = self.random.choice([1.0, 1.0, 0.8, 0.4])
        return [partition for partition in self.partitions if self.random.random() < share]

    def _end(self) -> int | None:
        return self.random.choice([None, None, None, self.random.randint(0, 200)])

    def _trouble(self) -> dict[str, tuple[str, int]]:
        """Return what happens to a partition, and after how many pages or windows."""
        kinds = (GONE, FAILS, FAILS, CONTRADICTS)
        return {
            partition: (self.random.choice(kinds), self.random.randint(0, 2))
            for partition in self.partitions
            if self.random.random() < 0.25
        }

    def _take_up(self) -> None:
        """Choose the state of the next run among the lines that were printed."""
        if not self.lines:
            self.state, self.held = {}, {}
            return
        line = self.random.choice([self.lines[-1], self.lines[-1], self.random.choice(self.lines)])
        self.state, self.held = json.loads(line.text), dict(line.held)
        if self.random.random() < 0.3:
            under = self.random.choice(self.lines)
            self.state = merged(self.state, json.loads(under.text))
            self.held = {row: max(self.held.get(row, -1), under.held.get(row, -1)) for row in self.held | under.held}

    def _step(self) -> None:
        if self._left == 0:
            raise Killed
        if self._left is not None:
            self._left -= 1

    def _print(self, share: float = 0.4) -> None:
        if self.random.random() < share:
            self.lines = [*self.lines[-9:], Line(written(self.state), dict(self.held))]

    def _units(self, progress: Bookmarked, listed: list[str]) -> Iterator[Unit]:
        yield from progress.units([(partition, {IDENTITY: partition}) for partition in sorted(listed)])
