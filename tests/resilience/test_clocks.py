"""Time: the vendor's clock counts and not the local one, days are UTC days, and odd days are days like others."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_usage.sandbox import Sandbox
from tests.resilience.world import World
from tests.running import ImpatientClock, ImpatientTap, Run, run
from tests.truth import STREAMS, bare, client_usage, counted, organization_usage, promotion_usages, today

ORGANIZATION, CLIENTS = "genesys_organization_usage", "genesys_client_usage"
PERIODS, USAGES = "demandbase_api_usage", "elasticpath_promotion_usages"
TEN_MINUTES = timedelta(minutes=10)
Watch = Callable[[Sandbox, timedelta], None]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Give the tap a local clock that differs from the vendors'."""

    def set_watch(sandbox: Sandbox, off: timedelta) -> None:
        class OddClock(ImpatientClock):
            def now(self) -> datetime:
                return sandbox.clock.now() + off

        monkeypatch.setattr(ImpatientTap, "clock_class", OddClock)

    return set_watch


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Set the local time zone."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


def written(*runs: Run) -> Counter[str]:
    """Return the rows that were written, without links: every sandbox has ports of its own."""
    rows = [message["record"] for done in runs for message in done.messages if message["type"] == "RECORD"]
    return counted({name: value for name, value in row.items() if name != "_links"} for row in rows)


@pytest.mark.parametrize("off", [-TEN_MINUTES, TEN_MINUTES, timedelta(hours=-23), timedelta(hours=24)])
@pytest.mark.parametrize("now", ["2026-11-22T12:00:00Z", "2026-11-22T23:55:00Z", "2026-11-22T00:05:00Z"])
def test_a_local_clock_that_is_wrong_by_less_than_a_day_changes_nothing(watch: Watch, now: str, off: timedelta) -> None:
    found = []
    for difference in (timedelta(), off):
        with Sandbox(now=now) as sandbox:
            world = World(sandbox)
            watch(sandbox, difference)
            first = run(world.config)
            sandbox.advance(hours=20)
            second = run(world.config, state=first.state)
            found.append((first.state, second.state, written(first, second)))
            assert sandbox.count("demandbase.token") == 2
    assert found[0] == found[1]


@pytest.mark.parametrize("off", [timedelta(hours=-30), timedelta(days=30), timedelta(days=-20_000)])
def test_a_local_clock_that_is_wrong_by_more_fails_every_stream_with_both_times_and_moves_nothing(
    watch: Watch, off: timedelta
) -> None:
    with Sandbox(now="2026-11-22T12:00:00Z") as sandbox:
        world = World(sandbox)
        watch(sandbox, timedelta())
        before = run(world.config)
        sandbox.forget_requests()
        sandbox.advance(hours=20)
        watch(sandbox, off)
        done = run(world.config, state=before.state)
        assert done.code == 1
        assert not done.counts
        for stream in (ORGANIZATION, CLIENTS, PERIODS, USAGES):
            assert done.bookmark(stream) == before.bookmark(stream)
        assert {stream for line in done.failures for stream in line.split(": ")[1].split(", ")} == set(STREAMS)
        here = sandbox.clock.now() + off
        for vendor in sandbox.vendors:
            named = [line for line in done.failures if line.startswith(vendor) and "2026-11-23T08:00:00Z" in line]
            assert any(f"{here:%Y-%m-%dT%H:%M:%SZ}" in line for line in named)
        assert {seen.operation for seen in sandbox.requests} == {f"{vendor}.token" for vendor in sandbox.vendors}
        assert len(sandbox.requests) == len(sandbox.vendors)
        watch(sandbox, timedelta())
        after = run(world.config, state=done.state)
        assert written(after) == written(run(world.config, state=before.state))


@pytest.mark.parametrize("off", [-TEN_MINUTES, TEN_MINUTES, timedelta(hours=-20)])
def test_a_date_in_retry_after_is_read_by_the_vendors_clock(watch: Watch, off: timedelta) -> None:
    with Sandbox(now="2026-11-22T12:00:00Z") as sandbox:
        world = World(sandbox)
        watch(sandbox, off)
        sandbox.fault("pingone.environments", "status", times=1, status=503, retry_after_date=90)
        done = run(world.config, select=["pingone_environments"])
    assert done.code == 0
    assert any(89 < seconds <= 90 for seconds in done.waits)
    assert max(done.waits) <= 90


