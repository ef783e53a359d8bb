"""Answers that are well-formed but wrong."""

from typing import Any

from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client, usages
from tests.sandbox.shown import shows

ENVIRONMENTS = "/v1/environments"
CLIENTS = "/api/v2/oauth/clients"
USAGE = "/api/v1/admin/usage?period=day&start=2026-11-18&end=2026-11-20"
QUERY = {"interval": "2026-11-01/2026-11-22", "granularity": "Day"}


@shows("edit")
def test_a_test_can_edit_an_answer_itself(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("genesys.clients", kind, change=lambda body: body | {"total": "many"})
    assert client.get("genesys", CLIENTS).json()["total"] == "many"


@shows("repeated_page")
def test_the_first_page_is_served_again(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("elasticpath.usages", kind, times=None)
    first, second = usages(client).json(), usages(client, {"page[offset]": 10}).json()
    assert second["data"] == first["data"]
    assert second["meta"]["page"]["offset"] == 10
    assert usages(client, name="Disabled").json()["data"] != first["data"]


@shows("shrinking_page", "duplicated_rows", "sort_ignored", "order_violated")
def test_rows_of_a_page_are_changed(client: Client, sandbox: Sandbox, kind: str) -> None:
    rows = usages(client).json()["data"]
    details: dict[str, Any] = {"index": 3} if kind == "order_violated" else {}
    sandbox.fault("elasticpath.usages", kind, **details)
    expected = {
        "shrinking_page": rows[:5],
        "duplicated_rows": [row for row in rows for _ in range(2)],
        "sort_ignored": rows[::-1],
        "order_violated": [*rows[:3], rows[4], rows[3], *rows[5:]],
    }
    assert usages(client).json()["data"] == expected[kind]


@shows("total_wrong", "total_missing", "total_lower_bound", "pagination_meta")
def test_the_meta_of_elastic_path_is_changed(client: Client, sandbox: Sandbox, kind: str) -> None:
    details: dict[str, Any] = {"total_wrong": {"by": -3}, "total_lower_bound": {"total": 100}}.get(kind, {})
    sandbox.fault("elasticpath.usages", kind, **details)
    body = usages(client).json()
    page = {"limit": 10, "offset": 0, "current": 1, "total": 35}
    assert (
        body["meta"]
        == {
            "total_wrong": {"page": page, "results": {"total": 347, "total_method": "exact"}},
            "total_missing": {"page": page},
            "total_lower_bound": {"page": page, "results": {"total": 100, "total_method": "lower_bound"}},
            "pagination_meta": {"pagination": {"total": 350, "limit": 10, "offset": 0, "current": 1}},
        }[kind]
    )
    assert (body["links"]["prev"] is None) == (kind == "pagination_meta")


def test_the_size_and_total_of_the_other_vendors_can_be_wrong_too(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("pingone.environments", "total_wrong", total=99)
    sandbox.fault("genesys.clients", "total_wrong", by=1)
    assert client.get("pingone", ENVIRONMENTS).json()["size"] == 99
    assert client.get("genesys", CLIENTS).json()["total"] == 7


@shows("next_elsewhere")
def test_the_next_link_leads_to_another_origin(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("*", kind, times=None, where={"method": "GET"}, url="https://elsewhere.example")
    assert (
        client.get("pingone", ENVIRONMENTS).json()["_links"]["next"]["href"].startswith("https://elsewhere.example/v1/")
    )
    assert client.get("genesys", CLIENTS).json()["nextUri"].startswith("https://elsewhere.example/api/")
    assert usages(client).json()["links"]["next"].startswith("https://elsewhere.example/v2/")


@shows("next_cycle")
def test_the_next_link_leads_back_to_the_first_page(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("pingone.environments", kind, times=None)
    sandbox.fault("genesys.clients", kind, times=None)
    base = sandbox.url("pingone api")
    for _ in range(2):
        assert (
            client.get("pingone", ENVIRONMENTS + "?limit=2").json()["_links"]["next"]["href"]
            == f"{base}/v1/environments?limit=2"
        )
        assert client.get("genesys", CLIENTS).json()["nextUri"] == CLIENTS


@shows("embedded_null")
def test_pingone_embeds_null(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("pingone.environments", kind)
    assert client.get("pingone", ENVIRONMENTS).json()["_embedded"] is None


@shows("query_status")
def test_executions_fail_run_on_or_have_an_unknown_state(client: Client, sandbox: Sandbox, kind: str) -> None:
    path = client.post("genesys", "/api/v2/usage/query", QUERY).json()["resultsUri"]
    sandbox.genesys.polls_until_complete = 0
    for word in ("Failed", "Running", "Pondering"):
        sandbox.fault("genesys.*_results", kind, word=word)
        assert client.get("genesys", path).json() == {"queryStatus": word}
    assert client.get("genesys", path).json()["queryStatus"] == "Complete"


@shows("execution_id_missing", "page_count_wrong", "cursors_present", "rows_outside")
def test_answers_of_genesys_are_changed(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.genesys.polls_until_complete = 0
    details: dict[str, Any] = {"date": "2020-01-01T00:00:00Z"} if kind == "rows_outside" else {}
    sandbox.fault("genesys.*", kind, times=None, **details)
    submitted = client.post("genesys", "/api/v2/usage/query", QUERY).json()
    body = client.get("genesys", submitted["resultsUri"]).json()
    assert ("executionId" not in submitted) == (kind == "execution_id_missing")
    assert ("cursors" in body) == (kind == "cursors_present")
    assert (body["results"][-1]["date"] == "2020-01-01T00:00:00Z") == (kind == "rows_outside")
    assert (client.get("genesys", CLIENTS).json()["pageCount"] == 3) == (kind == "page_count_wrong")


@shows("rows_nameless", "usage_missing", "usage_as_xml")
def test_answers_of_demandbase_are_changed(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("demandbase.usage", kind)
    answer = client.get("demandbase", USAGE)
    if kind == "usage_as_xml":
        assert answer.headers["Content-Type"].startswith("application/xml")
        assert answer.text.count("<usage>") == len(sandbox.demandbase.rows("day", "2026-11-18", "2026-11-20"))
    elif kind == "rows_nameless":
        assert answer.json()["usageForAccount"]
        assert not any("api" in row for row in answer.json()["usageForAccount"])
    else:
        assert "usageForAccount" not in answer.json()


@shows("error_as_xml")
def test_an_error_of_demandbase_comes_as_xml(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("demandbase.usage", kind)
    answer = client.get("demandbase", "/api/v1/admin/usage?period=week&start=2026&end=2026")
    assert answer.status_code == 400
    assert "<errorNumber>400-702</errorNumber>" in answer.text


@shows("expiry_missing")
def test_tokens_come_without_their_expiry(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("*.token", kind, times=None)
    for vendor in sandbox.vendors:
        assert "expir" not in client.login(vendor).text
