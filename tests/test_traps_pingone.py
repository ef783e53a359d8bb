"""Traps of PingOne, numbered as in the table of the vendor's facts; `test_traps` counts them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tap_usage.sandbox import Request, Sandbox
from tap_usage.sandbox.pingone import HOME_ENVIRONMENT
from tests.catalogs import discovered, entry_of, put, run_catalog
from tests.promised import COUNTERS
from tests.running import run
from tests.truth import is_whole

ENVIRONMENTS = "pingone_environments"
TYPES = "pingone_credential_types"
RULES = "pingone_issuance_rules"
COUNTS = "pingone_issuance_rule_usage_counts"
ALL = [ENVIRONMENTS, TYPES, RULES, COUNTS]
TEST_ENVIRONMENT = "aaaaaaaa-0000-4000-8000-000000000002"


def leave(sandbox: Sandbox, environment: str) -> Callable[[Request], bool]:
    """Return a condition that never holds, but lets an environment vanish when it is asked for its types."""

    def check(request: Request) -> bool:
        if request.values.get("environment_id") == environment:
            sandbox.pingone.environments[:] = [row for row in sandbox.pingone.environments if row["id"] != environment]
        return False

    return check


def test_p26_lists_may_be_empty_in_three_ways(sandbox: Sandbox) -> None:
    for _ in range(12):
        empty = sandbox.pingone.add_environment()
        sandbox.pingone.add_credential_type(empty)
        sandbox.pingone.add_environment()
    done = run(sandbox.config, select=ALL)
    assert done.code == 0
    assert all(is_whole(sandbox, done, stream) for stream in ALL)


def test_p26_a_null_where_the_rows_belong_is_an_empty_list(sandbox: Sandbox) -> None:
    sandbox.fault("pingone.credential_types", "embedded_null", times=None)
    done = run(sandbox.config, select=[TYPES, RULES])
    assert (done.code, done.counts) == (0, {})


def test_p27_no_status_is_the_normal_one(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=ALL)
    statuses = {row["id"]: row["status"] for row in done.rows(ENVIRONMENTS)}
    assert set(statuses.values()) == {None, "ACTIVE", "DELETE_PENDING"}
    assert {statuses[row["environment_id"]] for row in done.rows(TYPES)} == {None, "ACTIVE"}


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_p28_lists_are_followed_by_their_links_whatever_their_pages_hold(sandbox: Sandbox, size: int) -> None:
    sandbox.pingone.page_size = size
    done = run(sandbox.config, select=ALL)
    assert all(is_whole(sandbox, done, stream) for stream in ALL)
    assert not [seen for seen in sandbox.requests if set(seen.query) - {"cursor"}]


def test_p28_the_size_that_a_list_tells_does_not_end_it(sandbox: Sandbox) -> None:
    sandbox.fault("pingone.environments", "total_wrong", times=None, total=1)
    done = run(sandbox.config, select=[ENVIRONMENTS])
    assert done.code == 0
    assert is_whole(sandbox, done, ENVIRONMENTS)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_p29_a_link_to_another_host_is_refused_and_nothing_is_sent_there(sandbox: Sandbox, scheme: str) -> None:
    elsewhere = sandbox.url("demandbase login").replace("http", scheme)
    sandbox.fault("pingone.environments", "next_elsewhere", url=f"{elsewhere}/v1/environments")
    done = run(sandbox.config, select=[ENVIRONMENTS])
    (line,) = done.failures
    assert done.code == 1
    assert "refused" in line
    assert not [seen for seen in sandbox.requests if seen.origin == "demandbase login"]


def test_p29_links_in_a_circle_end_as_a_failure(sandbox: Sandbox) -> None:
    sandbox.fault("pingone.environments", "next_cycle", times=None)
    done = run(sandbox.config, select=[ENVIRONMENTS])
    assert done.code == 1
    assert sandbox.count("pingone.environments") < 20


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_p30_an_environment_that_went_away_is_no_failure_whatever_the_answer(sandbox: Sandbox, status: int) -> None:
    sandbox.pingone.missing_environment_status = status
    sandbox.fault("pingone.credential_types", "slow", where=leave(sandbox, TEST_ENVIRONMENT), times=None)
    done = run(sandbox.config, select=[TYPES, RULES, COUNTS])
    assert (done.code, done.failures) == (0, [])
    assert TEST_ENVIRONMENT not in {row["environment_id"] for row in done.rows(TYPES)}
    assert {row["environment_id"] for row in done.rows(COUNTS)} == {
        HOME_ENVIRONMENT,
        "aaaaaaaa-0000-4000-8000-000000000003",
    }


@pytest.mark.parametrize("status", [400, 401, 403])
def test_p30_an_environment_that_is_still_there_has_failed(sandbox: Sandbox, status: int) -> None:
    here = {"environment_id": TEST_ENVIRONMENT}
    sandbox.fault("pingone.credential_types", "status", status=status, times=None, where=here)
    done = run(sandbox.config, select=[TYPES])
    assert done.code == 1
    assert f"HTTP {status}" in done.failures[0]
    assert TEST_ENVIRONMENT in done.failures[0]
    assert len(done.rows(TYPES)) == 4


def test_p30_a_401_that_means_permissions_renews_the_token_once_only(sandbox: Sandbox) -> None:
    sandbox.fault("pingone.credential_types", "unauthorized", times=None, code="INSUFFICIENT_PERMISSIONS")
    done = run(sandbox.config, select=[TYPES], max_concurrency=1)
    assert done.code == 1
    (line,) = done.failures
    assert "4 of 4 environments (environment_id=" in line
    assert "INSUFFICIENT_PERMISSIONS" in line
    # Each of these tokens was fresh when it was refused, and was tried once more.
    assert 4 < sandbox.count("pingone.credential_types") < 2 * 4 + 3
    # One token to begin with, one for what was refused, and one because environments could be listed in between.
    assert sandbox.count("pingone.token") == 3


def test_p31_one_forbidden_environment_leaves_the_others_alone(sandbox: Sandbox) -> None:
    sandbox.fault("pingone.credential_types", "forbidden", times=None, where={"environment_id": TEST_ENVIRONMENT})
    done = run(sandbox.config, select=ALL)
    assert done.code == 1
    assert len(done.rows(TYPES)) == 4
    assert len(done.rows(COUNTS)) == 7
    assert any(TEST_ENVIRONMENT in line and "HTTP 403" in line for line in done.failures)


@pytest.mark.parametrize("operation", ["pingone.credential_types", "pingone.issuance_rules", "pingone.usage_counts"])
def test_p31_what_vanished_since_it_was_listed_is_counted_and_no_failure(
    sandbox: Sandbox, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    sandbox.fault(operation, "not_found", where={"environment_id": TEST_ENVIRONMENT}, times=None)
    done = run(sandbox.config, select=ALL)
    assert (done.code, done.failures) == (0, [])
    assert len(done.rows(COUNTS)) == 7
    assert "1 vanished" in caplog.text


def test_p32_counts_are_snapshots_with_deltas_per_rule(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[COUNTS])
    before = {row["issuance_rule_id"]: row for row in first.rows(COUNTS)}
    sandbox.advance(days=1)
    second = run(sandbox.config, select=[COUNTS], state=first.state)
    assert any(row["issued_delta"] for row in second.rows(COUNTS))
    for row in second.rows(COUNTS):
        assert row["issued_delta"] == row["issued"] - before[row["issuance_rule_id"]]["issued"]


def test_p33_a_counter_that_is_not_there_is_not_zero(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[COUNTS])
    without = [row for row in first.rows(COUNTS) if row.get("errors") is None]
    assert len(without) == 1
    sandbox.advance(days=1)
    second = run(sandbox.config, select=[COUNTS], state=first.state)
    (row,) = [row for row in second.rows(COUNTS) if row["issuance_rule_id"] == without[0]["issuance_rule_id"]]
    assert (row["errors_delta"], row["issued_delta"]) == (None, 48)


def test_p34_a_counter_that_fell_counts_from_zero_and_says_so(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[COUNTS])
    sandbox.advance(days=1)
    rule = next(iter(sandbox.pingone.counters))
    sandbox.pingone.counters[rule]["issued"] = 1
    second = run(sandbox.config, select=[COUNTS], state=first.state)
    (row,) = [row for row in second.rows(COUNTS) if row["issuance_rule_id"] == rule]
    assert (row["issued_delta"], row["counter_reset"]) == (1, True)
    assert all((row[f"{counter}_delta"] or 0) >= 0 for row in second.rows(COUNTS) for counter in COUNTERS)


def test_p35_managed_types_are_listed_and_have_no_counts(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=ALL)
    (managed,) = [row["id"] for row in done.rows(TYPES) if row["management"]["mode"] == "MANAGED"]
    assert done.code == 0
    assert managed not in {row["credential_type_id"] for row in done.rows(COUNTS)}


def test_p36_a_rule_that_vanished_keeps_its_last_row_downstream(sandbox: Sandbox) -> None:
    config = {**sandbox.config, "emit_activate_version_messages": True}
    first = run(config, select=[RULES, COUNTS])
    for rules in sandbox.pingone.issuance_rules.values():
        rules[:] = rules[:1]
    sandbox.advance(days=1)
    second = run(config, select=[RULES, COUNTS], state=first.state)
    assert (second.code, len(second.rows(COUNTS))) == (0, 4)
    replaced = {message["stream"] for message in second.messages if message["type"] == "ACTIVATE_VERSION"}
    assert replaced == {RULES}


def test_p37_drawings_and_images_can_be_left_out(sandbox: Sandbox) -> None:
    catalog = discovered(sandbox.config, select=[TYPES])
    entry = entry_of(catalog, TYPES)
    for field in ("cardDesignTemplate", "metadata"):
        put(entry, ("properties", field), selected=False)
    done = run_catalog(sandbox.config, catalog)
    assert len(done.rows(TYPES)) == 5
    assert "<svg" not in json.dumps(done.messages)
    assert "base64" not in json.dumps(done.messages)


def test_p38_details_of_persons_are_never_asked(sandbox: Sandbox) -> None:
    run(sandbox.config, select=ALL)
    assert {seen.operation for seen in sandbox.requests} == {
        *("pingone.token", "pingone.environments", "pingone.credential_types"),
        *("pingone.issuance_rules", "pingone.usage_counts"),
    }
