"""What a soak tried, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.resilience.world import Figures


@dataclass
class Tally:
    """Sums over all sequences of runs.

    Attributes:
        options: of the command line that a replay needs.
        trial: the sequence that is being tried, in words.
        trials: sequences of runs.
        runs: runs of the tap before the clean ones at the end.
        failed: those that ended with exit code 1.
        faults: requests that went wrong on purpose, by kind.
        kills: runs that ended in the middle, in this process.
        processes: processes that got SIGKILL.
        signals: processes that got SIGTERM or SIGINT.
        seconds: the longest time from a signal to the end.
        figures: rows and counters.
        findings: descriptions of what went wrong, each with the command that replays it.
    """

    options: str = ""
    trial: str = ""
    trials: int = 0
    runs: int = 0
    failed: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    processes: int = 0
    signals: int = 0
    seconds: float = 0.0
    figures: Figures = field(default_factory=Figures)
    findings: list[str] = field(default_factory=list)
    _name: str = ""
    _seed: int = 0

    def begin(self, seed: int, name: str) -> None:
        """A sequence begins."""
        self.trials += 1
        self.trial, self._seed, self._name = "", seed, name

    def wrong(self, what: str) -> None:
        """Something of the sequence went wrong."""
        replay = f"python -m tests.resilience.soak --trials 1 --seed {self._seed}{self.options}"
        self.findings.append(f"WRONG: {self._name}: {what}\n  {self.trial}\n  {replay}")

    def add(self, found: Figures) -> None:
        """The comparison at the end of a sequence."""
        self.figures.compared += found.compared
        self.figures.lost += found.lost
        self.figures.doubled += found.doubled
        self.figures.counters += found.counters
        self.figures.odd += found.odd
        if found.lost or found.doubled:
            self.wrong(f"{found.lost} rows lost, {found.doubled} doubled, of {found.compared}")
        if found.odd:
            self.wrong(f"{len(found.odd)} of {found.counters} counters: {found.odd[0]}")

    def __str__(self) -> str:
        """Return a table for a person."""
        lines = {
            "sequences of runs": self.trials,
            "runs": self.runs,
            "runs that failed": self.failed,
            "runs killed": self.kills,
            "processes killed": self.processes,
            "processes ended by SIGTERM or SIGINT": self.signals,
            "seconds to stop, at most": round(self.seconds, 2),
            "rows compared": self.figures.compared,
            "rows lost": self.figures.lost,
            "rows doubled": self.figures.doubled,
            "counters added up": self.figures.counters,
            "counters that do not add up": len(self.figures.odd),
            "faults": self.faults.total(),
            **{f"  {kind}": times for kind, times in self.faults.most_common() if times},
            "sequences that went wrong": len(self.findings),
        }
        return "\n".join([*(f"{name:<38}{value:>10}" for name, value in lines.items()), *self.findings])
