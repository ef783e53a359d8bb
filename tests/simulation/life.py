"""A whole life of the tap, which is a function of a seed: days of runs against vendors that change and fail."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from tests.simulation.clock import DAY, EPOCH, NEVER, SimulatedClock, StandsStill, day_text, time_text
from tests.simulation.engine import Engine
from tests.simulation.faults import SILENT, Fault, draw
from tests.simulation.judge import bookmarks, missing, odd_deltas, odd_state
from tests.simulation.loader import Lines, Loader
from tests.simulation.vendors import KINDS
from tests.simulation.vendors.vendor import Vendor
from tests.simulation.wire import MONTH, Weather

GAPS = (0.0, 5.0, 90.0, 1200.0, 7200.0, 7200.0, DAY / 2, DAY, DAY, 2 * DAY, 6 * DAY, 22 * DAY)
STARTS = ("last", "last", "last", "merged", "over one", "older")
AHEAD = (0.0, 0.0, 0.0, 40.0, -3000.0, 70_000.0, -70_000.0)
FOREIGN = (3 * DAY, -3 * DAY, MONTH)
DEFECTS = ("defect", "unexpected", "report")


class Wrong(AssertionError):
    """Something is not as it has to be."""


@dataclass
class Figures:
    """What lives consisted of.

    Attributes:
        runs: all of them.
        failed, killed, stopped: those that ended so.
        requests, rows, states: that were seen.
        owed: rows whose presence was judged.
        days: simulated.
        faults: requests that went wrong, by kind.
    """

    lives: int = 0
    runs: int = 0
    failed: int = 0
    killed: int = 0
    stopped: int = 0
    requests: int = 0
    rows: int = 0
    states: int = 0
    owed: int = 0
    days: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, other: Figures) -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass
class Outcome:
    """How a run went: exit code, None when it was killed; when it began and ended; its failures; what hit it."""

    code: int | None
    began: float
    ended: float
    failures: list[str]
    weather: Weather

    @property
    def honest(self) -> bool:
        """Nothing hit it that it could not have noticed."""
        return not (self.weather.hit.keys() & {*SILENT, "odd_date", "no_date"}) and not self.weather.dates


class Life:
    """The life of a seed.

    Args:
        seed: decides everything.
        figures: are added to.
        tell: gets the story, line by line.
    """

    def __init__(self, seed: int, figures: Figures, tell: Callable[[str], object] | None = None) -> None:
        self._dice = dice = random.Random(seed)  # noqa: S311 - a simulation
        random.seed(seed)  # for the tap's own waits
        self._figures = figures
        self._tell = tell
        self._loader = Loader()
        self._at = 20 * DAY + dice.random() * 9 * DAY
        kinds = [kind for kind in KINDS if dice.random() < 0.5] or [dice.choice(KINDS)]
        kinds = list(KINDS) if dice.random() < 0.3 else kinds
        self._vendors: list[Vendor] = [kind(dice, self._at) for kind in kinds]
        self._start_day = int(self._at // DAY) - dice.choice((2, 5, 5, 9, 16))
        self._config: dict[str, Any] = {
            "start_date": day_text(self._start_day),
            "max_concurrency": dice.choice((1, 2, 3, 8)),
            "max_retries": dice.choice((1, 2, 3, 4)),
            "request_timeout_seconds": 60,
            "genesys_window_days": dice.choice((3, 7, 31)),
            "genesys_poll_timeout_seconds": dice.choice((60, 300)),
            "demandbase_window_periods": dice.choice((3, 10, 31)),
            "elasticpath_page_size": dice.choice((2, 3, 5, 10)),
            "elasticpath_max_offset": dice.choice((10, 20, 10_000, 10_000)),
        }
        for vendor in self._vendors:
            self._config |= vendor.settings
            self._config |= vendor.choose()

    def live(self) -> None:
        """Live.

        Raises:
            Wrong: when something is not as it has to be.
        """
        dice, figures = self._dice, self._figures
        born = self._at
        complete = False
        for _ in range(1 + int(dice.random() ** 2 * 5)):
            complete = self._trouble(complete=complete)
            self._pass_time()
        self._peace()
        figures.lives += 1
        figures.days += (self._at - born) / DAY

    def _trouble(self, *, complete: bool) -> bool:
        """Run while things go wrong; return whether everything was read, as far as anybody can know."""
        dice = self._dice
        foreign = dice.choice(FOREIGN) if dice.random() < 0.04 else 0.0
        mine = dice.random() < 0.3
        ahead = foreign * mine if foreign else dice.choice(AHEAD)
        faults = [draw(dice) for _ in range(int(dice.random() ** 1.5 * 7))]
        if ahead:
            faults = [fault for fault in faults if fault.kind not in {"no_date", "odd_date"}]
        dates = foreign * (not mine) if foreign else -3600.0 if dice.random() < 0.05 and not ahead else 0.0
        weather = Weather(dice, [] if foreign else faults, self._outages(), dice.choice((0.02, 0.5, 5.0)), dates)
        clock = SimulatedClock(self._at, ahead)
        lines = None
        chance = dice.random()
        if chance < 0.3:
            lines = int(dice.random() ** 2 * 150)
        elif chance < 0.45:
            clock.killed_at = self._at + dice.random() ** 3 * 500
        elif chance < 0.5:
            clock.stopped_at = self._at + dice.random() ** 3 * 500
        kind = dice.choice(STARTS)
        before = bookmarks(self._loader.state)
        detour = self._detour() if dice.random() < 0.15 else {}
        outcome = self._run(clock, weather, lines, kind, detour)
        if foreign and outcome.code is not None:
            if outcome.code == 0 or self._loader.records or (kind == "last" and bookmarks(self._loader.state) != before):
                raise Wrong(f"a foreign clock: exit code {outcome.code}, {self._loader.records} rows, bookmarks moved")
            return False
        if outcome.code == 0 and outcome.honest and complete and kind == "last" and not detour:
            self._judge(outcome)
        return outcome.code == 0 and not detour

    def _detour(self) -> dict[str, Any]:
        """Draw settings of one run that reads something else, or not everything."""
        dice = self._dice
        end = day_text(int(self._at // DAY) - dice.randint(0, 6))
        found = {"end_date": end if end > self._config["start_date"] else None} if dice.random() < 0.3 else {}
        for vendor in self._vendors:
            found |= vendor.detour()
        return {name: value for name, value in found.items() if value is not None}

    def _peace(self) -> None:
        """Run twice without trouble: the first one may only finish what was interrupted. Then judge."""
        dice = self._dice
        for vendor in self._vendors:
            vendor.settle(self._at)
        for kind in (dice.choice(STARTS), "last"):
            outcome = self._run(SimulatedClock(self._at), Weather(dice, latency=0.1), None, kind, {})
            if outcome.code:
                raise Wrong(f"a run without trouble failed: {outcome.failures}")
        self._judge(outcome)
        things = sum(vendor.size for vendor in self._vendors)
        found = odd_state(self._loader.state, self._loader.state_bytes, outcome.began, things)
        found += odd_deltas(self._loader)
        if outcome.weather.requests.total() > 60 + 40 * things:
            found.append(f"{outcome.weather.requests} to read what is new of {things}")
        if found:
            raise Wrong("; ".join(found[:3]))

    def _judge(self, outcome: Outcome) -> None:
        found: list[str] = []
        for vendor in self._vendors:
            owes = vendor.owes(outcome.began, outcome.ended, self._start_day)
            self._figures.owed += sum(map(len, owes.values()))
            found += missing(owes, self._loader)
        if found:
            raise Wrong(f"{len(found)}: {'; '.join(found[:3])}")

    def _run(
        self, clock: SimulatedClock, weather: Weather, lines: int | None, kind: str, detour: dict[str, Any]
    ) -> Outcome:
        dice, figures, loader = self._dice, self._figures, self._loader
        state = loader.start(kind, dice.random())
        block = dice.choice((0.0, 0.0, 0.01, 2.0, 60.0)) if weather.faults else 0.0
        loader.begin()
        began = self._at
        if self._tell:
            weather.told = self._tell
            self._tell(f"{time_text(began)} run from {kind} state, {weather.faults}, {weather.outages}, lines {lines}")
            self._tell(f"  {detour} {state}")

        def pace(rows: int) -> None:
            if block:
                clock.spend(block * dice.random() * rows)

        engine = Engine(
            self._config | detour,
            state,
            self._vendors,
            clock,
            weather,
            Lines(loader, lines, pace),
            dense=dice.random() < 0.7,
            room=dice.choice((1.0, 1.0, 0.2, 0.01)),
        )
        code, failures = engine.run(), engine.failures
        loader.end(loaded=code is not None or dice.random() < 0.5)
        self._at = max(clock.at, self._at) + 1.0
        figures.runs += 1
        figures.failed += code == 1
        figures.killed += code is None
        figures.stopped += (code or 0) > 1
        figures.requests += weather.requests.total()
        figures.rows += loader.records
        figures.states += loader.states
        figures.faults.update(weather.hit)
        if self._tell:
            self._tell(f"{time_text(clock.at)} exit code {code}, {loader.records} rows, {loader.states} states, {dict(weather.hit)}")
            for line in failures:
                self._tell(f"  {line}")
        for line in failures:
            if any(word in line for word in ("defect of the tap", "unexpected ")):
                raise Wrong(line)
        return Outcome(code, began, self._at, failures, weather)

    def _outages(self) -> dict[str, tuple[float, float]]:
        dice = self._dice
        outages = {}
        for vendor in self._vendors:
            if dice.random() < 0.06:
                begin = self._at + dice.random() ** 2 * 100 * (dice.random() < 0.7)
                outages[vendor.name] = begin, begin + dice.choice((5, 60, 5000))
        return outages

    def _pass_time(self) -> None:
        since = self._at
        self._at += self._dice.choice(GAPS) * (0.5 + self._dice.random())
        for vendor in self._vendors:
            vendor.grow(since, self._at)
