"""Schema files are found, in a checkout and in a wheel, and reach the SDK without what confuses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tap_usage import schema
from tests.declared import EVERY_STREAM


@pytest.mark.parametrize("stream", EVERY_STREAM)
def test_every_stream_has_a_schema(stream: str) -> None:
    loaded = schema.load(stream)
    assert loaded["properties"]
    assert loaded["required"]


def test_in_a_checkout_schemas_stand_beside_the_package() -> None:
    assert schema.directory() == Path(__file__).parents[1] / "schemas"


def test_in_a_wheel_schemas_stand_inside_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tap_usage" / "schemas").mkdir(parents=True)
    monkeypatch.setattr(schema, "PACKAGE", tmp_path / "tap_usage")
    assert schema.directory() == tmp_path / "tap_usage" / "schemas"


def test_a_stream_without_a_schema_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="no_such_stream"):
        schema.load("no_such_stream")


def test_no_keyword_of_a_schema_has_the_name_of_a_field_that_the_sdk_could_mistake() -> None:
    for stream in EVERY_STREAM:
        loaded = schema.load(stream)
        clashing = set(loaded) & set(loaded["properties"])
        assert all("type" not in loaded[name] for name in clashing)
