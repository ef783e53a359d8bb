"""A random life of the tap for some minutes, with figures: `python -m tests.resilience.soak --minutes 5 --seed 1`.

Each sequence of runs has a seed of its own, one more than the sequence before, and is drawn from families of mishaps:
`--only gaps,states` takes some of them. A sequence that goes wrong is printed with the command that replays it.
"""

from __future__ import annotations

import argparse
import logging
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.resilience.mishaps import MONTH, Misbehaviour
from tests.resilience.process import EAGER, QUICK, Pace, Process
from tests.resilience.tally import Tally
from tests.resilience.target import Start, Target
from tests.resilience.trials import FAMILIES, STARTS, blow, run, settle, suffer
from tests.resilience.violence import at_request, kill, strike
from tests.resilience.world import CHANGES, World

CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
LONGEST_SECONDS, LONGEST_SECONDS_UNREAD = 2.0, 5.0
LONGEST_TRIAL_SECONDS = 90
STUCK_SECONDS = 8.0
OUTPUT = "output"

Dice = random.Random


def in_process(dice: Dice, tally: Tally, families: list[str]) -> None:
    """Have runs in this process, killed or not, suffer what the families know."""
    blows = [blow(dice.randint, most_lines=330, most_faults=3, families=families) for _ in range(dice.randint(1, 4))]
    ending = Start(dice.choice(STARTS), dice.randint(0, 999)) if "states" in families else Start()
    tally.trial = f"{blows}, ending {ending}"
    account = suffer(blows, ending)
    tally.kills += account.kills
    tally.runs += account.runs
    tally.failed += account.failed
    tally.faults.update(account.faults)
    if account.late:
        tally.wrong(f"{account.late} rows had not come after one clean run, though the run before was complete")
    if account.unexpected:
        tally.wrong(f"{account.unexpected} runs without a fault failed")
    tally.add(account.figures)


def killed(dice: Dice, tally: Tally, families: list[str]) -> None:
    """Kill processes, with a fault now and then."""
    strikes = [strike(dice.randint, families) for _ in range(dice.randint(1, 4))]
    tally.trial = str(strikes)
    with Sandbox(now=NOW) as sandbox:
        world, target = World(sandbox), Target()
        for each in strikes:
            tally.processes += kill(world, target, each) < 0
            tally.runs += 1
        tally.faults.update(seen.fault for seen in sandbox.requests if seen.fault)
        settle(world, target)
        tally.add(world.compare(target))


def signalled(dice: Dice, tally: Tally, families: list[str]) -> None:  # noqa: ARG001 - all trials take them
    """End a process with a signal it may answer."""
    end(dice, tally, EAGER)


def unread(dice: Dice, tally: Tally, families: list[str]) -> None:  # noqa: ARG001 - all trials take them
    """End a process with a signal while its target does not read."""
    end(dice, tally, Pace(4096, stops_at=dice.randint(1, 40), stops_seconds=STUCK_SECONDS))


def end(dice: Dice, tally: Tally, pace: Pace) -> None:
    """Send a signal to a process at some request."""
    number, requests, concurrency = dice.choice(sorted(CODES)), dice.randint(1, 70), dice.randint(1, 32)
    tally.trial = f"{number!r} at request {requests} of {concurrency} at once, {pace}"
    with Sandbox(now=NOW) as sandbox:
        sandbox.latency_seconds = dice.choice([0.0, 0.005, 0.02])
        world, target = World(sandbox), Target()
        came = at_request(sandbox, requests, lambda: process.news())  # noqa: PLW0108 - made below
        with Process(world.config | {"max_concurrency": concurrency}, pace=pace) as process:
            process.reach(came)
            process.send(number)
            code = process.wait()
        tally.runs += 1
        take(target, process, loaded=False)
        if code:
            tally.signals += 1
            tally.seconds = max(tally.seconds, process.seconds)
        longest = LONGEST_SECONDS if pace is EAGER else LONGEST_SECONDS_UNREAD
        if code not in {0, CODES[number]} or (process.rest and pace is EAGER) or process.seconds > longest:
            tally.wrong(f"exit code {code} after {process.seconds:.2f} s, {process.rest!r}")
        sandbox.latency_seconds = 0.0
        settle(world, target)
        tally.add(world.compare(target))


