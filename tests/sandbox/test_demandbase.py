from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import tap_usage.sandbox
from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client

USAGE = "/api/v1/admin/usage"
LOGIN = "/Auth/login/v1/token"
SAMPLE = (Path(tap_usage.sandbox.__file__).parent / "samples" / "demandbase_usage_month.json").read_bytes()
SAMPLED = {"period": "month", "start": "2015-02", "end": "2015-05"}


def usage(client: Client, period: str, start: str, end: str) -> list[dict[str, Any]]:
    answer = client.get("demandbase", USAGE, {"period": period, "start": start, "end": end})
    assert answer.status_code == 200
    return list(answer.json()["usageForAccount"])


def credits_now(client: Client) -> int:
    answer = client.get("demandbase", USAGE, {"period": "day", "start": "2026-11-22", "end": "2026-11-22"})
    return int(answer.json()["creditsForAccount"][0]["consumedCredits"])


def total(rows: list[dict[str, Any]]) -> int:
    return sum(row["transactions"] for row in rows)


def test_the_documented_answer_is_served_byte_for_byte_at_any_time(client: Client, sandbox: Sandbox) -> None:
    assert client.get("demandbase", USAGE, SAMPLED).content == SAMPLE
    sandbox.advance(days=2)
    assert client.get("demandbase", USAGE, SAMPLED).content == SAMPLE


def test_a_shorter_range_gets_the_matching_rows_of_the_documented_answer(client: Client) -> None:
    rows = usage(client, "month", "2015-03", "2015-04")
    assert [row["date"] for row in rows] == ["2015-03"] * 13 + ["2015-04"] * 14
    assert total(usage(client, "month", "2015-02", "2015-02")) == 0
    assert total(usage(client, "year", "2015", "2015")) == total(usage(client, "month", "2015-02", "2015-05")) == 7165


def test_xml_is_the_default_and_has_names_of_its_own(client: Client) -> None:
    token = {"accessToken": client.headers("demandbase")["accessToken"]}
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/xml"}):
        answer = client.get("demandbase", USAGE, SAMPLED, headers=token | accept)
        assert answer.headers["Content-Type"].startswith("application/xml")
        root = ET.fromstring(answer.text)  # noqa: S314  it comes from the sandbox
        assert root.tag == "accountUsage"
        assert len(root.findall("usage")) == 41
        assert root.findtext("creditsForAccount/consumedCredits") == "13987"


def test_errors_are_xml_unless_json_is_asked_for(client: Client) -> None:
    answer = client.get("demandbase", USAGE, headers={})
    assert (answer.status_code, answer.text[:14]) == (401, "<?xml version=")
    assert ET.fromstring(answer.text).findtext("status") == "401"  # noqa: S314  it comes from the sandbox


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"period": "week"}, "400-702"),
        ({"period": None}, "400-701"),
        ({"start": "2015-02-01"}, "400-705"),
        ({"end": "2015"}, "400-706"),
        ({"end": "2015-13"}, "400-706"),
        ({"end": "2015-01"}, "400-706"),
        ({"period": "day"}, "400-705"),
        ({"api": "NEWS_COUNT"}, "400-101"),
    ],
)
def test_parameters_that_do_not_fit_the_period_are_refused(
    client: Client, query: dict[str, str | None], code: str
) -> None:
    answer = client.get("demandbase", USAGE, SAMPLED | query)
    assert answer.status_code == 400
    assert set(answer.json()) == {"errorType", "status", "errorNumber", "message", "diagnosticCode"}
    assert answer.json()["errorNumber"] == code


