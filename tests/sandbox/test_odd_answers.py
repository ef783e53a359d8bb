"""What comes before, beside and within a good answer."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client
from tests.sandbox.shown import shows

ENVIRONMENTS = "/v1/environments"
CLIENTS = "/api/v2/oauth/clients"
PROMOTIONS = "/v2/rule-promotions"
USAGE = "/api/v1/admin/usage?period=day&start=2026-11-18&end=2026-11-20"
QUERY = {"interval": "2026-11-01/2026-11-22", "granularity": "Day"}


def heads(sandbox: Sandbox, path: str, count: int, origin: str = "pingone api") -> list[str]:
    """Return the status lines that come back for one request, as they are on the wire."""
    host, _, port = sandbox.url(origin).rpartition("//")[2].partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with connection.makefile("rb") as received:
            found: list[str] = []
            while len(found) < count:
                line = received.readline().decode().rstrip()
                if line.startswith("HTTP/"):
                    found.append(line)
    return found


@shows("informational")
def test_informational_heads_come_before_the_answer(sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("pingone.environments", kind, after=1, statuses=[100, 102, 103])
    assert heads(sandbox, ENVIRONMENTS, 1) == ["HTTP/1.1 401 Unauthorized"]
    assert heads(sandbox, ENVIRONMENTS, 4) == [
        "HTTP/1.1 100 Continue",
        "HTTP/1.1 102 Processing",
        "HTTP/1.1 103 Early Hints",
        "HTTP/1.1 401 Unauthorized",
    ]
    assert heads(sandbox, ENVIRONMENTS, 1) == ["HTTP/1.1 401 Unauthorized"]


def test_the_answer_can_come_long_after_an_informational_head(sandbox: Sandbox) -> None:
    sandbox.fault("*", "informational", pause_seconds=30)
    assert heads(sandbox, ENVIRONMENTS, 1) == ["HTTP/1.1 103 Early Hints"]


def test_informational_heads_and_clocks_come_beside_other_faults(client: Client, sandbox: Sandbox) -> None:
    client.headers("pingone")
    sandbox.fault("*", "clock", times=None, seconds=3600)
    sandbox.fault("pingone.environments", "html")
    sandbox.fault("pingone.environments", "informational", times=2, statuses=[100])
    answer = client.get("pingone", ENVIRONMENTS)
    assert (answer.status_code, answer.headers["Date"]) == (502, "Sun, 22 Nov 2026 13:00:00 GMT")
    assert [seen.fault for seen in sandbox.requests] == ["", "html"]
    assert client.get("pingone", ENVIRONMENTS).headers["Date"] == "Sun, 22 Nov 2026 13:00:00 GMT"
    assert sandbox.requests[-1].fault == "clock"


@shows("clock")
@pytest.mark.parametrize(
    ("details", "date"),
    [
        ({"seconds": 30 * 86400}, "Tue, 22 Dec 2026 12:00:00 GMT"),
        ({"seconds": -60}, "Sun, 22 Nov 2026 11:59:00 GMT"),
        ({"at": "1970-01-01T00:00:00Z"}, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ({"form": "asctime"}, "Sun Nov 22 12:00:00 2026"),
        ({"zone": ""}, "Sun, 22 Nov 2026 12:00:00"),
        ({"zone": "-0000"}, "Sun, 22 Nov 2026 12:00:00 -0000"),
        ({"form": "none"}, None),
    ],
)
def test_the_date_is_another_one_or_has_another_form(
    client: Client, sandbox: Sandbox, kind: str, details: dict[str, Any], date: str | None
) -> None:
    sandbox.fault("*", kind, **details)
    assert client.login("pingone").headers.get("Date") == date
    assert client.login("pingone").headers["Date"] == "Sun, 22 Nov 2026 12:00:00 GMT"


def test_the_date_is_wrong_on_failing_or_on_good_answers_only(client: Client, sandbox: Sandbox) -> None:
    client.headers("pingone")
    sandbox.fault("*", "clock", at="1970-01-01", only="failing")
    sandbox.fault("*", "clock", at="1971-01-01", only="good")
    sandbox.fault("pingone.environments", "html", after=1)
    years = [client.get("pingone", ENVIRONMENTS).headers["Date"].split()[3] for _ in range(3)]
    assert years == ["1971", "1970", "2026"]


@shows("token_lag")
def test_the_api_learns_of_a_new_token_late(client: Client, sandbox: Sandbox, kind: str) -> None:
    paths = {"pingone": ENVIRONMENTS, "genesys": CLIENTS, "demandbase": USAGE, "elasticpath": PROMOTIONS}
    for vendor, path in paths.items():
        sandbox.fault(f"{vendor}.token", kind, requests=2)
        assert [client.get(vendor, path).status_code for _ in range(3)] == [401, 401, 200]
    assert [seen.authorization_ok for seen in sandbox.requests[-4:]] == [True, False, False, True]
    client.expire()
    sandbox.fault("genesys.token", kind, seconds=2)
    assert [client.get("genesys", CLIENTS).status_code for _ in range(3)] == [401] * 3
    sandbox.advance(seconds=2)
    assert client.get("genesys", CLIENTS).status_code == 200


@pytest.mark.parametrize("status", [408, 429, 503])
def test_a_login_is_throttled_for_some_tries_and_then_good(client: Client, sandbox: Sandbox, status: int) -> None:
    sandbox.fault("*.token", "status", times=2, status=status)
    assert [client.login("elasticpath").status_code for _ in range(3)] == [status, status, 200]


@shows("byte_order_mark")
def test_a_byte_order_mark_comes_before_a_body(client: Client, sandbox: Sandbox, kind: str) -> None:
    client.headers("pingone")
    sandbox.fault("pingone.environments", kind)
    marked, plain = (client.get("pingone", ENVIRONMENTS).content for _ in range(2))
    assert marked == b"\xef\xbb\xbf" + plain


@shows("row_changed")
def test_a_member_of_one_row_or_of_all_is_changed(client: Client, sandbox: Sandbox, kind: str) -> None:
    body = {"operation": "genesys.clients", "kind": kind, "index": 1, "field": "name", "value": "cut \ud83d"}
    assert client.control("POST", "faults", body).status_code == 200
    text = client.get("genesys", CLIENTS).text
    assert text.count(r'"cut \ud83d"') == 1
    assert client.get("genesys", CLIENTS).json()["entities"][1]["name"] == "Wallboard"
    sandbox.fault("elasticpath.usages", kind, field="used_on", value="0001-01-01T00:00:00Z")
    promotion = sandbox.elasticpath.promotions[1]["id"]
    usages = client.get("elasticpath", f"{PROMOTIONS}/{promotion}/usages").json()["data"]
    assert {usage["used_on"] for usage in usages} == {"0001-01-01T00:00:00Z"}


def test_usages_with_the_zero_time_of_go_are_sorted_and_filtered(client: Client, sandbox: Sandbox) -> None:
    promotion = sandbox.elasticpath.add_promotion()
    for used_on in ("2026-11-20T00:00:00Z", "0001-01-01T00:00:00Z"):
        sandbox.elasticpath.add_usage(promotion, used_on)
    path = f"{PROMOTIONS}/{promotion}/usages"
    rows = client.get("elasticpath", path, {"sort": "used_on"}).json()["data"]
    assert [row["used_on"][:4] for row in rows] == ["0001", "2026"]
    later = client.get("elasticpath", path, {"filter": "ge(used_on,2026-01-01T00:00:00Z)"}).json()["data"]
    assert [row["used_on"][:4] for row in later] == ["2026"]


@shows("member_missing")
def test_any_member_of_an_answer_is_left_out(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("demandbase.usage", kind, path="period")
    sandbox.fault("elasticpath.promotions", kind, path="meta.results.total")
    assert "period" not in client.get("demandbase", USAGE).json()
    assert client.get("demandbase", USAGE).json()["period"] == "day"
    assert client.get("elasticpath", PROMOTIONS).json()["meta"]["results"] == {"total_method": "exact"}


@shows("credits_doubled")
def test_credits_have_two_elements(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("demandbase.usage", kind, other={"consumedCredits": 5})
    first, second = client.get("demandbase", USAGE).json()["creditsForAccount"]
    assert second == first | {"consumedCredits": 5}
    assert len(client.get("demandbase", USAGE).json()["creditsForAccount"]) == 1


@shows("date_form")
@pytest.mark.parametrize("form", ["{}T00:00:00.000Z", "{}T00:00:00+00:00", "{}"])
def test_genesys_writes_days_in_other_forms(client: Client, sandbox: Sandbox, form: str, kind: str) -> None:
    sandbox.genesys.polls_until_complete = 0
    path = client.post("genesys", "/api/v2/usage/query", QUERY).json()["resultsUri"]
    days = [row["date"][:10] for row in client.get("genesys", path).json()["results"]]
    sandbox.fault("genesys.*_results", kind, form=form)
    assert [row["date"] for row in client.get("genesys", path).json()["results"]] == [form.format(day) for day in days]


def test_one_execution_answers_something_else_later(client: Client, sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 0
    paths = [client.post("genesys", "/api/v2/usage/query", QUERY).json()["resultsUri"] for _ in range(2)]
    second = {"execution_id": paths[1].split("/")[5]}
    sandbox.fault("genesys.*_results", "status", times=None, after=1, status=400, where=second)
    assert [client.get("genesys", path).status_code for path in paths * 2] == [200, 200, 200, 400]


def test_counters_are_reset_and_grow_on_from_there(client: Client, sandbox: Sandbox) -> None:
    vendor = sandbox.pingone
    rule, other = list(vendor.counters)[1], list(vendor.counters)[2]
    before, consumed = vendor.counts(other), sandbox.demandbase.ledger.account_credits()["consumedCredits"]
    assert client.control("POST", "counters", {"rule_id": rule, "to": 5}).status_code == 200
    assert set(vendor.counts(rule).values()) == {5}
    assert vendor.counts(other) == before
    assert sandbox.demandbase.ledger.account_credits()["consumedCredits"] == consumed > 0
    sandbox.advance(hours=2)
    assert vendor.counts(rule)["issued"] == 6
    assert client.control("POST", "counters").status_code == 200
    assert {count for each in vendor.counters for count in vendor.counts(each).values()} == {0}
    assert sandbox.demandbase.ledger.account_credits()["consumedCredits"] == 0
    sandbox.advance(days=1)
    assert sandbox.demandbase.ledger.account_credits()["consumedCredits"] > 0
    assert client.control("POST", "counters", {"rule_id": "unknown"}).status_code == 400
