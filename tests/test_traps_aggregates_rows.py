"""Traps of Genesys' usage aggregates in queries and rows, numbered as in the facts; `test_traps` counts them."""

from __future__ import annotations

import logging
from dataclasses import fields
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tap_usage.sandbox import Sandbox
from tap_usage.tap import TapUsage
from tests.conftest import NOW
from tests.declared import catalog
from tests.running import run
from tests.test_settings import lines
from tests.test_traps_aggregates import CLIENT, ORGANIZATION, RESULTS, SUBMIT, bodies, read
from tests.truth import AGGREGATES, aggregates, bare, counted, is_whole, today

QUERIES = ("genesys_organization_usage", "genesys_client_usage", "genesys_client_usage_summary")
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # what is wrong is told at once
UNKNOWN = {
    "end_inclusive": (True, False),
    "today_counted": (False, True),
    "strict_limits": (True, False),
    "waiting_status": (202, 200),
    "failing_status": (202, 200),
    "error_body": (True, False),
    "ungrouped": ("absent", "null", "empty", "text", "members"),
    "client_name": ("filled", "listed", "absent"),
    "next_uri": ("relative", "absolute"),
    "next_uri_page_size": (True, False),
    "empty_last_page": (False, True),
    "no_rows": ("empty", "missing", "null"),
    "forgotten": ("not found", "Failed", "Cancelled"),
    "in_order": (True, False),
    "week_begins": ("Monday",),  # by weeks that begin otherwise nothing is read, see below
}


def test_g18_the_successor_has_streams_keys_and_state_of_its_own(sandbox: Sandbox) -> None:
    done = run(sandbox.config)
    assert done.code == 0
    keys = [{row["usage_key"] for row in done.rows(stream)} for stream in (*QUERIES, *AGGREGATES)]
    assert sum(map(len, keys)) == len(set().union(*keys)) == sum(done.counts[name] for name in (*QUERIES, *AGGREGATES))
    assert {*QUERIES, *AGGREGATES} <= done.state["bookmarks"].keys()


@pytest.mark.parametrize(
    ("family", "streams"), [("query", QUERIES), ("aggregates", AGGREGATES), ("both", (*QUERIES, *AGGREGATES))]
)
def test_g18_a_setting_says_which_family_there_is(sandbox: Sandbox, family: str, streams: tuple[str, ...]) -> None:
    done = run(sandbox.config, genesys_usage_api=family)
    assert done.code == 0
    assert {name for name in done.counts if name.startswith("genesys")} == {"genesys_oauth_clients", *streams}
    told = TapUsage(config=sandbox.config | {"genesys_usage_api": family}, setup_mapper=False).streams
    assert {name for name in told if name.startswith("genesys")} == {"genesys_oauth_clients", *streams}


def test_g18_without_settings_both_families_are_shown_and_the_older_one_is_the_default(sandbox: Sandbox) -> None:
    assert {*QUERIES, *AGGREGATES} <= catalog().keys()
    assert not set(AGGREGATES) & TapUsage(config=sandbox.config, setup_mapper=False).streams.keys()


def test_ag07_dimensions_have_the_names_of_this_api(sandbox: Sandbox) -> None:
    done = read(sandbox, *AGGREGATES, genesys_group_by=["OAuthClientId", "HttpMethod"])
    assert [body["groupBy"] for body in bodies(sandbox, SUBMIT)] == [["OauthClientId", "HttpMethod"]] * 3
    assert {row["grouped_by"] for row in done.rows(ORGANIZATION)} == {"HttpMethod,OauthClientId"}
    assert {row["grouped_by"] for row in done.rows(CLIENT)} == {"HttpMethod,TemplateUri"}


def test_ag07_the_client_is_no_dimension_of_its_own_jobs(sandbox: Sandbox) -> None:
    usual = {row["usage_key"] for row in read(sandbox, CLIENT).rows(CLIENT)}
    sandbox.forget_requests()
    done = read(sandbox, CLIENT, genesys_client_group_by=["OAuthClientId", "TemplateUri", "HttpMethod"])
    assert {tuple(body["groupBy"]) for body in bodies(sandbox)} == {("TemplateUri", "HttpMethod")}
    assert {row["usage_key"] for row in done.rows(CLIENT)} == usual


