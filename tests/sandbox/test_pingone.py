from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client

HOME = "/v1/environments/aaaaaaaa-0000-4000-8000-000000000001"
SAMPLE = b'{\n "issued": 4,\n "accepted": 2,\n "updated": 1,\n "revoked": 0,\n "errors": 1\n}'


def walk(client: Client, path: str, key: str) -> list[list[dict[str, Any]]]:
    """Return the pages of a list."""
    base, pages = client.sandbox.url("pingone api"), []
    url: str | None = base + path
    while url:
        assert url.startswith(base + "/v1/")
        body = client.get("pingone", url.removeprefix(base)).json()
        pages.append(((body.get("_embedded") or {}).get(key)) or [])
        url = body["_links"].get("next", {}).get("href")
    return pages


def counts_path(sandbox: Sandbox, rule_id: str) -> str:
    for environment_id, types in sandbox.pingone.credential_types.items():
        for credential_type in types:
            if rule_id in {rule["id"] for rule in sandbox.pingone.issuance_rules.get(credential_type["id"], [])}:
                return (
                    f"/v1/environments/{environment_id}/credentialTypes/{credential_type['id']}"
                    f"/issuanceRules/{rule_id}/usageCounts"
                )
    raise AssertionError(rule_id)


def rule_with(sandbox: Sandbox, **fields: str) -> str:
    rules = (rule for rules in sandbox.pingone.issuance_rules.values() for rule in rules)
    return str(next(rule["id"] for rule in rules if fields.items() <= rule.items()))


def test_environments_come_in_pages_smaller_than_asked_linked_on_the_own_origin(client: Client) -> None:
    pages = walk(client, "/v1/environments?limit=500", "environments")
    assert [len(page) for page in pages] == [2, 2, 1]
    ids = [row["id"] for page in pages for row in page]
    assert ids == [row["id"] for row in client.sandbox.pingone.environments]


def test_environments_have_no_status_or_a_telling_one(client: Client) -> None:
    rows = [row for page in walk(client, "/v1/environments", "environments") for row in page]
    assert {row["status"] for row in rows} == {None, "ACTIVE", "DELETE_PENDING"}


def test_a_filter_stays_in_force_on_the_next_page(client: Client, sandbox: Sandbox) -> None:
    for number in range(5):
        sandbox.pingone.add_environment(name=f"Extra & {number}")
    pages = walk(client, '/v1/environments?filter=name sw "Extra %26"', "environments")
    assert [len(page) for page in pages] == [2, 2, 1]


def test_an_environment_can_be_read_alone(client: Client) -> None:
    assert client.get("pingone", HOME).json()["name"] == "Home"


def test_children_of_a_leaving_environment_are_forbidden(client: Client, sandbox: Sandbox) -> None:
    leaving = next(row for row in sandbox.pingone.environments if row["status"] == "DELETE_PENDING")
    answer = client.get("pingone", f"/v1/environments/{leaving['id']}/credentialTypes")
    assert answer.status_code == 403
    assert answer.json()["details"][0]["code"] == "INSUFFICIENT_PERMISSIONS"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_missing_environment_answers_as_it_is_set(client: Client, sandbox: Sandbox, status: int) -> None:
    sandbox.pingone.missing_environment_status = status
    assert client.get("pingone", "/v1/environments/nowhere/credentialTypes").status_code == status


def test_lists_are_empty_in_three_ways(client: Client, sandbox: Sandbox) -> None:
    seen = set()
    for number in range(12):
        environment_id = sandbox.pingone.add_environment(name=f"Empty {number}")
        body = client.get("pingone", f"/v1/environments/{environment_id}/credentialTypes").json()
        seen.add(str(body.get("_embedded", "missing")))
    assert seen == {"missing", "{}", "{'items': []}"}


def test_credential_types_are_paged_and_carry_large_images(client: Client) -> None:
    pages = walk(client, HOME + "/credentialTypes", "items")
    assert [len(page) for page in pages] == [2, 1]
    row = pages[0][0]
    assert row["cardDesignTemplate"].startswith("<svg")
    assert "base64" in row["metadata"]["logoImage"]


def test_a_managed_type_has_no_rules(client: Client, sandbox: Sandbox) -> None:
    types = sandbox.pingone.credential_types[HOME.rpartition("/")[2]]
    managed = next(row["id"] for row in types if row["management"]["mode"] == "MANAGED")
    assert walk(client, f"{HOME}/credentialTypes/{managed}/issuanceRules", "issuanceRules") == [[]]


def test_the_documented_counts_are_served_byte_for_byte_at_any_time(client: Client, sandbox: Sandbox) -> None:
    path = counts_path(sandbox, next(iter(sandbox.pingone.counters)))
    assert client.get("pingone", path).content == SAMPLE
    sandbox.advance(minutes=50)
    assert client.get("pingone", path).content == SAMPLE


