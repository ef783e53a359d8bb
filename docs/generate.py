"""Make docs/settings.md, docs/streams.md and docs/erd.md from what the tap says of itself; what stands above stays."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from docs import erd
from tap_usage import schema
from tap_usage.reading.sheet import Sheet
from tap_usage.settings import COMMON
from tap_usage.vendors import VENDORS
from tap_usage.vendors.vendor import Vendor

FOLDER = Path(__file__).parent
MARK = "<!-- Made by `make docs` from here on. -->"


def page(name: str) -> str:
    """Return a page as it should be."""
    head = (FOLDER / name).read_text(encoding="utf-8").partition(MARK)[0]
    return "\n".join([f"{head}{MARK}", *PAGES[name](), ""])


def settings() -> Iterator[str]:
    """Yield the lines that tell all settings."""
    yield from _settings("For all vendors", COMMON.to_dict()["properties"], ())
    for vendor in VENDORS:
        yield from _settings(_name(vendor), vendor.settings.to_dict()["properties"], vendor.required.names)


def streams() -> Iterator[str]:
    """Yield the lines that tell all streams."""
    for vendor in VENDORS:
        yield from ("", f"## {_name(vendor)}")
        for sheet in vendor.streams:
            yield from _stream(sheet)


def tables() -> Iterator[str]:
    """Yield a diagram of each vendor's tables."""
    for vendor in VENDORS:
        yield from ("", f"## {_name(vendor)}", "", *erd.diagram(vendor.streams))


PAGES = {"settings.md": settings, "streams.md": streams, "erd.md": tables}


def _name(vendor: Vendor) -> str:
    told = sys.modules[vendor.host.__module__].__doc__ or ""
    return told.partition(":")[0]


def _settings(title: str, properties: Mapping[str, Any], required: Iterable[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "", _row("setting", "type", "default", "meaning"), "|---|---|---|---|")
    for name, setting in properties.items():
        marks = [mark for mark, holds in (("R", name in required), ("S", setting.get("secret"))) if holds]
        known = f" Known: {_codes(setting['examples'])}." if "examples" in setting else ""
        yield _row(
            f"`{name}`" + (f" **{' '.join(marks)}**" if marks else ""),
            _kind(name, setting),
            _codes(_listed(setting["default"])) if "default" in setting else "",
            setting["description"] + known,
        )


def _kind(name: str, setting: Mapping[str, Any]) -> str:
    (kind,) = {*_listed(setting["type"])} - {"null"}
    choices = [choice for choice in setting.get("enum", setting.get("items", {}).get("enum", ())) if choice is not None]
    if kind == "array":
        return f"list, of {_codes(choices)}" if choices else "list"
    if kind in {"integer", "number"}:
        low, high = setting["minimum"], setting.get("maximum")
        return f"{kind}, {low} to {high}" if high is not None else f"{kind}, from {low}"
    named = {"date-time": "date or date-time", "hostname": "domain"}.get(setting.get("format", ""), "text")
    return _codes(choices) or ("URL" if name.endswith("_url") else named)


def _stream(sheet: type[Sheet]) -> Iterator[str]:
    told = json.loads((schema.directory() / f"{sheet.name}.json").read_text(encoding="utf-8"))
    posted = bool(sheet.windows and sheet.windows.json)
    link = next(
        (found[0] for kind in sheet.__mro__ if (found := re.search(r"https://\S+[^\s.]", kind.__doc__ or ""))), ""
    )
    setting, values = sheet.exists_if
    facts = {
        "there with": f"`{setting}` {_codes(values)}" if setting else "",
        "asked for": f"`{'POST' if posted else 'GET'} {sheet.path}`",
        "results": f"`GET {sheet.results}`" if sheet.results else "",
        "read for each row of": f"`{sheet.parent.name}`" if sheet.parent else "",
        "key": _codes(sheet.primary_keys),
        "replication": _replication(sheet),
        "needs": sheet.permission,
        "source": f"<{link}>" if link else "",
    }
    yield from ("", f"### {sheet.name}", "", told["description"], "")
    yield from (f"- {fact}: {value}" for fact, value in facts.items() if value)
    yield from ("", _row("field", "type", "meaning"), "|---|---|---|")
    for path, field in _fields(told["properties"]):
        yield _row(f"`{path}`", field.get("format") or _word(field), field["description"])


def _replication(sheet: type[Sheet]) -> str:
    if sheet.replication_key:
        return f"incremental on `{sheet.replication_key}`"
    return "daily snapshot" if sheet.counters or sheet.observed else "full table"


def _fields(properties: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield fields at any depth, with their paths."""
    for name, field in properties.items():
        yield above + name, field
        yield from _fields(field.get("properties", {}), f"{above}{name}.")
        yield from _fields(field.get("items", {}).get("properties", {}), f"{above}{name}[].")


def _word(field: Mapping[str, Any]) -> str:
    (kind,) = {*_listed(field["type"])} - {"null"}
    items = field.get("items")
    return f"{kind} of {_word(items)}s" if items else str(kind)


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - of a schema
    return value if isinstance(value, list) else [value]


def _codes(words: Iterable[object]) -> str:
    return " ".join(f"`{word}`" for word in words)


def _row(*cells: str) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


if __name__ == "__main__":
    for name in PAGES:
        (FOLDER / name).write_text(page(name), encoding="utf-8")
