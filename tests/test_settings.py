"""Settings: one clear line for each thing that is wrong, never a value, and text from the environment becomes typed."""

from __future__ import annotations

import copy
import json
import logging
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_usage.logs import Line
from tap_usage.settings import Required, normalize, problems
from tap_usage.tap import TapUsage
from tap_usage.vendors import VENDORS
from tests import promised

SCHEMA = TapUsage.config_jsonschema
TapUsage.append_builtin_config(SCHEMA)
GOOD = dict.fromkeys(promised.required("elasticpath"), "good")
GOOD_FOR_ANY_CREDENTIAL = "https://example.com"
MARKER = "hunter2"


def lines(**settings: object) -> list[str]:
    """Return what is wrong with settings that are put over good ones."""
    config: dict[str, Any] = GOOD | settings
    normalize(config, SCHEMA)
    return problems(config, SCHEMA, [vendor.required for vendor in VENDORS])


def normalized(**settings: object) -> dict[str, Any]:
    config = dict(settings)
    normalize(config, SCHEMA)
    return {name: config[name] for name in settings if name in config}


def test_good_settings_have_no_problem() -> None:
    assert lines() == []
    assert lines(start_date="2026-01-31", end_date="2026-02-01T00:00:00+01:00", max_concurrency=1) == []


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("max_concurrency", "many", "must be an integer"),
        ("max_concurrency", True, "must be an integer"),
        ("max_concurrency", 2.5, "must be an integer"),
        ("max_concurrency", 0, "must be between 1 and 64"),
        ("max_concurrency", 65, "must be between 1 and 64"),
        ("request_timeout_seconds", "soon", "must be a number"),
        ("request_timeout_seconds", 0, "must be between"),
        ("max_retries", -1, "must be between"),
        ("user_agent", 5, "must be a string"),
        ("user_agent", "two\nlines", "control characters"),
        ("user_agent", "Ümlaut", "ASCII"),
        ("start_date", MARKER, "must be a date or date-time"),
        ("start_date", "2026-02-30", "must be a date or date-time"),
        ("end_date", "31.01.2026", "must be a date or date-time"),
        ("pingone_region", "us", "must be one of com, eu, ca, asia, com.au, sg"),
        ("pingone_token_auth_method", "jwt", "must be one of client_secret_basic, client_secret_post"),
        ("pingone_requests_per_second", -1, "must be at least 0"),
        ("genesys_granularity", "day", "must be one of Day, Week, Month"),
        ("genesys_group_by", ["Everything"], "must be one of OAuthClientId, OrganizationId, UserId"),
        ("genesys_group_by", "Everything", "must be one of OAuthClientId"),
        ("genesys_client_group_by", ["UserId"], "must be one of"),
        ("genesys_window_days", 91, "must be between 1 and 90"),
        ("genesys_lookback_days", -1, "must be at least 0"),
        ("demandbase_period", "week", "must be one of day, month, year"),
        ("demandbase_window_periods", 0, "must be at least 1"),
        ("elasticpath_region", "moon", "must be one of useast, euwest"),
        ("elasticpath_page_size", 101, "must be between 1 and 100"),
        ("elasticpath_promotion_ids", {"a": 1}, "must be an array"),
        ("elasticpath_promotion_ids", [], "is empty"),
        ("elasticpath_api_url", "example.com", "must be a URL"),
        ("elasticpath_api_url", "ftp://example.com", "must be a URL"),
        ("elasticpath_api_url", "https://user:pass@example.com", "must be a URL"),
        ("elasticpath_api_url", "https://example.com/?token=1", "must be a URL"),
        ("elasticpath_api_url", "https://example.com:99999", "must be a URL"),
        ("elasticpath_client_secret", f"{MARKER} ", "blanks or control characters"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it_and_not_its_value(setting: str, value: object, told: str) -> None:
    (line,) = lines(**{setting: value})
    assert f"`{setting}`" in line
    assert told in line
    assert "\n" not in line
    assert MARKER not in line


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("elasticpath_pagesize", "elasticpath_page_size"),
        ("genesys_clientsecret", "genesys_client_secret"),
        ("startdate", "start_date"),
        ("Max_Concurrency", "max_concurrency"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_one_that_was_meant(wrong: str, meant: str) -> None:
    told = lines(**{wrong: MARKER})
    assert told == [f"`{wrong}` is not a setting; did you mean `{meant}`?"]


@pytest.mark.parametrize(
    ("region", "meant"),
    [
        ("mypurecloud ie", "did you mean mypurecloud.ie?"),
        ("https://api.mypurecloud.ie", "did you mean mypurecloud.ie?"),
        ("login.mypurecloud.com.au", "did you mean mypurecloud.com.au?"),
        ("api.usw2.pure.cloud", "did you mean usw2.pure.cloud?"),
        ("mypurecloud.ie/", "did you mean mypurecloud.ie?"),
        (" mypurecloud.ie", "did you mean mypurecloud.ie?"),
        ("mypurecloud.ie.", "did you mean mypurecloud.ie?"),
        ("mypurecloud.ie:443", "did you mean mypurecloud.ie?"),
        ("us_east_1", "one of mypurecloud.com, usw2.pure.cloud, "),
        ("us-east-1", "one of mypurecloud.com, usw2.pure.cloud, "),
        ("-a.example", "one of mypurecloud.com, "),
        ("mypurecloud..ie", "did you mean mypurecloud.ie?"),
        ("mypurecl\u00f6ud.ie", "did you mean mypurecloud.ie?"),
    ],
)
def test_what_is_no_domain_is_refused_with_the_one_that_was_meant(region: str, meant: str) -> None:
    (line,) = lines(genesys_region=region)
    assert line.startswith("`genesys_region` must be a domain, without scheme, host or path: ")
    assert meant in line
    assert line.count(region) == (1 if region in meant else 0)


@pytest.mark.parametrize("region", ["mypurecloud.ie", "MyPureCloud.IE", "usw9.pure.cloud", "a-b.example", "1.example"])
def test_any_domain_is_accepted_in_either_case(region: str) -> None:
    assert lines(genesys_region=region) == []
    assert normalized(genesys_region=region) == {"genesys_region": region.lower()}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("elasticpath_client_id", f"{MARKER} {MARKER}"),
        ("elasticpath_client_id", f"{MARKER}\u2028"),
        ("elasticpath_promotion_ids", [f"{MARKER} "]),
        ("elasticpath_promotion_ids", ["good", f"{MARKER}\n"]),
        ("elasticpath_promotion_ids", f"{MARKER} {MARKER},good"),
        ("pingone_environment_ids", [f" {MARKER}"]),
        ("elasticpath_api_url", "https://exa mple.com"),
    ],
)
def test_a_blank_where_none_can_be_is_refused(setting: str, value: object) -> None:
    told = lines(**{setting: value})
    assert len(told) == 1
    assert f"`{setting}` has blanks or control characters" in told[0]
    assert MARKER not in told[0]