@pytest.mark.parametrize("family", ["aggregates", "both"])
def test_ag07_a_dimension_that_there_is_not_is_refused_with_a_line(family: str) -> None:
    given: dict[str, Any] = {"genesys_client_id": "a", "genesys_client_secret": "b", "genesys_usage_api": family}
    assert refusals(given | {"genesys_group_by": ["OrganizationId", "HttpMethod"]}) == (
        "`genesys_group_by` must not hold OrganizationId: genesys_organization_usage_aggregates, "
        f"which `genesys_usage_api` {family} asks for, knows no other dimension"
    )
    assert not refusals(given | {"genesys_group_by": ["OrganizationId"], "genesys_usage_api": "query"})
    assert not refusals(given | {"genesys_client_group_by": ["OrganizationId"]})


def refusals(config: dict[str, Any]) -> str:
    assert not lines(**config)
    told = TapUsage(config=config, validate_config=False, setup_mapper=False)._validate_config(raise_errors=False)  # noqa: SLF001 - the SDK's hook
    return "; ".join(told)


@pytest.mark.parametrize("groups", [["HttpMethod"], ["OAuthClientId"], ["UserId", "TemplateUri"]])
def test_ag08_every_query_is_grouped(sandbox: Sandbox, groups: list[str]) -> None:
    read(sandbox, *AGGREGATES, genesys_group_by=groups)
    assert all(body["groupBy"] for body in bodies(sandbox))


def test_ag08_a_grouping_by_nothing_is_refused_with_a_line() -> None:
    given = {"genesys_client_id": "a", "genesys_client_secret": "b", "genesys_usage_api": "aggregates"}
    assert refusals(given | {"genesys_client_group_by": ["OAuthClientId"]}) == (
        "`genesys_client_group_by` must hold one of OrganizationId, TemplateUri, HttpMethod: "
        "genesys_client_usage_aggregates, which `genesys_usage_api` aggregates asks for, knows no other dimension"
    )


def test_ag09_clients_are_told_apart_by_their_ids_and_a_new_name_makes_no_new_row(sandbox: Sandbox) -> None:
    first = read(sandbox).rows(ORGANIZATION)
    for source in sandbox.genesys.ledger.traffic:
        source["clientName"] = "New name"
    second = read(sandbox).rows(ORGANIZATION)
    assert len({row["oauth_client_name"] for row in second}) < len({row["oauth_client_name"] for row in first})
    assert [row["usage_key"] for row in second] == [row["usage_key"] for row in first]
    assert not [name for body in bodies(sandbox) for name in body["groupBy"] if name == "OauthClientName"]


def test_ag10_rows_are_entities_and_count_requests(sandbox: Sandbox) -> None:
    rows = read(sandbox, *AGGREGATES)
    for stream in AGGREGATES:
        assert sum(row["requestCount"] for row in rows.rows(stream)) > 1000
        assert not [row for row in rows.rows(stream) if "requests" in row]


def test_ag11_objects_stay_as_they_come_and_what_joins_stands_beside_them(sandbox: Sandbox) -> None:
    done = read(sandbox, *AGGREGATES, "genesys_oauth_clients", genesys_group_by=["OAuthClientId", "UserId"])
    for row in done.rows(ORGANIZATION):
        assert (row["oauth_client_id"], row["oauth_client_name"]) == (
            row["oauthClient"]["id"],
            row["oauthClient"]["name"],
        )
        assert row["user_id"] == (row["user"] or {}).get("id")
    listed = {row["id"] for row in done.rows("genesys_oauth_clients")}
    assert {row["oauth_client_id"] for row in done.rows(CLIENT)} <= listed
    assert not [row for row in done.rows(CLIENT) if {"oauthClient", "oauth_client_name", "user_id"} & row.keys()]


