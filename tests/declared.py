"""What the tap itself says of its settings and streams, whatever vendors there are."""

from __future__ import annotations

import json
from typing import Any, cast

from tap_usage import schema, settings
from tap_usage.tap import TapUsage
from tap_usage.vendors import VENDORS

Settings = dict[str, dict[str, Any]]


def _of(properties: Any) -> Settings:  # noqa: ANN401 - a list of the SDK
    return cast("Settings", properties.to_dict()["properties"])


def catalog() -> dict[str, dict[str, Any]]:
    """Return the entries of all streams, as a user without settings gets them."""
    tap = TapUsage(config={}, validate_config=False, setup_mapper=False)
    return {entry["tap_stream_id"]: entry for entry in json.loads(tap.catalog_json_text)["streams"]}


def kind(setting: dict[str, Any]) -> str:
    """Return the JSON type of a setting, beside null."""
    types = setting["type"] if isinstance(setting["type"], list) else [setting["type"]]
    return cast("str", next(name for name in types if name != "null"))


def choices(setting: dict[str, Any]) -> tuple[str, ...]:
    """Return the values that a setting can have, if they are few."""
    return tuple(choice for choice in setting.get("enum", ()) if choice is not None)


REQUIRED = {vendor.required.vendor: vendor.required.names for vendor in VENDORS}
# by whom they belong to: the vendor, or nobody ("")
SETTINGS = {"": _of(settings.COMMON), **{vendor.required.vendor: _of(vendor.settings) for vendor in VENDORS}}
STREAMS = {vendor.required.vendor: [vars(stream)["name"] for stream in vendor.streams] for vendor in VENDORS}
PARENTS = {
    vars(stream)["name"]: vars(stream.parent)["name"] if stream.parent else None
    for vendor in VENDORS
    for stream in vendor.streams
}
EVERY_SETTING = {name: setting for settings in SETTINGS.values() for name, setting in settings.items()}
EVERY_STREAM = tuple(PARENTS)
FIELDS = {name: tuple(schema.load(name)["properties"]) for name in EVERY_STREAM}
