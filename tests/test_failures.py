"""What failed is told in one line for each stream and cause, with the first partitions in it."""

from __future__ import annotations

import logging

import pytest

from tap_usage.reading.failures import Failures, Subject
from tap_usage.rest.errors import PagingError, ReadError, RequestError
from tap_usage.sandbox import Sandbox
from tap_usage.vendors.elasticpath import Promotions
from tests.promised import STREAMS
from tests.running import ImpatientTap, run, streams_in

USAGES = Subject("elasticpath", "elasticpath_promotion_usages", "promotions")
QUERIES = Subject("genesys", "genesys_client_usage", "queries", "oauth:client:view or usage:client:view")
LISTS = Subject("genesys", "genesys_oauth_clients", "oauth clients", "oauth:client:view")


def refused(number: int = 1, status: int = 403, code: str = "Forbidden") -> RequestError:
    """Return a refusal whose path and correlation id are its own."""
    return RequestError(f"GET /v2/p{number}", status, "check the role", code=code, correlation=f"c{number}")


def test_one_cause_of_one_stream_is_one_line_with_how_many_of_how_many() -> None:
    failures = Failures()
    for number in range(1259):
        failures.asked(USAGES.stream, f"promotion_id=p{number}")
    for number in (3, 5, 8, 13):
        failures.add(USAGES, f"promotion_id=p{number}", refused(number))
    (line,) = failures.lines
    assert line == (
        "elasticpath: elasticpath_promotion_usages: 4 of 1,259 promotions (promotion_id=p3; promotion_id=p5; "
        "promotion_id=p8; …): HTTP 403 Forbidden (correlation id c3) on GET /v2/p3: check the role"
    )


def test_three_partitions_are_all_named() -> None:
    failures = Failures()
    for number in range(3):
        failures.add(USAGES, f"promotion_id=p{number}", refused())
    assert "3 promotions (promotion_id=p0; promotion_id=p1; promotion_id=p2): HTTP 403" in failures.lines[0]


def test_a_single_partition_is_named_alone() -> None:
    failures = Failures()
    failures.asked(USAGES.stream, "promotion_id=p1")
    failures.add(USAGES, "promotion_id=p1", PagingError("a page came twice"))
    assert failures.lines == ["elasticpath: elasticpath_promotion_usages: promotion_id=p1: a page came twice"]


def test_another_status_code_or_kind_is_another_line() -> None:
    failures = Failures()
    for error in (refused(), refused(status=500), refused(code="Other"), PagingError("x"), ReadError("y"), KeyError()):
        failures.add(USAGES, "promotion_id=p1", error)
    assert len(failures.lines) == 6


def test_figures_and_ids_in_the_words_make_no_other_cause() -> None:
    failures = Failures()
    failures.add(USAGES, "promotion_id=p1", PagingError("7 rows came, the vendor says 9"))
    failures.add(USAGES, "promotion_id=p2", PagingError("8 rows came, the vendor says 12"))
    (line,) = failures.lines
    assert "2 promotions (promotion_id=p1; promotion_id=p2): 7 rows came, the vendor says 9" in line


def test_a_refusal_names_the_permission_that_the_stream_needs_and_nothing_else_does() -> None:
    failures = Failures()
    failures.add(QUERIES, "oauth_client_id=a", refused(code="missing.any.permissions"))
    failures.add(QUERIES, "oauth_client_id=b", refused(status=500))
    one, other = failures.lines
    assert one.endswith("check the role; needs oauth:client:view or usage:client:view")
    assert other.endswith("check the role")


def test_a_failure_that_is_told_twice_is_one_line() -> None:
    failures = Failures()
    for _ in range(2):
        failures.add(USAGES, "promotion_id=p1", ReadError("it broke"))
    assert failures.lines == ["elasticpath: elasticpath_promotion_usages: promotion_id=p1: it broke"]


