"""Runs inside the test process that end after any line: nothing is lost, and little is read twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.covered import value_of
from tests.resilience.target import Target
from tests.resilience.trials import Blow, blow, run, suffer
from tests.resilience.world import SETTINGS, START, World
from tests.truth import STREAMS, Row

VENDORS = {"pingone": 2, "genesys": 9, "demandbase": 2, "elasticpath": 4, "": 11}
CHANGES = ("day", "hours created", "created deleted", "late minutes", "minutes created", "day created deleted")
INCREMENTAL = {
    "genesys_organization_usage": ("", timedelta(days=2)),
    "genesys_client_usage": ("oauth_client_id", timedelta(days=2)),
    "genesys_organization_usage_aggregates": ("", timedelta(days=2)),
    "genesys_client_usage_aggregates": ("oauth_client_id", timedelta(days=2)),
    "demandbase_api_usage": ("", timedelta(days=1)),
    "elasticpath_promotion_usages": ("promotion_id", timedelta(minutes=10)),
}
FIRST_WINDOW = datetime.combine(START, time(), UTC) + timedelta(days=SETTINGS["genesys_window_days"])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Sandbox(now=NOW) as sandbox:
        yield World(sandbox)


def streams_of(vendor: str) -> tuple[str, ...]:
    return tuple(stream for stream in STREAMS if stream.startswith(vendor))


@pytest.mark.parametrize("loaded", [False, True], ids=["lost", "loaded"])
@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor or "all at once")
def test_a_run_that_ends_after_any_line_is_made_up_for_by_the_next(world: World, vendor: str, loaded: bool) -> None:  # noqa: FBT001 - a case
    streams = streams_of(vendor)
    whole = Target()
    assert run(world.config, whole, select=streams) == 0
    for lines in range(1 + loaded, whole.lines, VENDORS[vendor]):
        target = Target()
        if run(world.config, target, lines=lines, loaded=loaded, select=streams) == 0:
            assert lines > whole.records, "only STATE lines may be fewer than in the first run"
            break
        assert run(world.config, target, select=streams) == 0
        figures = world.compare(target, streams)
        assert figures.compared > 0
        assert (figures.lost, figures.doubled) == (0, 0), f"after {lines} lines"
        assert target.state == whole.state, f"after {lines} lines"


def test_nor_does_it_matter_when_every_record_is_worked_on(world: World) -> None:
    streams = streams_of("elasticpath")
    maps = {"stream_maps": {"elasticpath_promotion_usages": {"code": "code"}}}
    whole = Target()
    assert run(world.config | maps, whole, select=streams) == 0
    for lines in range(1, whole.lines, 5):
        target = Target()
        assert run(world.config | maps, target, lines=lines, loaded=False, select=streams) is None
        assert run(world.config | maps, target, select=streams) == 0
        figures = world.compare(target, streams)
        assert (figures.lost, figures.doubled) == (0, 0), f"after {lines} lines"


@pytest.mark.parametrize("change", CHANGES)
def test_nor_does_it_matter_what_happens_until_the_next_run(change: str) -> None:
    for lines in range(10 + 3 * len(change), 260, 70):
        account = suffer([Blow(lines, loaded=False, concurrency=8, change=change)])
        assert account.kills == 1
        assert account.figures.compared > 0
        assert (account.figures.lost, account.figures.doubled) == (0, 0), f"after {lines} lines"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_kills_and_faults_in_any_order_lose_and_double_nothing(data: st.DataObject) -> None:
    def draw(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    account = suffer([blow(draw, most_lines=330, most_faults=3) for _ in range(draw(1, 3))])
    assert (account.figures.lost, account.figures.doubled) == (0, 0)


def value(row: Row) -> datetime:
    return datetime.fromisoformat(row.get("used_on") or row["date"]).replace(tzinfo=UTC)


def check_read_again(
    entry: dict[str, Any], rows: list[Row], partition: str, lookback: timedelta, concurrency: int
) -> None:
    """Check what was read again against the stream's part of the state that the run began with."""
    if partition and entry.get("pass", {}).get("began"):
        assert len({row[partition] for row in rows}) <= 1
    unknown = set()
    for row in rows:
        floor = value_of(entry, row[partition]) if partition else entry.get("replication_key_value")
        if floor is not None:
            assert value(row) >= datetime.fromisoformat(floor).replace(tzinfo=UTC) - lookback
        elif partition:
            unknown.add(row[partition])
        else:
            assert value(row) < FIRST_WINDOW
    assert len(unknown) <= concurrency + 1


