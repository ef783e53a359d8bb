"""Answers of the sandbox against the vendors' own descriptions: OpenAPI extracts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from tap_usage.sandbox import ORIGINS, Sandbox, genesys_aggregates_query
from tap_usage.sandbox.genesys_unknowns import Unknowns
from tests.sandbox import jobs
from tests.sandbox.client import Client

SPECS = Path(__file__).parents[1] / "specs"
HOME = "/v1/environments/aaaaaaaa-0000-4000-8000-000000000001"
FIRST = "11111111-0000-4000-8000-000000000001"
LOOSE = ("/v2/rule-promotions?page[limit]=100&page[offset]=0", "/v2/rule-promotions?page[limit]=5&page[offset]=5")


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    """Return the extracts by their names, with the one operation that they lack."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = {
        vendor: yaml.load((SPECS / f"{vendor}.yaml").read_text(encoding="utf-8"), loader)  # noqa: S506  a safe loader
        for vendor in ("pingone", "elasticpath", "genesys_usage_aggregates")
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


ALLOWED = (
    Unknowns(),
    Unknowns(ungrouped="null", client_name="absent", no_rows="missing", next_uri="absolute", week_begins="Sunday"),
    Unknowns(waiting_status=200, failing_status=200, error_body=False, next_uri_page_size=False, in_order=False),
    Unknowns(end_inclusive=False, today_counted=True, empty_last_page=True, client_name="listed"),
)


def every_answer_of_the_aggregates(client: Client) -> Iterator[requests.Response]:
    genesys = client.sandbox.genesys
    for path in (jobs.ORGANIZATION, jobs.of_client()):
        groups = genesys_aggregates_query.ORGANIZATION if path == jobs.ORGANIZATION else genesys_aggregates_query.CLIENT
        for granularity in ("Day", "Week", "Month"):
            for group_by in ([], ["HttpMethod"], list(groups)):
                yield (answer := jobs.submit(client, path, granularity=granularity, groupBy=group_by))
                link = f"{answer.json()['selfUri']}?pageSize=500"
                for _ in range(genesys.polls_until_complete):
                    yield client.get("genesys", link)
                while link:
                    yield (answer := client.get("genesys", link.removeprefix(client.sandbox.url("genesys api"))))
                    link = answer.json().get("nextUri", "")
        for word in ("Failed", "Cancelled"):
            client.sandbox.fault("genesys.*_aggregates_results", "query_status", word=word)
            yield client.get("genesys", jobs.submitted(client, path))
        yield client.get("genesys", f"{path}/unknown")
        yield jobs.submit(client, path, interval="2024-01-01/2024-01-02")
        yield jobs.submit(client, path, templateUris=["x"])
        yield client.get("genesys", f"{path}/unknown?after=x")


@pytest.mark.parametrize("unknowns", ALLOWED)
def test_every_answer_of_the_usage_aggregates_is_as_its_specification_says(
    client: Client, described: dict[str, Description], unknowns: Unknowns
) -> None:
    client.sandbox.genesys.aggregates.unknowns = unknowns
    client.headers("genesys")
    client.sandbox.forget_requests()
    for answer in every_answer_of_the_aggregates(client):
        described["genesys_usage_aggregates"].check(answer)
    assert {seen.operation for seen in client.sandbox.requests} == {
        name for name in client.sandbox.operations if "aggregates" in name
    }


@pytest.mark.parametrize("path", [jobs.ORGANIZATION, jobs.of_client()])
def test_every_error_of_the_usage_aggregates_is_as_the_specification_says(
    client: Client, described: dict[str, Description], path: str
) -> None:
    job = jobs.submitted(client, path)
    for status in (400, 401, 403, 404, 408, 409, 413, 415, 429, 500, 503, 504):
        client.sandbox.fault("genesys.*_aggregates_*", "status", times=2, status=status)
        for answer in (jobs.submit(client, path), client.get("genesys", job)):
            assert answer.status_code == status
            described["genesys_usage_aggregates"].check(answer)


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


def test_a_row_of_the_aggregates_that_is_not_as_specified_is_noticed(
    client: Client, described: dict[str, Description]
) -> None:
    client.sandbox.genesys.polls_until_complete = 0
    client.sandbox.genesys.aggregates.unknowns.ungrouped = "text"
    answer = client.get("genesys", jobs.submitted(client))
    with pytest.raises(OpenAPIError):
        described["genesys_usage_aggregates"].check(answer)
