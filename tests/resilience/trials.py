"""Runs inside the test process that are killed after any line, and plans of many of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from tap_usage.output import BufferedWriter
from tap_usage.sandbox import Sandbox
from tap_usage.tap import IncompleteError
from tests.conftest import NOW
from tests.resilience.mishaps import ENVIRONMENTS, MISHAPS, Details, Draw, Misbehaviour, misbehaviour
from tests.resilience.target import Kind, Start, Target
from tests.resilience.world import CHANGES, NEW_CLIENT, NEW_PROMOTION, Figures, World
from tests.running import ImpatientTap

LAST = Start()


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
    start: Start = LAST,
) -> int | None:
    """Run the tap from a state the target got into the target; return its exit code, None when it was killed.

    Args:
        config: settings.
        target: for the lines.
        lines: after which it is killed.
        loaded: whether the target keeps what came after the last STATE line.
        select: streams, all when empty.
        start: which state it begins with.
        dense: STATE lines come whenever they may come, not only when they are due.
    """
    state = json.loads(json.dumps(target.start(start)))
    target.begin()
    tap = ImpatientTap(config=dict(config), state=state, message_writer=CutLines(target, lines))
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
class Blow:
    """One run that is killed, and what happens afterwards.

    Attributes:
        lines: after which it is killed, None for never; it may end before.
        loaded: whether the target keeps what came after the last STATE line.
        concurrency: `max_concurrency` of the run.
        faults: of the vendors during the run.
        change: what happens until the next run.
        settings: that differ from the usual ones.
        start: which state it begins with.
    """

    lines: int | None
    loaded: bool
    concurrency: int
    faults: tuple[Misbehaviour, ...] = ()
    change: str = "nothing"
    settings: Details = ()
    start: Start = LAST


@dataclass
class Account:
    """What came of a plan.

    Attributes:
        kills: runs that were killed.
        faults: requests that went wrong, by kind.
        runs: of the plan.
        failed: runs that ended with exit code 1.
        unexpected: those of them in which nothing went wrong.
        late: rows that a clean run did not bring, although the run before was complete.
        figures: of the comparison at the end.
    """

    kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    failed: int = 0
    unexpected: int = 0
    late: int = 0
    figures: Figures = field(default_factory=Figures)


# Families of what goes wrong beside the vendors.
BESIDES = ("states", "filters", "end_dates", "granularities", "depths", "resets")
FAMILIES = (*MISHAPS, *BESIDES)
MORE = {"reset": {"resets"}, "surfaced": {"gaps", "filters"}}
STARTS: tuple[Kind, ...] = ("last", "merged", "merged over one", "older")
SETTINGS: dict[str, tuple[Details, ...]] = {
    "filters": (
        (
            ("elasticpath_promotion_ids", ("promotion-1", "promotion-4")),
            ("genesys_oauth_client_ids", ("client-2", "client-3")),
            ("pingone_environment_ids", ENVIRONMENTS[:2]),
        ),
        # The new ones are listed later.
        (
            ("elasticpath_promotion_ids", ("promotion-2", NEW_PROMOTION)),
            ("genesys_oauth_client_ids", ("client-2", NEW_CLIENT)),
        ),
        (("elasticpath_promotion_ids", ("promotion-5",)), ("pingone_environment_ids", ENVIRONMENTS[2:])),
    ),
    "end_dates": (
        (("end_date", "2026-11-15"),),
        (("end_date", "2026-11-21T06:00:00Z"),),
        (("end_date", "9999-12-31T23:59:59.999999Z"),),
    ),
    "depths": (
        (("elasticpath_max_offset", 10), ("max_concurrency", 1)),
        (("elasticpath_max_offset", 15), ("max_concurrency", 2)),
        (("elasticpath_max_offset", 10),),
    ),
    "granularities": (
        (("genesys_granularity", "Week"), ("demandbase_period", "month")),
        (("genesys_granularity", "Month"),),
        (("genesys_group_by", ("TemplateUri",)), ("genesys_client_group_by", ("TemplateUri",))),
    ),
}


def blow(draw: Draw, most_lines: int, most_faults: int, families: Sequence[str] = ()) -> Blow:
    """Draw a run that is killed: by faults only, or with whatever the families know."""
    kinds = (*CHANGES, *(kind for kind, of in MORE.items() if not of.isdisjoint(families)))
    if "states" in families:
        # What is left out because it seems to be read is left out only for a while.
        kinds += ("minutes",) * 5
    lines, loaded, concurrency = draw(1, most_lines), bool(draw(0, 1)), draw(1, 32)
    if not families:
        faults = tuple(misbehaviour(draw) for _ in range(draw(0, most_faults)))
    else:
        of_vendors = [family for family in families if family in MISHAPS]
        drawn = [of_vendors[draw(0, len(of_vendors) - 1)] for _ in range(draw(0, most_faults))] if of_vendors else []
        faults = tuple(fault for family in drawn for fault in MISHAPS[family](draw))
    change = " ".join(kinds[draw(0, len(kinds) - 1)] for _ in range(draw(1, 2)))
    if not families:
        return Blow(lines, loaded, concurrency, faults, change)
    chosen = [details for family in families for details in SETTINGS.get(family, ())]
    settings = chosen[draw(0, len(chosen) - 1)] if chosen and draw(0, 1) else ()
    start = Start(STARTS[draw(0, 3)], draw(0, 999)) if "states" in families else LAST
    # Half of the runs end by themselves: what they say about the whole is believed by the next.
    return Blow(lines if draw(0, 1) else None, loaded, concurrency, faults, change, settings, start)


def suffer(blows: list[Blow], ending: Start = LAST) -> Account:
    """Have a world read with all these blows, then in peace until a run is complete, and compare."""
    account, target, code = Account(), Target(), None
    with Sandbox(now=NOW) as sandbox:
        world = World(sandbox)
        if any(change in MORE for each in blows for change in each.change.split()):
            world.use_unlisted_client()
        for each in blows:
            made = [fault.put(sandbox) for fault in each.faults]
            # A query that stays running for an hour would be asked for twenty thousand times.
            brief = {"max_concurrency": each.concurrency, "genesys_poll_timeout_seconds": 10}
            config = world.config | brief | jsonable(each.settings)
            code = run(config, target, lines=each.lines, loaded=each.loaded, start=each.start)
            account.runs += 1
            account.kills += code is None
            account.failed += code == 1
            account.unexpected += code == 1 and not any(fault.hits for fault in made)
            account.faults.update({fault.kind: fault.hits for fault in made})
            sandbox.clear_faults()
            world.change(each.change)
        assert run(world.config, target, start=ending) == 0
        if code == 0 and not each.settings and ending.kind != "older":
            account.late = world.compare(target).lost
        assert run(world.config, target) == 0
        account.figures = world.compare(target)
    return account


def settle(world: World, target: Target) -> None:
    """Run in peace: the first run ends what was interrupted, up to the time of that; the second reads the rest."""
    for _ in range(2):
        code = run(world.config, target)
        assert code == 0


def jsonable(details: Details) -> dict[str, Any]:
    """Return settings as a config file holds them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in details}