@pytest.mark.parametrize("form", ["absent", "null", "empty", "text", "members"])
def test_ag11_what_was_not_grouped_by_is_null_however_that_is_written(sandbox: Sandbox, form: Any) -> None:  # noqa: ANN401 - one of these
    usual = read(sandbox, *AGGREGATES, genesys_group_by=["HttpMethod"])
    sandbox.genesys.aggregates.unknowns.ungrouped = form
    done = read(sandbox, *AGGREGATES, genesys_group_by=["HttpMethod"])
    for stream, names in (
        (ORGANIZATION, ("oauth_client_id", "user_id", "templateUri")),
        (CLIENT, ("organizationId",)),
    ):
        assert {row[name] for row in done.rows(stream) for name in (*names, "platform")} == {None}
        assert [row["usage_key"] for row in done.rows(stream)] == [row["usage_key"] for row in usual.rows(stream)]
    objects = [row[name] for row in done.rows(ORGANIZATION) for name in ("oauthClient", "user")]
    assert all((given is None) is (form != "members") for given in objects)


@pytest.mark.parametrize("form", ["{}", "{}T00:00:00Z", "{}T00:00:00.000+00:00"])
def test_ag12_a_day_is_a_day_however_it_is_written(sandbox: Sandbox, form: str) -> None:
    usual = read(sandbox)
    sandbox.fault(RESULTS, "date_form", times=None, form=form)
    done = read(sandbox)
    assert counted(done.rows(ORGANIZATION)) == counted(usual.rows(ORGANIZATION))
    assert done.bookmark(ORGANIZATION) == usual.bookmark(ORGANIZATION) == "2026-11-21"


@pytest.mark.parametrize("inclusive", [True, False])
def test_ag13_no_day_is_read_twice_or_missed_whether_ends_count_or_not(sandbox: Sandbox, *, inclusive: bool) -> None:
    sandbox.genesys.aggregates.unknowns.end_inclusive = inclusive
    done = read(sandbox, *AGGREGATES, genesys_window_days=7)
    for stream in AGGREGATES:
        assert is_whole(sandbox, done, stream)
    points = {point for body in bodies(sandbox) for point in body["interval"].split("/")}
    assert all(point.endswith("T00:00:00Z") for point in points)
    assert max(points) == "2026-11-22T00:00:00Z"


def test_ag14_no_interval_counts_more_than_90_days_however_ends_are_meant(sandbox: Sandbox) -> None:
    done = read(sandbox, *AGGREGATES, genesys_window_days=90, start_date="2025-12-01")
    assert done.code == 0
    spans = [
        tuple(map(date.fromisoformat, body["interval"].replace("T00:00:00Z", "").split("/")))
        for body in bodies(sandbox)
    ]
    assert max((end - start).days for start, end in spans) == 89


def test_ag26_the_new_figures_include_genesys_own_clients_and_are_no_continuation(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[QUERIES[0], ORGANIZATION])
    old, new = ({row["oauth_client_id"] for row in done.rows(stream)} for stream in (QUERIES[0], ORGANIZATION))
    assert old < new
    assert sum(row["requestCount"] for row in done.rows(ORGANIZATION)) > sum(
        row["requests"] for row in done.rows(QUERIES[0])
    )


def test_ag27_a_429_stays_a_4xx_and_nothing_is_added_up(sandbox: Sandbox) -> None:
    sandbox.genesys.clear()
    sandbox.genesys.add_usage("a", "2026-11-20", 100, status400=30, status429=20)
    (row,) = read(sandbox).rows(ORGANIZATION)
    assert (row["requestCount"], row["status200"], row["status400"], row["status429"]) == (100, 70, 30, 20)


def test_ag28_users_are_not_asked_for_unless_that_is_wanted(sandbox: Sandbox) -> None:
    assert {row["user_id"] for row in read(sandbox).rows(ORGANIZATION)} == {None}
    done = read(sandbox, genesys_group_by=["UserId"])
    assert len({row["user_id"] for row in done.rows(ORGANIZATION)} - {None}) == 3


@pytest.mark.parametrize("form", ["empty", "missing", "null"])
def test_ag29_a_success_without_rows_is_complete_but_passes_nothing_that_is_not_settled(
    sandbox: Sandbox,
    form: Any,  # noqa: ANN401 - one of these
) -> None:
    sandbox.genesys.aggregates.unknowns.no_rows = form
    sandbox.genesys.clear()
    first = read(sandbox)
    assert (first.code, first.rows(ORGANIZATION)) == (0, [])
    sandbox.advance(days=1)
    sandbox.genesys.add_usage("too late for the lookback", "2026-11-18", 7)
    sandbox.genesys.add_usage("computed late", "2026-11-19", 9)
    second = read(sandbox, state=first.state)
    assert [row["requestCount"] for row in second.rows(ORGANIZATION)] == [9]


