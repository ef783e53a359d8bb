from typing import Any

import pytest
import requests

from tap_usage.sandbox import Sandbox
from tap_usage.sandbox.faults import KINDS
from tests.sandbox import test_aggregates_faults, test_edits, test_lists, test_odd_answers
from tests.sandbox.client import Client, usages
from tests.sandbox.shown import SHOWN, shows

ENVIRONMENTS = "/v1/environments"
CLIENTS = "/api/v2/oauth/clients"
PROMOTIONS = "/v2/rule-promotions"
USAGE = "/api/v1/admin/usage?period=day&start=2026-11-18&end=2026-11-20"
QUERY = {"interval": "2026-11-01/2026-11-22", "granularity": "Day"}


@shows("status")
def test_a_status_comes_in_the_error_shape_of_each_vendor(client: Client, sandbox: Sandbox, kind: str) -> None:
    for vendor in sandbox.vendors:
        client.headers(vendor)
    for vendor, path, member in (
        ("pingone", ENVIRONMENTS, "code"),
        ("genesys", CLIENTS, "contextId"),
        ("demandbase", USAGE, "errorNumber"),
        ("elasticpath", PROMOTIONS, "errors"),
    ):
        fault = sandbox.fault(f"{vendor}.*", kind, status=503)
        answer = client.get(vendor, path)
        assert (answer.status_code, fault.hits) == (503, 1)
        assert "Retry-After" not in answer.headers
        assert member in answer.json()
        assert client.get(vendor, path).status_code == 200