@pytest.mark.parametrize("concurrency", [2, 32])
def test_a_kill_has_one_partition_read_again_at_most_from_its_last_value_on(world: World, concurrency: int) -> None:
    config = world.config | {"max_concurrency": concurrency}
    whole = Target()
    run(config, whole)
    again: Counter[str] = Counter()
    for lines in range(9, whole.lines, 17):
        target = Target()
        run(config, target, lines=lines, loaded=False)
        entries = target.state.get("bookmarks", {})
        run(config, target)
        for stream, (partition, lookback) in INCREMENTAL.items():
            check_read_again(entries.get(stream, {}), target.again[stream], partition, lookback, concurrency)
            again[stream] += len(target.again[stream])
    assert set(again) == set(INCREMENTAL)
    assert min(again.values()) > 0


SNAPSHOTS = {
    "pingone_issuance_rule_usage_counts": ("issuance_rule_id", "issued"),
    "demandbase_credits": ("accountId", "consumedCredits"),
}


def histories_of(target: Target, stream: str) -> list[list[Row]]:
    """Return the snapshots that a target holds, in the order of time, for each set of counters."""
    histories: dict[str, list[Row]] = {}
    for row in sorted(target.held(stream), key=lambda row: str(row["observed_at"])):
        histories.setdefault(row[SNAPSHOTS[stream][0]], []).append(row)
    return list(histories.values())


def check_deltas(target: Target, stream: str) -> int:
    """Check that what a counter grew by day by day adds up to what it grew by. Return how many snapshots there are."""
    _, counter = SNAPSHOTS[stream]
    for history in histories_of(target, stream):
        assert history[0][f"{counter}_delta"] is None
        assert [row["delta_since"] for row in history[1:]] == [row["observed_at"] for row in history[:-1]]
        growth = sum(row[f"{counter}_delta"] for row in history[1:])
        assert growth == history[-1][counter] - history[0][counter] > 0
    return len(target.held(stream))


def test_deltas_of_snapshots_add_up_however_often_a_run_was_killed() -> None:
    streams = (*streams_of("pingone"), "demandbase_credits")
    with Sandbox(now=NOW) as sandbox:
        world, target = World(sandbox), Target()
        assert run(world.config, target, select=streams) == 0
        for lines in range(1, 40):
            world.change("day" if lines % 3 else "hours")
            run(world.config, target, lines=lines, loaded=False, select=streams)
        assert run(world.config, target, select=streams) == 0
        assert sum(check_deltas(target, stream) for stream in SNAPSHOTS) > 50


def test_deltas_leave_no_gap_and_show_where_they_overlap_when_a_target_kept_rows_that_no_state_covers() -> None:
    streams = (*streams_of("pingone"), "demandbase_credits")
    overlaps = 0
    with Sandbox(now=NOW) as sandbox:
        world, target = World(sandbox), Target()
        assert run(world.config, target, select=streams) == 0
        for lines in range(1, 40):
            world.change("day" if lines % 3 else "hours")
            run(world.config, target, lines=lines, loaded=True, select=streams)
        assert run(world.config, target, select=streams) == 0
        for stream, (_, counter) in SNAPSHOTS.items():
            for history in histories_of(target, stream):
                for before, after in pairwise(history):
                    growth = after[counter] - before[counter]
                    assert growth >= 0
                    if after["delta_since"] == before["observed_at"]:
                        assert after[f"{counter}_delta"] == growth
                    else:
                        assert (after["delta_since"] or "") < before["observed_at"]
                        overlaps += 1
    assert overlaps