def test_counts_of_an_active_rule_grow_and_those_of_a_disabled_one_do_not(client: Client, sandbox: Sandbox) -> None:
    growing = next(rule_id for rule_id, growth in sandbox.pingone.growth.items() if growth)
    disabled = rule_with(sandbox, status="DISABLED")
    before = [sandbox.pingone.counts(rule_id) for rule_id in (growing, disabled)]
    sandbox.advance(days=3)
    after = [client.get("pingone", counts_path(sandbox, rule_id)).json() for rule_id in (growing, disabled)]
    assert after == [sandbox.pingone.counts(rule_id) for rule_id in (growing, disabled)]
    assert after[0]["issued"] == before[0]["issued"] + 36
    assert after[1] == before[1]


def test_one_rule_lacks_the_counter_of_errors(client: Client, sandbox: Sandbox) -> None:
    rule_id = next(rule_id for rule_id, counters in sandbox.pingone.counters.items() if "errors" not in counters)
    assert set(client.get("pingone", counts_path(sandbox, rule_id)).json()) == {
        "issued",
        "accepted",
        "updated",
        "revoked",
    }


def test_a_test_can_build_the_data_it_wants(client: Client, sandbox: Sandbox) -> None:
    sandbox.clear()
    environment_id = sandbox.pingone.add_environment(name="Only")
    type_id = sandbox.pingone.add_credential_type(environment_id)
    rule_id = sandbox.pingone.add_issuance_rule(type_id, {"issued": 5})
    assert [len(page) for page in walk(client, "/v1/environments", "environments")] == [1]
    assert client.get("pingone", counts_path(sandbox, rule_id)).json() == {"issued": 5}
    sandbox.pingone.counters[rule_id]["issued"] = 2
    assert client.get("pingone", counts_path(sandbox, rule_id)).json() == {"issued": 2}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/environments?size=5", 400),
        ("/v1/environments?limit=0", 400),
        ("/v1/environments?limit=5001", 400),
        ("/v1/environments?limit=2&limit=3", 400),
        ("/v1/environments?cursor=forged", 400),
        ("/v1/environments?filter=name eq 3", 400),
        ("/v1/environments?order=secret", 400),
        ("/v1/environments?expand=everything", 400),
        (HOME + "/credentialTypes?limit=5", 400),
        (HOME + "/credentialTypes/unknown/issuanceRules", 404),
        (HOME + "/populations", 404),
        (HOME + "/", 404),
        ("/v1/v1/environments", 404),
    ],
)
def test_what_the_vendor_does_not_know_is_refused_in_its_error_shape(client: Client, path: str, status: int) -> None:
    answer = client.get("pingone", path)
    assert answer.status_code == status
    assert {"id", "code", "message"} <= set(answer.json())


def test_a_wrong_method_is_refused(client: Client) -> None:
    assert client.post("pingone", "/v1/environments", {}).status_code == 405


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer unknown"}, {"Authorization": "Basic eDp5"}])
def test_a_request_without_a_valid_token_is_refused(client: Client, header: dict[str, str]) -> None:
    answer = client.get("pingone", "/v1/environments", headers=header)
    assert answer.status_code == 401
    assert answer.json()["details"][0]["code"] == "INVALID_TOKEN"


def test_the_token_operation_takes_only_the_method_of_the_application(client: Client, sandbox: Sandbox) -> None:
    config = sandbox.config
    path = f"/{config['pingone_environment_id']}/as/token"
    form = {"grant_type": "client_credentials"}
    secrets = {name: config[f"pingone_{name}"] for name in ("client_id", "client_secret")}

    def ask(**options: Any) -> tuple[int, str | None]:  # noqa: ANN401  whatever requests takes
        answer = client.send("POST", "pingone auth", path, **options)
        return answer.status_code, answer.json().get("error")

    refused = (401, "invalid_client")
    assert ask(data=form, auth=tuple(secrets.values())) == (200, None)
    assert ask(data=form | secrets) == refused
    assert ask(data=form, auth=("sandbox-pingone-client", "wrong")) == refused
    assert ask(json=form, auth=tuple(secrets.values())) == (400, "invalid_request")
    assert ask(data={"grant_type": "password"}, auth=tuple(secrets.values())) == (400, "unsupported_grant_type")
    sandbox.pingone.auth_method = "post"
    assert ask(data=form | secrets) == (200, None)
    assert ask(data=form, auth=tuple(secrets.values())) == refused
    assert client.send("POST", "pingone auth", "/elsewhere/as/token", data=form).status_code == 404


def test_the_token_operation_is_on_the_other_host(client: Client) -> None:
    path = f"/{client.sandbox.config['pingone_environment_id']}/as/token"
    assert client.send("POST", "pingone api", path, data={"grant_type": "client_credentials"}).status_code == 404
