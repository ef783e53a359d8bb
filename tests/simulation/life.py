"""A whole life of the tap, which is a function of a seed: days of runs against vendors that change and fail."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulation.clock import DAY, SimulatedClock, day_text, time_text
from tests.simulation.engine import Engine
from tests.simulation.faults import SILENT
from tests.simulation.figures import Figures
from tests.simulation.judge import bookmarks, missing, odd_deltas, odd_state
from tests.simulation.loader import Lines, Loader
from tests.simulation.plan import DATELESS, Plan, calm, troubled
from tests.simulation.vendors import KINDS
from tests.simulation.vendors.vendor import Vendor
from tests.simulation.wire import Weather

GAPS = (0.0, 5.0, 90.0, 1200.0, 7200.0, 7200.0, DAY / 2, DAY, DAY, 2 * DAY, 6 * DAY, 22 * DAY)
MOST_REQUESTS, MOST_REQUESTS_OF_A_THING = 60, 40
DEFECTS = ("defect of the tap", "unexpected ")


class WrongError(AssertionError):
    """Something is not as it has to be."""


@dataclass
class Outcome:
    """How a run went.

    Attributes:
        code: exit code, None when it was killed.
        began, ended: when.
        failures: what it told.
        weather: what hit it.
    """

    code: int | None
    began: float
    ended: float
    failures: list[str]
    weather: Weather

    @property
    def fair(self) -> bool:
        """Nothing hit it that it could not have noticed."""
        return self.weather.hit.keys().isdisjoint({*SILENT, *DATELESS}) and not self.weather.dates


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
        }
        for vendor in self._vendors:
            self._config |= vendor.choose()

    def live(self) -> None:
        """Live.

        Raises:
            WrongError: when something is not as it has to be.
        """
        dice, figures, born = self._dice, self._figures, self._at
        complete = False
        for _ in range(1 + int(dice.random() ** 2 * 5)):
            complete = self._trouble(complete=complete)
            self._pass_time()
        self._peace()
        figures.lives += 1
        figures.days += (self._at - born) / DAY

    def _trouble(self, *, complete: bool) -> bool:
        """Run while things go wrong.

        Args:
            complete: the last run said that it read everything.

        Returns:
            The same of this run.
        """
        plan = troubled(self._dice, self._vendors, self._at, self._config["start_date"])
        before = bookmarks(self._loader.state)
        outcome = self._run(plan)
        if plan.foreign and outcome.code is not None:
            moved = plan.start == "last" and bookmarks(self._loader.state) != before
            if outcome.code == 0 or self._loader.records or moved:
                raise WrongError(f"a foreign clock: exit code {outcome.code}, {self._loader.records} rows, {before}")
        if outcome.code == 0 and complete and outcome.fair and plan.usual:
            self._judge(outcome)
        return outcome.code == 0 and plan.usual

    def _peace(self) -> None:
        """Run twice without trouble: the first one may only finish what was interrupted. Then judge."""
        for vendor in self._vendors:
            vendor.settle(self._at)
        self._run_well(calm(self._dice))
        outcome = self._run_well(Plan())
        self._judge(outcome)
        things = sum(vendor.size for vendor in self._vendors)
        found = odd_state(self._loader.state, self._loader.state_bytes, outcome.began, things)
        found += odd_deltas(self._loader)
        if outcome.weather.requests.total() > MOST_REQUESTS + MOST_REQUESTS_OF_A_THING * things:
            found.append(f"{outcome.weather.requests} to read what is new of {things}")
        if found:
            raise WrongError("; ".join(found[:3]))

    def _judge(self, outcome: Outcome) -> None:
        found: list[str] = []
        for vendor in self._vendors:
            owes = vendor.owes(outcome.began, outcome.ended, self._start_day)
            self._figures.judged += sum(map(len, owes.values()))
            found += missing(owes, self._loader)
        if found:
            raise WrongError(f"{len(found)}: {'; '.join(found[:3])}")

    def _run_well(self, plan: Plan) -> Outcome:
        outcome = self._run(plan)
        if outcome.code:
            raise WrongError(f"a run without trouble failed: {outcome.failures}")
        return outcome

    def _run(self, plan: Plan) -> Outcome:
        figures, loader, began = self._figures, self._loader, self._at
        state = loader.start(plan.start, plan.share)
        loader.begin()
        weather = Weather(self._dice, plan.faults, plan.outages, plan.latency, plan.dates, tell=self._tell)
        clock = SimulatedClock(began, plan.ahead, plan.killed_at, plan.stopped_at)
        if self._tell:
            self._tell(f"{time_text(began)} {plan}\n{state}")

        def pace(rows: int) -> None:
            if plan.block:
                clock.spend(plan.block * self._dice.random() * rows)

        engine = Engine(self._config, plan, state, self._vendors, clock, weather, Lines(loader, plan.lines, pace))
        code, failures = engine.run(), engine.failures
        loader.end(loaded=code is not None or plan.loaded)
        self._at = max(clock.at, began) + 1.0
        figures.runs += 1
        figures.failed += code == 1
        figures.killed += code is None
        figures.stopped += (code or 0) > 1
        figures.requests += weather.requests.total()
        figures.rows += loader.records
        figures.states += loader.states
        figures.faults.update(weather.hit)
        if self._tell:
            self._tell("\n  ".join([f"{time_text(clock.at)} exit code {code}, {loader.records} rows", *failures]))
        if defects := [line for line in failures if any(words in line for words in DEFECTS)]:
            raise WrongError(defects[0])
        return Outcome(code, began, self._at, failures, weather)

    def _pass_time(self) -> None:
        since = self._at
        self._at += self._dice.choice(GAPS) * (0.5 + self._dice.random())
        for vendor in self._vendors:
            vendor.grow(since, self._at)
