"""README's tables say what the tap says of each of its vendors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests import declared

README = Path(__file__).parents[1] / "README.md"


def table_rows() -> dict[str, list[str]]:
    """Return the rows of README's tables by the name in their first cell."""
    rows = {}
    for line in README.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) >= 4 and (name := re.match(r"`([a-z_]+)`", cells[0])):
            rows[name[1]] = cells
    return rows


ROWS = table_rows()


def in_words(default: Any) -> list[str]:  # noqa: ANN401 - of a setting of any type
    return [str(word) for word in (default if isinstance(default, list) else [default])]


@pytest.mark.parametrize("vendor", declared.SETTINGS, ids=lambda vendor: vendor or "the tap")
def test_readme_has_a_row_for_each_setting(vendor: str) -> None:
    settings = declared.SETTINGS[vendor]
    assert not settings.keys() - ROWS.keys()
    for name, setting in settings.items():
        names, kind, default, _ = ROWS[name]
        assert ("**R" in names) is (name in declared.REQUIRED.get(vendor, ())), name
        assert ("S**" in names) is bool(setting.get("secret")), name
        if declared.kind(setting) in {"integer", "number"}:
            assert kind.startswith(declared.kind(setting)), name
        if "default" in setting:
            assert [word.strip("`") for word in default.split()] == in_words(setting["default"]), name


@pytest.mark.parametrize("vendor", declared.STREAMS)
def test_readme_has_a_row_for_each_stream(vendor: str) -> None:
    catalog = declared.catalog()
    assert not set(declared.STREAMS[vendor]) - ROWS.keys()
    for name in declared.STREAMS[vendor]:
        _, _, keys, replication = ROWS[name]
        assert re.findall(r"`(\w+)`", keys) == catalog[name]["key_properties"], name
        if catalog[name]["replication_method"] == "INCREMENTAL":
            assert replication.startswith(f"incremental on `{catalog[name]['replication_key']}`"), name
        else:
            assert replication in {"full table", "daily snapshot"}, name


def test_readme_has_no_row_for_a_setting_or_stream_that_is_not_there() -> None:
    known = {*declared.EVERY_SETTING, *declared.EVERY_STREAM}
    words = {name.partition("_")[0] for name in known}
    assert {name for name in ROWS if name.partition("_")[0] in words} <= known
