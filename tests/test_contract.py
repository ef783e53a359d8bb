"""The names, keys, types and defaults that users rely on, written down once more, and every place that repeats them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tap_usage.sandbox import ORIGINS, Sandbox
from tap_usage.tap import TapUsage
from tap_usage.vendors import VENDORS
from tap_usage.vendors.vendor import Vendor
from tests.running import run
from tests.truth import STREAMS as STREAMS_OF_THE_TESTS

ROOT = Path(__file__).parents[1]

# name: keys, replication method, replication key
STREAMS: dict[str, tuple[list[str], str, str | None]] = {
    "pingone_environments": (["id"], "FULL_TABLE", None),
    "pingone_credential_types": (["id"], "FULL_TABLE", None),
    "pingone_issuance_rules": (["id"], "FULL_TABLE", None),
    "pingone_issuance_rule_usage_counts": (["issuance_rule_id", "observed_on"], "FULL_TABLE", None),
    "genesys_oauth_clients": (["id"], "FULL_TABLE", None),
    "genesys_organization_usage": (["usage_key"], "INCREMENTAL", "date"),
    "genesys_client_usage": (["usage_key"], "INCREMENTAL", "date"),
    "genesys_client_usage_summary": (["usage_key"], "FULL_TABLE", None),
    "demandbase_api_usage": (["usage_key"], "INCREMENTAL", "period_start"),
    "demandbase_credits": (["accountId", "observed_on"], "FULL_TABLE", None),
    "elasticpath_promotions": (["id"], "FULL_TABLE", None),
    "elasticpath_promotion_usages": (["id"], "INCREMENTAL", "used_on"),
}

# name: type, default
SETTINGS: dict[str, tuple[str, Any]] = {
    "start_date": ("string", None),
    "end_date": ("string", None),
    "max_concurrency": ("integer", 8),
    "request_timeout_seconds": ("number", 60),
    "max_retries": ("integer", 8),
    "user_agent": ("string", None),
    "pingone_environment_id": ("string", None),
    "pingone_client_id": ("string", None),
    "pingone_client_secret": ("string", None),
    "pingone_region": ("string", "com"),
    "pingone_token_auth_method": ("string", "client_secret_basic"),
    "pingone_environment_ids": ("array", None),
    "pingone_requests_per_second": ("number", 3),
    "pingone_api_url": ("string", None),
    "pingone_auth_url": ("string", None),
    "genesys_client_id": ("string", None),
    "genesys_client_secret": ("string", None),
    "genesys_region": ("string", "mypurecloud.com"),
    "genesys_granularity": ("string", "Day"),
    "genesys_group_by": ("array", ["OAuthClientId", "TemplateUri", "HttpMethod"]),
    "genesys_client_group_by": ("array", ["TemplateUri", "HttpMethod"]),
    "genesys_oauth_client_ids": ("array", None),
    "genesys_window_days": ("integer", 31),
    "genesys_lookback_days": ("integer", 3),
    "genesys_summary_days": ("integer", 7),
    "genesys_poll_initial_seconds": ("number", 5),
    "genesys_poll_max_seconds": ("number", 60),
    "genesys_poll_timeout_seconds": ("number", 3600),
    "genesys_requests_per_minute": ("number", 240),
    "genesys_api_url": ("string", None),
    "genesys_login_url": ("string", None),
    "demandbase_client_id": ("string", None),
    "demandbase_client_secret": ("string", None),
    "demandbase_period": ("string", "day"),
    "demandbase_window_periods": ("integer", 31),
    "demandbase_lookback_periods": ("integer", 2),
    "demandbase_throttle_wait_seconds": ("number", 300),
    "demandbase_api_url": ("string", None),
    "demandbase_login_url": ("string", None),
    "elasticpath_client_id": ("string", None),
    "elasticpath_client_secret": ("string", None),
    "elasticpath_region": ("string", "useast"),
    "elasticpath_promotion_ids": ("array", None),
    "elasticpath_page_size": ("integer", 100),
    "elasticpath_max_offset": ("integer", 10000),
    "elasticpath_lookback_minutes": ("integer", 10),
    "elasticpath_requests_per_second": ("number", 20),
    "elasticpath_api_url": ("string", None),
}
RANGES = {
    "max_concurrency": (1, 64),
    "genesys_window_days": (1, 90),
    "elasticpath_page_size": (1, 100),
}
REQUIRED = {
    "pingone": ("pingone_environment_id", "pingone_client_id", "pingone_client_secret"),
    "genesys": ("genesys_client_id", "genesys_client_secret"),
    "demandbase": ("demandbase_client_id", "demandbase_client_secret"),
    "elasticpath": ("elasticpath_client_id", "elasticpath_client_secret"),
}
BY_THE_SDK = {
    *("stream_maps", "stream_map_config", "faker_config", "batch_config"),
    *("flattening_enabled", "flattening_max_depth", "flattening_max_key_length", "flattening_separator"),
}


@pytest.fixture(scope="module")
def catalog() -> dict[str, dict[str, Any]]:
    tap = TapUsage(config={}, validate_config=False, setup_mapper=False)
    return {entry["tap_stream_id"]: entry for entry in json.loads(tap.catalog_json_text)["streams"]}


def own_settings() -> dict[str, dict[str, Any]]:
    found = TapUsage.config_jsonschema["properties"]
    return {name: setting for name, setting in found.items() if name not in BY_THE_SDK}


def table_rows() -> dict[str, list[str]]:
    """Return the rows of README's tables by the name in their first cell."""
    rows = {}
    for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) >= 4 and (name := re.match(r"`([a-z_]+)`", cells[0])):
            rows[name[1]] = cells
    return rows


