from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client

CLIENTS = "/api/v2/oauth/clients"
ORGANIZATION = "/api/v2/usage/query"
FIRST = "11111111-0000-4000-8000-000000000001"
ALL = ["OAuthClientId", "TemplateUri", "HttpMethod"]
NOVEMBER = {"interval": "2026-11-01T00:00:00Z/2026-12-01T00:00:00Z", "granularity": "Day", "groupBy": ALL}
TWO_MONTHS = "2026-10-01T00:00:00Z/2026-12-01T00:00:00Z"


def query(client: Client, path: str = ORGANIZATION, **changes: object) -> list[dict[str, Any]]:
    """Return the rows of a query for November, or another one."""
    body = client.finished(client.post("genesys", path, NOVEMBER | changes))
    assert body["queryStatus"] == "Complete"
    return list(body["results"])


def total(rows: list[dict[str, Any]]) -> int:
    return sum(row["requests"] for row in rows)


def test_clients_are_found_by_following_relative_links(client: Client, sandbox: Sandbox) -> None:
    first = client.get("genesys", CLIENTS).json()
    assert first["nextUri"] == CLIENTS + "?pageNumber=2&pageSize=4"
    second = client.get("genesys", first["nextUri"]).json()
    assert "nextUri" not in second
    assert [row["id"] for row in first["entities"] + second["entities"]] == [
        row["id"] for row in sandbox.genesys.clients
    ]
    assert (first["total"], first["pageCount"]) == (6, 2)
    assert all("secret" in row for row in first["entities"])


@pytest.mark.parametrize(
    "parameters",
    ["pageSize=4", "pageNumber=2", "pageNumber=3&pageSize=4", "pageNumber=1&pageSize=100", "expand=secret"],
)
def test_parameters_that_the_vendor_did_not_hand_out_are_refused(client: Client, parameters: str) -> None:
    answer = client.get("genesys", f"{CLIENTS}?{parameters}")
    assert answer.status_code == 400
    assert answer.json()["contextId"]


