"""Processes that are killed at a line they wrote or at a request they sent."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tap_usage.sandbox import Request, Sandbox
from tests.resilience.mishaps import MISHAPS, Draw, Misbehaviour, misbehaviour
from tests.resilience.process import QUICK, Process
from tests.resilience.target import Target
from tests.resilience.world import CHANGES, World


@dataclass(frozen=True)
class Strike:
    """One process that gets a signal.

    Attributes:
        lines: after which it gets it, None to go by requests.
        requests: at which it gets it.
        drained: the target still takes what was in the pipe.
        loaded: the target keeps what came after the last STATE line.
        concurrency: `max_concurrency`.
        faults: of the vendors.
        change: what happens until the next run.
    """

    lines: int | None = None
    requests: int = 0
    drained: bool = True
    loaded: bool = False
    concurrency: int = 8
    faults: tuple[Misbehaviour, ...] = ()
    change: str = "nothing"


def strike(draw: Draw, families: Sequence[str] = ()) -> Strike:
    """Draw a process that is killed, with a fault of one of the families now and then."""
    kinds = tuple(CHANGES)
    drawn = [family for family in families if family in MISHAPS]
    mishap = MISHAPS[drawn[draw(0, len(drawn) - 1)]] if drawn else lambda draw: [misbehaviour(draw)]
    return Strike(
        lines=draw(1, 250) if draw(0, 1) else None,
        requests=draw(1, 150),
        drained=bool(draw(0, 1)),
        loaded=bool(draw(0, 1)),
        concurrency=draw(1, 32),
        faults=tuple(fault for _ in range(draw(0, 1)) for fault in mishap(draw)),
        change=kinds[draw(0, len(kinds) - 1)],
    )


def at_request(sandbox: Sandbox, number: int, told: Callable[[], object], operation: str = "*") -> Callable[[], bool]:
    """Return a function that tells whether so many requests came from now on; `told` is called when it is so.

    It has to be made before the faults that hit the same requests.
    """
    seen = 0

    def count(_: Request) -> bool:
        nonlocal seen
        seen += 1
        if seen == number:
            told()
        return False

    sandbox.fault(operation, "slow", times=None, where=count)
    return lambda: seen >= number


def kill(world: World, target: Target, each: Strike, number: int = signal.SIGKILL, module: str = QUICK) -> int:
    """Run the tap from the target's state, have it meet its end, and return its exit code."""
    sandbox = world.sandbox
    target.begin()
    with Process(world.config | {"max_concurrency": each.concurrency}, target.state, module=module) as process:
        came = at_request(sandbox, each.requests, process.news)
        for fault in each.faults:
            fault.put(sandbox)
        lines = each.lines
        process.reach(came if lines is None else lambda: len(process.lines) >= lines)
        process.send(number)
        code = process.wait()
        messages = process.messages
    taken = messages if each.drained or lines is None else messages[:lines]
    for message in taken:
        target.take(message)
    target.end(loaded=each.loaded)
    sandbox.clear_faults()
    world.change(each.change)
    return code
