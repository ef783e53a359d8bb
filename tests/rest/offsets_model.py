"""Partitions deeper than offsets reach, read by the fan-out in virtual time: `python -m tests.rest.offsets_model`.

Everything comes from one number: how many workers, how deep, how slow, what changes meanwhile. No thread, no wire.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import queue
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from tap_usage.rest.connection import Connection, Request
from tap_usage.rest.loop import Loop
from tap_usage.rest.memory import MOST_BYTES
from tap_usage.rest.pages.query import Page, Reading
from tap_usage.rest.workers import Receiver, Workers
from tests.rest.scripted import POLL, Slow, given
from tests.rest.store import Store, data, pages
from tests.rest.virtual import Scales, VirtualClock, refusal

RUNS_PER_LINE = 1000


class EventClock(VirtualClock):
    """A clock that goes on to what happens next, or to the end of a wait."""

    def __init__(self) -> None:
        super().__init__()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def later(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.at + seconds, next(self._numbers), event))

    def wait(self, seconds: float) -> None:
        until = self.at + seconds
        while self._events and self._events[0][0] <= until:
            self._happen()
        self.at = until

    def receive(self, source: queue.SimpleQueue[Any], seconds: float) -> Any:  # noqa: ANN401 - whatever is queued
        until = self.at + seconds
        while source.empty() and self._events and self._events[0][0] <= until:
            self._happen()
        if not source.empty():
            return source.get_nowait()
        self.at = until
        return None

    def _happen(self) -> None:
        self.at, _, event = heapq.heappop(self._events)
        event()


class SlowWire(Workers):
    """Workers without threads: requests take virtual time, and are carried out at some moment of it.

    Attributes:
        most_sent: the most requests that were on their way together.
    """

    def __init__(
        self,
        dice: random.Random,
        serve: Callable[[Request], Any],
        max_concurrency: int,
        slow: float,
        clock: EventClock | None = None,
    ) -> None:
        self.clock = clock or EventClock()
        most = max_concurrency
        wire = SimpleNamespace(clock=self.clock, max_concurrency=most, allowed=most, send=serve)
        super().__init__(cast("Connection", wire), Loop(self.clock))
        self.most_sent = 0
        self._dice = dice
        self._slow = slow

    def submit(self, task: Callable[[], Any], receiver: Receiver, what: Any = None) -> None:  # noqa: ANN401
        self.in_flight += 1
        self.loop.awaited += 1
        self.most_sent = max(self.most_sent, self.in_flight)
        dice = self._dice
        seconds = dice.uniform(0.1, 0.4) * (dice.choice([10, 100]) if dice.random() < self._slow else 1)
        after = seconds * dice.choice([0.0, 1.0, dice.random()])

        def carry_out() -> None:
            outcome = task()
            self.clock.later(seconds - after, lambda: self.loop.put(partial(self._deliver, receiver, what, outcome)))

        self.clock.later(after, carry_out)


@dataclass
class Tally:
    """What was tried.

    Attributes:
        runs, partitions, rows, requests: how many.
        deep: partitions read in three segments or more.
        failed: readings that ended with an error, which only a list that moved, ties or faults may cause.
        full: runs in which the bytes that were allowed in memory were needed.
        seconds: how long the runs took, as their clocks say.
    """

    runs: int = 0
    partitions: int = 0
    rows: int = 0
    requests: int = 0
    deep: int = 0
    failed: int = 0
    full: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        """Return the figures in one line."""
        return (
            f"{self.runs} runs, {self.partitions} partitions ({self.deep} of three segments and more), "
            f"{self.rows} rows, {self.requests} requests, {self.failed} failed with a reason, "
            f"{self.full} filled the memory, {self.seconds:.0f} s"
        )


@dataclass
class Partition:
    """One list at the vendor, what was given of it, and whether anything in it may excuse a failure."""

    store: Store
    reading: Reading
    quiet: bool
    faults: set[int] = field(default_factory=set)
    given: list[str] = field(default_factory=list)

    def serve(self, request: Request) -> Any:  # noqa: ANN401 - an answer or an exception
        body = self.store(request)
        return refusal(503) if len(self.store.asked) in self.faults else body

    def take(self, page: Page) -> None:
        """Check that the mark tells the truth: whatever stays below it has been given."""
        self.given += [row["id"] for row in page.rows]
        if page.mark is not None:
            below = {row["id"] for row in self.store.rows if row["used_on"] < page.mark} & self.store.stayed
            assert below <= set(self.given), f"the mark {page.mark} claims {below - set(self.given)}"

    def check(self) -> None:
        """Check that all is there, once, or that the failure has its reason."""
        error, names = str(self.reading.error or ""), set(self.given)
        assert len(names) == len(self.given) == self.reading.received, "a row was given twice"
        assert error or self.store.stayed <= names, f"missing: {self.store.stayed - names}"
        if self.quiet:
            asked = self.store.asked
            assert self.given == [row["id"] for row in self.store.ordered()][: len(names)]
            assert len(set(asked)) == len(asked), "a page was asked for twice"
        if "share used_on" in error:
            ties = Counter(row["used_on"] for row in self.store.rows)
            assert max(ties.values()) > self.store.max_offset, "offsets reach as deep as the rows of one time"
        elif error:
            assert ("twice in a row" in error and not self.quiet) or ("HTTP 503" in error and self.faults), error


def partition_of(dice: random.Random, place: int) -> Partition:
    """Return a partition of mostly three segments and more, which may change while it is read."""
    count = dice.randint(0, 120)
    size = dice.randint(2, 7)
    max_offset = dice.randint(size, max(size, count // dice.randint(3, 6)))
    times = sorted(dice.randrange(max(1, int(count * dice.choice([0.3, 1, 5])))) for _ in range(count))
    kind = dice.choice(["quiet", "quiet", "moving", "moving", "shuffled"])
    changes: dict[int, list[tuple[str, int]]] = {}
    for _ in range(dice.randint(1, 6) if kind == "moving" else 0):
        change = dice.choice(["insert", "insert", "delete"]), dice.randrange(count * 2 + 1)
        changes.setdefault(dice.randint(1, 2 + count // size), []).append(change)
    store = Store(
        times,
        clamp=dice.choice([1000, 1000, 1000, max(2, size - 1)]),
        method=dice.choice(["exact", "exact", "exact", "missing", "lower_bound"]),
        changes=changes,
        shuffle=random.Random(dice.random()) if kind == "shuffled" else None,  # noqa: S311 - repeatable
        max_offset=max_offset,
    )
    faults = {dice.randint(1, 30)} if dice.random() < 0.1 else set()
    reading = pages(size=size, max_offset=max_offset).read(data(f"/{place}"))
    return Partition(store, reading, kind == "quiet", faults)


def run(seed: int, tally: Tally) -> None:
    """Read some partitions side by side; raise AssertionError if that stands still or gives anything but the truth."""
    dice = random.Random(seed)  # noqa: S311 - repeatable
    partitions = [partition_of(dice, place) for place in range(dice.randint(1, 5))]
    most = dice.randint(1, 8)
    polls = [
        Slow(dice.randint(1, 5), dice.choice([0.0, 1.0, 30.0])) for _ in range(dice.choice([0, 0, dice.randint(1, 9)]))
    ]
    slow, idle = dice.choice([0.0, 0.02, 0.2]), dice.choice([0.0, 0.0, 1.0])
    scales, largest = Scales(), dice.choice([0, 10_000, 500_000, 3_000_000, 30_000_000])
    sizes = random.Random(seed)  # noqa: S311 - repeatable

    def serve(request: Request) -> Any:  # noqa: ANN401 - an answer or an exception
        body = {} if request.path == POLL else partitions[int(request.path[1:])].serve(request)
        return body if isinstance(body, Exception) else scales.answer(body, sizes.randint(largest // 2, largest))

    wire = SlowWire(dice, serve, most, slow)
    # Beside what may wait: one for each request, what the first reading needs, and what was given last.
    allowed = MOST_BYTES + (most + 2) * largest
    held = 0
    readings: list[tuple[Partition | None, Reading]] = [(partition, partition.reading) for partition in partitions]
    readings += [(None, poll) for poll in polls]
    dice.shuffle(readings)
    began = wire.clock.at
    for event in given(wire, enumerate(reading for _, reading in readings)):
        held = max(held, scales.weight)
        partition, _ = readings[event.key]
        if event.page:
            wire.clock.wait(idle * dice.random())
        if partition and event.page:
            partition.take(event.page)
        elif partition:
            partition.check()
    assert wire.most_sent <= most
    assert held <= allowed, f"{held} bytes in memory, {allowed} allowed"
    assert all(reading.finished for _, reading in readings)
    tally.runs += 1
    tally.partitions += len(partitions)
    tally.full += held > MOST_BYTES / 2
    tally.seconds += wire.clock.at - began
    for partition in partitions:
        tally.rows += len(partition.given)
        tally.requests += len(partition.store.asked)
        tally.deep += len({start for start, _, _ in partition.store.asked}) > 2
        tally.failed += partition.reading.error is not None


def main() -> int:
    """Try one number after the other for some minutes; return 1 if one went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0, help="the first number")
    options = parser.parse_args()
    tally, until = Tally(), time.monotonic() + options.minutes * 60
    for seed in itertools.count(options.seed):
        if time.monotonic() >= until:
            break
        try:
            run(seed, tally)
        except AssertionError as error:
            sys.stdout.write(f"{tally}\nseed {seed}: {error}\n")
            return 1
        if tally.runs % RUNS_PER_LINE == 0:
            sys.stdout.write(f"{tally}\n")
    sys.stdout.write(f"{tally}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