def test_a_status_takes_a_body_headers_and_both_forms_of_retry_after(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault(
        "pingone.environments", "status", status=429, retry_after_seconds=7, body={"own": 1}, headers={"X-A": 2}
    )
    sandbox.fault("pingone.environments", "status", status=503, retry_after_date=90, body="text", code="UNUSED")
    first, second = client.get("pingone", ENVIRONMENTS), client.get("pingone", ENVIRONMENTS)
    assert (first.status_code, first.headers["Retry-After"], first.headers["X-A"]) == (429, "7", "2")
    assert first.json() == {"own": 1}
    assert (second.headers["Retry-After"], second.text) == ("Sun, 22 Nov 2026 12:01:30 GMT", "text")


@shows("unauthorized", "forbidden", "not_found", "method_not_allowed")
def test_refusals_have_their_status_and_the_code_that_is_asked(client: Client, sandbox: Sandbox, kind: str) -> None:
    status = {"unauthorized": 401, "forbidden": 403, "not_found": 404, "method_not_allowed": 405}[kind]
    sandbox.fault("pingone.environments", kind, code="INSUFFICIENT_PERMISSIONS")
    sandbox.fault("demandbase.usage", kind)
    answer = client.get("pingone", ENVIRONMENTS)
    assert answer.status_code == status
    assert answer.json()["details"][0]["code"] == "INSUFFICIENT_PERMISSIONS"
    assert client.get("demandbase", USAGE).json()["status"] == status


@shows("throttled")
def test_each_vendor_throttles_in_its_own_way(client: Client, sandbox: Sandbox, kind: str) -> None:
    for vendor in sandbox.vendors:
        client.headers(vendor)
        sandbox.fault(f"{vendor}.*", kind)
    assert client.get("pingone", ENVIRONMENTS).headers["Retry-After"] == "1"
    assert client.get("genesys", CLIENTS).json()["code"] == "too.many.requests.retry.after"
    assert client.get("elasticpath", PROMOTIONS).status_code == 429
    assert client.get("demandbase", USAGE).status_code == client.get("demandbase", USAGE).status_code == 429
    sandbox.fault("genesys.token", kind)
    answer = client.login("genesys")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["description"].startswith("rate limit exceeded;")


@shows("html", "xml", "empty_body", "null_body", "list_body", "not_json", "token_missing")
def test_fixed_bodies_stand_in_for_the_answer(client: Client, sandbox: Sandbox, kind: str) -> None:
    client.headers("elasticpath")
    sandbox.fault("elasticpath.promotions", kind)
    answer = client.get("elasticpath", PROMOTIONS)
    assert (answer.status_code, answer.headers["Content-Type"], answer.text[:6]) == {
        "html": (502, "text/html", "<html>"),
        "xml": (200, "application/xml", "<?xml "),
        "empty_body": (200, "application/json", ""),
        "null_body": (200, "application/json", "null"),
        "list_body": (200, "application/json", "[1,2,3"),
        "not_json": (200, "application/json", "access"),
        "token_missing": (200, "application/json", '{"toke'),
    }[kind]


@shows("deep_json")
def test_deep_json_nests_lists(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("pingone.environments", kind, depth=1000)
    text = client.get("pingone", ENVIRONMENTS).text
    assert text == "[" * 1000 + "]" * 1000


@shows("huge")
def test_a_huge_answer_is_streamed_json_of_the_asked_size(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("pingone.environments", kind, size=3_000_000)
    answer = client.get("pingone", ENVIRONMENTS)
    assert len(answer.content) == int(answer.headers["Content-Length"]) == 3_000_000
    assert len(answer.json()["padding"]) == 3_000_000 - 14


@shows("redirect")
def test_a_redirect_leads_to_another_origin(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("pingone.environments", kind, location=sandbox.url("genesys login") + "/taken")
    client.get("pingone", ENVIRONMENTS)
    assert [seen.origin for seen in sandbox.requests][-2:] == ["pingone api", "genesys login"]


@shows("truncated_json")
def test_truncated_json_claims_to_be_whole(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("pingone.environments", kind)
    answer = client.get("pingone", ENVIRONMENTS)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert client.get("pingone", ENVIRONMENTS).text.startswith(answer.text)


@shows("wrong_content_type")
def test_a_wrong_label_is_on_good_json(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("pingone.environments", kind)
    answer = client.get("pingone", ENVIRONMENTS)
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.json()["count"] == 5


@shows("reset_before_body", "reset_mid_body", "answer_lost")
def test_connections_break_after_the_operation_was_carried_out(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("genesys.organization_submit", kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)) as caught:
        client.post("genesys", "/api/v2/usage/query", QUERY)
    # Only a lost answer breaks before the head; the others break while the body is read.
    assert isinstance(caught.value, requests.ConnectionError) == (kind == "answer_lost")
    assert len(sandbox.genesys.executions) == 1
    assert client.post("genesys", "/api/v2/usage/query", QUERY).status_code == 202


@shows("drip")
def test_a_dripping_answer_comes_byte_by_byte_and_ends_in_blanks(client: Client, sandbox: Sandbox, kind: str) -> None:
    whole = client.get("pingone", ENVIRONMENTS + "?limit=1").text
    sandbox.fault("pingone.environments", kind, interval_seconds=0, total=len(whole) + 5)
    answer = client.get("pingone", ENVIRONMENTS + "?limit=1", stream=True)
    pieces = list(answer.iter_content(1))
    assert b"".join(pieces).decode() == whole + " " * 5


@shows("slow")
def test_a_slow_answer_is_late_and_any_kind_can_be(client: Client, sandbox: Sandbox, kind: str) -> None:
    client.headers("pingone")
    sandbox.fault("pingone.environments", kind, delay_seconds=30)
    sandbox.fault("pingone.environments", "html", delay_seconds=30)
    for _ in range(2):
        with pytest.raises(requests.ReadTimeout):
            client.get("pingone", ENVIRONMENTS, timeout=0.05)
    assert client.get("pingone", ENVIRONMENTS).status_code == 200


def test_every_kind_is_shown_by_a_test() -> None:
    assert test_aggregates_faults
    assert test_edits
    assert test_lists
    assert test_odd_answers
    assert set(KINDS) == SHOWN


def test_a_fault_hits_so_many_requests_after_so_many(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("pingone.environments", "status", after=1, times=2)
    assert [client.get("pingone", ENVIRONMENTS).status_code for _ in range(5)] == [200, 500, 500, 200, 200]


def test_a_fault_hits_only_where_it_is_told(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("elasticpath.usages", "not_found", times=None, where={"page[offset]": 10})
    sandbox.fault("elasticpath.usages", "forbidden", times=None, where=lambda request: "filter" in request.query)
    assert usages(client).status_code == 200
    assert usages(client, {"page[offset]": 10}).status_code == 404
    assert usages(client, {"filter": "eq(code,x)"}).status_code == 403
    promotion = sandbox.elasticpath.promotions[0]["id"]
    sandbox.fault("elasticpath.*", "html", times=None, where={"promotion_id": promotion})
    assert usages(client).status_code == 200
    assert usages(client, name="Buy X get Y").status_code == 502


def test_the_first_fault_that_fits_hits_and_all_can_be_cleared(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("pingone.*", "status", status=500)
    sandbox.fault("pingone.*", "status", status=503, times=None)
    client.sandbox.forget_requests()
    assert [client.login("pingone").status_code for _ in range(3)] == [500, 503, 503]
    assert sandbox.requests[0].fault == "status"
    sandbox.clear_faults()
    assert client.login("pingone").status_code == 200


@pytest.mark.parametrize(
    ("operation", "kind", "details"),
    [
        ("pingone.unknown", "status", {}),
        ("pingone.token", "unknown", {}),
        ("pingone.token", "status", {"code_": "x"}),
        ("pingone.token", "redirect", {}),
    ],
)
def test_a_fault_that_cannot_happen_is_refused(
    sandbox: Sandbox, operation: str, kind: str, details: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="unknown"):
        sandbox.fault(operation, kind, **details)