@pytest.mark.parametrize("off", [-TEN_MINUTES, TEN_MINUTES])
def test_no_bookmark_passes_the_vendors_clock(watch: Watch, off: timedelta) -> None:
    with Sandbox(now="2026-11-22T12:00:00Z") as sandbox:
        world = World(sandbox)
        watch(sandbox, off)
        ahead = sandbox.clock.now() + timedelta(minutes=5)
        sandbox.elasticpath.add_usage("promotion-1", ahead)
        done = run(world.config)
        assert done.bookmark(USAGES) == "2026-11-22T12:00:00.000Z"
        assert {row["observed_at"] for row in done.rows("demandbase_credits")} == {"2026-11-22T12:00:00.000Z"}


@pytest.mark.parametrize("name", ["America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu"])
@pytest.mark.parametrize("now", ["2026-11-01T05:30:00Z", "2026-03-08T07:30:00Z", "2026-12-31T23:30:00Z"])
def test_the_local_time_zone_and_its_daylight_saving_change_nothing(
    zone: Callable[[str], None], now: str, name: str
) -> None:
    found = []
    for local in ("UTC", name):
        zone(local)
        with Sandbox(now=now) as sandbox:
            start = today(sandbox) - timedelta(days=6)
            done = run(sandbox.config, start_date=f"{start}T00:00:00")
            found.append((done.state, written(done)))
    assert found[0] == found[1]


def check_days(sandbox: Sandbox, done: Run, start: date) -> None:
    """Check the windowed streams of a run by day against what the sandbox holds from a day on."""
    end = today(sandbox)
    truth = {
        ORGANIZATION: organization_usage(sandbox, start, end),
        CLIENTS: [row for client in sandbox.genesys.clients for row in client_usage(sandbox, client["id"], start, end)],
        PERIODS: sandbox.demandbase.rows("day", str(start), str(end)),
    }
    for stream, rows in truth.items():
        assert counted(bare(stream, done.rows(stream))) == counted(rows)
        assert rows


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-01-01T00:00:00Z", "2025-12-20"),
        ("2026-12-31T23:59:59Z", "2026-12-01"),
        ("2028-02-29T12:00:00Z", "2028-02-01"),
        ("2028-03-01T00:00:01Z", "2028-02-27"),
        ("2027-03-01T06:00:00Z", "2027-01-31"),
        ("2026-10-25T01:30:00Z", "2026-10-20"),
    ],
)
@pytest.mark.parametrize("span", [1, 7, 31])
def test_year_ends_leap_days_and_month_ends_are_days_like_others(now: str, start: str, span: int) -> None:
    with Sandbox(now=now) as sandbox:
        settings = {"genesys_window_days": span, "demandbase_window_periods": span}
        # The sandbox's minute does not end while the tap pretends to wait for it: hours pass for the tap.
        done = run(sandbox.config, start_date=start, genesys_poll_timeout_seconds=10**7, **settings)
        assert done.code == 0
        check_days(sandbox, done, date.fromisoformat(start))


@pytest.mark.parametrize(
    ("now", "start", "period", "span", "expected"),
    [
        (
            "2028-03-05T12:00:00Z",
            "2027-11-30",
            "month",
            2,
            [("2027-11", "2027-12"), ("2028-01", "2028-02"), ("2028-03", "2028-03")],
        ),
        ("2028-02-29T23:00:00Z", "2028-01-31", "month", 1, [("2028-01", "2028-01"), ("2028-02", "2028-02")]),
        ("2028-03-01T00:00:00Z", "2028-02-27", "day", 2, [("2028-02-27", "2028-02-28"), ("2028-02-29", "2028-03-01")]),
        ("2026-01-01T00:00:00Z", "2025-12-30", "day", 5, [("2025-12-30", "2026-01-01")]),
        ("2026-01-01T00:00:00Z", "2024-02-29", "year", 2, [("2024", "2025"), ("2026", "2026")]),
        ("2026-12-31T23:59:00Z", "2026-12-31", "year", 1, [("2026", "2026")]),
    ],
)
def test_demandbase_is_asked_for_whole_periods_with_their_last_one_named(
    now: str, start: str, period: str, span: int, expected: list[tuple[str, str]]
) -> None:
    with Sandbox(now=now) as sandbox:
        settings: dict[str, Any] = {"demandbase_period": period, "demandbase_window_periods": span, "start_date": start}
        done = run(sandbox.config, select=[PERIODS], **settings)
        ranges = [(seen.query["start"], seen.query["end"]) for seen in sandbox.requests if "start" in seen.query]
    assert done.code == 0
    assert sorted(ranges) == expected
    assert str(done.bookmark(PERIODS)).startswith(expected[-1][1])


