"""Rows against their schema: what a vendor changes without a word is passed on, told once, and never ends a run."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tap_usage.rest.request import Json

TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


class Drift:
    """Looks for fields whose type or size is not what the schema says, or that are missing.

    A value that means the same as the declared type is turned into it (`"3"` for an integer, `3` for a string); any
    other is passed on as it came. Either way there is one warning per field and run, without the value, and so there is
    for a promised field that is missing. Fields that the schema does not know are passed on.

    Args:
        properties: the `properties` of the stream's JSON Schema.
        promised: fields that the vendor sends in every row.
        logger: for the warnings.
    """

    def __init__(self, properties: Mapping[str, Any], promised: Collection[str], logger: logging.Logger) -> None:
        self._allowed = {
            name: {kind for word in _words(definition) for kind in TYPES[word]}
            for name, definition in properties.items()
            if _words(definition)
        }
        self._bounds = {
            name: (definition["minimum"], definition["maximum"])
            for name, definition in properties.items()
            if "maximum" in definition
        }
        self._promised = frozenset(promised)
        self._logger = logger
        self._told: set[str] = set()

    def miss(self, rows: Iterable[dict[str, Any]]) -> None:
        """Look for promised fields that rows lack, as they came."""
        for names in set(map(tuple, rows)) if self._promised else ():
            for name in sorted(self._promised.difference(names)):
                self._tell(name, "`%s` is missing, the vendor always sent it", name)

    def settle(self, rows: Iterable[dict[str, Any]]) -> None:
        """Check the types of rows, and change them in place."""
        rows = list(rows)
        shapes = set(map(tuple, rows))
        alike = {names: rows if len(shapes) == 1 else [row for row in rows if tuple(row) == names] for names in shapes}
        for names, group in alike.items():
            for name, column in zip(names, zip(*map(dict.values, group), strict=True), strict=True):
                allowed = self._allowed.get(name)
                if allowed and not allowed.issuperset(map(type, column)):
                    for row in group:
                        if type(row[name]) not in allowed:
                            self._settle(row, name)
                elif name in self._bounds and (numbers := [*filter(None, column)]):
                    low, high = self._bounds[name]
                    if min(numbers) < low or max(numbers) > high:
                        self._tell(name, "`%s` came as a number beyond %d to %d: passed on as it is", name, low, high)

    def _settle(self, row: dict[str, Any], name: str) -> None:
        came, allowed = row[name], self._allowed[name]
        row[name] = _converted(came, allowed)
        words = " or ".join(sorted(kind.__name__ for kind in allowed if kind is not type(None)))
        done = "passed on as it is" if row[name] is came else "converted"
        self._tell(name, "`%s` came as %s, the schema says %s: %s", name, type(came).__name__, words, done)

    def _tell(self, field: str, warning: str, *words: object) -> None:
        if field not in self._told:
            self._told.add(field)
            self._logger.warning(warning, *words)


def _converted(value: Json, allowed: set[type]) -> Json:
    if str in allowed and type(value) in {int, float}:
        return str(value)
    if int in allowed and isinstance(value, str | float):
        try:
            whole = int(value)
        except (ValueError, OverflowError):
            return value
        return whole if str(whole) == value or whole == value else value
    return value


def _words(definition: Mapping[str, Any]) -> list[str]:
    words = definition.get("type", [])
    return [words] if isinstance(words, str) else words
