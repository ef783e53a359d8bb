"""Answers of the sandbox against the vendors' own descriptions: OpenAPI extracts and, for Genesys, the vendor's SDK."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from tap_usage.sandbox import ORIGINS, Sandbox
from tests.sandbox.client import Client

SPECS = Path(__file__).parents[1] / "specs"
HOME = "/v1/environments/aaaaaaaa-0000-4000-8000-000000000001"
FIRST = "11111111-0000-4000-8000-000000000001"
LOOSE = ("/v2/rule-promotions?page[limit]=100&page[offset]=0", "/v2/rule-promotions?page[limit]=5&page[offset]=5")


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    """Return the extracts by vendor, with the one operation that they lack."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = {
        vendor: yaml.load((SPECS / f"{vendor}.yaml").read_text(encoding="utf-8"), loader)  # noqa: S506  a safe loader
        for vendor in ("pingone", "elasticpath")
    }
    schema = {"application/json": {"schema": {"$ref": "#/components/schemas/Environment"}}}
    found["pingone"]["paths"]["/v1/environments/{environmentID}"] = {
        "get": {
            "parameters": [{"name": "environmentID", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": {"200": {"description": "OK", "content": schema}},
        }
    }
    return found


class Description:
    """What a vendor says about its interface, as if the sandbox's listeners were the vendor's hosts."""

    def __init__(self, document: dict[str, Any], sandbox: Sandbox) -> None:
        for path in document["paths"].values():
            path.pop("servers", None)
        document = document | {"servers": [{"url": sandbox.url(origin)} for origin in ORIGINS]}
        self._openapi = OpenAPI.from_dict(document)

    def check(self, answer: requests.Response) -> None:
        """Raise when a request or its answer is not as described."""
        request = RequestsOpenAPIRequest(answer.request)
        self._openapi.validate_request(request)
        self._openapi.validate_response(request, RequestsOpenAPIResponse(answer))


@pytest.fixture
def described(documents: dict[str, dict[str, Any]], sandbox: Sandbox) -> dict[str, Description]:
    return {vendor: Description(document, sandbox) for vendor, document in documents.items()}


def every_pingone_answer(client: Client) -> Iterator[requests.Response]:
    pingone = client.sandbox.pingone
    yield client.login("pingone")
    yield client.get("pingone", "/v1/environments?limit=500")
    for environment in pingone.environments:
        base = f"/v1/environments/{environment['id']}"
        yield client.get("pingone", base)
        yield client.get("pingone", base + "/credentialTypes")
        for credential_type in pingone.credential_types.get(environment["id"], []):
            rules = f"{base}/credentialTypes/{credential_type['id']}/issuanceRules"
            yield client.get("pingone", rules)
            for rule in pingone.issuance_rules.get(credential_type["id"], []):
                yield client.get("pingone", f"{rules}/{rule['id']}/usageCounts")
    yield client.get("pingone", HOME + "/credentialTypes/unknown/issuanceRules")


def every_elasticpath_answer(client: Client) -> Iterator[requests.Response]:
    elasticpath = client.sandbox.elasticpath
    yield client.login("elasticpath")
    for path in LOOSE:
        yield client.get("elasticpath", path)
    for promotion in elasticpath.promotions:
        one = f"/v2/rule-promotions/{promotion['id']}"
        yield client.get("elasticpath", one)
        yield client.get("elasticpath", one + "/usages?page[limit]=100&page[offset]=0&sort=used_on")
        yield client.get("elasticpath", one + "/usages?page[limit]=10&page[offset]=0")
    yield client.get("elasticpath", "/v2/rule-promotions/unknown/usages")
    yield client.get("elasticpath", one + "/usages?filter=nonsense")


def test_every_answer_of_pingone_is_as_its_specification_says(
    client: Client, described: dict[str, Description]
) -> None:
    for answer in every_pingone_answer(client):
        described["pingone"].check(answer)
    assert {seen.operation for seen in client.sandbox.requests} == {
        name for name in client.sandbox.operations if name.startswith("pingone")
    }


def test_every_answer_of_elastic_path_is_as_its_specification_says(
    client: Client, described: dict[str, Description]
) -> None:
    for answer in every_elasticpath_answer(client):
        described["elasticpath"].check(answer)
    assert {seen.operation for seen in client.sandbox.requests} == {
        name for name in client.sandbox.operations if name.startswith("elasticpath")
    }


@pytest.mark.parametrize(("vendor", "path"), [("pingone", "/v1/environments"), ("elasticpath", LOOSE[0])])
def test_every_error_is_as_the_specification_says(
    client: Client, described: dict[str, Description], vendor: str, path: str
) -> None:
    client.headers(vendor)
    for status in (400, 401, 403, 404, 429, 500):
        client.sandbox.fault(f"{vendor}.*", "status", status=status)
        described[vendor].check(client.get(vendor, path))


def test_an_answer_that_is_not_as_specified_is_noticed(client: Client, described: dict[str, Description]) -> None:
    client.sandbox.fault("elasticpath.promotions", "edit", change=lambda body: body | {"data": "none"})
    answer = client.get("elasticpath", LOOSE[0])
    with pytest.raises(OpenAPIError):
        described["elasticpath"].check(answer)


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
