"""What a data sheet speaks of has to exist: settings, fields of the schema, placeholders."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import fields
from string import Formatter

from tap_usage import schema
from tap_usage.reading.sheet import Setting, Sheet, SheetError, meant
from tap_usage.reading.windows import UNITS

STEPS = ("day", "bucket")
MUST = ("name", "path", "primary_keys", "paging")


def check(sheet: type[Sheet], settings: Collection[str]) -> None:
    """Refuse a sheet that speaks of settings, fields or placeholders that do not exist.

    Args:
        sheet: a complete one.
        settings: names of the vendor's settings and of those that all have.

    Raises:
        SheetError: for the first thing that is wrong.
    """
    for where, problem in _problems(sheet, settings):
        raise SheetError(f"{sheet.__name__}.{where}: {problem}")


def _problems(sheet: type[Sheet], settings: Collection[str]) -> Iterator[tuple[str, str]]:
    yield from ((name, "is missing") for name in MUST if not getattr(sheet, name, None))
    try:
        known = schema.load(sheet.name)["properties"]
    except FileNotFoundError:
        yield "name", f"there is no schemas/{sheet.name}.json"
        return
    tunable = [field.name for field in fields(sheet.paging)]
    context = sheet.context_fields()
    placeholders = (name for _, name, _, _ in Formatter().parse(sheet.path) if name is not None)
    for what, have, named in (
        ("is not a setting", settings, _settings_of(sheet)),
        ("is not in the schema", known, _fields_of(sheet)),
        (f"is not a field of {type(sheet.paging).__name__}", tunable, (("tuning", name) for name in sheet.tuning)),
        ("is not among the `children` of a parent", context, (("path", name) for name in placeholders)),
    ):
        yield from ((where, f"`{name}` {what}{meant(name, have)}") for where, name in named if name not in have)
    if sheet.only and not sheet.children:
        yield "only", "needs `children`, which tells the field"
    if sheet.replication_key and not (sheet.windows or sheet.lookback):
        yield "replication_key", "needs `windows`, or an order and `lookback`"
    if sheet.windows and sheet.windows.step not in STEPS:
        yield "windows.step", f"is one of {', '.join(STEPS)}"


def _settings_of(sheet: type[Sheet]) -> Iterator[tuple[str, str]]:
    """Yield where a sheet names a setting, and which."""
    yield from (("tuning", name) for name in sheet.tuning.values())
    yield from (("constants", name) for name in sheet.constants.values())
    yield from (("query", name) for name in sheet.query)
    yield from (("params", value.name) for value in sheet.params.values() if isinstance(value, Setting))
    yield from (("only", name) for name in (sheet.only,) if name)
    yield from (("lookback", name) for name in (sheet.lookback,) if name)
    if sheet.windows:
        yield from (("windows.span", sheet.windows.span), ("windows.lookback", sheet.windows.lookback))
        if sheet.windows.bucket not in UNITS:
            yield "windows.bucket", sheet.windows.bucket


def _fields_of(sheet: type[Sheet]) -> Iterator[tuple[str, str]]:
    """Yield where a sheet names a field of its rows, and which."""
    facts = ("primary_keys", "key_fields", "constants", "blanks", "numbers", "promised")
    yield from ((fact, name) for fact in facts for name in getattr(sheet, fact))
    yield from (("envelope", path.rpartition(".")[2]) for path in sheet.envelope)
    yield from (("children", name) for name in sheet.children.values())
    yield from (("barren", name) for name in sheet.barren[:1] if name)
    yield from (("replication_key", name) for name in (sheet.replication_key,) if name)
    if sheet.windows:
        yield from ((f"windows.{fact}", name) for fact in ("field", "stamp") if (name := getattr(sheet.windows, fact)))
    if sheet.counters:
        yield from (("counters", name) for name in (sheet.counters.identity, *sheet.counters.names))
    if order := getattr(sheet.paging, "order", None):
        yield "paging.order", order.field