def test_a_bearer_token_is_refused(client: Client) -> None:
    token = client.headers("demandbase")["accessToken"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    assert client.get("demandbase", USAGE, SAMPLED, headers=headers).status_code == 401


def test_the_end_is_inclusive(client: Client) -> None:
    assert {row["date"] for row in usage(client, "day", "2026-11-16", "2026-11-18")} == {
        "2026-11-16",
        "2026-11-17",
        "2026-11-18",
    }


def test_days_without_traffic_are_left_out(client: Client) -> None:
    assert len({row["date"] for row in usage(client, "day", "2026-10-01", "2026-10-31")}) < 31


def test_days_months_and_years_agree(client: Client) -> None:
    days = usage(client, "day", "2026-01-01", "2026-11-22")
    months = usage(client, "month", "2026-01", "2026-11")
    years = usage(client, "year", "2026", "2026")
    assert total(days) == total(months) == total(years) > 0
    named = [row for row in days if row["date"].startswith("2026-10") and row.get("api") == "NEWS_FETCH"]
    assert total(named) == next(
        row["transactions"] for row in months if row["date"] == "2026-10" and row.get("api") == "NEWS_FETCH"
    )


def test_rows_without_a_name_share_dates(client: Client) -> None:
    dates = [row["date"] for row in usage(client, "day", "2026-10-01", "2026-11-20") if "api" not in row]
    assert len(dates) > len(set(dates)) > 0


def test_one_row_has_details_with_a_text_as_value(client: Client) -> None:
    rows = [row for row in usage(client, "day", "2026-10-01", "2026-11-20") if "details" in row]
    assert [row["details"] for row in rows] == [[{"type": "matchRate", "value": "74.0"}]]


def test_today_and_yesterday_grow_and_older_days_do_not(client: Client, sandbox: Sandbox) -> None:
    days = [["2026-11-22"], ["2026-11-21"], ["2026-11-20"]]
    before = [total(usage(client, "day", *day, *day)) for day in days]
    credits_before = credits_now(client)
    sandbox.advance(hours=6)
    after = [total(usage(client, "day", *day, *day)) for day in days]
    assert before[0] < after[0]
    assert before[1] < after[1]
    assert before[2] == after[2]
    assert credits_now(client) > credits_before


def test_a_test_can_count_transactions_itself(client: Client, sandbox: Sandbox) -> None:
    sandbox.clear()
    sandbox.demandbase.ledger.credits = {"allocatedCredits": 10, "consumedCredits": 4}
    sandbox.demandbase.add_usage("2026-11-20", 3, "A")
    row = sandbox.demandbase.add_usage("2026-11-21", 4, "A")
    assert usage(client, "month", "2026-11", "2026-11") == [{"api": "A", "transactions": 7, "date": "2026-11"}]
    row["transactions"] = 5
    assert total(usage(client, "day", "2026-11-21", "2026-11-21")) == 5
    assert credits_now(client) == 4


def test_the_token_is_asked_for_in_the_vendors_own_words(client: Client, sandbox: Sandbox) -> None:
    config = sandbox.config
    fields = {"clientId": config["demandbase_client_id"], "clientSecret": config["demandbase_client_secret"]}
    good = fields | {"grantType": "cred"}

    def ask(path: str = LOGIN + ".json", **options: Any) -> int:  # noqa: ANN401  whatever requests takes
        return client.send("POST", "demandbase login", path, **options).status_code

    assert ask(data=good) == 200
    assert ask(params=good) == 200
    assert ask(json=good) == 400
    assert ask(data=fields | {"grantType": "client_credentials"}) == 400
    assert ask(data=good | {"clientSecret": "wrong"}) == 401


def test_the_plain_token_path_answers_as_accepted(client: Client, sandbox: Sandbox) -> None:
    config = sandbox.config
    good = {"clientId": config["demandbase_client_id"], "clientSecret": config["demandbase_client_secret"]}
    good["grantType"] = "cred"
    asked = {"headers": {"Accept": "application/json"}}
    assert client.send("POST", "demandbase login", LOGIN, data=good, **asked).json()["accessTokenDetails"]
    root = ET.fromstring(client.send("POST", "demandbase login", LOGIN, data=good).text)  # noqa: S314  the sandbox's
    assert root.findtext("tokenType") == "bearer"


@pytest.mark.parametrize(
    ("now", "text"), [("00:05:00", "12:05:00 AM"), ("12:05:00", "12:05:00 PM"), ("21:00:00", "09")]
)
def test_the_expiry_is_a_text_on_a_twelve_hour_clock(now: str, text: str) -> None:
    with Sandbox(now=f"2026-11-22T{now}Z") as sandbox:
        client = Client(sandbox)
        with client.session:
            details = client.login("demandbase").json()["accessTokenDetails"]
    assert {"+", "/", "="} <= set(details["accessToken"])
    assert f" {text}" in details["expirationTime"]
    read = datetime.strptime(details["expirationTime"] + " +0000", "%a, %b %d, %Y %I:%M:%S %p GMT %z")
    assert read.isoformat() == f"2027-11-22T{now}+00:00"


def test_a_throttled_account_is_locked_out_for_five_minutes_with_any_token(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("demandbase.usage", "throttled")
    answer = client.get("demandbase", USAGE, SAMPLED)
    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers
    client.expire()
    sandbox.advance(seconds=299)
    assert client.get("demandbase", USAGE, SAMPLED).status_code == 429
    sandbox.advance(seconds=1)
    assert client.get("demandbase", USAGE, SAMPLED).status_code == 200
