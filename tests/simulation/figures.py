"""What lives consisted of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields


@dataclass
class Figures:
    """Sums over lives.

    Attributes:
        lives: that came to their end.
        runs: all of them; those that failed, were killed, or were stopped by a signal.
        requests, rows, states: that were seen.
        judged: rows whose presence was proved.
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
    judged: int = 0
    days: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, other: Figures) -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def table(self, seconds: float) -> str:
        """Return them for a person, who waited so many seconds."""
        shown: dict[str, float] = {each.name: getattr(self, each.name) for each in fields(self)[:-1]}
        shown |= {"days": round(self.days), "faults": self.faults.total()}
        shown |= {f"  {kind}": times for kind, times in self.faults.most_common()}
        shown |= {"seconds": round(seconds), "lives a second": round(self.lives / seconds, 1)}
        return "\n".join(f"{name:<18}{value:>12,}" for name, value in shown.items())