def test_a_secret_may_hold_blanks_and_any_letters_inside() -> None:
    value = "a b\u2013\u00fc#${x}"
    assert lines(elasticpath_client_secret=value) == []


def test_an_unknown_setting_like_no_other_is_refused_without_a_guess() -> None:
    assert lines(xyzzy=MARKER) == ["`xyzzy` is not a setting"]


@pytest.mark.parametrize("vendor", [vendor.required for vendor in VENDORS], ids=lambda required: required.vendor)
def test_part_of_a_vendor_is_refused_with_the_names_that_are_missing(vendor: Required) -> None:
    for name in vendor.names:
        missing = set(vendor.names) - {name}
        config: dict[str, Any] = {name: GOOD_FOR_ANY_CREDENTIAL}
        normalize(config, SCHEMA)
        told = problems(config, SCHEMA, [each.required for each in VENDORS])
        assert len(told) == bool(missing)
        assert all(line.startswith(vendor.vendor) for line in told)
        assert {other for other in vendor.names for line in told if f"`{other}`" in line} == missing


def test_an_empty_credential_is_a_missing_one() -> None:
    (line,) = lines(elasticpath_client_secret="")
    assert "`elasticpath_client_secret` missing" in line


def test_settings_of_a_vendor_without_its_credentials_do_no_harm() -> None:
    assert lines(genesys_lookback_days=5, pingone_region="eu") == []


