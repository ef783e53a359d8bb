"""The schema files keep the rules that catalogs and targets depend on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator

from tests import declared, promised

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[1] / "schemas"

CATALOG = declared.catalog()
Schema = dict[str, Any]

every_stream = pytest.mark.parametrize("stream", CATALOG)


def read(stream: str) -> Schema:
    schema: Schema = json.loads((FOLDER / f"{stream}.json").read_text(encoding="utf-8"))
    return schema


def below(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every schema inside a schema, with its path: properties and array items, at any depth."""
    for name, child in schema.get("properties", {}).items():
        yield f"{path}/{name}", child
        yield from below(child, f"{path}/{name}")
    if "items" in schema:
        yield f"{path}[]", schema["items"]
        yield from below(schema["items"], f"{path}[]")


def test_there_is_one_file_per_stream_and_no_other_file() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{stream}.json" for stream in CATALOG)


@every_stream
def test_a_file_is_a_draft_7_schema_named_after_its_stream(stream: str) -> None:
    schema = read(stream)
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["title"] == stream
    assert schema["type"] == "object"


@every_stream
def test_keys_are_required_and_alone_in_refusing_null(stream: str) -> None:
    schema = read(stream)
    keys = CATALOG[stream]["key_properties"]
    assert schema["required"] == keys
    not_null = [path for path, child in below(schema) if "null" not in child["type"]]
    assert sorted(not_null) == sorted(f"/{key}" for key in keys)


@every_stream
def test_every_property_has_one_type_and_a_description(stream: str) -> None:
    known = {"string", "integer", "number", "boolean", "object", "array"}
    for path, child in below(read(stream)):
        types = [child["type"]] if isinstance(child["type"], str) else child["type"]
        assert len(set(types) & known) == 1, path
        assert set(types) <= {*known, "null"}, path
        assert path.endswith("[]") or child["description"].endswith("."), path


@every_stream
def test_objects_allow_fields_the_vendor_adds_later(stream: str) -> None:
    schema = read(stream)
    assert schema["additionalProperties"] is True
    for path, child in below(schema):
        assert child.get("additionalProperties", False) is ("object" in child["type"]), path


@every_stream
def test_files_are_flat_and_use_two_formats_only(stream: str) -> None:
    keywords = {"type", "format", "minimum", "maximum", "description", "properties", "items", "additionalProperties"}
    for path, child in below(read(stream)):
        assert set(child) <= keywords, path
        assert child.get("format") in {None, "date-time", "date"}, path


@every_stream
def test_every_whole_number_and_nothing_else_says_that_it_has_64_bits(stream: str) -> None:
    for path, child in below(read(stream)):
        bounds = (-(2**63), 2**63 - 1) if "integer" in child["type"] else (None, None)
        assert (child.get("minimum"), child.get("maximum")) == bounds, path


@pytest.mark.parametrize("stream", promised.STREAMS)
def test_fields_that_the_tap_adds_say_so_and_nothing_else_does(stream: str) -> None:
    marked = {name for name, child in read(stream)["properties"].items() if "added by the tap" in child["description"]}
    keys = set(promised.STREAMS[stream].keys) - {"id", "accountId"}
    assert marked == promised.STREAMS[stream].added | keys


def test_the_secret_of_an_oauth_client_has_no_place_in_its_schema() -> None:
    names = [path for path, _ in below(read("genesys_oauth_clients"))]
    assert names
    assert not [name for name in names if "secret" in name.lower()]
