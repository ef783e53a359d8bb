"""Stream maps: what they may name. A map that names nothing hides nothing, so it is refused like an unknown setting."""

from __future__ import annotations

import ast
import difflib
import fnmatch
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tap_usage.rest.errors import ReadError, plain

REMOVED = (None, "__NULL__")
OF_STREAMS = ("__else__",)
OF_FIELDS = ("__alias__", "__else__", "__filter__", "__key_properties__", "__source__")
ALIKE = 0.85
LONGER = 3


class MapError(ReadError):
    """A stream map could not be used, or failed for a row."""

    @classmethod
    def of_fields(cls, fields: Collection[str]) -> MapError:
        """Return it for expressions that cannot be read."""
        names = ", ".join(f"`{_shown(name)}`" for name in fields)
        return cls(f"`stream_maps`: the expression of {names or 'a field'} cannot be read; the stream was not read")

    @classmethod
    def of_row(cls, error: Exception) -> MapError:
        """Return it for an expression that failed; its words may hold what stands in the row, so they are left out."""
        cause = error.__cause__ or error
        what = f"{type(cause).__name__} {plain(getattr(cause, 'func_name', getattr(cause, 'name', '')))}".strip()
        return cls(f"`stream_maps`: an expression failed ({what}); the stream was not read to its end")


def problems(maps: Mapping[str, Any], streams: Mapping[str, Collection[str]], *, batches: bool) -> Iterator[str]:
    """Yield a line for each thing that is wrong with `stream_maps`; no expression is quoted.

    Args:
        maps: the setting.
        streams: the fields of each stream there is.
        batches: rows go into files.
    """
    for name, rules in maps.items():
        where = f"`stream_maps`: `{_shown(name)}`"
        if name in OF_STREAMS:
            if rules not in REMOVED:
                yield f"{where} can only be null"
        elif name.startswith("__"):
            yield f"{where} is not a rule{_meant(name, OF_STREAMS)}"
        elif not isinstance(rules, dict) and rules not in REMOVED:
            yield f"{where} must be an object or null"
        else:
            yield from _of_stream(name, rules if isinstance(rules, dict) else {}, streams, batches=batches)


def unreadable(rules: Mapping[str, Any]) -> list[str]:
    """Return the fields whose expressions cannot be read."""
    return [field for field, rule in rules.items() if isinstance(rule, str) and not _is_readable(rule)]


def rules_of(stream: str, maps: Mapping[str, Any]) -> dict[str, Any]:
    """Return all rules for the fields of a stream."""
    found: dict[str, Any] = {}
    for name, rules in maps.items():
        if isinstance(rules, dict) and fnmatch.fnmatch(stream, rules.get("__source__", name)):
            found |= rules
    return found


def _of_stream(
    name: str, rules: Mapping[str, Any], streams: Mapping[str, Collection[str]], *, batches: bool
) -> Iterator[str]:
    where = f"`stream_maps`: `{_shown(name)}`"
    source = rules.get("__source__", name)
    if batches and "__source__" in rules:
        yield f"{where}: `__source__` cannot be had together with `batch_config`"
    mapped = fnmatch.filter(streams, source) if isinstance(source, str) else []
    if not mapped:
        yield f"`stream_maps`: `{_shown(source)}` is not a stream{_meant(str(source), streams)}"
        return
    known = {field for stream in mapped for field in streams[stream]}
    for field, rule in rules.items():
        yield from (f"{where}: `{_shown(field)}` {problem}" for problem in _of_field(field, rule, known))


def _of_field(field: str, rule: object, known: Collection[str]) -> Iterator[str]:
    if field.startswith("__") and field not in known:
        if field not in OF_FIELDS:
            yield f"is not a rule{_meant(field, OF_FIELDS)}"
        elif field == "__else__" and rule not in REMOVED:
            yield "can only be null"
    elif not isinstance(rule, str) and rule is not None:
        yield "must be an expression or null"
    elif field not in known and rule in REMOVED:
        yield f"is not a field{_meant(field, known)}; what a vendor may add is left out by `__else__`: null"
    elif field not in known and (like := _like(field, known)):
        yield f"is not a field; did you mean `{like}`? A field that is added needs a name less like it"


def _shown(name: object) -> str:
    return " ".join(str(name).split())


def _meant(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


def _like(field: str, known: Collection[str]) -> str | None:
    """Return the field that a name may be misspelt for; a name that goes on after a field's is no such."""
    word = _letters(field)
    for name in sorted(known):
        other = _letters(name)
        shorter, longer = sorted((word, other), key=len)
        goes_on = (longer.startswith(shorter) or longer.endswith(shorter)) and len(longer) - len(shorter) >= LONGER
        if not goes_on and difflib.SequenceMatcher(a=word, b=other, autojunk=False).ratio() >= ALIKE:
            return name
    return None


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _is_readable(rule: str) -> bool:
    try:
        return rule in REMOVED or bool(ast.parse(rule).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
