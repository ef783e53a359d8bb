"""Traps of PingOne on the way to it: tokens, regions, paths, pace. `test_traps` counts them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tap_usage.sandbox import Sandbox
from tap_usage.sandbox.pingone import HOME_ENVIRONMENT
from tap_usage.settings import problems
from tap_usage.tap import TapUsage
from tap_usage.vendors import VENDORS
from tap_usage.vendors.pingone import host
from tests.clocks import shared_with
from tests.running import ImpatientTap, run
from tests.truth import is_whole

ENVIRONMENTS = "pingone_environments"
TYPES = "pingone_credential_types"
RULES = "pingone_issuance_rules"
COUNTS = "pingone_issuance_rule_usage_counts"
ALL = [ENVIRONMENTS, TYPES, RULES, COUNTS]
TEST_ENVIRONMENT = "aaaaaaaa-0000-4000-8000-000000000002"
DEFAULTS = {name: setting.get("default") for name, setting in TapUsage.config_jsonschema["properties"].items()}


@pytest.mark.parametrize("method", ["basic", "post"])
def test_p23_the_token_is_asked_for_as_the_application_is_configured(sandbox: Sandbox, method: str) -> None:
    sandbox.pingone.auth_method = method
    done = run(sandbox.config, select=[ENVIRONMENTS], pingone_token_auth_method=f"client_secret_{method}")
    assert done.code == 0
    assert is_whole(sandbox, done, ENVIRONMENTS)


def test_p23_the_wrong_method_is_one_clear_failure(sandbox: Sandbox) -> None:
    sandbox.pingone.auth_method = "post"
    done = run(sandbox.config, select=[ENVIRONMENTS])
    (line,) = done.failures
    assert "HTTP 401" in line
    assert "client" in line
    assert (done.code, sandbox.count("pingone.token")) == (1, 1)


def test_p24_a_run_that_outlives_its_token_renews_it_before_it_expires(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImpatientTap, "clock_class", shared_with(sandbox))
    kind = next(iter(sandbox.pingone.issuance_rules))
    for _ in range(150):
        sandbox.pingone.add_issuance_rule(kind, {"issued": 0})
    done = run(sandbox.config, select=[RULES, COUNTS], pingone_requests_per_second=0.05, max_concurrency=1)
    assert sum(done.waits) > 3600
    assert done.code == 0
    assert sandbox.count("pingone.token") > 1
    assert not [seen for seen in sandbox.requests if seen.status == 401]


def test_p25_the_token_is_of_the_home_environment_whatever_is_read(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=ALL, pingone_environment_ids=[TEST_ENVIRONMENT])
    (token,) = [seen for seen in sandbox.requests if seen.operation == "pingone.token"]
    assert token.path == f"/{HOME_ENVIRONMENT}/as/token"
    assert {row["environment_id"] for row in done.rows(TYPES)} == {TEST_ENVIRONMENT}
    assert {row["environment_id"] for row in done.rows(COUNTS)} == {TEST_ENVIRONMENT}


def test_p39_the_default_rate_is_three_requests_a_second(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=ALL, pingone_requests_per_second=None)
    assert DEFAULTS["pingone_requests_per_second"] == 3
    assert sum(done.waits) > (len(sandbox.requests) - 10) / 3


@pytest.mark.parametrize("header", ["retry_after_seconds", "retry_after_date"])
def test_p39_a_429_waits_what_the_vendor_asks_in_seconds_or_as_a_date(sandbox: Sandbox, header: str) -> None:
    details: dict[str, Any] = {header: 45}
    sandbox.fault("pingone.usage_counts", "status", status=429, **details)
    done = run(sandbox.config, select=[COUNTS])
    assert done.code == 0
    assert is_whole(sandbox, done, COUNTS)
    assert sum(wait for wait in done.waits if wait > 30) == pytest.approx(45, abs=2)


@pytest.mark.parametrize("region", ["com", "eu", "ca", "asia", "com.au", "sg"])
def test_p40_there_are_six_regions(region: str) -> None:
    of_region = host(DEFAULTS | {"pingone_region": region, "pingone_environment_id": "e"})
    assert of_region.url == f"https://api.pingone.{region}"
    assert of_region.auth.url == f"https://auth.pingone.{region}/e/as/token"


def test_p40_another_region_is_refused_with_the_ones_there_are(sandbox: Sandbox) -> None:
    config = sandbox.config | {"pingone_region": "us"}
    (line,) = problems(config, TapUsage.config_jsonschema, [vendor.required for vendor in VENDORS])
    assert all(region in line for region in ("com", "eu", "ca", "asia", "com.au", "sg"))


@pytest.mark.parametrize("tail", ["/", "/v1", "/v1/"])
def test_p41_no_path_has_the_version_twice(sandbox: Sandbox, tail: str) -> None:
    done = run(sandbox.config, select=ALL, pingone_api_url=sandbox.config["pingone_api_url"] + tail)
    assert done.code == 0
    assert is_whole(sandbox, done, COUNTS)
    paths = {urlsplit(seen.path).path for seen in sandbox.requests if seen.origin == "pingone api"}
    assert all(path.startswith("/v1/environments") and "//" not in path for path in paths)
