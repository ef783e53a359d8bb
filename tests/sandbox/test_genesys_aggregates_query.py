"""Queries of Genesys' usage aggregates: what they may hold, and what the rows then are."""

from __future__ import annotations

import pytest

from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client
from tests.sandbox.jobs import FIRST, NOVEMBER, ORGANIZATION, of_client, rows, submit, total

METRICS = {"requestCount", "status200", "status300", "status400", "status429", "status500"}


def test_clients_can_be_grouped_by_a_name_that_two_of_them_have(client: Client, sandbox: Sandbox) -> None:
    sandbox.clear()
    for name in ("one", "two"):
        sandbox.genesys.add_usage(name, "2026-11-03", 5, client_name="Same")
    assert [row["oauthClient"] for row in rows(client, groupBy=["OauthClientName"])] == [{"name": "Same"}]
    assert len(rows(client)) == 2


@pytest.mark.parametrize("group_by", [None, []])
def test_without_a_grouping_nothing_is_aggregated(client: Client, sandbox: Sandbox, group_by: list[str] | None) -> None:
    sandbox.clear()
    for _ in range(3):
        sandbox.genesys.add_usage("one", "2026-11-03", 5, user_id="somebody")
    found = rows(client, groupBy=group_by)
    assert [(row["oauthClient"]["id"], row["user"]["id"], row["requestCount"]) for row in found] == [
        ("one", "somebody", 5)
    ] * 3
    assert [row["requestCount"] for row in rows(client)] == [15]


def test_days_weeks_and_months_add_up(client: Client) -> None:
    interval = "2026-10-01T00:00:00Z/2026-11-20T00:00:00Z"
    by = {name: rows(client, interval=interval, granularity=name) for name in ("Day", "Week", "Month")}
    assert len({total(found) for found in by.values()}) == 1
    assert {row["date"] for row in by["Month"]} == {"2026-10-01", "2026-11-01"}


@pytest.mark.parametrize(
    ("change", "field", "kept"),
    [
        ({"httpMethods": ["PATCH", "POST"]}, "httpMethod", {"PATCH", "POST"}),
        ({"templateUris": ["api/v2/users/me"]}, "templateUri", {"api/v2/users/me"}),
        ({"platforms": ["embedded"], "groupBy": ["Platform"]}, "platform", {"embedded"}),
    ],
)
def test_filters_keep_only_what_they_name(
    client: Client, change: dict[str, object], field: str, kept: set[str]
) -> None:
    found = rows(client, **change)
    assert {row[field] for row in found} == kept
    assert total(found) < total(rows(client))


def test_clients_users_and_organizations_are_filters_of_one_query_each(client: Client) -> None:
    assert {row["oauthClient"]["id"] for row in rows(client, oauthClientIds=[FIRST])} == {FIRST}
    user = "22222222-0000-4000-8000-000000000001"
    assert {row["user"]["id"] for row in rows(client, userIds=[user], groupBy=["UserId"])} == {user}
    assert rows(client, of_client(), organizationIds=["77777777-0000-4000-8000-000000000001"])
    assert not rows(client, of_client(), organizationIds=["another"])


def test_metrics_that_are_not_asked_are_left_out(client: Client) -> None:
    assert METRICS & rows(client, metrics=["Requests", "Status429"])[0].keys() == {"requestCount", "status429"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"interval": None}, "bad.request"),
        ({"interval": "2026-11-01"}, "bad.request"),
        ({"interval": "2026-11-01T00:00:00+01:00/2026-11-02T00:00:00Z"}, "bad.request"),
        ({"interval": "2026-10-31/2026-11-31"}, "invalid.date"),
        ({"interval": "2026-11-02/2026-11-01"}, "invalid.date"),
        ({"granularity": "P1D"}, "invalid.value"),
        ({"groupBy": ["OAuthClientId"]}, "invalid.value"),
        ({"groupBy": ["OrganizationId"]}, "invalid.value"),
        ({"groupBy": "TemplateUri"}, "invalid.value"),
        ({"metrics": ["requestCount"]}, "invalid.value"),
        ({"httpMethods": ["OPTIONS"]}, "invalid.value"),
        ({"platforms": "web"}, "invalid.value"),
        ({"sortBy": [{"fieldName": "Date", "order": "Asc"}]}, "invalid.value"),
        ({"organizationIds": []}, "invalid.property"),
        ({"pageSize": 5}, "invalid.property"),
        ({"oauthClientIds": [str(number) for number in range(101)]}, "query.too.long"),
    ],
)
def test_a_query_with_anything_unknown_or_too_long_is_refused(
    client: Client, change: dict[str, object], code: str
) -> None:
    answer = submit(client, **change)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    "change", [{"groupBy": ["OauthClientId"]}, {"groupBy": ["UserId"]}, {"oauthClientIds": [FIRST]}, {"userIds": []}]
)
def test_the_query_of_one_client_knows_neither_clients_nor_users(client: Client, change: dict[str, object]) -> None:
    assert submit(client, of_client(), **change).status_code == 400


def test_a_body_that_is_no_labelled_json_object_is_refused(client: Client) -> None:
    assert client.ask("POST", "genesys", ORGANIZATION, data="interval=x").status_code == 415
    assert client.post("genesys", ORGANIZATION, [NOVEMBER]).status_code == 400


def test_ends_can_be_written_as_documented_and_a_time_of_day_is_cut_off(client: Client) -> None:
    intervals = (
        "2026-11-03T00:00:00/2026-11-04T00:00:00",
        "2026-11-03/2026-11-04",
        "2026-11-03T11:00:00.000Z/2026-11-04T23:59:59.999Z",
    )
    found = [rows(client, interval=interval) for interval in intervals]
    assert found[0] == found[1] == found[2] == rows(client, interval="2026-11-03T00:00:00Z/2026-11-04T00:00:00Z") != []
