"""What is to happen to one run, drawn at random."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.clock import DAY, NEVER, day_text
from tests.simulation.faults import Fault, draw
from tests.simulation.loader import KEYS
from tests.simulation.vendors.vendor import Vendor

STARTS = ("last", "last", "last", "merged", "over one", "older")
AHEAD = (0.0, 0.0, 0.0, 40.0, -3000.0, 70_000.0, -70_000.0)
FOREIGN = (3 * DAY, -3 * DAY, 30 * DAY)
BLOCKS = (0.0, 0.0, 0.01, 2.0, 60.0)
ROOMS = (1.0, 1.0, 0.2, 0.01)
LATENCIES = (0.02, 0.5, 5.0)
DATELESS = ("no_date", "odd_date")


@dataclass
class Plan:
    """One run.

    Attributes:
        start: which state it begins with, see `Loader.start`; `share` says which older one.
        faults: that may hit requests.
        outages: from when to when there is no connection to a vendor, by name.
        latency: seconds of an answer at most.
        dates: seconds that the vendors' `Date` is ahead.
        ahead: seconds that the clock of this machine is ahead.
        lines: after which the tap is killed.
        killed_at, stopped_at: when the tap is killed, or gets a signal.
        settings: that differ from the usual ones.
        selected: streams that are read, all when empty.
        block: seconds that the output may take for a row.
        loaded: rows behind the last STATE line are kept when the tap is killed.
        dense: STATE lines come whenever they may, not only when they are due.
        room: share of the memory that the tap may take.
    """

    start: str = "last"
    share: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    outages: dict[str, tuple[float, float]] = field(default_factory=dict)
    latency: float = 0.1
    dates: float = 0.0
    ahead: float = 0.0
    lines: int | None = None
    killed_at: float = NEVER
    stopped_at: float = NEVER
    settings: dict[str, Any] = field(default_factory=dict)
    selected: list[str] = field(default_factory=list)
    block: float = 0.0
    loaded: bool = True
    dense: bool = True
    room: float = 1.0

    @property
    def foreign(self) -> bool:
        """The clocks of vendors and machine are too far apart."""
        return abs(self.dates - self.ahead) > DAY

    @property
    def usual(self) -> bool:
        """It reads everything that came since the last run."""
        return self.start == "last" and not (self.settings or self.selected)


def calm(dice: random.Random) -> Plan:
    """Draw a run in which nothing goes wrong."""
    return Plan(
        dice.choice(STARTS),
        dice.random(),
        block=dice.choice(BLOCKS),
        dense=dice.random() < 0.7,
        room=dice.choice(ROOMS),
    )


def troubled(dice: random.Random, vendors: Iterable[Vendor], at: float, start_date: str) -> Plan:
    """Draw a run at some time in which something may go wrong."""
    plan = calm(dice)
    plan.latency = dice.choice(LATENCIES)
    plan.loaded = dice.random() < 0.5
    if dice.random() < 0.04:
        plan.dates, plan.ahead = dice.choice(((dice.choice(FOREIGN), 0.0), (0.0, dice.choice(FOREIGN))))
        return plan
    plan.ahead = dice.choice(AHEAD)
    plan.dates = -3600.0 if dice.random() < 0.05 and not plan.ahead else 0.0
    faults = [draw(dice) for _ in range(int(dice.random() ** 1.5 * 7))]
    # Where a vendor does not tell the time, that of the machine has to be right.
    plan.faults = [fault for fault in faults if not plan.ahead or fault.kind not in DATELESS]
    _end(dice, plan, at)
    for vendor in vendors:
        if dice.random() < 0.06:
            begin = at + dice.random() ** 2 * 100 * (dice.random() < 0.7)
            plan.outages[vendor.name] = begin, begin + dice.choice((5.0, 60.0, 5000.0))
    if dice.random() < 0.15:
        _detour(dice, plan, vendors, day_text(int(at // DAY) - dice.randint(0, 6)), start_date)
    return plan


def _end(dice: random.Random, plan: Plan, at: float) -> None:
    """Draw how the run ends, if not by itself."""
    chance = dice.random()
    if chance < 0.3:
        plan.lines = int(dice.random() ** 2 * 150)
    elif chance < 0.45:
        plan.killed_at = at + dice.random() ** 3 * 500
    elif chance < 0.5:
        plan.stopped_at = at + dice.random() ** 3 * 500


def _detour(dice: random.Random, plan: Plan, vendors: Iterable[Vendor], end: str, start_date: str) -> None:
    """Draw what is read instead of everything."""
    if dice.random() < 0.3 and end > start_date:
        plan.settings["end_date"] = end
    for vendor in vendors:
        chosen = {name: value for name, value in vendor.detour().items() if value is not None}
        plan.settings |= chosen
    if dice.random() < 0.4:
        names = tuple(vendor.name for vendor in vendors)
        plan.selected = [stream for stream in KEYS if stream.startswith(names) and dice.random() < 0.5]