def test_the_login_takes_http_basic_only(client: Client, sandbox: Sandbox) -> None:
    secrets = {name: sandbox.config[f"genesys_{name}"] for name in ("client_id", "client_secret")}
    answer = client.send("POST", "genesys login", "/oauth/token", data=secrets | {"grant_type": "client_credentials"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_client"
    good = client.login("genesys").json()
    assert (good["token_type"], good["expires_in"]) == ("bearer", 86400)


def test_the_login_is_on_the_other_host(client: Client) -> None:
    assert client.send("POST", "genesys api", "/oauth/token").status_code == 404
    assert client.send("GET", "genesys login", CLIENTS).status_code == 404


def test_a_request_without_a_valid_token_is_refused(client: Client) -> None:
    missing = client.get("genesys", CLIENTS, headers={})
    wrong = client.get("genesys", CLIENTS, headers={"Authorization": "Bearer unknown"})
    assert (missing.status_code, missing.json()["code"]) == (401, "authentication.required")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "bad.credentials")


def test_a_submit_answers_200_and_202_by_turns_with_a_relative_link(client: Client) -> None:
    answers = [client.post("genesys", ORGANIZATION, NOVEMBER) for _ in range(4)]
    assert {answer.status_code for answer in answers} == {200, 202}
    assert answers[0].status_code != answers[1].status_code
    body = answers[0].json()
    assert body["resultsUri"] == f"{ORGANIZATION}/{body['executionId']}/results"


def test_results_are_running_as_long_as_set_for_their_query(client: Client, sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 0
    sandbox.genesys.seconds_until_complete = lambda query: 10 if query.client_id else 0
    slow, fast = (
        client.post("genesys", path, NOVEMBER | {"groupBy": ["TemplateUri"]}).json()["resultsUri"]
        for path in (f"{CLIENTS}/{FIRST}/usage/query", ORGANIZATION)
    )
    found = [client.get("genesys", path).json()["queryStatus"] for path in (slow, fast)]
    for _ in range(2):
        sandbox.advance(seconds=5)
        found.append(client.get("genesys", slow).json()["queryStatus"])
    assert found == ["Running", "Complete", "Running", "Complete"]


def test_results_are_running_as_often_as_set_and_stay_complete(client: Client, sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 3
    path = client.post("genesys", ORGANIZATION, NOVEMBER).json()["resultsUri"]
    bodies = [client.get("genesys", path).json() for _ in range(5)]
    assert [body["queryStatus"] for body in bodies] == ["Running"] * 3 + ["Complete"] * 2
    assert "results" not in bodies[2]
    assert bodies[3] == bodies[4]


def test_executions_are_known_only_under_their_own_path(client: Client, sandbox: Sandbox) -> None:
    execution = client.post("genesys", f"{CLIENTS}/{FIRST}/usage/query", NOVEMBER).json()
    name = execution["executionId"]
    assert execution["resultsUri"] == f"{CLIENTS}/{FIRST}/usage/query/results/{name}"
    other = sandbox.genesys.clients[1]["id"]
    for path in (
        f"{ORGANIZATION}/{name}/results",
        f"{CLIENTS}/{FIRST}/usage/query/{name}/results",
        f"{CLIENTS}/{other}/usage/query/results/{name}",
        f"{ORGANIZATION}/unknown/results",
    ):
        answer = client.get("genesys", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not.found")
    sandbox.genesys.forget_executions()
    assert client.get("genesys", execution["resultsUri"]).status_code == 404


def test_a_client_that_is_not_in_the_list_cannot_be_asked(client: Client) -> None:
    removed = "11111111-0000-4000-8000-000000000007"
    assert client.post("genesys", f"{CLIENTS}/{removed}/usage/query", NOVEMBER).status_code == 404
    assert removed in {row["clientId"] for row in query(client)}


@pytest.mark.parametrize(
    "change",
    [
        {"interval": None},
        {"interval": "2026-11-01"},
        {"interval": "2026-11-01T00:00:00+01:00/2026-11-02T00:00:00Z"},
        {"interval": "2026-11-31/2026-12-01"},
        {"interval": "2026-11-02/2026-11-01"},
        {"granularity": "day"},
        {"groupBy": ["TemplateURI"]},
        {"groupBy": "TemplateUri"},
        {"metrics": ["requests"]},
        {"pageSize": 5},
    ],
)
def test_a_query_with_anything_unknown_in_it_is_refused(client: Client, change: dict[str, object]) -> None:
    answer = client.post("genesys", ORGANIZATION, NOVEMBER | change)
    assert answer.status_code == 400
    assert answer.json()["contextId"]


def test_users_group_only_the_organization(client: Client) -> None:
    assert query(client, groupBy=["UserId"])[0]["userId"]
    assert (
        client.post("genesys", f"{CLIENTS}/{FIRST}/usage/query", NOVEMBER | {"groupBy": ["UserId"]}).status_code == 400
    )


def test_a_body_that_is_not_labelled_json_is_refused(client: Client) -> None:
    answer = client.ask("POST", "genesys", ORGANIZATION, data="interval=2026-11-01/2026-11-02")
    assert answer.status_code == 415


def test_rows_are_there_for_complete_days_only(client: Client, sandbox: Sandbox) -> None:
    days = {row["date"] for row in query(client)}
    assert max(days) == "2026-11-21T00:00:00Z"
    sandbox.advance(days=1)
    client.expire()
    assert max(row["date"] for row in query(client)) == "2026-11-22T00:00:00Z"


def test_the_end_of_an_interval_is_exclusive_unless_it_is_set_otherwise(client: Client, sandbox: Sandbox) -> None:
    interval = "2026-11-03T00:00:00Z/2026-11-05T00:00:00Z"
    assert {row["date"][8:10] for row in query(client, interval=interval)} == {"03", "04"}
    sandbox.genesys.end_inclusive = True
    assert {row["date"][8:10] for row in query(client, interval=interval)} == {"03", "04", "05"}


def test_usage_of_a_day_grows_for_two_days_and_then_stands_still(client: Client, sandbox: Sandbox) -> None:
    interval, totals = "2026-11-21/2026-11-22", []
    for _ in range(5):
        totals.append(total(query(client, interval=interval)))
        sandbox.advance(days=1)
        client.expire()
    assert totals[0] < totals[1] < totals[2] == totals[3] == totals[4]


def test_weeks_begin_on_monday_and_months_on_the_first(client: Client) -> None:
    days = query(client, interval=TWO_MONTHS)
    weeks = query(client, interval=TWO_MONTHS, granularity="Week")
    months = query(client, interval=TWO_MONTHS, granularity="Month")
    assert {row["date"] for row in months} == {"2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"}
    assert "2026-11-16T00:00:00Z" in {row["date"] for row in weeks}
    assert total(days) == total(weeks) == total(months) > 0


def test_dimensions_that_are_not_grouped_are_empty_and_the_date_needs_a_granularity(client: Client) -> None:
    rows = query(client, granularity=None, groupBy=["HttpMethod"])
    assert {row["httpMethod"] for row in rows} == {"GET", "PATCH", "POST"}
    assert {(row["clientId"], row["clientName"], row["templateUri"], row["userId"]) for row in rows} == {
        ("", "", "", "")
    }
    assert not any("date" in row for row in rows)


def test_an_organization_query_without_grouping_groups_by_client(client: Client) -> None:
    rows = query(client, groupBy=None)
    assert len({row["clientId"] for row in rows}) == 7
    assert {row["templateUri"] for row in rows} == {""}


def test_a_client_query_is_the_organization_query_of_that_client(client: Client) -> None:
    own = query(client, f"{CLIENTS}/{FIRST}/usage/query")
    assert own == [row for row in query(client) if row["clientId"] == FIRST]


def test_429s_are_part_of_the_4xx_and_templates_have_no_leading_slash(client: Client) -> None:
    rows = query(client)
    assert all(row["status429"] <= row["status400"] for row in rows)
    assert all(row["requests"] == sum(row[f"status{number}"] for number in (200, 300, 400, 500)) for row in rows)
    assert any(row["status429"] for row in rows)
    assert not any(row["templateUri"].startswith("/") for row in rows)


def test_metrics_that_are_not_asked_are_left_out(client: Client) -> None:
    assert "status200" not in query(client, metrics=["Requests"])[0]


def test_a_summary_is_the_client_query_of_the_last_days(client: Client, sandbox: Sandbox) -> None:
    submitted = client.get("genesys", f"{CLIENTS}/{FIRST}/usage/summary", {"days": "3"})
    assert submitted.status_code in {200, 202}
    rows = client.finished(submitted)["results"]
    expected = sandbox.genesys.rows(FIRST, "2026-11-19", "2026-11-22", "Day", ("TemplateUri", "HttpMethod"))
    assert rows == expected != []
    assert client.get("genesys", f"{CLIENTS}/{FIRST}/usage/summary", {"days": "many"}).status_code == 400


def test_a_test_can_count_calls_itself(client: Client, sandbox: Sandbox) -> None:
    sandbox.clear()
    sandbox.genesys.add_client("c", name="Mine")
    row = sandbox.genesys.add_usage("c", "2026-11-20", 10, status400=3, status429=1)
    sandbox.genesys.add_usage("c", "2026-11-22", 99)
    assert [(found["clientName"], found["status200"], found["requests"]) for found in query(client)] == [
        ("Mine", 7, 10)
    ]
    row["requests"] = 12
    assert total(query(client)) == 12


def test_a_request_limit_answers_429_until_the_minute_is_over(client: Client, sandbox: Sandbox) -> None:
    sandbox.genesys.requests_per_minute = 3
    answers = [client.get("genesys", CLIENTS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[2].headers["inin-ratelimit-count"] == answers[2].headers["inin-ratelimit-allowed"] == "3"
    assert answers[3].json()["code"] == "too.many.requests.retry.after"
    assert answers[3].json()["contextId"] == answers[3].headers["ININ-Correlation-Id"]
    sandbox.advance(seconds=int(answers[3].headers["Retry-After"]))
    assert client.get("genesys", CLIENTS).status_code == 200