def blocked(dice: Dice, tally: Tally, families: list[str]) -> None:  # noqa: ARG001 - all trials take them
    """Have a target read slowly, from a pipe that is full now and then, or stop reading for a while."""
    target = Target()
    paces = [
        Pace(
            pipe_bytes=dice.choice([4096, 8192, 65536]),
            blocking=dice.random() < 0.5,
            seconds_per_line=dice.choice([0.0, 0.001, 0.003]),
            stops_at=dice.choice([None, dice.randint(1, 250)]),
            stops_seconds=dice.choice([0.3, 1.5]),
        )
        for _ in range(dice.randint(1, 2))
    ]
    tally.trial = str(paces)
    with Sandbox(now=NOW) as sandbox:
        world = World(sandbox)
        for pace in paces:
            unbuffered = {"PYTHONUNBUFFERED": dice.choice(["", "1"])}
            with Process(world.config, target.state, module=QUICK, environment=unbuffered, pace=pace) as process:
                code = process.wait()
            tally.runs += 1
            take(target, process, loaded=True)
            if code or process.rest or any("Traceback" in line for line in process.errors):
                tally.wrong(f"exit code {code}, {len(process.lines)} lines, {process.errors[-1:]}")
            world.change(dice.choice(list(CHANGES)))
        settle(world, target)
        tally.add(world.compare(target))


def foreign(dice: Dice, tally: Tally, families: list[str]) -> None:  # noqa: ARG001 - all trials take them
    """Have a whole run see another clock at the vendors: it has to fail, and to move nothing."""
    seconds, change = dice.choice([MONTH, -MONTH, 3 * 86400, -10_000 * 86400]), dice.choice(list(CHANGES))
    tally.trial = f"clock {seconds} s ahead after {change}"
    with Sandbox(now=NOW) as sandbox:
        world, target = World(sandbox), Target()
        if dice.random() < 0.7:
            run(world.config, target, lines=dice.choice([None, dice.randint(1, 300)]), loaded=False)
        world.change(change)
        before = values(target.state)
        fault = Misbehaviour("*", "clock", None, 0, (("seconds", seconds),)).put(sandbox)
        code = run(world.config, target)
        tally.runs += 2
        tally.faults["clock"] += fault.hits
        if code != 1 or target.records or values(target.state) != before:
            tally.wrong(f"exit code {code}, {target.records} rows, bookmarks {before} became {values(target.state)}")
        sandbox.clear_faults()
        settle(world, target)
        tally.add(world.compare(target))


def take(target: Target, process: Process, *, loaded: bool) -> None:
    """Have a target take what a process wrote."""
    target.begin()
    for message in process.messages:
        target.take(message)
    target.end(loaded=loaded)


def values(state: object) -> list[str]:
    """Return all bookmarks in a state."""
    if isinstance(state, list):
        return [value for each in state for value in values(each)]
    if not isinstance(state, dict):
        return []
    own = [str(state["replication_key_value"])] if state.get("replication_key_value") else []
    return sorted(own + values(list(state.values())))


Trial = Callable[[Dice, Tally, list[str]], None]
# How often each is drawn, and the family it belongs to: without a name it draws from all of them.
TRIALS: tuple[tuple[Trial, int, str], ...] = (
    (in_process, 6, ""),
    (killed, 1, "faults"),
    (signalled, 1, "faults"),
    (unread, 1, OUTPUT),
    (blocked, 2, OUTPUT),
    (foreign, 1, "clocks"),
)


class StandsStill(BaseException):
    """A sequence does not come to its end; nothing that takes errors for those of a stream may catch it."""


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    """Raise StandsStill when something does not come to its end."""

    def stands_still(*_: object) -> None:
        raise StandsStill(f"not over after {seconds} s")

    signal.signal(signal.SIGALRM, stands_still)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def attempt(seed: int, tally: Tally, families: list[str]) -> None:
    """Draw one sequence of runs and have it happen."""
    dice = random.Random(seed)  # noqa: S311 - to be repeatable
    fitting = [(trial, often) for trial, often, family in TRIALS if not family or family in families]
    if families == [OUTPUT]:
        fitting = fitting[1:]
    [trial] = dice.choices([trial for trial, _ in fitting], [often for _, often in fitting])
    tally.begin(seed, trial.__name__)
    try:
        with patience(LONGEST_TRIAL_SECONDS):
            trial(dice, tally, families)
    except (Exception, StandsStill) as error:  # noqa: BLE001 - whatever it is, it is a finding
        tally.wrong(f"{type(error).__name__} {error}".partition("\n")[0])


def main() -> int:
    """Run for as long as was asked for, and return an exit code."""
    every = (*FAMILIES, OUTPUT)
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--trials", type=int, default=10**9, help="sequences of runs at most")
    parser.add_argument("--only", default=",".join(every), help=f"families of mishaps (default: {', '.join(every)})")
    options = parser.parse_args()
    families = options.only.split(",")
    if unknown := set(families) - set(every):
        parser.error(f"unknown families: {', '.join(sorted(unknown))}; known are {', '.join(every)}")
    logging.disable(logging.CRITICAL)
    sys.stdout.write(f"seed {options.seed}\n")
    tally = Tally("" if len(families) == len(every) else f" --only {options.only}")
    until = time.monotonic() + 60 * options.minutes
    for number in range(options.trials):
        if time.monotonic() >= until:
            break
        attempt(options.seed + number, tally, families)
    sys.stdout.write(f"{tally}\n")
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
