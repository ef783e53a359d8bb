"""Usage aggregates of Genesys as they are documented."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client
from tests.sandbox.jobs import (
    BY_CLIENT,
    FIRST,
    ORGANIZATION,
    REMOVED,
    first_page,
    of_client,
    pages,
    rows,
    submit,
    submitted,
    total,
)

BUILTIN = {f"33333333-0000-4000-8000-00000000000{number}" for number in (1, 2)}
METRICS = ("requestCount", "status200", "status300", "status400", "status429", "status500")
OLD = {"interval": "2026-11-01/2026-11-21", "granularity": "Day", "groupBy": ["OAuthClientId"]}


def test_a_submission_answers_200_and_202_by_turns_with_the_id_of_a_job(client: Client) -> None:
    answers = [submit(client, path) for path in (ORGANIZATION, of_client())]
    assert {answer.status_code for answer in answers} == {200, 202}
    for path, answer in zip((ORGANIZATION, of_client()), answers, strict=True):
        body = answer.json()
        assert body["resultsUri"] == body["selfUri"] == f"{path}/{body['id']}"
        assert "executionId" not in body


def test_a_job_is_queued_then_running_and_its_first_success_is_its_first_page(client: Client, sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 3
    job = submitted(client)
    bodies = [client.get("genesys", job).json() for _ in range(5)]
    assert [body["queryStatus"] for body in bodies] == ["Queued", "Running", "Running", "Succeeded", "Succeeded"]
    assert [len(body.get("entities", [])) for body in bodies] == [0, 0, 0, 100, 100]
    assert bodies[3] == bodies[4]


def test_a_job_runs_as_long_as_set_for_its_query(client: Client, sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 0
    sandbox.genesys.seconds_until_complete = lambda query: 10 if query.client_id else 0
    slow, fast = submitted(client, of_client()), submitted(client)
    assert client.get("genesys", slow).json()["queryStatus"] == "Queued"
    assert client.get("genesys", fast).json()["queryStatus"] == "Succeeded"
    sandbox.advance(seconds=10)
    assert client.get("genesys", slow).json()["queryStatus"] == "Succeeded"


def test_pages_hold_a_hundred_rows_unless_asked_otherwise_and_only_the_last_has_no_link(client: Client) -> None:
    job = submitted(client)
    found = pages(client, job)
    assert {len(page) for page in found[:-1]} == {100}
    assert 0 < len(found[-1]) < 100
    assert [row for page in found for row in page] == rows(client)
    assert "nextUri" not in first_page(client, job, pageSize=1000)


def test_a_cursor_goes_on_behind_the_last_row_whatever_the_page_size(client: Client) -> None:
    job, size = submitted(client), 64
    found = first_page(client, job, pageSize=size)
    received = found["entities"]
    while link := found.get("nextUri"):
        size = max(1, size // 2)
        after = parse_qs(urlsplit(link).query)["after"][0]
        found = client.get("genesys", job, {"after": after, "pageSize": size}).json()
        received += found["entities"]
    assert received == rows(client)


@pytest.mark.parametrize(
    "query", ["pageSize=0", "pageSize=1001", "pageSize=many", "after=nowhere", "after=OTk5OTow", "before=x", "after="]
)
def test_a_page_that_there_is_not_is_refused(client: Client, sandbox: Sandbox, query: str) -> None:
    sandbox.genesys.polls_until_complete = 0
    answer = client.get("genesys", f"{submitted(client)}?{query}")
    assert answer.status_code == 400
    assert answer.json()["contextId"]


def test_a_page_with_too_many_rows_is_refused_until_it_is_smaller(client: Client, sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 0
    sandbox.genesys.aggregates.rows_per_answer = 30
    job = submitted(client)
    answers = [client.get("genesys", job, {"pageSize": size}) for size in (1000, 31, 30)]
    assert [answer.status_code for answer in answers] == [400, 400, 200]
    assert answers[0].json()["code"] == "max.response.size.reached"
    found = pages(client, job, pageSize=30)
    sandbox.genesys.aggregates.rows_per_answer = None
    assert [row for page in found for row in page] == rows(client)


def test_the_rows_of_a_job_stand_still_once_it_succeeded(client: Client, sandbox: Sandbox) -> None:
    job = submitted(client)
    before = pages(client, job)
    sandbox.genesys.add_usage(FIRST, "2026-11-03", 10)
    assert pages(client, job) == before
    assert total(rows(client)) == sum(map(total, before)) + 10


def test_rows_have_a_date_whole_numbers_and_what_they_are_grouped_by_in_objects(client: Client) -> None:
    groups = [*BY_CLIENT, "UserId", "Platform"]
    row = next(row for row in rows(client, groupBy=groups) if row["oauthClient"]["id"] == FIRST)
    user = "22222222-0000-4000-8000-000000000000"
    assert {name: value for name, value in row.items() if name not in METRICS} == {
        "date": "2026-11-01",
        "oauthClient": {"id": FIRST, "name": "CRM export", "selfUri": f"/api/v2/oauth/clients/{FIRST}"},
        "user": {"id": user, "selfUri": f"/api/v2/users/{user}"},
        "templateUri": "api/v2/users",
        "httpMethod": "GET",
        "platform": "public",
    }
    assert all(type(row[metric]) is int for metric in METRICS)


def test_only_rows_of_one_client_name_the_organization_that_called_and_none_names_a_client(client: Client) -> None:
    found = rows(client, of_client(), groupBy=["OrganizationId"])
    assert {row["organizationId"] for row in found} == {"77777777-0000-4000-8000-000000000001"}
    assert not any({"oauthClient", "user", "clientId"} & row.keys() for row in found)
    assert not any("organizationId" in row for row in rows(client))


def test_429s_are_part_of_the_4xx(client: Client) -> None:
    found = rows(client)
    assert any(row["status429"] for row in found)
    assert all(row["status429"] <= row["status400"] for row in found)
    assert all(row["requestCount"] == sum(row[f"status{number}"] for number in (200, 300, 400, 500)) for row in found)


def test_all_calls_are_counted_also_those_of_genesys_own_clients(client: Client) -> None:
    old = client.finished(client.post("genesys", "/api/v2/usage/query", OLD))["results"]
    new = rows(client, groupBy=["OauthClientId"])
    assert {row["oauthClient"]["id"] for row in new} > BUILTIN
    assert {(row["clientId"], row["date"][:10], row["requests"]) for row in old} == {
        (row["oauthClient"]["id"], row["date"], row["requestCount"])
        for row in new
        if row["oauthClient"]["id"] not in BUILTIN
    }


def test_a_call_that_a_test_counts_can_be_one_of_genesys_own(client: Client, sandbox: Sandbox) -> None:
    sandbox.clear()
    sandbox.genesys.add_usage("own", "2026-11-03", 5, builtin=True, platform="embedded")
    sandbox.genesys.add_usage("other", "2026-11-03", 2)
    old = client.finished(client.post("genesys", "/api/v2/usage/query", OLD))["results"]
    assert [row["requests"] for row in old] == [2]
    assert {
        (row["oauthClient"]["id"], row.get("platform")) for row in rows(client, groupBy=["OauthClientId", "Platform"])
    } == {
        ("own", "embedded"),
        ("other", None),
    }


def test_the_query_of_one_client_is_that_of_the_organization(client: Client) -> None:
    own = rows(client, of_client())
    whole = [row for row in rows(client) if row["oauthClient"]["id"] == FIRST]
    assert own == [{name: value for name, value in row.items() if name != "oauthClient"} for row in whole] != []


def test_a_deleted_client_keeps_its_id_and_cannot_be_asked(client: Client) -> None:
    assert REMOVED in {row["oauthClient"]["id"] for row in rows(client)}
    assert submit(client, of_client(REMOVED)).status_code == 404


def test_usage_of_a_day_grows_for_two_days_and_then_stands_still(client: Client, sandbox: Sandbox) -> None:
    totals = []
    for _ in range(5):
        totals.append(total(rows(client, interval="2026-11-21/2026-11-21")))
        sandbox.advance(days=1)
        client.expire()
    assert totals[0] < totals[1] < totals[2] == totals[3] == totals[4]


def test_jobs_are_known_only_under_their_own_path(client: Client, sandbox: Sandbox) -> None:
    job = submit(client, of_client()).json()["id"]
    for path in (
        f"{ORGANIZATION}/{job}",
        f"{of_client(sandbox.genesys.clients[1]['id'])}/{job}",
        f"/api/v2/oauth/clients/{FIRST}/aggregates/query/jobs/{job}",
        f"{ORGANIZATION}/unknown",
    ):
        answer = client.get("genesys", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not.found")
    assert client.get("genesys", f"{of_client()}/{job}").status_code == 202


def test_jobs_and_executions_of_the_old_queries_do_not_know_each_other(client: Client) -> None:
    job = submit(client).json()["id"]
    old = client.post("genesys", "/api/v2/usage/query", OLD).json()["executionId"]
    assert client.get("genesys", f"{ORGANIZATION}/{old}").status_code == 404
    assert client.get("genesys", f"/api/v2/usage/query/{job}/results").status_code == 404


def test_a_job_is_not_found_for_a_while_after_its_submission(client: Client, sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 1
    sandbox.genesys.aggregates.polls_until_known = 2
    sandbox.genesys.aggregates.seconds_until_known = 5
    job = submitted(client)
    found = [client.get("genesys", job).status_code]
    sandbox.advance(seconds=5)
    found += [client.get("genesys", job).status_code for _ in range(4)]
    assert found == [404, 404, 404, 202, 200]


def test_a_job_is_forgotten_when_its_time_is_over(client: Client, sandbox: Sandbox) -> None:
    sandbox.genesys.aggregates.lifetime_seconds = 3600
    job = submitted(client)
    assert first_page(client, job)["queryStatus"] == "Succeeded"
    sandbox.advance(seconds=3599)
    assert client.get("genesys", job).status_code == 200
    sandbox.advance(seconds=1)
    assert client.get("genesys", job).status_code == 404


@pytest.mark.parametrize(
    ("permissions", "old", "organization", "of_one"),
    [
        ({"oauth:client:view"}, 200, 403, 403),
        ({"oauth:client:view", "usage:organization:view"}, 200, 200, 403),
        ({"usage:client:view"}, 403, 403, 200),
    ],
)
def test_the_old_permission_is_not_enough_for_the_new_calls(  # noqa: PLR0913, PLR0917  one status per call
    client: Client, sandbox: Sandbox, permissions: set[str], old: int, organization: int, of_one: int
) -> None:
    sandbox.genesys.permissions = permissions
    answers = [
        client.post("genesys", "/api/v2/usage/query", OLD),
        submit(client),
        client.get("genesys", f"{ORGANIZATION}/unknown"),
        submit(client, of_client()),
        client.get("genesys", f"{of_client()}/unknown"),
    ]
    expected = [old, organization, organization, of_one, of_one]
    assert [answer.status_code == 403 for answer in answers] == [status == 403 for status in expected]
    needed = ["usage:organization:view"] * 3 + ["usage:client:view"] * 2
    for answer, permission in zip(answers, needed, strict=True):
        if answer.status_code == 403:
            assert answer.json()["code"] == "missing.any.permissions"
            assert permission in answer.json()["message"]


def test_the_old_queries_can_be_denied_alone(client: Client, sandbox: Sandbox) -> None:
    sandbox.genesys.denied |= {"genesys.organization_submit", "genesys.organization_results"}
    assert client.post("genesys", "/api/v2/usage/query", OLD).status_code == 403
    assert submit(client).ok
