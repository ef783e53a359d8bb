"""Jobs of Genesys' usage aggregates that go wrong."""

from __future__ import annotations

import pytest

from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client
from tests.sandbox.jobs import ORGANIZATION, first_page, of_client, pages, rows, submit, submitted
from tests.sandbox.shown import shows

RESULTS = "genesys.*_aggregates_results"


@pytest.fixture(autouse=True)
def _at_once(sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 0


@shows("query_status")
@pytest.mark.parametrize("path", [ORGANIZATION, of_client()])
@pytest.mark.parametrize("word", ["Failed", "Cancelled"])
def test_a_job_that_ended_without_rows_stays_so_and_the_next_one_is_good(
    client: Client, sandbox: Sandbox, path: str, word: str, kind: str
) -> None:
    sandbox.fault(RESULTS, kind, word=word)
    job = submitted(client, path)
    bodies = [first_page(client, job) for _ in range(2)]
    assert [body["queryStatus"] for body in bodies] == [word, word]
    assert ("errorBody" in bodies[0]) == (word == "Failed")
    assert first_page(client, submitted(client, path))["queryStatus"] == "Succeeded"


def test_a_failure_can_blame_the_query(client: Client, sandbox: Sandbox) -> None:
    told = {"status": 400, "code": "query.too.long", "message": "too many"}
    sandbox.fault(RESULTS, "query_status", delay_seconds=0.001, **told)
    error = first_page(client, submitted(client))["errorBody"]
    assert (error["status"], error["code"], error["message"]) == (400, "query.too.long", "too many")


@pytest.mark.parametrize("word", ["Paused", "COMPLETED", "", None])
def test_a_state_that_nobody_knows_or_none_passes(client: Client, sandbox: Sandbox, word: str | None) -> None:
    sandbox.fault(RESULTS, "query_status", word=word)
    job = submitted(client)
    odd = client.get("genesys", job)
    assert (odd.status_code, odd.json().get("queryStatus")) == (202, word)
    assert client.get("genesys", job).json()["queryStatus"] == "Succeeded"


@shows("empty_page")
def test_an_empty_page_goes_on_at_the_same_place_with_another_cursor(
    client: Client, sandbox: Sandbox, kind: str
) -> None:
    sandbox.fault(RESULTS, kind, after=1, times=3)
    found = pages(client, submitted(client))
    assert [len(page) for page in found[:5]] == [100, 0, 0, 0, 100]
    assert [row for page in found for row in page] == rows(client)
    links = [seen.query.get("after") for seen in sandbox.requests if seen.operation.endswith("results")]
    assert len(set(links[: len(found)])) == len(found)


@pytest.mark.parametrize("form", ["missing", "null"])
def test_an_empty_page_can_lack_its_rows(client: Client, sandbox: Sandbox, form: str) -> None:
    sandbox.genesys.aggregates.unknowns.no_rows = form  # type: ignore[assignment]
    sandbox.fault(RESULTS, "empty_page")
    body = first_page(client, submitted(client))
    assert body.get("entities", "missing") == {"missing": "missing", "null": None}[form]
    assert body["nextUri"]


@shows("next_cycle")
def test_a_cursor_leads_back_to_its_own_page(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault(RESULTS, kind, times=None, where=lambda request: "after" in request.query)
    second = first_page(client, submitted(client))["nextUri"]
    assert client.get("genesys", second).json()["nextUri"] == second


def test_the_first_page_can_lead_to_itself_without_a_cursor(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault(RESULTS, "next_cycle", times=None)
    job = submitted(client)
    assert first_page(client, job, pageSize=7)["nextUri"] == f"{job}?pageSize=7"


@shows("next_elsewhere")
def test_the_next_page_is_on_another_host_but_a_job_that_runs_has_none(
    client: Client, sandbox: Sandbox, kind: str
) -> None:
    sandbox.genesys.polls_until_complete = 1
    sandbox.fault(RESULTS, kind, times=None, url="https://elsewhere.example")
    job = submitted(client)
    assert "nextUri" not in client.get("genesys", job).json()
    assert client.get("genesys", job).json()["nextUri"].startswith(f"https://elsewhere.example{job}")


@shows("repeated_page", "shrinking_page", "duplicated_rows", "sort_ignored")
def test_rows_of_pages_are_not_what_they_should_be(client: Client, sandbox: Sandbox, kind: str) -> None:
    job = submitted(client)
    first, second = pages(client, job)[:2]
    sandbox.fault(RESULTS, kind, times=None)
    assert (
        pages(client, job)[1]
        == {
            "repeated_page": first,
            "shrinking_page": second[:50],
            "duplicated_rows": [row for row in second for _ in range(2)],
            "sort_ignored": second[::-1],
        }[kind]
    )


@shows("rows_outside", "date_form", "row_changed")
def test_days_of_rows_are_outside_the_window_or_no_dates(client: Client, sandbox: Sandbox, kind: str) -> None:
    details = {
        "rows_outside": {"date": "2020-01-01"},
        "date_form": {"form": "{}T00:00:00Z"},
        "row_changed": {"index": 0, "field": "date", "value": "today"},
    }[kind]
    sandbox.fault(RESULTS, kind, **details)
    days = {row["date"] for row in first_page(client, submitted(client))["entities"]}
    assert {"rows_outside": "2020-01-01", "date_form": "2026-11-01T00:00:00Z", "row_changed": "today"}[kind] in days


def test_a_submission_is_refused_as_often_as_told(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("genesys.*_aggregates_submit", "status", times=2, status=409)
    assert [submit(client, path).status_code for path in (ORGANIZATION, of_client(), ORGANIZATION)][:2] == [409, 409]
    assert submit(client).ok


def test_faults_of_all_queries_hit_both_families(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("genesys.*_results", "not_found", times=2)
    old = {"interval": "2026-11-01/2026-11-02", "granularity": "Day"}
    links = [client.post("genesys", "/api/v2/usage/query", old).json()["resultsUri"], submitted(client)]
    assert [client.get("genesys", link).status_code for link in links * 2] == [404, 404, 200, 200]