def test_no_vendor_is_one_line_that_names_what_each_needs() -> None:
    config: dict[str, Any] = {}
    normalize(config, SCHEMA)
    (line,) = problems(config, SCHEMA, [vendor.required for vendor in VENDORS])
    assert all(name in line for vendor in VENDORS for name in vendor.required.names)


def test_an_end_before_the_start_is_refused() -> None:
    assert lines(start_date="2026-02-01", end_date="2026-02-01") == ["`end_date` must be after `start_date`"]
    assert lines(start_date="2026-02-01", end_date="2026-02-01T00:00:01Z") == []


def test_everything_that_is_wrong_is_told_at_once() -> None:
    told = lines(max_concurrency="x", end_date="y", pingone_client_id="z", nonsense=1)
    assert len(told) == 4


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        ("max_concurrency", "4", 4),
        ("request_timeout_seconds", "2.5", 2.5),
        ("request_timeout_seconds", "30", 30),
        ("pingone_requests_per_second", "0", 0),
        ("elasticpath_promotion_ids", '["a", "b"]', ["a", "b"]),
        ("elasticpath_promotion_ids", "a, b", ["a", "b"]),
        ("elasticpath_promotion_ids", "['a', \"b's\"]", ["a", "b's"]),
        ("elasticpath_promotion_ids", "a", ["a"]),
        ("genesys_group_by", "OAuthClientId,HttpMethod", ["OAuthClientId", "HttpMethod"]),
        ("flattening_enabled", "true", True),
        ("flattening_enabled", "True", True),
        ("flattening_enabled", "FALSE", False),
        ("flattening_enabled", "maybe", "maybe"),
        ("stream_maps", '{"a": null}', {"a": None}),
        ("elasticpath_client_id", "12345", "12345"),
        ("elasticpath_client_secret", '["no list"]', '["no list"]'),
        ("start_date", "2026", "2026"),
    ],
)
def test_text_from_the_environment_gets_the_type_of_its_setting(setting: str, text: str, value: object) -> None:
    assert normalized(**{setting: text}) == {setting: value}


@pytest.mark.parametrize("value", [None, ""])
def test_what_is_null_or_empty_counts_as_not_given(value: object) -> None:
    assert normalized(start_date=value, elasticpath_promotion_ids=value) == {}
    assert normalized(max_concurrency=value) == {"max_concurrency": 8}


def test_defaults_are_put_in_and_given_values_stay() -> None:
    config: dict[str, Any] = {"max_concurrency": 3}
    normalize(config, SCHEMA)
    assert (config["max_concurrency"], config["max_retries"]) == (3, 8)
    assert "start_date" not in config


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


names = st.sampled_from(sorted(SCHEMA["properties"])) | st.text(min_size=1, max_size=8)


@given(st.dictionaries(names, junk, max_size=6))
@example({"max\nretries": 1, "stream_maps": {"\n": False}})
def test_no_settings_whatever_end_in_an_exception_or_in_more_than_lines(config: dict[str, Any]) -> None:
    given_config = copy.deepcopy(config)
    normalize(given_config, SCHEMA)
    for problem in problems(given_config, SCHEMA, [vendor.required for vendor in VENDORS]):
        told = Line("tap-usage", logging.ERROR, "", 1, "%s", (problem,), None).getMessage()
        assert len(told.splitlines()) == 1


def test_the_schema_of_the_settings_is_json() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
