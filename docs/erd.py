"""The tables of a vendor as a diagram of Mermaid, made from schemas and data sheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tap_usage import schema
from tap_usage.reading.sheet import Sheet


def diagram(sheets: tuple[type[Sheet], ...]) -> Iterator[str]:
    """Yield a diagram of a vendor's tables: their columns, and lines from a row to those that name it."""
    yield from ("```mermaid", "erDiagram")
    for sheet in sheets:
        yield from _table(sheet, sheets)
    for sheet in sheets:
        yield from _lines_to(sheet, sheets)
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
