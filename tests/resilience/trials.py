"""Runs inside the test process that are killed after any line, and plans of many of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from tap_usage.output import BufferedWriter
from tap_usage.sandbox import Fault, Sandbox
from tap_usage.tap import IncompleteError
from tests.conftest import NOW
from tests.resilience.target import Target
from tests.resilience.world import CHANGES, Figures, World
from tests.running import ImpatientTap

Draw = Callable[[int, int], int]
Details = tuple[tuple[str, Any], ...]


class Killed(BaseException):
    """The process is gone; nothing it had in mind is done."""


class CutLines(BufferedWriter):
    """Hands lines to a target until so many went out, and kills the tap with the next one."""

    def __init__(self, target: Target, lines: int | None) -> None:
        super().__init__()
        self._target = target
        self._left = lines

    def flush(self) -> None:
        lines, self._buffer = self._buffer, bytearray()
        for line in lines.splitlines():
            if self._left == 0:
                raise Killed
            self._left = None if self._left is None else self._left - 1
            self._target.take(json.loads(line))


def run(  # noqa: PLR0913 - one run
    config: dict[str, Any],
    target: Target,
    *,
    lines: int | None = None,
    loaded: bool = True,
    select: tuple[str, ...] = (),
    dense: bool = True,
) -> int | None:
    """Run the tap from the target's last state into the target; return its exit code, None when it was killed.

    Args:
        config: settings.
        target: for the lines.
        lines: after which it is killed.
        loaded: whether the target keeps what came after the last STATE line.
        select: streams, all when empty.
        dense: STATE lines come whenever they may come, not only when they are due.
    """
    target.begin()
    tap = ImpatientTap(
        config=dict(config), state=json.loads(json.dumps(target.state)), message_writer=CutLines(target, lines)
    )
    for name, stream in tap.streams.items():
        stream.selected = not select or name in select
    dense_lines = patch("tap_usage.output.StateWriter.is_due", lambda *_, **__: True)
    try:
        with dense_lines if dense else nullcontext():
            tap.run()
        tap.message_writer.flush()
        code: int | None = 0
    except IncompleteError:
        tap.message_writer.flush()
        code = 1
    except Killed:
        code = None
    target.end(loaded=loaded or code is not None)
    return code


@dataclass(frozen=True)
class Misbehaviour:
    """A fault of a vendor, as `Sandbox.fault` takes it."""

    operation: str
    kind: str
    times: int | None
    after: int
    details: Details = ()

    def put(self, sandbox: Sandbox) -> Fault:
        """Have it happen. A list that begins in its middle cannot be told from a short one, so it never does."""
        where = None
        if self.kind == "repeated_page":
            where = lambda request: request.query.get("page[offset]") != "0"  # noqa: E731 - one expression
        return sandbox.fault(self.operation, self.kind, self.times, self.after, where, **dict(self.details))


@dataclass(frozen=True)
class Blow:
    """One run that is killed, and what happens afterwards.

    Attributes:
        lines: after which it is killed; it may end before.
        loaded: whether the target keeps what came after the last STATE line.
        concurrency: `max_concurrency` of the run.
        faults: of the vendors during the run.
        change: what happens until the next run.
    """

    lines: int
    loaded: bool
    concurrency: int
    faults: tuple[Misbehaviour, ...] = ()
    change: str = "nothing"


@dataclass
class Account:
    """What came of a plan; sums of several may be taken."""

    kills: int = 0
    faults: int = 0
    runs: int = 0
    failed: int = 0
    figures: Figures = field(default_factory=Figures)


ANY: tuple[tuple[str, Details], ...] = (
    ("status", (("status", 500),)),
    ("status", (("status", 503), ("retry_after_seconds", 0))),
    ("status", (("status", 429), ("retry_after_seconds", 1))),
    ("status", (("status", 408),)),
    ("html", ()),
    ("xml", ()),
    ("empty_body", ()),
    ("null_body", ()),
    ("list_body", ()),
    ("truncated_json", ()),
    ("wrong_content_type", ()),
    ("reset_before_body", ()),
    ("reset_mid_body", ()),
    ("answer_lost", ()),
    ("unauthorized", ()),
    ("forbidden", ()),
    ("deep_json", ()),
)
OPERATIONS = ("*", "pingone.*", "genesys.*", "demandbase.*", "elasticpath.*", "*.token", "*_results", "*_submit")
ODD: tuple[tuple[str, str, Details], ...] = (
    ("*", "expiry_missing", ()),
    ("genesys.*", "query_status", (("word", "Failed"),)),
    ("genesys.*", "query_status", (("word", "Odd"),)),
    ("genesys.*", "execution_id_missing", ()),
    ("genesys.*_results", "not_found", ()),
    ("genesys.clients", "repeated_page", ()),
    ("genesys.clients", "next_cycle", ()),
    ("genesys.clients", "total_wrong", (("by", 1),)),
    ("pingone.*", "next_cycle", ()),
    ("elasticpath.*", "repeated_page", ()),
    ("elasticpath.*", "shrinking_page", ()),
    ("elasticpath.*", "duplicated_rows", ()),
    ("elasticpath.*", "total_wrong", (("by", 3),)),
    ("elasticpath.*", "total_wrong", (("by", -3),)),
    ("elasticpath.*", "total_missing", ()),
    ("elasticpath.*", "total_lower_bound", (("total", 3),)),
    ("elasticpath.*", "pagination_meta", ()),
    ("elasticpath.usages", "sort_ignored", ()),
    ("elasticpath.usages", "order_violated", (("index", 1),)),
)


def misbehaviour(draw: Draw) -> Misbehaviour:
    """Draw a fault that a careful reader can notice."""
    times = (1, 2, 5, None)[draw(0, 3)]
    after = draw(0, 30)
    if draw(0, 1):
        operation, kind, details = ODD[draw(0, len(ODD) - 1)]
    else:
        operation = OPERATIONS[draw(0, len(OPERATIONS) - 1)]
        kind, details = ANY[draw(0, len(ANY) - 1)]
    return Misbehaviour(operation, kind, times, after, details)


def blow(draw: Draw, most_lines: int, most_faults: int) -> Blow:
    """Draw a run that is killed."""
    kinds = tuple(CHANGES)
    return Blow(
        lines=draw(1, most_lines),
        loaded=bool(draw(0, 1)),
        concurrency=draw(1, 32),
        faults=tuple(misbehaviour(draw) for _ in range(draw(0, most_faults))),
        change=" ".join(kinds[draw(0, len(kinds) - 1)] for _ in range(draw(1, 2))),
    )


def suffer(blows: list[Blow]) -> Account:
    """Have a world read with all these blows, then in peace until a run is complete, and compare."""
    account, target = Account(), Target()
    with Sandbox(now=NOW) as sandbox:
        world = World(sandbox)
        for each in blows:
            made = [fault.put(sandbox) for fault in each.faults]
            config = world.config | {"max_concurrency": each.concurrency}
            code = run(config, target, lines=each.lines, loaded=each.loaded)
            account.runs += 1
            account.kills += code is None
            account.failed += code == 1
            account.faults += sum(fault.hits for fault in made)
            sandbox.clear_faults()
            world.change(each.change)
        settle(world, target)
        account.figures = world.compare(target)
    return account


def settle(world: World, target: Target) -> None:
    """Run in peace: the first run ends what was interrupted, up to the time of that; the second reads the rest."""
    for _ in range(2):
        code = run(world.config, target)
        assert code == 0
