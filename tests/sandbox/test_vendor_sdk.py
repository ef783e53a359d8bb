"""Answers of the sandbox as the vendor's own SDK of Genesys Cloud reads them."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client
from tests.sandbox.jobs import FIRST


class VendorSdk:
    """The vendor's own SDK of Genesys Cloud, logged in to the sandbox. It has no types."""

    def __init__(self, client: Client) -> None:
        # Importing it takes seconds: only the tests that need it pay for it.
        import PureCloudPlatformClientV2 as sdk  # noqa: N813, PLC0415

        api_client = sdk.ApiClient(host=client.sandbox.url("genesys api"))
        api_client.access_token = client.login("genesys").json()["access_token"]
        self.oauth: Any = sdk.OAuthApi(api_client)
        self.usage: Any = sdk.UsageApi(api_client)
        self.queries: tuple[Any, Any] = (sdk.ApiUsageOrganizationQuery(), sdk.ApiUsageClientQuery())
        self.aggregates: tuple[Any, Any] = (
            sdk.OrganizationPublicApiUsageQueryRequest(),
            sdk.ClientPublicApiUsageQueryRequest(),
        )


@pytest.fixture
def vendor_sdk(client: Client) -> VendorSdk:
    return VendorSdk(client)


def test_the_vendors_own_sdk_reads_the_clients(vendor_sdk: VendorSdk, sandbox: Sandbox) -> None:
    listing = vendor_sdk.oauth.get_oauth_clients()
    assert [(row.id, row.name, row.state) for row in listing.entities] == [
        (row["id"], row["name"], row["state"]) for row in sandbox.genesys.clients[:4]
    ]
    assert (listing.total, listing.page_count, listing.next_uri[:5]) == (6, 2, "/api/")


def test_the_vendors_own_sdk_queries_the_usage(vendor_sdk: VendorSdk, sandbox: Sandbox) -> None:
    usage, oauth = vendor_sdk.usage, vendor_sdk.oauth
    organization, client = vendor_sdk.queries
    for query in vendor_sdk.queries:
        query.interval, query.granularity = "2026-11-01T00:00:00Z/2026-11-22T00:00:00Z", "Day"
        query.group_by, query.metrics = ["TemplateUri", "HttpMethod"], ["Requests", "Status200"]
    name = usage.post_usage_query(organization).execution_id
    of_client = [
        oauth.post_oauth_client_usage_query(FIRST, client).execution_id,
        oauth.get_oauth_client_usage_summary(FIRST, days="21").execution_id,
    ]
    for _ in range(sandbox.genesys.polls_until_complete):
        assert usage.get_usage_query_execution_id_results(name).query_status == "Running"
        for execution in of_client:
            assert oauth.get_oauth_client_usage_query_result(execution, FIRST).results is None
    rows = usage.get_usage_query_execution_id_results(name).results
    expected = sandbox.genesys.rows(None, "2026-11-01", "2026-11-22", "Day", ("TemplateUri", "HttpMethod"))
    assert [(row.date.isoformat()[:10], row.template_uri, row.requests) for row in rows] == [
        (row["date"][:10], row["templateUri"], row["requests"]) for row in expected
    ]
    queried, summarized = (oauth.get_oauth_client_usage_query_result(name, FIRST).results for name in of_client)
    assert [row.requests for row in queried] == [row.requests for row in summarized] != []
    assert {seen.status for seen in sandbox.requests} == {200, 202}


def sdk_rows(poll: Callable[..., Any], polls: int) -> list[Any]:
    """Return the rows of a job as the vendor's SDK reads them: `poll` takes its arguments beside the ids."""
    assert [poll(page_size=40).query_status for _ in range(polls)] == ["Queued", "Running"]
    page = poll(page_size=40)
    rows = list(page.entities)
    while page.next_uri:
        page = poll(page_size=40, after=parse_qs(urlsplit(page.next_uri).query)["after"][0])
        rows += page.entities
    return rows


def test_the_vendors_own_sdk_reads_the_usage_aggregates(vendor_sdk: VendorSdk, sandbox: Sandbox) -> None:
    usage, polls = vendor_sdk.usage, sandbox.genesys.polls_until_complete
    sandbox.genesys.aggregates.unknowns.end_inclusive = False
    organization, client = vendor_sdk.aggregates
    for query in vendor_sdk.aggregates:
        query.interval, query.granularity = "2026-11-01T00:00:00Z/2026-11-20T00:00:00Z", "Day"
        query.group_by, query.http_methods = ["TemplateUri", "HttpMethod"], ["GET", "POST"]
    organization.group_by = ["OauthClientId", "TemplateUri", "HttpMethod", "UserId", "Platform"]
    job = usage.post_usage_aggregates_query_jobs(organization).id
    rows = sdk_rows(partial(usage.get_usage_aggregates_query_job, job), polls)
    expected = sandbox.genesys.aggregates.rows(None, "2026-11-01", "2026-11-20", group_by=tuple(organization.group_by))
    assert [
        (row.date, row.oauth_client.id, row.oauth_client.name, row.user.id, row.platform, row.request_count)
        for row in rows
    ] == [
        (
            date.fromisoformat(row["date"]),
            *(row["oauthClient"][name] for name in ("id", "name")),
            *(row["user"]["id"], row["platform"], row["requestCount"]),
        )
        for row in expected
        if row["httpMethod"] != "PATCH"
    ]
    assert all(row.status429 <= row.status400 for row in rows)
    job = usage.post_usage_client_client_id_aggregates_query_jobs(FIRST, client).id
    rows = sdk_rows(partial(usage.get_usage_client_client_id_aggregates_query_job, FIRST, job), polls)
    own = [row.request_count for row in rows]
    assert own == [row["requestCount"] for row in expected if row["oauthClient"]["id"] == FIRST] != []
    assert {seen.status for seen in sandbox.requests} == {200, 202}


def test_the_vendors_own_sdk_reads_why_a_job_failed(vendor_sdk: VendorSdk, sandbox: Sandbox) -> None:
    vendor_sdk.aggregates[0].interval = "2026-11-01T00:00:00Z/2026-11-20T00:00:00Z"
    job = vendor_sdk.usage.post_usage_aggregates_query_jobs(vendor_sdk.aggregates[0]).id
    sandbox.fault("genesys.*_aggregates_results", "query_status", code="query.error")
    found = vendor_sdk.usage.get_usage_aggregates_query_job(job)
    assert (found.query_status, found.error_body.code, found.error_body.status) == ("Failed", "query.error", 500)
    assert found.entities is None
