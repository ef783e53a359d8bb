"""README and the pages beside it say what the tap says of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import generate
from tests import declared, promised

ROOT = Path(__file__).parents[1]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def table_rows(page: str) -> dict[str, list[str]]:
    """Return the rows of a page's tables by the name in their first cell."""
    rows = {}
    for line in text_of(page).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and (name := re.match(r"`([a-z_]+)`", cells[0])):
            rows[name[1]] = cells
    return rows


def codes_in(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def replication_of(stream: str) -> str:
    key = promised.STREAMS[stream].replication_key
    if key:
        return f"incremental on `{key}`"
    return "daily snapshot" if "observed_on" in declared.FIELDS[stream] else "full table"


def test_the_readme_is_read_in_minutes() -> None:
    assert len(text_of("README.md").splitlines()) <= 150


@pytest.mark.parametrize("name", generate.PAGES)
def test_a_page_that_is_made_is_up_to_date(name: str) -> None:
    assert text_of(f"docs/{name}") == generate.page(name), "run `make docs`"


def test_the_page_of_settings_says_what_is_promised_and_nothing_else() -> None:
    rows = table_rows("docs/settings.md")
    assert rows.keys() == promised.SETTINGS.keys()
    for name, setting in promised.SETTINGS.items():
        names, kind, default, meaning = rows[name]
        assert ("**R" in names) is setting.required, name
        assert ("S**" in names) is setting.secret, name
        assert setting.kind not in {"integer", "number"} or kind.startswith(setting.kind), name
        assert not setting.choices or codes_in(kind) == [*setting.choices], name
        assert not setting.limits or kind.endswith("{} to {}".format(*setting.limits)), name
        told = setting.default if isinstance(setting.default, list) else [setting.default]
        assert codes_in(default) == ([] if setting.default is None else [str(word) for word in told]), name
        assert meaning.endswith("."), name


@pytest.mark.parametrize("stream", promised.STREAMS)
def test_the_page_of_streams_says_what_is_promised_of_each(stream: str) -> None:
    section = text_of("docs/streams.md").partition(f"\n### {stream}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    facts = dict(line.removeprefix("- ").split(": ", 1) for line in section.splitlines() if line.startswith("- "))
    parent = promised.STREAMS[stream].parent
    assert codes_in(facts["key"]) == [*promised.STREAMS[stream].keys]
    assert facts["replication"] == replication_of(stream)
    assert facts.get("read for each row of") == (f"`{parent}`" if parent else None)
    fields = re.findall(r"^\| `([^`.]+)` \|", section, re.MULTILINE)
    assert fields == [*declared.FIELDS[stream]]


def test_readme_has_a_row_for_each_stream_and_for_no_other() -> None:
    rows = table_rows("README.md")
    assert {name for name in rows if promised.vendor_of(name)} == {*promised.STREAMS}
    for name, stream in promised.STREAMS.items():
        _, keys, replication = rows[name]
        assert codes_in(keys) == [*stream.keys], name
        assert replication.startswith(replication_of(name)), name


@pytest.mark.parametrize("page", ["operations", "settings", "streams"])
def test_no_page_speaks_of_a_setting_or_stream_that_is_not_there(page: str) -> None:
    named = {word for word in re.findall(r"`([a-z]+_[a-z_]+)`", text_of(f"docs/{page}.md")) if promised.vendor_of(word)}
    assert named
    assert named <= {*declared.EVERY_SETTING, *declared.EVERY_STREAM}