def test_streams_of_a_vendor_that_failed_for_one_request_share_a_line() -> None:
    failures = Failures()
    for number, subject in enumerate((LISTS, QUERIES, USAGES)):
        failures.add(subject, "", RequestError("POST /token", 503, "run again later", correlation=f"c{number}"))
    assert [line.partition(" on POST ")[0] for line in failures.lines] == [
        "genesys: genesys_oauth_clients, genesys_client_usage: HTTP 503 (correlation id c0)",
        "elasticpath: elasticpath_promotion_usages: HTTP 503 (correlation id c2)",
    ]


def test_a_fault_of_the_tap_says_so_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    tap = ImpatientTap(config={"elasticpath_client_id": "id", "elasticpath_client_secret": "secret"})
    with caplog.at_level(logging.DEBUG, "tap-usage"):
        tap.this_run.failed(tap.streams[Promotions.name].sheet, "", ValueError("hunter2"))
    assert tap.this_run.failures.lines == [
        "elasticpath: elasticpath_promotions: unexpected ValueError, please report it (LOGLEVEL=DEBUG shows where)"
    ]
    assert caplog.records[-1].exc_info


def test_a_missing_permission_of_a_run_is_one_line_for_each_stream_and_all_of_it_at_debug(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    for operation in ("genesys.organization_submit", "genesys.client_submit", "genesys.client_summary"):
        sandbox.fault(operation, "forbidden", times=None)
    with caplog.at_level(logging.DEBUG, "tap-usage"):
        done = run(sandbox.config)
    assert done.code == 1
    clients = len(sandbox.genesys.clients)
    told = {line.split(": ")[1]: line for line in done.failures}
    assert set(told) == {"genesys_organization_usage", "genesys_client_usage", "genesys_client_usage_summary"}
    assert len(done.failures) == 3
    client = told["genesys_client_usage"]
    assert f": {3 * clients} of {3 * clients} queries (oauth_client_id=" in client
    assert client.endswith("; needs oauth:client:view or usage:client:view")
    debugged = [record for record in caplog.records if record.name.endswith(".genesys_client_usage")]
    assert sum("HTTP 403" in record.getMessage() for record in debugged) == 3 * clients


@pytest.mark.parametrize("vendor", ["genesys", "pingone"])
def test_a_login_that_is_forbidden_is_one_line_that_names_no_permission_of_a_stream(
    sandbox: Sandbox, vendor: str
) -> None:
    sandbox.fault(f"{vendor}.token", "forbidden", times=None)
    (line,) = run(sandbox.config).failures
    assert line.startswith(f"{vendor}: {vendor}_")
    assert "HTTP 403" in line
    assert "needs" not in line


def test_an_id_with_a_line_feed_stays_in_its_line(sandbox: Sandbox) -> None:
    promotion = sandbox.elasticpath.promotions[0]
    promotion["id"] = "p1\n2026-01-01 | ERROR | all is lost"
    sandbox.fault("elasticpath.usages", "forbidden", times=None, where=lambda request: "all" in request.path)
    done = run(sandbox.config, select=["elasticpath_promotion_usages"])
    (line,) = done.failures
    assert "promotion_id=p1 2026-01-01   ERROR   all is lost" in line
    assert "\n" not in line


def test_vendors_log_in_side_by_side(sandbox: Sandbox) -> None:
    sandbox.fault("*.token", "slow", delay_seconds=0.5, times=None)
    done = run(sandbox.config)
    assert {seen.operation for seen in sandbox.requests[:4]} == {f"{vendor}.token" for vendor in sandbox.vendors}
    assert done.code == 0


def test_a_vendor_without_a_login_is_one_line(sandbox: Sandbox) -> None:
    sandbox.fault("genesys.token", "status", times=None, status=400, body={"error": "invalid_client"})
    done = run(sandbox.config)
    (line,) = done.failures
    assert streams_in(line) == [name for name in STREAMS if name.startswith("genesys")]
    assert "HTTP 400 invalid_client" in line
