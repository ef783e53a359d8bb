"""What a data sheet speaks of has to exist, and to fit together: settings, fields of the schema, parents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import chain
from string import Formatter
from typing import Any

from tap_usage import schema
from tap_usage.reading.sheet import Setting, Sheet, SheetError, Windows, identity_of, meant
from tap_usage.reading.windows import UNITS
from tap_usage.rest.pages.offsets import OffsetPages
from tap_usage.rest.pages.polling import Execution
from tap_usage.rest.pages.rows import Rows

STEPS = ("day", "bucket")
MUST = ("name", "path", "primary_keys", "paging")

Problems = Iterator[tuple[str, str]]
"""Where something is wrong, and what."""


def check(
    vendor: str, sheets: Sequence[type[Sheet]], settings: Mapping[str, Any], required: Collection[str] = ()
) -> None:
    """Refuse sheets that speak of what does not exist, or contradict themselves.

    Args:
        vendor: with what their names begin, without the underscore.
        sheets: all of the vendor, complete.
        settings: JSON Schemas of the vendor's settings and of those that all have, by name.
        required: names of those that are always given.

    Raises:
        SheetError: for the first thing that is wrong.
    """
    certain = {name for name in settings if name in required or "default" in settings[name]}
    for place, sheet in enumerate(sheets):
        for where, problem in chain(
            _missing(sheet), _of_others(sheet, vendor, sheets[:place]), _of(sheet, settings, certain)
        ):
            raise SheetError(f"{sheet.__name__}.{where}: {problem}")


def _missing(sheet: type[Sheet]) -> Problems:
    yield from ((name, "is missing") for name in MUST if not getattr(sheet, name, None))
    if isinstance(sheet.paging, type):
        yield "paging", f"{sheet.paging.__name__} is a class; write {sheet.paging.__name__}(…)"


def _of_others(sheet: type[Sheet], vendor: str, before: Sequence[type[Sheet]]) -> Problems:
    if not sheet.name.startswith(f"{vendor}_"):
        yield "name", f"`{sheet.name}` does not begin with `{vendor}_`"
    if sheet.name in {other.name for other in before}:
        yield "name", f"two streams are called `{sheet.name}`"
    if sheet.parent and sheet.parent not in before:
        yield "parent", f"{sheet.parent.__name__} has to stand before it among the vendor's streams"
    if sheet.parent and not sheet.parent.children:
        yield "parent", f"{sheet.parent.__name__} has no `children`, which tell its partitions apart"


def _of(sheet: type[Sheet], settings: Mapping[str, Any], certain: Collection[str]) -> Problems:
    try:
        known = schema.load(sheet.name)["properties"]
    except FileNotFoundError:
        yield "name", f"there is no schemas/{sheet.name}.json"
        return
    tunable = [field.name for field in fields(sheet.paging)]
    context = sheet.context_fields()
    for what, have, named in (
        ("is not a setting", settings, chain(_settings_of(sheet), (("only", name) for name in (sheet.only,) if name))),
        (
            "is not among the `fields` of the grouping",
            sheet.grouping.fields if sheet.grouping else (),
            _names_of(sheet),
        ),
        ("needs a default, or has to be required", certain, _settings_of(sheet)),
        ("is not in the schema", known, _fields_of(sheet)),
        (f"is not a field of {type(sheet.paging).__name__}", tunable, (("tuning", name) for name in sheet.tuning)),
        ("is not among the `children` of a parent", context, _placeholders_of(sheet)),
    ):
        yield from ((where, f"`{name}` {what}{meant(name, have)}") for where, name in named if name not in have)
    if sheet.only and not sheet.children:
        yield "only", "needs `children`, which tells the field"
    yield from _of_choices(sheet, settings)
    yield from _of_paging(sheet)
    yield from _of_keys(sheet)
    yield from _of_windows(sheet, sheet.windows, settings) if sheet.windows else _of_order(sheet)
    if sheet.replication_key and "string" not in known[sheet.replication_key]["type"]:
        yield (
            "replication_key",
            f"`{sheet.replication_key}` is no text by the schema; `windows.stamp` adds a day that is",
        )


def _of_choices(sheet: type[Sheet], settings: Mapping[str, Any]) -> Problems:
    """Yield where a sheet names a value that its setting can never have."""
    setting, values = sheet.exists_if
    named = [("exists_if", setting, value) for value in values]
    named += [("fields_if", setting, value) for setting, value in sheet.fields_if.values()]
    for where, name, value in named:
        given = settings.get(name, {})
        choices = [each for each in given.get("enum") or given.get("items", {}).get("enum") or () if each]
        if choices and value not in choices:
            yield where, f"`{name}` is never `{value}`{meant(value, choices)}"


def _of_paging(sheet: type[Sheet]) -> Problems:
    try:
        Rows(sheet.rows, sheet.beside, sheet.envelope)
    except ValueError as error:
        yield "envelope", str(error)
    if isinstance(sheet.paging, OffsetPages) and not identity_of(sheet):
        yield "primary_keys", "pages by offset need keys that the vendor sends, to prove that no row slipped between"
    if isinstance(sheet.paging, Execution) and "{execution_id}" not in sheet.results:
        yield "results", "is the path of an execution's results, with `{execution_id}`"
    if sheet.results and not isinstance(sheet.paging, Execution):
        yield "results", f"{type(sheet.paging).__name__} asks for none"


def _of_keys(sheet: type[Sheet]) -> Problems:
    if sheet.dimensions is not Sheet.dimensions:
        return
    if ("usage_key" in sheet.primary_keys) is not bool(sheet.key_fields):
        yield "key_fields", "and `usage_key` among the `primary_keys` belong together"
    where = "key_fields" if sheet.key_fields else "primary_keys"
    fields = getattr(sheet, where)
    own_id = len(sheet.primary_keys) == 1 and not sheet.key_fields
    partition = sheet.context_fields()[-1:]
    days = {sheet.windows.field, sheet.windows.stamp} - {""} if sheet.windows else set()
    for needed, what in ((set(partition), "partitions"), (days, "windows")):
        if needed and not own_id and not needed & set(fields):
            yield where, f"without `{min(needed)}` rows of two {what} may have the same key"


def _of_order(sheet: type[Sheet]) -> Problems:
    order = getattr(sheet.paging, "order", None)
    if not sheet.replication_key:
        return
    if not (order and sheet.lookback):
        yield "replication_key", "needs `windows`, or `paging.order` and `lookback`"
    elif order.field != sheet.replication_key:
        yield "paging.order", f"`{order.field}` is not the replication key, `{sheet.replication_key}`"


def _of_windows(sheet: type[Sheet], windows: Windows, settings: Mapping[str, Any]) -> Problems:
    choices = settings.get(windows.bucket, {}).get("enum", ())
    if windows.bucket not in {*UNITS, *settings}:
        hint = meant(windows.bucket, {*UNITS, *settings})
        yield "windows.bucket", f"`{windows.bucket}` is neither one of {', '.join(UNITS)} nor a setting{hint}"
    elif odd := {choice for choice in choices if choice and choice.lower() not in UNITS}:
        yield "windows.bucket", f"`{windows.bucket}` may be `{min(odd)}`, which is none of {', '.join(UNITS)}"
    if windows.step not in STEPS:
        yield "windows.step", f"is one of {', '.join(STEPS)}"
    if sheet.request is Sheet.request and bool(windows.params) is bool(windows.json):
        yield "windows", "either `params` or `json` tells how a window is asked for"
    if not sheet.replication_key and not sheet.counters:
        yield "replication_key", "is missing; without one only the last window would be read"
    if sheet.replication_key and sheet.replication_key not in {windows.field, windows.stamp}:
        yield "replication_key", "has to be `windows.field` or `windows.stamp`"


def _placeholders_of(sheet: type[Sheet]) -> Problems:
    for where, path in (("path", sheet.path), ("results", sheet.results.replace("{execution_id}", ""))):
        yield from ((where, name) for _, name, _, _ in Formatter().parse(path) if name is not None)


def _names_of(sheet: type[Sheet]) -> Problems:
    yield from (("grouping", name) for name in (sheet.grouping.names if sheet.grouping else ()))


def _settings_of(sheet: type[Sheet]) -> Problems:
    """Yield where a sheet names a setting that has to have a value, and which."""
    yield from (("tuning", name) for name in sheet.tuning.values())
    yield from (("constants", name) for name in sheet.constants.values())
    yield from (("query", name) for name in sheet.query)
    yield from (("params", value.name) for value in sheet.params.values() if isinstance(value, Setting))
    yield from (("lookback", name) for name in (sheet.lookback,) if name)
    yield from (("fields_if", name) for name, _ in sheet.fields_if.values())
    yield from (("exists_if", name) for name in sheet.exists_if[:1] if name)
    if sheet.grouping:
        yield "grouping", sheet.grouping.setting
    if sheet.windows:
        yield from (("windows.span", sheet.windows.span), ("windows.lookback", sheet.windows.lookback))


def _fields_of(sheet: type[Sheet]) -> Problems:
    """Yield where a sheet names a field of its rows, and which."""
    facts = ("primary_keys", "key_fields", "constants", "flat", "fields_if", "blanks", "numbers", "promised")
    yield from ((fact, name) for fact in facts for name in getattr(sheet, fact))
    yield from (("envelope", path.rpartition(".")[2]) for path in sheet.envelope)
    yield from (("flat", path.partition(".")[0]) for path in sheet.flat.values())
    yield from (("children", name) for name in sheet.children.values())
    yield from (("parent", name) for name in sheet.context_fields())
    yield from (("barren", name) for name in sheet.barren[:1] if name)
    yield from (("replication_key", name) for name in (sheet.replication_key,) if name)
    yield from (("observed", "observed_on") for _ in range(sheet.observed))
    if sheet.windows:
        yield from ((f"windows.{fact}", name) for fact in ("field", "stamp") if (name := getattr(sheet.windows, fact)))
        yield from (("windows", "is_final") for _ in range(bool(sheet.windows.field)))
    if sheet.grouping:
        yield from (("grouping", name) for name in ("grouped_by", *sheet.grouping.fields.values()))
    if sheet.counters:
        yield from (("counters", name) for name in (sheet.counters.identity, *sheet.counters.names))
    if order := getattr(sheet.paging, "order", None):
        yield "paging.order", order.field
