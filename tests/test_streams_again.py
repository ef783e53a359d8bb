"""Later runs read what is new and what a lookback demands, and keep the identity of every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.catalogs import discovered, entry_of, run_catalog
from tests.conftest import NOW
from tests.running import Run, run
from tests.truth import (
    STREAMS,
    TRUTH,
    Row,
    aggregates,
    bare,
    client_usage,
    counted,
    missing,
    organization_usage,
    promotion_usages,
    today,
)

DAILY = (
    *("genesys_organization_usage", "genesys_client_usage", "demandbase_api_usage"),
    *("genesys_organization_usage_aggregates", "genesys_client_usage_aggregates"),
)
TIMES = dict(zip(DAILY, (3, 3, 1, 3, 3), strict=True))
FULL = tuple(stream for stream in STREAMS if stream not in (*DAILY, "elasticpath_promotion_usages"))
Days = list[tuple[Sandbox, Run]]


def upserted(runs: list[Run], stream: str) -> dict[str, Row]:
    """Return what a target that upserts by key holds after all runs."""
    return {row["usage_key"]: row for each in runs for row in each.rows(stream)}


def day(row: Row) -> date:
    return date.fromisoformat(row.get("period_start") or row["date"][:10])


@pytest.fixture(scope="module")
def same_day() -> Iterator[tuple[Sandbox, Run, Run]]:
    with Sandbox(now=NOW) as sandbox:
        first = run(sandbox.config)
        sandbox.forget_requests()
        yield sandbox, first, run(sandbox.config, state=first.state)


@pytest.mark.parametrize("stream", FULL)
def test_full_tables_and_snapshots_come_again_on_the_same_day(same_day: tuple[Sandbox, Run, Run], stream: str) -> None:
    _, first, second = same_day
    assert counted(second.rows(stream)) == counted(first.rows(stream))


@pytest.mark.parametrize(("stream", "since"), TIMES.items())
def test_a_second_run_on_the_same_day_reads_the_lookback_only(
    same_day: tuple[Sandbox, Run, Run], stream: str, since: int
) -> None:
    sandbox, first, second = same_day
    start = today(sandbox) - timedelta(days=since)
    assert counted(second.rows(stream)) == counted(row for row in first.rows(stream) if day(row) >= start)


def test_a_second_run_reads_usages_of_the_overlap_only(same_day: tuple[Sandbox, Run, Run]) -> None:
    _, first, second = same_day
    assert first.bookmark("elasticpath_promotion_usages") == "2026-11-22T11:15:00.000Z"
    overlap = [
        row for row in first.rows("elasticpath_promotion_usages") if row["used_on"] >= "2026-11-22T11:05:00.000Z"
    ]
    assert counted(second.rows("elasticpath_promotion_usages")) == counted(overlap)


def test_a_second_run_without_news_ends_with_the_same_state(same_day: tuple[Sandbox, Run, Run]) -> None:
    _, first, second = same_day
    assert second.state == first.state


def test_a_second_run_without_news_asks_once_per_promotion_and_window(same_day: tuple[Sandbox, Run, Run]) -> None:
    sandbox, *_ = same_day
    assert sandbox.count("elasticpath.usages") == len(sandbox.elasticpath.promotions)
    assert sandbox.count("elasticpath.promotions") == 1
    assert sandbox.count("genesys.organization_submit") == 1
    assert sandbox.count("genesys.client_submit") == len(sandbox.genesys.clients)


@pytest.fixture(scope="module")
def daily() -> Iterator[Days]:
    """Five runs, a day apart."""
    with Sandbox(now=NOW) as sandbox:
        runs: Days = []
        for _ in range(5):
            runs.append((sandbox, run(sandbox.config, state=runs[-1][1].state if runs else None)))
            sandbox.advance(days=1)
        yield runs


@pytest.mark.parametrize("stream", DAILY)
def test_five_daily_runs_leave_the_vendors_rows_in_a_target(daily: Days, stream: str) -> None:
    sandbox, runs = daily[0][0], [each for _, each in daily]
    last_day, first = date(2026, 11, 26), date(2026, 8, 24)
    if stream == DAILY[0]:
        now = organization_usage(sandbox, first, last_day)
    elif stream == DAILY[1]:
        clients = [client["id"] for client in sandbox.genesys.clients]
        now = [row for client in clients for row in client_usage(sandbox, client, first, last_day)]
    elif stream == DAILY[3]:
        now = aggregates(sandbox, first, last_day)
    elif stream == DAILY[4]:
        clients = [client["id"] for client in sandbox.genesys.clients]
        now = [row for client in clients for row in aggregates(sandbox, first, last_day, client_id=client)]
    else:
        now = sandbox.demandbase.rows("day", str(first), str(last_day))
    settled = [row for row in upserted(runs, stream).values() if row["is_final"]]
    still_open = {day(row) for row in upserted(runs, stream).values() if not row["is_final"]}
    truth = [row for row in now if date.fromisoformat(row["date"][:10]) not in still_open]
    assert counted(bare(stream, settled)) == counted(truth)


@pytest.mark.parametrize(("stream", "times"), [(stream, max(3, times + 1)) for stream, times in TIMES.items()])
def test_a_day_is_read_until_the_run_in_which_it_becomes_final(daily: Days, stream: str, times: int) -> None:
    runs = [each for _, each in daily]
    finality: dict[str, list[bool]] = {}
    for each in runs:
        for row in each.rows(stream):
            if day(row) == date(2026, 11, 22):
                finality.setdefault(row["usage_key"], []).append(row["is_final"])
    assert finality
    seen = max(finality.values(), key=len)
    assert seen == [False] * (times - 1) + [True]
    for flags in finality.values():
        assert flags[-1] is True
        assert flags[:-1] == [False] * (len(flags) - 1)


def test_usages_of_five_days_come_once_but_for_the_overlap(daily: Days) -> None:
    sandbox, runs = daily[0][0], [each for _, each in daily]
    rows = [row for each in runs for row in each.rows("elasticpath_promotion_usages")]
    truth = [row for row in promotion_usages(sandbox) if row["used_on"] <= "2026-11-26T12:00:00.000Z"]
    assert not missing(rows, truth)
    again = [usage for usage, times in Counter(row["id"] for row in rows).items() if times > 1]
    assert 0 < len(again) <= 8


def test_the_state_does_not_grow_with_the_days(daily: Days) -> None:
    sizes = [len(str(each.state["bookmarks"]["genesys_client_usage"])) for _, each in daily]
    assert len(set(sizes)) == 1
    assert len({len(str(each.state["bookmarks"]["elasticpath_promotion_usages"])) for _, each in daily}) == 1


def test_bookmarks_move_with_the_vendors_clock(daily: Days) -> None:
    for number, (_, each) in enumerate(daily):
        read = date(2026, 11, 21) + timedelta(days=number)
        assert each.bookmark("genesys_organization_usage") == f"{read}T00:00:00Z"
        assert each.bookmark("genesys_client_usage") == f"{read}T00:00:00Z"
        assert {each.bookmark(stream) for stream in DAILY[3:]} == {str(read)}
        assert each.bookmark("demandbase_api_usage") == str(read + timedelta(days=1))
    marks = [str(each.bookmark("elasticpath_promotion_usages")) for _, each in daily]
    assert all(earlier < later for earlier, later in pairwise(marks))


def test_days_that_were_missed_are_read_by_the_next_run(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[DAILY[0]])
    sandbox.advance(days=40)
    second = run(sandbox.config, select=[DAILY[0]], state=first.state)
    truth = organization_usage(sandbox, date(2026, 8, 24), today(sandbox))
    assert counted(bare(DAILY[0], upserted([first, second], DAILY[0]).values())) == counted(truth)
    assert min(map(day, second.rows(DAILY[0]))) == date(2026, 11, 19)


@pytest.mark.parametrize("lookback", [0, 1, 10])
def test_the_lookback_setting_decides_what_is_read_again_and_what_is_final(sandbox: Sandbox, lookback: int) -> None:
    config = {**sandbox.config, "genesys_lookback_days": lookback}
    first = run(config, select=[DAILY[0]])
    sandbox.advance(days=1)
    second = run(config, select=[DAILY[0]], state=first.state)
    assert min(map(day, second.rows(DAILY[0]))) == date(2026, 11, 22) - timedelta(days=lookback)
    for row in second.rows(DAILY[0]):
        assert row["is_final"] is (day(row) < date(2026, 11, 23) - timedelta(days=lookback))


def test_usage_keys_do_not_depend_on_metrics_names_or_the_order_of_group_by(sandbox: Sandbox) -> None:
    before = {
        row["usage_key"]: bare(DAILY[0], [row])[0] for row in run(sandbox.config, select=[DAILY[0]]).rows(DAILY[0])
    }
    for source in sandbox.genesys.ledger.traffic:
        source["clientName"] += " renamed"
        source["per_day"] += 1000
    turned = ["HttpMethod", "OAuthClientId", "TemplateUri"]
    after = run(sandbox.config, select=[DAILY[0]], genesys_group_by=turned).rows(DAILY[0])
    assert {row["usage_key"] for row in after} == set(before)
    for row in after:
        told = before[row["usage_key"]]
        assert all(row[name] == told[name] for name in ("clientId", "templateUri", "httpMethod", "date"))
        assert row["requests"] != told["requests"]
        assert row["clientName"] != told["clientName"]


@pytest.mark.parametrize("granularity", ["Day", "Week", "Month"])
def test_usage_keys_and_rows_fit_the_granularity(sandbox: Sandbox, granularity: str) -> None:
    done = run(sandbox.config, select=[DAILY[0]], genesys_granularity=granularity)
    start = {"Day": "2026-08-24", "Week": "2026-08-24", "Month": "2026-08-01"}[granularity]
    truth = sandbox.genesys.rows(None, start, "2026-11-22", granularity)
    rows = done.rows(DAILY[0])
    assert len(rows) == len({row["usage_key"] for row in rows}) == len(truth) > 0
    assert {row["granularity"] for row in rows} == {granularity}
    assert Counter(row["requests"] for row in rows) == Counter(row["requests"] for row in truth)


def test_keys_of_granularities_and_periods_never_meet(sandbox: Sandbox) -> None:
    runs = [
        run(
            sandbox.config,
            select=[DAILY[0], DAILY[2]],
            genesys_granularity=granularity,
            demandbase_period=period,
            start_date="2026-01-01",
        )
        for granularity, period in (("Day", "day"), ("Week", "month"), ("Month", "year"))
    ]
    for stream in (DAILY[0], DAILY[2]):
        keys = [row["usage_key"] for each in runs for row in each.rows(stream)]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize(("period", "step"), [("month", "2026-10"), ("year", "2026")])
def test_months_and_years_are_read_again_while_they_are_open(sandbox: Sandbox, period: str, step: str) -> None:
    config = {**sandbox.config, "demandbase_period": period, "start_date": "2025-01-15"}
    first = run(config, select=[DAILY[2]])
    second = run(config, select=[DAILY[2]], state=first.state)
    assert first.rows(DAILY[2])
    assert min(row["date"] for row in second.rows(DAILY[2])) == step
    assert all(not row["is_final"] for row in second.rows(DAILY[2]))
    final = [row for row in first.rows(DAILY[2]) if row["is_final"]]
    assert all(row["date"] < step for row in final)


def test_start_date_falls_back_to_the_start_of_its_bucket(sandbox: Sandbox) -> None:
    select = [DAILY[0], DAILY[2]]
    config = {**sandbox.config, "genesys_granularity": "Week", "demandbase_period": "month"}
    run(config, select=select, start_date="2026-10-15T17:30:00+02:00")
    intervals = [
        seen.request.body.decode() for seen in sandbox.requests if seen.operation == "genesys.organization_submit"
    ]
    assert any('"interval":"2026-10-12T00:00:00Z/' in body.replace(" ", "") for body in intervals)
    starts = [seen.query["start"] for seen in sandbox.requests if seen.operation == "demandbase.usage"]
    assert starts == ["2026-10"]


def test_start_and_end_date_bound_the_rows_and_the_bookmarks(sandbox: Sandbox) -> None:
    bounds: dict[str, Any] = {"start_date": "2026-10-01", "end_date": "2026-10-11"}
    done = run(sandbox.config, **bounds)
    for stream in DAILY:
        assert {day(row) for row in done.rows(stream)} <= {date(2026, 10, number) for number in range(1, 11)}
        assert done.rows(stream)
        assert str(done.bookmark(stream))[:10] == "2026-10-10"
    truth = [row for row in promotion_usages(sandbox) if "2026-10-01" <= row["used_on"] < "2026-10-11"]
    assert counted(done.rows("elasticpath_promotion_usages")) == counted(truth)
    assert str(done.bookmark("elasticpath_promotion_usages")) < "2026-10-11"


def test_a_bounded_backfill_and_then_an_open_run_miss_nothing(sandbox: Sandbox) -> None:
    first = run(sandbox.config, start_date="2026-08-24", end_date="2026-10-11")
    second = run(sandbox.config, start_date="2026-08-24", state=first.state)
    for stream in DAILY:
        held = upserted([first, second], stream).values()
        assert counted(bare(stream, held)) == counted(TRUTH[stream](sandbox))
    usages = {row["id"]: row for each in (first, second) for row in each.rows("elasticpath_promotion_usages")}
    truth = [row for row in promotion_usages(sandbox) if row["used_on"] >= "2026-08-24"]
    assert counted(usages.values()) == counted(truth)


def test_a_stream_made_full_table_by_the_catalog_is_read_from_its_start_again(sandbox: Sandbox) -> None:
    first = run(sandbox.config)
    catalog = discovered(sandbox.config)
    whole = ("elasticpath_promotion_usages", DAILY[0])
    for stream in whole:
        entry_of(catalog, stream)["replication_method"] = "FULL_TABLE"
    second = run_catalog(sandbox.config, catalog, first.state)
    for stream in whole:
        assert counted(second.rows(stream)) == counted(first.rows(stream))
    assert len(second.rows(DAILY[1])) < len(first.rows(DAILY[1]))
