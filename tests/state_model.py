"""Lives of a tap's bookmarks as functions of a seed: whatever runs and loaders do, nothing is lost.

A life is a row of runs. Lists miss partitions, filters change, partitions fail, answer 404 or contradict themselves,
`end_date` bounds a run, a kill ends it anywhere. The next run starts from any STATE line that was ever printed, or from
one merged over another, and a loader holds only what was written before that line.

`python -m tests.state_model --minutes 5 --seed 1` lives as many as fit.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from tap_usage.reading.progress import Ordered, Windowed
from tap_usage.reading.sheet import Unit
from tap_usage.reading.state import Bookmarks
from tap_usage.reading.windows import Calendar, add, floor
from tap_usage.rest.pages.query import Page
from tap_usage.times import instant, utc_text
from tests.state_life import CONTRADICTS, IDENTITY, Held, Life, Over

EPOCH = datetime(2026, 11, 2, tzinfo=UTC)
PAGE = 2


class Shop(Life):
    """Rows in an order, of which some become visible late. Time is counted in minutes."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.lookback = self.random.choice([0, 10])
        self.now = 0
        self.rows: dict[str, list[tuple[int, int]]] = {partition: [] for partition in self.partitions}
        self._number = 0

    def grow(self) -> None:
        self.now += self.random.choice([1, 5, 30, 90, 60 * 24 * 40])
        for _ in range(self.random.randint(0, 8)):
            self._use(self.random.choice(self.partitions))
        if self.random.random() < 0.2:
            self.partitions.append(f"p{len(self.partitions)}")
            history = [(self.random.randint(0, self.now), -number - 1) for number in range(3)]
            self.rows[self.partitions[-1]] = history

    def _use(self, partition: str) -> None:
        self._number += 1
        self.rows[partition].append((self.now - self.random.randint(0, self.lookback), self._number))

    def truth(self) -> Held:
        return {(partition, row): 0 for partition, rows in self.rows.items() for row in rows if row[0] <= self.now}

    def run(self, listed: list[str], *, complete: bool, end: int | None, trouble: dict[str, tuple[str, int]]) -> None:
        until = None if end is None else self._at(self.now - end)
        bookmarks = Bookmarks(self.state, "used_on", IDENTITY)
        lookback = timedelta(minutes=self.lookback)
        progress = Ordered(bookmarks, self._at(self.now), lookback, None, until, listed=listed, complete=complete)
        self._print()
        for unit in self._units(progress, listed):
            self._read(progress, unit, until, *trouble.get(unit.partition, ("", 0)))
        progress.end()
        self._print()

    def _read(self, progress: Ordered, unit: Unit, until: datetime | None, how: str, after: int) -> None:
        start = instant(unit.start) if unit.start else None
        rows = sorted(self.rows[unit.partition])
        rows = [
            row for row in rows if (not start or self._at(row[0]) >= start) and (not until or self._at(row[0]) < until)
        ]
        for number, at in enumerate(range(0, max(1, len(rows)), PAGE)):
            self._step()
            page = rows[at : at + PAGE]
            if how and number == after:
                if how == CONTRADICTS and page:  # a row is missing on the page that gives it away
                    progress.page(unit, Page([], None, EPOCH, utc_text(self._at(page[-1][0]))))
                break
            self.held |= {(unit.partition, row): 0 for row in page}
            self.now += self.random.randint(0, 1)
            self._use(unit.partition)
            progress.page(unit, Page([], None, EPOCH, utc_text(self._at(page[-1][0])) if page else None))
            self._print()
        else:
            how = ""
            self._step()
        progress.done(unit, Over(how))
        self._print()

    def _at(self, minute: int) -> datetime:
        return EPOCH + timedelta(minutes=minute)

    def _begin_with_a_state_of_old(self) -> None:
        """Begin with what 0.1.0 left: one bookmark, a filter, partitions that were behind, an interrupted pass."""
        for _ in range(3):
            self.grow()
        reached = {partition: self.random.randint(0, self.now) for partition in self.partitions}
        value, behind = max(reached.values()), {p: at for p, at in reached.items() if self.random.random() < 0.3}
        scope = [partition for partition in self.partitions if self.random.random() < 0.8]
        self.state = {
            "replication_key": "used_on",
            "replication_key_value": utc_text(self._at(value)),
            "partitions": [
                {"context": {IDENTITY: partition}, "replication_key_value": utc_text(self._at(at))}
                for partition, at in behind.items()
            ],
            "scope": scope,
        }
        values = {partition: behind.get(partition, value) for partition in [*scope, *behind]}
        if self.random.random() < 0.5:
            after = self.random.choice(self.partitions)
            passed = {"after": after, "latest": utc_text(self._at(self.now)), "scope": None}
            self.state["pass"] = passed | {"bound": utc_text(self._at(self.now))}
            values |= {p: self.now for p in self.partitions if p <= after and p not in behind}
        for partition, at in values.items():
            self.held |= {(partition, row): 0 for row in self.rows[partition] if row[0] <= at}
        self._print(1.0)


