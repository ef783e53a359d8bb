"""Rows say what they are grouped by, clients have one name in all streams of Genesys, and keys stay what they were."""

from __future__ import annotations

from itertools import combinations

import pytest

from tap_usage.sandbox import Sandbox
from tap_usage.tap import TapUsage
from tests.running import run
from tests.truth import AGGREGATES

ORGANIZATION, CLIENT, SUMMARY = "genesys_organization_usage", "genesys_client_usage", "genesys_client_usage_summary"
DIMENSIONS = ("OAuthClientId", "UserId", "TemplateUri", "HttpMethod")
GROUPINGS = [list(chosen) for size in (1, 2, 3, 4) for chosen in combinations(DIMENSIONS, size)]
OF_0_1_0 = {
    ORGANIZATION: "0096c59f55c72f5134b6f6e149ce75e9",
    CLIENT: "94741f5f2ebfe508317c2a2c99c459c8",
    SUMMARY: "6081078b85ade8ec896ae47f1226f910",
}


@pytest.fixture
def small(sandbox: Sandbox) -> Sandbox:
    """One client that made five calls on a day."""
    sandbox.genesys.clear()
    sandbox.genesys.add_client("a")
    sandbox.genesys.add_usage("a", "2026-11-20", 5)
    return sandbox


@pytest.mark.parametrize("stream", OF_0_1_0)
def test_keys_are_those_of_earlier_versions_so_that_an_upgrade_doubles_nothing(small: Sandbox, stream: str) -> None:
    (row,) = run(small.config, select=[stream]).rows(stream)
    assert row["usage_key"] == OF_0_1_0[stream]


def test_rows_of_different_groupings_never_share_a_key_and_say_what_they_are_grouped_by(small: Sandbox) -> None:
    keys: dict[str, set[str]] = {}
    for groups in GROUPINGS:
        given = [name for name in groups if name != "UserId"]
        by_client = {"genesys_client_group_by": given} if {*given} - {"OAuthClientId"} else {}
        done = run(small.config, genesys_group_by=groups, **by_client)
        assert done.code == 0
        for stream in (ORGANIZATION, CLIENT, *AGGREGATES):
            for row in done.rows(stream):
                keys.setdefault(row["usage_key"], set()).add(f"{stream} {row['grouped_by']}")
    assert {len(questions) for questions in keys.values()} == {1}
    told = set().union(*keys.values())
    assert f"{ORGANIZATION} HttpMethod,OAuthClientId,TemplateUri,UserId" in told
    assert f"{AGGREGATES[0]} HttpMethod,OauthClientId,TemplateUri,UserId" in told
    assert f"{CLIENT} HttpMethod,TemplateUri" in told


def test_a_change_of_grouping_reads_history_again_and_leaves_rows_that_can_be_told_apart(sandbox: Sandbox) -> None:
    streams = [ORGANIZATION, CLIENT, *AGGREGATES]
    first = run(sandbox.config, select=streams)
    changed = {"genesys_group_by": ["HttpMethod"], "genesys_client_group_by": ["HttpMethod"]}
    second = run(sandbox.config, select=streams, state=first.state, **changed)
    for stream in streams:
        days = [min(row["date"] for row in done.rows(stream)) for done in (first, second)]
        assert days[0] == days[1]
        assert {row["grouped_by"] for row in second.rows(stream)} == {"HttpMethod"}
        assert "HttpMethod" not in {row["grouped_by"] for row in first.rows(stream)}


def test_all_usage_streams_join_the_list_of_clients_on_one_name_and_type(sandbox: Sandbox) -> None:
    done = run(sandbox.config)
    listed = {row["id"] for row in done.rows("genesys_oauth_clients")}
    kinds = set()
    tap = TapUsage(config={}, validate_config=False, setup_mapper=False)
    for stream in (*OF_0_1_0, *AGGREGATES):
        assert len({row["oauth_client_id"] for row in done.rows(stream)} & listed) > 4
        kinds.add(str(tap.streams[stream].schema["properties"]["oauth_client_id"]["type"]))
    assert kinds == {"['string', 'null']"}
    assert all(row["oauth_client_id"] == row["clientId"] for row in done.rows(ORGANIZATION))


@pytest.mark.parametrize("stream", [CLIENT, SUMMARY])
def test_clients_are_named_twice_only_where_they_are_grouped_by_client(small: Sandbox, stream: str) -> None:
    for groups, there in ((["TemplateUri"], set()), (["OAuthClientId", "TemplateUri"], {"clientId", "clientName"})):
        done = run(small.config, select=[stream], genesys_client_group_by=groups)
        (schema,) = [m["schema"]["properties"] for m in done.messages if m["type"] == "SCHEMA"]
        assert {"clientId", "clientName"} & schema.keys() == there
        assert done.rows(stream)
        assert all({"clientId", "clientName"} & row.keys() == there for row in done.rows(stream))
        assert all(row.keys() <= schema.keys() for row in done.rows(stream))
