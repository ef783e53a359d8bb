"""Kills, signals and faults at random for some minutes, with figures: `python -m tests.resilience.soak --minutes 5`."""

from __future__ import annotations

import argparse
import logging
import random
import signal
import sys
import time
from dataclasses import dataclass, field

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.resilience.process import Process
from tests.resilience.target import Target
from tests.resilience.trials import blow, settle, suffer
from tests.resilience.violence import at_request, kill, strike
from tests.resilience.world import Figures, World

CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
LONGEST_SECONDS = 2.0


@dataclass
class Tally:
    """What was tried, and what came of it.

    Attributes:
        trials: sequences of runs.
        faults: requests that went wrong on purpose.
        kills: runs that ended in the middle, in this process.
        processes: processes that got SIGKILL.
        signals: processes that got SIGTERM or SIGINT.
        seconds: the longest time from a signal to the end.
        figures: rows.
        wrong: descriptions of trials that went wrong.
    """

    trials: int = 0
    faults: int = 0
    kills: int = 0
    processes: int = 0
    signals: int = 0
    seconds: float = 0.0
    figures: Figures = field(default_factory=Figures)
    wrong: list[str] = field(default_factory=list)

    def add(self, figures: Figures, trial: object) -> None:
        """Add a trial."""
        self.trials += 1
        self.figures.compared += figures.compared
        self.figures.lost += figures.lost
        self.figures.doubled += figures.doubled
        if figures.lost or figures.doubled:
            self.wrong.append(f"{figures}: {trial}")

    def __str__(self) -> str:
        """Return a table for a person."""
        lines = {
            "sequences of runs": self.trials,
            "faults tried": self.faults,
            "runs killed": self.kills,
            "processes killed": self.processes,
            "processes ended by SIGTERM or SIGINT": self.signals,
            "rows compared": self.figures.compared,
            "rows lost": self.figures.lost,
            "rows doubled": self.figures.doubled,
            "seconds to stop, at most": round(self.seconds, 2),
        }
        return "\n".join(f"{name:<38}{value:>10}" for name, value in lines.items())


def in_process(dice: random.Random, tally: Tally) -> None:
    """Kill runs in this process, with faults."""
    blows = [blow(dice.randint, most_lines=330, most_faults=4) for _ in range(dice.randint(1, 4))]
    account = suffer(blows)
    tally.kills += account.kills
    tally.faults += account.faults
    tally.add(account.figures, blows)


def killed(dice: random.Random, tally: Tally) -> None:
    """Kill processes, with a fault now and then."""
    strikes = [strike(dice.randint) for _ in range(dice.randint(1, 4))]
    with Sandbox(now=NOW) as sandbox:
        world, target = World(sandbox), Target()
        for each in strikes:
            tally.processes += kill(world, target, each) < 0
        tally.faults += sum(bool(seen.fault) for seen in sandbox.requests)
        settle(world, target)
        tally.add(world.compare(target), strikes)


def signalled(dice: random.Random, tally: Tally) -> None:
    """End a process with a signal it may answer."""
    number, requests, concurrency = dice.choice(sorted(CODES)), dice.randint(1, 70), dice.randint(1, 32)
    trial = f"{number!r} at request {requests} of {concurrency} at once"
    with Sandbox(now=NOW) as sandbox:
        sandbox.latency_seconds = dice.choice([0.0, 0.005, 0.02])
        world, target = World(sandbox), Target()
        came = at_request(sandbox, requests, lambda: process.news())  # noqa: PLW0108 - made below
        with Process(world.config | {"max_concurrency": concurrency}) as process:
            process.reach(came)
            process.send(number)
            code = process.wait()
        target.begin()
        for message in process.messages:
            target.take(message)
        target.end(loaded=False)
        if code:
            tally.signals += 1
            tally.seconds = max(tally.seconds, process.seconds)
        if code not in {0, CODES[number]} or process.rest or process.seconds > LONGEST_SECONDS:
            tally.wrong.append(f"{trial}: exit code {code} after {process.seconds:.2f} s, {process.rest!r}")
        sandbox.latency_seconds = 0.0
        settle(world, target)
        tally.add(world.compare(target), trial)


def main() -> int:
    """Run for as long as was asked for, and return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    sys.stdout.write(f"seed {options.seed}\n")
    dice, tally = random.Random(options.seed), Tally()  # noqa: S311 - to be repeatable
    until = time.monotonic() + 60 * options.minutes
    while time.monotonic() < until:
        dice.choice([in_process, in_process, in_process, killed, signalled])(dice, tally)
    sys.stdout.write(f"{tally}\n")
    sys.stdout.writelines(f"WRONG: {trial}\n" for trial in tally.wrong)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