def test_a_start_in_the_future_reads_nothing_until_it_comes() -> None:
    with Sandbox(now="2026-11-22T12:00:00Z") as sandbox:
        first = run(sandbox.config, start_date="2026-11-25")
        assert first.code == 0
        for stream in (ORGANIZATION, CLIENTS, PERIODS, USAGES):
            assert first.rows(stream) == []
            assert first.bookmark(stream) is None
        assert all(first.rows(stream) for stream in STREAMS if stream.endswith(("clients", "rules", "promotions")))
        sandbox.advance(days=7)
        second = run(sandbox.config, start_date="2026-11-25", state=first.state)
        check_days(sandbox, second, date(2026, 11, 25))
        truth = [row for row in promotion_usages(sandbox) if row["used_on"] >= "2026-11-25"]
        assert counted(second.rows(USAGES)) == counted(truth)


def test_an_end_before_the_start_is_refused_before_anything_is_asked() -> None:
    with Sandbox(now="2026-11-22T12:00:00Z") as sandbox:
        for end in ("2026-10-01", "2026-09-30T23:59:59Z", "2026-10-01T01:00:00+02:00"):
            with pytest.raises(ConfigValidationError) as caught:
                run(sandbox.config, start_date="2026-10-01", end_date=end)
            assert caught.value.errors == ["`end_date` must be after `start_date`"]
        assert sandbox.requests == []


def test_an_end_before_the_bookmark_moves_nothing_back() -> None:
    with Sandbox(now="2026-11-22T12:00:00Z") as sandbox:
        first = run(sandbox.config, start_date="2026-10-01")
        second = run(sandbox.config, start_date="2026-10-01", end_date="2026-10-10", state=first.state)
        assert second.code == 0
        sandbox.advance(days=2)
        third = run(sandbox.config, start_date="2026-10-01", state=second.state)
        for stream in (ORGANIZATION, CLIENTS, PERIODS, USAGES):
            assert second.bookmark(stream) == first.bookmark(stream)
        held = {row["id"]: row for done in (first, second, third) for row in done.rows(USAGES)}
        truth = [row for row in promotion_usages(sandbox) if row["used_on"] >= "2026-10-01"]
        assert counted(held.values()) == counted(truth)


@pytest.mark.parametrize(
    ("text", "day", "instant"),
    [
        ("2026-11-10", "2026-11-10", "2026-11-10T00:00:00.000Z"),
        ("2026-11-10T00:00:00", "2026-11-10", "2026-11-10T00:00:00.000Z"),
        ("2026-11-10T00:00:00Z", "2026-11-10", "2026-11-10T00:00:00.000Z"),
        ("2026-11-10T02:00:00+02:00", "2026-11-10", "2026-11-10T00:00:00.000Z"),
        ("2026-11-10T01:30:00+02:00", "2026-11-09", "2026-11-09T23:30:00.000Z"),
        ("2026-11-09T19:00:00.5-05:00", "2026-11-10", "2026-11-10T00:00:00.500Z"),
        ("20261110T000000Z", "2026-11-10", "2026-11-10T00:00:00.000Z"),
    ],
)
def test_dates_without_an_offset_are_utc_and_offsets_count(text: str, day: str, instant: str) -> None:
    with Sandbox(now="2026-11-22T12:00:00Z") as sandbox:
        done = run(sandbox.config, start_date=text)
        check_days(sandbox, done, date.fromisoformat(day))
        filters = {seen.query.get("filter") for seen in sandbox.requests if seen.operation == "elasticpath.usages"}
        intervals = [seen.request.body for seen in sandbox.requests if seen.operation == "genesys.organization_submit"]
    assert filters == {f"ge(used_on,{instant})"}
    assert b"".join(intervals).count(f"{day}T00:00:00Z/".encode()) == 1
