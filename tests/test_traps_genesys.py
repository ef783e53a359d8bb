"""Traps of Genesys Cloud, numbered as in the table of the vendor's facts; `test_traps` counts them."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tap_usage.sandbox import Sandbox
from tap_usage.settings import problems
from tap_usage.tap import TapUsage
from tap_usage.vendors import VENDORS
from tap_usage.vendors.genesys import host
from tests.clocks import shared_with
from tests.running import ImpatientTap, run
from tests.truth import TRUTH, is_whole

ORGANIZATION = "genesys_organization_usage"
CLIENT = "genesys_client_usage"
CLIENTS = "genesys_oauth_clients"
SUMMARY = "genesys_client_usage_summary"


def bodies(sandbox: Sandbox, operation: str) -> list[dict[str, object]]:
    return [json.loads(seen.request.body) for seen in sandbox.requests if seen.operation == operation]


def test_g01_tokens_come_from_the_login_host_and_everything_else_from_the_api_host(sandbox: Sandbox) -> None:
    run(sandbox.config, select=[CLIENTS, ORGANIZATION])
    origins = {seen.operation: seen.origin for seen in sandbox.requests}
    assert origins.pop("genesys.token") == "genesys login"
    assert set(origins.values()) == {"genesys api"}
    of_region = host(
        {name: setting.get("default") for name, setting in TapUsage.config_jsonschema["properties"].items()}
    )
    assert (of_region.url, of_region.auth.url) == (
        "https://api.mypurecloud.com",
        "https://login.mypurecloud.com/oauth/token",
    )


def test_g02_a_throttled_token_request_is_tried_again_though_it_is_a_400(sandbox: Sandbox) -> None:
    sandbox.fault("genesys.token", "throttled", times=3)
    done = run(sandbox.config, select=[ORGANIZATION])
    assert (done.code, sandbox.count("genesys.token")) == (0, 4)
    assert is_whole(sandbox, done, ORGANIZATION)
    assert len([wait for wait in done.waits if wait > 0.4]) == 3


def test_g03_a_refused_client_is_not_tried_again_and_the_failure_names_the_region(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[CLIENTS], genesys_client_secret="wrong")  # noqa: S106 - wrong
    assert (done.code, sandbox.count("genesys.token")) == (1, 1)
    (line,) = done.failures
    assert "invalid_client" in line
    assert "genesys_region" in line
    assert "wrong" not in line


@pytest.mark.parametrize("kind", ["repeated_page", "next_cycle", "total_wrong", "duplicated_rows"])
def test_g04_a_client_list_that_does_not_add_up_is_a_failure(sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("genesys.clients", kind, times=None)
    done = run(sandbox.config, select=[CLIENTS])
    assert len({row["id"] for row in done.rows(CLIENTS)}) == len(done.rows(CLIENTS))
    assert done.code == (0 if kind == "duplicated_rows" else 1)


def test_g04_pages_of_clients_are_followed_by_their_links_only(sandbox: Sandbox) -> None:
    sandbox.genesys.client_page_size = 1
    sandbox.fault("genesys.clients", "page_count_wrong", times=None)
    done = run(sandbox.config, select=[CLIENTS])
    assert done.code == 0
    assert is_whole(sandbox, done, CLIENTS)
    assert sandbox.count("genesys.clients") == len(sandbox.genesys.clients)


def test_g05_the_secret_of_a_client_leaves_the_tap_nowhere(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    done = run(sandbox.config)
    assert "sandbox-secret-of-another-client" in {client["secret"] for client in sandbox.genesys.clients}
    written = json.dumps(done.messages)
    assert "sandbox-secret-of-another-client" not in written + caplog.text
    assert '"secret"' not in written


def test_g11_dimensions_that_were_not_grouped_by_are_null(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[ORGANIZATION, CLIENT, SUMMARY], genesys_group_by=["HttpMethod"])
    for stream in (ORGANIZATION, CLIENT, SUMMARY):
        assert done.rows(stream)
        assert not [row for row in done.rows(stream) if "" in row.values()]
    assert {row["clientId"] for row in done.rows(ORGANIZATION)} == {None}
    assert {row["httpMethod"] for row in done.rows(ORGANIZATION)} >= {"GET", "POST"}


def test_g11_the_key_holds_every_dimension_and_tells_null_from_a_word(sandbox: Sandbox) -> None:
    sandbox.genesys.clear()
    for client in ("a", "null", "None"):
        sandbox.genesys.add_usage(client, "2026-11-20", 5, template_uri="", http_method=client)
    rows = run(sandbox.config, select=[ORGANIZATION]).rows(ORGANIZATION)
    assert len({row["usage_key"] for row in rows}) == len(rows) == 3


def test_g11_rows_that_share_all_dimensions_stay_apart(sandbox: Sandbox) -> None:
    sandbox.fault("genesys.organization_results", "duplicated_rows", times=None)
    done = run(sandbox.config, select=[ORGANIZATION])
    rows = done.rows(ORGANIZATION)
    assert len(rows) == 2 * len(TRUTH[ORGANIZATION](sandbox))
    assert len({row["usage_key"] for row in rows}) == len(rows)
    again = run(sandbox.config, select=[ORGANIZATION]).rows(ORGANIZATION)
    assert Counter(row["usage_key"] for row in again) == Counter(row["usage_key"] for row in rows)


def test_g12_status429_stays_a_part_of_status400(sandbox: Sandbox) -> None:
    sandbox.genesys.clear()
    sandbox.genesys.add_usage("a", "2026-11-20", 100, status400=30, status429=20)
    (row,) = run(sandbox.config, select=[ORGANIZATION]).rows(ORGANIZATION)
    assert (row["status200"], row["status400"], row["status429"], row["requests"]) == (70, 30, 20, 100)


def test_g13_every_query_names_a_granularity_and_every_row_has_a_date(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[ORGANIZATION, CLIENT])
    for operation in ("genesys.organization_submit", "genesys.client_submit"):
        assert {body["granularity"] for body in bodies(sandbox, operation)} == {"Day"}
    assert all(row["date"] for stream in (ORGANIZATION, CLIENT) for row in done.rows(stream))


def test_g14_nothing_is_asked_of_today_and_intervals_are_whole_utc_days(sandbox: Sandbox) -> None:
    run(sandbox.config, select=[ORGANIZATION, CLIENT])
    for operation in ("genesys.organization_submit", "genesys.client_submit"):
        ends = [str(body["interval"]).split("/") for body in bodies(sandbox, operation)]
        assert all(point.endswith("T00:00:00Z") for interval in ends for point in interval)
        assert max(end for _, end in ends) == "2026-11-22T00:00:00Z"


def test_g15_days_that_were_empty_when_they_were_asked_are_asked_again(sandbox: Sandbox) -> None:
    sandbox.genesys.clear()
    first = run(sandbox.config, select=[ORGANIZATION])
    assert first.rows(ORGANIZATION) == []
    sandbox.advance(days=1)
    sandbox.genesys.add_usage("too late for the lookback", "2026-11-18", 7)
    sandbox.genesys.add_usage("late", "2026-11-19", 9)
    second = run(sandbox.config, select=[ORGANIZATION], state=first.state)
    assert [row["requests"] for row in second.rows(ORGANIZATION)] == [9]


def test_g16_results_of_the_organization_and_of_a_client_have_their_own_paths(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[ORGANIZATION, CLIENT, SUMMARY])
    assert done.code == 0
    paths = {seen.operation: seen.path for seen in sandbox.requests}
    assert paths["genesys.organization_results"].endswith("/results")
    assert "/usage/query/results/" in paths["genesys.client_results"]


def test_g17_user_id_is_no_dimension_of_a_client(sandbox: Sandbox) -> None:
    wrong = sandbox.config | {"genesys_client_group_by": ["UserId"]}
    required = [vendor.required for vendor in VENDORS]
    (line,) = problems(wrong, TapUsage.config_jsonschema, required)
    assert "genesys_client_group_by" in line
    done = run(sandbox.config, select=[ORGANIZATION], genesys_group_by=["UserId"])
    assert done.code == 0
    assert len({row["userId"] for row in done.rows(ORGANIZATION)}) == 3


def test_g19_the_organization_knows_clients_that_are_listed_no_more(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[ORGANIZATION, CLIENT, CLIENTS])
    listed = {row["id"] for row in done.rows(CLIENTS)}
    assert {row["clientId"] for row in done.rows(ORGANIZATION)} - listed == {"11111111-0000-4000-8000-000000000007"}
    assert {row["oauth_client_id"] for row in done.rows(CLIENT)} <= listed


def test_g20_a_client_that_is_renamed_keeps_its_keys(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[ORGANIZATION]).rows(ORGANIZATION)
    for source in sandbox.genesys.ledger.traffic:
        source["clientName"] = "New name"
    second = run(sandbox.config, select=[ORGANIZATION]).rows(ORGANIZATION)
    assert {row["clientName"] for row in second} == {"New name"}
    assert [row["usage_key"] for row in second] == [row["usage_key"] for row in first]


def test_g21_the_vendors_own_headers_keep_the_tap_below_the_limit(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImpatientTap, "clock_class", shared_with(sandbox))
    sandbox.genesys.requests_per_minute = 10
    done = run(sandbox.config, select=[CLIENTS, CLIENT], max_concurrency=1)
    assert done.code == 0
    assert len(sandbox.requests) > 50
    assert sandbox.count("genesys.client_results", status=429) == 0
    assert max(done.waits) > 30


def test_g21_a_429_waits_what_the_vendor_asks(sandbox: Sandbox) -> None:
    sandbox.fault("genesys.organization_submit", "status", status=429, retry_after_seconds=17)
    done = run(sandbox.config, select=[ORGANIZATION])
    assert done.code == 0
    assert max(done.waits) == pytest.approx(17, abs=0.5)


def test_g22_paths_stay_as_the_vendor_writes_them_without_a_leading_slash(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[ORGANIZATION])
    assert {row["templateUri"] for row in done.rows(ORGANIZATION)} == {
        source["templateUri"] for source in sandbox.genesys.ledger.traffic
    }
    assert not [row for row in done.rows(ORGANIZATION) if row["templateUri"].startswith("/")]


def test_ends_of_intervals_that_the_vendor_takes_as_inclusive_neither_double_nor_spoil_a_row(sandbox: Sandbox) -> None:
    sandbox.genesys.end_inclusive = True
    done = run(sandbox.config, select=[ORGANIZATION, CLIENT], genesys_window_days=7)
    for stream in (ORGANIZATION, CLIENT):
        assert is_whole(sandbox, done, stream)


def test_rows_that_were_not_asked_for_are_left_out(sandbox: Sandbox) -> None:
    sandbox.fault("genesys.organization_results", "rows_outside", times=None, date="2026-01-01T00:00:00Z")
    done = run(sandbox.config, select=[ORGANIZATION])
    assert is_whole(sandbox, done, ORGANIZATION)