class Ledger(Life):
    """Rows of days or weeks that change for a while after they ended; a version is the days since their start."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.lookback = self.random.randint(0, 3)
        self.span = self.random.randint(1, 9)
        self.first = EPOCH.date() - timedelta(days=self.random.randint(0, 20))
        self.today = EPOCH.date()
        self.bucket = "day"

    def grow(self) -> None:
        self.today += timedelta(days=self.random.choice([0, 0, 1, 1, 2, 5, 40]))
        self.bucket = self.random.choice(["day", "day", "day", "week"])
        if self.random.random() < 0.2:
            self.partitions.append(f"p{len(self.partitions)}")

    def truth(self) -> Held:
        return {
            (self.bucket, partition, day): self._version(day)
            for partition in self.partitions
            for day in self._buckets(floor(self.first, self.bucket), self.today)
        }

    def run(self, listed: list[str], *, complete: bool, end: int | None, trouble: dict[str, tuple[str, int]]) -> None:
        until = None if end is None else self.today - timedelta(days=end % 9)
        calendar = Calendar(
            bucket=self.bucket,
            span=self.span,
            step="day",
            lookback=self.lookback,
            today=self.today,
            open_end=False,
            start_date=self.first,
            end_date=until,
        )
        now = datetime.combine(self.today, datetime.min.time(), UTC) + timedelta(hours=12)
        bookmarks = Bookmarks(self.state, "date", IDENTITY, self.bucket)
        progress = Windowed(
            bookmarks, calendar, now, lambda: now, with_time=bool(self.span % 2), listed=listed, complete=complete
        )
        self._print()
        read: dict[str, int] = {}
        for unit in self._units(progress, listed):
            self._step()
            how, after = trouble.get(unit.partition, ("", 0))
            fails = bool(how) and read.setdefault(unit.partition, 0) == after
            read[unit.partition] = read.get(unit.partition, 0) + 1
            if not fails and unit.window:
                days = self._buckets(unit.window.start, unit.window.end)
                self.held |= {(self.bucket, unit.partition, day): self._version(day) for day in days}
            progress.done(unit, Over(how if fails else ""))
            self._print()
        progress.end()
        self._print()

    def _buckets(self, start: date, end: date) -> Iterator[date]:
        while start < end:
            yield start
            start = add(start, self.bucket, 1)

    def _version(self, day: date) -> int:
        settled = add(day, self.bucket, 1) + timedelta(days=self.lookback)
        return (min(self.today, settled) - day).days

    def _begin_with_a_state_of_old(self) -> None:
        """Begin with what a plain SDK tap left: partitions with a bookmark each."""
        self.bucket = "day"
        bookmark = self.today - timedelta(days=1)
        self.state = {
            "query": "day",
            "partitions": [
                {"context": {IDENTITY: partition}, "replication_key_value": bookmark.isoformat()}
                for partition in self.partitions[::2]
            ],
        }
        for partition in self.partitions[::2]:
            days = self._buckets(self.first, self.today)
            self.held |= {("day", partition, day): self._version(day) for day in days}
        self._print(1.0)


KINDS = (Shop, Ledger)


def main() -> None:
    """Live for a while, and print figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311 - a simulation
    arguments = parser.parse_args()
    until = time.monotonic() + 60 * arguments.minutes
    lives = lines = 0
    while time.monotonic() < until:
        for kind in KINDS:
            life = kind(arguments.seed + lives)
            try:
                life.live()
            except AssertionError as error:
                raise SystemExit(f"{kind.__name__}({arguments.seed + lives}) lost {error}") from None
            lines += len(life.lines)
        lives += 1
    print(f"bookmarks: {lives * len(KINDS)} lives from seed {arguments.seed}, nothing lost")  # noqa: T201 - figures


if __name__ == "__main__":
    main()
