"""The project's own simulated vendors as a server: `python -m benchmarks.vendors --latency-ms 30`.

Prints the settings of a tap that reads from them on the first line of standard output, serves until it is ended.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from benchmarks.data import arguments
from tap_usage.sandbox import Sandbox
from tap_usage.sandbox.genesys_usage import Query

NOON = "T12:00:00Z"
TICK_SECONDS = 0.05
PER_DAY = 50


@dataclass(frozen=True)
class Setup:
    """What the vendors hold and how they answer; what is 0 stays as the sandbox has it.

    Attributes:
        latency_ms: time until an answer.
        clients: number of Genesys clients that are listed.
        query_seconds: how long each query of Genesys runs; it is not counted then how often it is polled.
        slow_seconds: the same for the one over the first day.
        days: Genesys' usage is of so many days.
        daily_rows: about how many rows Genesys has of each day.
        today: ISO date; it is noon. The tap reads from no vendor whose clock is more than a day from its own.
    """

    latency_ms: float = 0.0
    clients: int = 0
    query_seconds: float = 0.0
    slow_seconds: float = 0.0
    days: int = 0
    daily_rows: int = 0
    today: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())

    @property
    def first_day(self) -> date:
        """The first day of Genesys' usage, for `days`."""
        return date.fromisoformat(self.today) - timedelta(days=self.days)

    def arguments(self) -> list[str]:
        """Return the command line of `benchmarks.vendors`."""
        return arguments(asdict(self))

    def check(self) -> list[str]:
        """Return module and arguments of what checks a program's output."""
        return ["benchmarks.check_vendors", *self.arguments()]

    def sandbox(self) -> Sandbox:
        """Make the sandbox; its rows do not depend on the time."""
        sandbox = Sandbox(self.today + NOON)
        sandbox.latency_seconds = self.latency_ms / 1000
        sandbox.elasticpath.growth.clear()
        genesys = sandbox.genesys
        del genesys.clients[self.clients or len(genesys.clients) :]
        if self.days:
            genesys.ledger.oldest = self.first_day
        if self.daily_rows:
            # The sandbox leaves out one in five.
            genesys.ledger.traffic = [
                {**genesys.ledger.traffic[0], "templateUri": f"api/v2/users/{number}", "per_day": PER_DAY}
                for number in range(self.daily_rows * 5 // 4)
            ]
        if self.query_seconds or self.daily_rows:
            genesys.polls_until_complete = 0
            genesys.seconds_until_complete = self._seconds
        return sandbox

    def _seconds(self, query: Query) -> float:
        return self.slow_seconds if query.start.date() == self.first_day else self.query_seconds


def parsed(parser: argparse.ArgumentParser) -> tuple[Setup, dict[str, Any]]:
    """Read the command line: a setup, and what a parser knows besides."""
    names = vars(Setup())
    for name, value in names.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = vars(parser.parse_args())
    return Setup(**{name: given.pop(name) for name in names}), given


def main() -> None:
    """Serve, and let the clock run from the time at which it stands for a check."""
    setup, _ = parsed(argparse.ArgumentParser(prog="python -m benchmarks.vendors"))
    with setup.sandbox() as sandbox:
        print(json.dumps(sandbox.config), flush=True)  # noqa: T201 - what the starter waits for
        at = time.monotonic()
        while not sandbox.stopped.wait(TICK_SECONDS):
            before, at = at, time.monotonic()
            sandbox.advance(seconds=at - before)


if __name__ == "__main__":
    main()