def test_the_streams_are_those_of_the_contract(catalog: dict[str, dict[str, Any]]) -> None:
    found = {
        name: (entry["key_properties"], entry["replication_method"], entry.get("replication_key"))
        for name, entry in catalog.items()
    }
    assert found == STREAMS


def test_streams_schema_files_and_vendor_sheets_have_the_same_names() -> None:
    assert {path.stem for path in (ROOT / "schemas").iterdir()} == set(STREAMS)
    assert {vars(stream)["name"] for vendor in VENDORS for stream in vendor.streams} == set(STREAMS)
    assert set(STREAMS_OF_THE_TESTS) == set(STREAMS)


def test_the_settings_are_those_of_the_contract() -> None:
    found = {
        name: (next(word for word in setting["type"] if word != "null"), setting.get("default"))
        for name, setting in own_settings().items()
    }
    assert found == SETTINGS


@pytest.mark.parametrize("name", RANGES)
def test_ranges_are_those_of_the_contract(name: str) -> None:
    setting = own_settings()[name]
    assert (setting["minimum"], setting["maximum"]) == RANGES[name]


def test_required_settings_and_secrets_are_those_of_the_contract() -> None:
    assert {vendor.required.vendor: vendor.required.names for vendor in VENDORS} == REQUIRED
    secrets = {name for name, setting in own_settings().items() if setting.get("secret") or setting.get("writeOnly")}
    assert secrets == {f"{vendor}_client_secret" for vendor in REQUIRED}


def test_usage_keys_are_made_of_the_dimensions_of_the_contract() -> None:
    tap = TapUsage(config={}, validate_config=False, setup_mapper=False)
    streams = {name: stream for name, stream in tap.streams.items() if isinstance(stream, UsageStream)}
    dimensions = {
        name: stream.sheet.dimensions() for name, stream in streams.items() if STREAMS[name][0] == ["usage_key"]
    }
    assert dimensions == {
        "demandbase_api_usage": ("accountId", "period", "date", "api"),
        "genesys_organization_usage": ("granularity", "date", "clientId", "httpMethod", "templateUri"),
        "genesys_client_usage": ("oauth_client_id", "granularity", "date", "httpMethod", "templateUri"),
        "genesys_client_usage_summary": (
            *("oauth_client_id", "days", "observed_on", "date"),
            *("clientId", "organizationId", "userId", "templateUri", "httpMethod"),
        ),
    }


def test_every_setting_has_a_description() -> None:
    assert not [name for name, setting in own_settings().items() if not setting.get("description")]


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.required.vendor)
def test_streams_and_settings_carry_the_prefix_of_their_vendor(vendor: Vendor) -> None:
    prefix = vendor.required.vendor + "_"
    assert all(vars(stream)["name"].startswith(prefix) for stream in vendor.streams)
    assert all(name.startswith(prefix) for name in vendor.settings.to_dict()["properties"])


@pytest.mark.parametrize("stream", STREAMS)
def test_readme_has_a_row_for_each_stream(stream: str) -> None:
    row = table_rows()[stream]
    keys, method, replication_key = STREAMS[stream]
    assert re.findall(r"`(\w+)`", row[2]) == keys
    if method == "INCREMENTAL":
        assert row[3].startswith(f"incremental on `{replication_key}`")
    else:
        assert row[3] in {"full table", "daily snapshot"}


@pytest.mark.parametrize("name", SETTINGS)
def test_readme_has_a_row_for_each_setting(name: str) -> None:
    row = table_rows()[name]
    kind, default = SETTINGS[name]
    if default is not None:
        words = default if isinstance(default, list) else [default]
        assert [word.strip("`") for word in row[2].split()] == [str(word) for word in words]
    if kind in {"integer", "number"}:
        assert row[1].startswith(kind)
    assert ("**R" in row[0]) is any(name in names for names in REQUIRED.values())
    assert ("S**" in row[0]) is name.endswith("_secret")


def test_readme_has_no_row_for_a_setting_or_stream_that_is_not_there() -> None:
    vendors = (*REQUIRED, "start_", "end_", "max_", "request_", "user_")
    assert {name for name in table_rows() if name.startswith(vendors)} <= set(SETTINGS) | set(STREAMS)


def test_sample_config_is_what_the_sandbox_prints_at_its_default_ports() -> None:
    sample = json.loads((ROOT / "sample_config.json").read_text(encoding="utf-8"))
    sandbox = Sandbox()
    urls = {f"http://127.0.0.1:{8970 + number}" for number in range(len(ORIGINS))}
    assert {value for name, value in sample.items() if name.endswith("_url")} == urls
    for vendor in sandbox.vendors.values():
        assert sample[f"{vendor.name}_client_id"] == vendor.client_id
        assert sample[f"{vendor.name}_client_secret"] == vendor.client_secret
    TapUsage(config=sample, setup_mapper=False)


def test_sample_config_works_against_a_sandbox() -> None:
    sample = json.loads((ROOT / "sample_config.json").read_text(encoding="utf-8"))
    with Sandbox() as sandbox:
        urls = {name: value for name, value in sandbox.config.items() if name.endswith("_url")}
        assert {**sample, **urls} == sandbox.config
        done = run({**sample, **urls})
    assert (done.code, set(done.counts)) == (0, set(STREAMS))
