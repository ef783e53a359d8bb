"""The tap keeps what is promised, and each vendor that is there keeps the rules of the house."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tap_usage.stream import UsageStream
from tap_usage.tap import TapUsage
from tests import declared, promised
from tests.truth import TRUTH

ROOT = Path(__file__).parents[1]
every_vendor = pytest.mark.parametrize("vendor", declared.REQUIRED)


@pytest.fixture(scope="module")
def catalog() -> dict[str, dict[str, Any]]:
    return declared.catalog()


def test_the_streams_are_those_of_the_contract(catalog: dict[str, dict[str, Any]]) -> None:
    found = {
        name: (entry["key_properties"], entry["replication_method"], entry.get("replication_key"))
        for name, entry in catalog.items()
        if promised.vendor_of(name)
    }
    assert found == {
        name: (list(stream.keys), "INCREMENTAL" if stream.replication_key else "FULL_TABLE", stream.replication_key)
        for name, stream in promised.STREAMS.items()
    }


def test_parents_are_those_of_the_contract() -> None:
    found = {name: parent for name, parent in declared.PARENTS.items() if promised.vendor_of(name)}
    assert found == {name: stream.parent for name, stream in promised.STREAMS.items()}


def test_the_sandbox_can_tell_the_rows_of_every_promised_stream() -> None:
    assert set(TRUTH) == set(promised.STREAMS)


def test_streams_schema_files_and_vendor_sheets_have_the_same_names(catalog: dict[str, dict[str, Any]]) -> None:
    assert {path.stem for path in (ROOT / "schemas").iterdir()} == set(catalog)
    assert set(declared.EVERY_STREAM) == set(catalog)


def test_the_settings_are_those_of_the_contract() -> None:
    found = {
        name: promised.Setting(
            kind=declared.kind(setting),
            default=setting.get("default"),
            required=name in declared.REQUIRED.get(vendor, ()),
            secret=bool(setting.get("secret")),
            choices=declared.choices(setting),
        )
        for vendor in ("", *promised.VENDORS)
        for name, setting in declared.SETTINGS[vendor].items()
    }
    assert found == {name: replace(setting, limits=None) for name, setting in promised.SETTINGS.items()}


@pytest.mark.parametrize("name", [name for name, setting in promised.SETTINGS.items() if setting.limits])
def test_ranges_are_those_of_the_contract(name: str) -> None:
    setting = declared.EVERY_SETTING[name]
    assert (setting["minimum"], setting["maximum"]) == promised.SETTINGS[name].limits


@pytest.mark.parametrize("vendor", promised.VENDORS)
def test_required_settings_are_told_in_the_order_of_the_contract(vendor: str) -> None:
    assert declared.REQUIRED[vendor] == promised.required(vendor)


def test_the_tap_has_no_other_settings_than_those_of_the_sdk() -> None:
    of_every_tap: dict[str, Any] = {"properties": {}}
    TapUsage.append_builtin_config(of_every_tap)
    assert set(TapUsage.config_jsonschema["properties"]) - set(of_every_tap["properties"]) == set(
        declared.EVERY_SETTING
    )


def test_usage_keys_are_made_of_the_dimensions_of_the_contract() -> None:
    tap = TapUsage(config={}, validate_config=False, setup_mapper=False)
    streams = {name: stream for name, stream in tap.streams.items() if isinstance(stream, UsageStream)}
    keyed = {name: stream.dimensions for name, stream in promised.STREAMS.items() if stream.keys == promised.USAGE_KEY}
    assert {name: streams[name].sheet.dimensions() for name in keyed} == keyed


def test_every_setting_has_a_description() -> None:
    assert not [name for name, setting in declared.EVERY_SETTING.items() if not setting.get("description")]


def test_every_secret_is_only_written() -> None:
    assert not [
        name
        for name, setting in declared.EVERY_SETTING.items()
        if bool(setting.get("secret")) is not bool(setting.get("writeOnly"))
    ]


@every_vendor
def test_streams_and_settings_carry_the_prefix_of_their_vendor(vendor: str) -> None:
    names = [*declared.STREAMS[vendor], *declared.SETTINGS[vendor]]
    assert not [name for name in names if not name.startswith(f"{vendor}_")]


@every_vendor
def test_a_vendor_requires_settings_of_its_own(vendor: str) -> None:
    assert declared.REQUIRED[vendor]
    assert set(declared.REQUIRED[vendor]) <= set(declared.SETTINGS[vendor])
