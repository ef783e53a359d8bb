"""Make docs/erd.md from the schemas and the data sheets: what stands above the mark stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tap_usage import schema
from tap_usage.reading.sheet import Sheet
from tap_usage.vendors import VENDORS

PAGE = Path(__file__).with_name("erd.md")
MARK = "<!-- Made by docs/erd.py from here on. -->"


def page() -> str:
    """Return the page as it should be."""
    head = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    return "\n".join([f"{head}{MARK}", *lines(), ""])


def lines() -> Iterator[str]:
    """Yield a diagram for each vendor: tables with their columns, lines from a row to those that name it."""
    for vendor in VENDORS:
        yield from ("", f"## {vendor.required.vendor}", "", "```mermaid", "erDiagram")
        for sheet in vendor.streams:
            yield from _table(sheet, vendor.streams)
        for sheet in vendor.streams:
            yield from _lines_to(sheet, vendor.streams)
        yield "```"


def _table(sheet: type[Sheet], sheets: tuple[type[Sheet], ...]) -> Iterator[str]:
    yield f"    {sheet.name} {{"
    for name, field in _fields(sheet).items():
        marks = {"PK": name in sheet.primary_keys, "FK": bool(list(_named(name, sheet, sheets)))}
        told = ", ".join(mark for mark, holds in marks.items() if holds)
        yield f"        {_kind(field)} {name} {told}".rstrip()
    yield "    }"


def _lines_to(sheet: type[Sheet], sheets: tuple[type[Sheet], ...]) -> Iterator[str]:
    for name in _fields(sheet):
        for other in _named(name, sheet, sheets):
            certain = "||" if other in sheet.ancestors() else "|o"  # what is no parent may have been deleted
            yield f"    {other.name} {certain}--o{{ {sheet.name} : {name}"


def _named(name: str, sheet: type[Sheet], sheets: tuple[type[Sheet], ...]) -> Iterator[type[Sheet]]:
    """Yield the sheet whose rows a field of another one names: the tap calls that field the same everywhere."""
    return (other for other in sheets if other is not sheet and name in other.children)


def _fields(sheet: type[Sheet]) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = schema.load(sheet.name)["properties"]
    return fields


def _kind(field: Mapping[str, Any]) -> str:
    (kind,) = {*([field["type"]] if isinstance(field["type"], str) else field["type"])} - {"null"}
    return str(field.get("format", kind))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
