"""Lists that lack what is there, and nothing said in other words."""

from __future__ import annotations

from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client
from tests.sandbox.shown import shows

ENVIRONMENTS = "/v1/environments"
CLIENTS = "/api/v2/oauth/clients"
PROMOTIONS = "/v2/rule-promotions"
HOME = "aaaaaaaa-0000-4000-8000-000000000001"
TYPES = f"{ENVIRONMENTS}/{HOME}/credentialTypes"


def listed(client: Client, operation: str) -> tuple[list[str], int | None]:
    """Return the ids of a list, over all its pages, and its total."""
    if operation.startswith("genesys"):
        return over_pages(client, "genesys", CLIENTS, lambda body: (body["entities"], body["total"]))
    if operation.startswith("elasticpath"):
        body = client.get("elasticpath", PROMOTIONS, {"page[limit]": 100}).json()
        return [row["id"] for row in body["data"]], body["meta"]["results"]["total"]
    kind = client.sandbox.pingone.credential_types[HOME][0]["id"]
    path, name = {
        "pingone.environments": (ENVIRONMENTS, "environments"),
        "pingone.credential_types": (TYPES, "items"),
        "pingone.issuance_rules": (f"{TYPES}/{kind}/issuanceRules", "issuanceRules"),
    }[operation]
    return over_pages(
        client, "pingone", path, lambda body: (body.get("_embedded", {}).get(name, []), body.get("count"))
    )


def over_pages(client: Client, vendor: str, path: str, read: Any) -> tuple[list[str], int | None]:  # noqa: ANN401  a function
    ids: list[str] = []
    total = None
    while path:
        body = client.get(vendor, path).json()
        rows, total = read(body)
        ids += [row["id"] for row in rows]
        path = body.get("nextUri") or body.get("_links", {}).get("next", {}).get("href", "")
        path = path.removeprefix(client.sandbox.url(f"{vendor} api"))
    return ids, total


LISTS = (
    "pingone.environments",
    "pingone.credential_types",
    "pingone.issuance_rules",
    "genesys.clients",
    "elasticpath.promotions",
)


@shows("unlisted")
@pytest.mark.parametrize("operation", LISTS)
def test_a_list_lacks_what_is_chosen_and_its_total_fits(
    client: Client, sandbox: Sandbox, operation: str, kind: str
) -> None:
    whole, total = listed(client, operation)
    sandbox.fault(operation, kind, times=None, ids=whole[:2])
    assert listed(client, operation) == (whole[2:], total and total - 2)
    sandbox.clear_faults()
    assert listed(client, operation) == (whole, total)


@pytest.mark.parametrize("operation", LISTS)
def test_a_list_is_empty_once(client: Client, sandbox: Sandbox, operation: str) -> None:
    whole, total = listed(client, operation)
    sandbox.fault(operation, "unlisted")
    assert listed(client, operation) == ([], total and 0)
    assert listed(client, operation) == (whole, total)


def test_a_share_of_a_list_is_drawn_by_a_seed_and_the_same_on_every_page(client: Client, sandbox: Sandbox) -> None:
    whole, _ = listed(client, "genesys.clients")
    drawn = []
    for seed in (1, 1, 2, 3):
        sandbox.fault("genesys.clients", "unlisted", times=None, share=0.5, seed=seed)
        drawn.append(listed(client, "genesys.clients"))
        sandbox.clear_faults()
    assert drawn[0] == drawn[1]
    assert len({tuple(ids) for ids, _ in drawn}) == 3
    assert all(set(ids) < set(whole) and total == len(ids) for ids, total in drawn)


@shows("delete_pending")
def test_an_environment_is_being_deleted_for_a_time(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("pingone.*", kind, times=None, ids=[HOME])
    one = f"{ENVIRONMENTS}/{HOME}"
    assert client.get("pingone", ENVIRONMENTS).json()["_embedded"]["environments"][0]["status"] == "DELETE_PENDING"
    assert client.get("pingone", one).json()["status"] == "DELETE_PENDING"
    assert client.get("pingone", TYPES).status_code == 403
    sandbox.clear_faults()
    assert client.get("pingone", one).json()["status"] is None
    assert client.get("pingone", TYPES).status_code == 200


@pytest.mark.parametrize(
    ("operation", "where"),
    [
        ("pingone.credential_types", {"environment_id": HOME}),
        ("pingone.issuance_rules", {"environment_id": [HOME, "another"]}),
    ],
)
def test_one_partition_or_one_of_several_is_not_found_once(
    client: Client, sandbox: Sandbox, operation: str, where: dict[str, Any]
) -> None:
    kind = sandbox.pingone.credential_types[HOME][0]["id"]
    path = TYPES if operation == "pingone.credential_types" else f"{TYPES}/{kind}/issuanceRules"
    body = {"operation": operation, "kind": "not_found", "where": where}
    assert client.control("POST", "faults", body).status_code == 200
    elsewhere = f"{ENVIRONMENTS}/{sandbox.pingone.environments[1]['id']}/credentialTypes"
    assert client.get("pingone", elsewhere).status_code == 200
    assert [client.get("pingone", path).status_code for _ in range(2)] == [404, 200]


@shows("rows_null")
def test_nothing_is_null_where_there_is_nothing(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("elasticpath.usages", kind, times=None)
    paths = {
        row["name"]: f"{PROMOTIONS}/{row['id']}/usages"
        for row in sandbox.elasticpath.promotions
        if row["name"] in {"Never used", "Spring"}
    }
    nothing = client.get("elasticpath", paths["Never used"]).json()
    assert (nothing["data"], nothing["meta"]["results"]["total"]) == (None, 0)
    assert len(client.get("elasticpath", paths["Spring"]).json()["data"]) == 10
    sandbox.clear_faults()
    sandbox.fault("elasticpath.usages", kind, always=True)
    contradiction = client.get("elasticpath", paths["Spring"]).json()
    assert (contradiction["data"], contradiction["meta"]["results"]["total"]) == (None, 200)


@shows("no_content")
def test_nothing_is_no_content(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("*", kind, times=None)
    for row in sandbox.elasticpath.promotions:
        answer = client.get("elasticpath", f"{PROMOTIONS}/{row['id']}/usages")
        assert answer.status_code == (204 if row["name"] == "Never used" else 200)
        assert ("Content-Length" in answer.headers) == bool(answer.content) == (answer.status_code == 200)