def test_weeks_that_begin_otherwise_are_a_named_failure_and_move_nothing(sandbox: Sandbox) -> None:
    sandbox.genesys.aggregates.unknowns.week_begins = "Sunday"
    done = read(sandbox, genesys_granularity="Week")
    assert (done.code, done.bookmark(ORGANIZATION)) == (1, None)
    assert "where no week begins; read it by day instead" in done.failures[0]


START = date(2026, 9, 28)
FIRST_DAYS = {"Day": START, "Week": START, "Month": START.replace(day=1)}
OPEN = {"Day": "2026-11-22", "Week": "2026-11-16", "Month": "2026-11-01"}
UNUSUAL = {"OAuthClientId": "OauthClientId"}
MISHAPS = ("empty_page", "query_status", "not_found")


@settings(max_examples=40, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_rows_are_the_vendors_under_every_combination_of_what_is_not_known(data: st.DataObject) -> None:
    granularity = data.draw(st.sampled_from(("Day", "Week", "Month")))
    dimensions = st.sampled_from(("OAuthClientId", "UserId", "TemplateUri", "HttpMethod"))
    groups = data.draw(st.lists(dimensions, min_size=1, unique=True))
    with Sandbox(now=NOW) as sandbox:
        sandbox.genesys.requests_per_minute = 10**9  # no minute of the sandbox ever ends
        served = sandbox.genesys.aggregates
        for name, values in UNKNOWN.items():
            setattr(served.unknowns, name, data.draw(st.sampled_from(values), label=name))
        served.polls_until_known = data.draw(st.integers(0, 3), label="polls until known")
        served.rows_per_answer = data.draw(st.sampled_from((None, 7, 100)), label="rows per answer")
        sandbox.genesys.polls_until_complete = data.draw(st.integers(0, 2), label="polls until complete")
        for operation in (RESULTS, "genesys.client_aggregates_results"):
            for kind in MISHAPS:
                sandbox.fault(operation, kind, after=data.draw(st.integers(0, 12), label=kind))
        asked = {
            "genesys_granularity": granularity,
            "genesys_group_by": groups,
            "genesys_window_days": data.draw(st.sampled_from((7, 31, 90)), label="window"),
        }
        done = read(sandbox, *AGGREGATES, start_date=str(START), **asked)
        assert (done.code, done.failures) == (0, [])
        # what is open may hold a part of today, where an end counts: no row tells how much
        until = OPEN[granularity] if served.unknowns.end_inclusive and served.unknowns.today_counted else "9999"
        names = tuple(UNUSUAL.get(name, name) for name in groups)
        how: dict[str, Any] = {"granularity": granularity}
        first, last = FIRST_DAYS[granularity], today(sandbox)
        clients = [client["id"] for client in sandbox.genesys.clients]
        truth = {
            ORGANIZATION: aggregates(sandbox, first, last, group_by=names, **how),
            CLIENT: [row for each in clients for row in aggregates(sandbox, first, last, client_id=each, **how)],
        }
        for stream in AGGREGATES:
            held = {row["usage_key"]: row for row in done.rows(stream)}.values()
            come, true = ([row for row in rows if row["date"] < until] for rows in (held, truth[stream]))
            assert counted(bare(stream, come)) == counted(true)
            assert true


def test_all_that_is_not_known_is_varied(sandbox: Sandbox) -> None:
    names = {field.name for field in fields(sandbox.genesys.aggregates.unknowns)}
    assert names - UNKNOWN.keys() == {"out_of_range_code"}


def test_a_refused_interval_is_told_with_its_code(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    sandbox.fault(SUBMIT, "status", times=None, status=400)
    done = read(sandbox)
    assert (done.code, done.bookmark(ORGANIZATION)) == (1, None)
    assert "HTTP 400" in done.failures[0]
