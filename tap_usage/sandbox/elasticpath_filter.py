"""The filter language of the simulated Elastic Path: ``op(attribute,value)``, joined by ``:``."""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from tap_usage.sandbox.clock import instant
from tap_usage.sandbox.wire import Json, RefusedError

COMPARISONS = frozenset({"gt", "ge", "lt", "le"})
USAGE_OPERATORS = {"id": frozenset({"eq"}), "code": frozenset({"eq"}), "used_on": COMPARISONS}
PROMOTION_OPERATORS = {
    "name": frozenset({"like", "ilike"}),
    "enabled": frozenset({"eq"}),
    "stackable": frozenset({"eq"}),
    "override_stacking": frozenset({"eq"}),
    "start": COMPARISONS | {"eq"},
    "end": COMPARISONS | {"eq"},
}
TIMES = frozenset({"used_on", "start", "end"})
TERM = re.compile(r"([a-z_]+)\(([a-z_.]+),([^()]+)\)(?::(?=.)|$)")
TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d))?")
EPOCH_MILLISECONDS = re.compile(r"\d{12,14}")
MAX_TERMS, MAX_LENGTH = 10, 8192

Condition = Callable[[Json], bool]


def conditions(text: str, operators: Mapping[str, frozenset[str]]) -> list[Condition]:
    """Return the conditions that a row must meet.

    Args:
        text: the decoded filter.
        operators: what may be asked, by attribute.

    Raises:
        RefusedError: 400, code ``filter``: it cannot be read, is too long, or asks what cannot be asked.
    """
    found: list[Condition] = []
    position = 0
    while position < len(text):
        term = TERM.match(text, position)
        if term is None or len(found) == MAX_TERMS or len(text) > MAX_LENGTH:
            raise RefusedError(400, "filter")
        name, attribute, value = term.groups()
        if name not in operators.get(attribute, ()):
            raise RefusedError(400, "filter")
        found.append(condition(name, attribute, unquoted(value.lstrip(" "))))
        position = term.end()
    return found


def condition(name: str, attribute: str, value: str) -> Condition:
    """Return one condition.

    Raises:
        RefusedError: 400, code ``filter``: the value is no time where one is needed.
    """
    if attribute in TIMES:
        compare, bound = getattr(operator, name), read_time(value)
        return lambda row: attribute in row and compare(instant(row[attribute]), bound)
    if name == "like":
        return lambda row: fnmatchcase(str(row[attribute]), value)
    if name == "ilike":
        return lambda row: fnmatchcase(str(row[attribute]).lower(), value.lower())
    if attribute == "code":
        return lambda row: str(row.get(attribute)).lower() == value.lower()
    return lambda row: str(row.get(attribute)).lower() == value


def read_time(text: str) -> datetime:
    """Return the time that a date, a timestamp with its offset, or epoch milliseconds mean.

    Raises:
        RefusedError: 400, code ``filter``: it is none of them, for example because a ``+`` was sent unescaped.
    """
    if EPOCH_MILLISECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    try:
        if TIME.fullmatch(text):
            return instant(text)
    except ValueError:
        pass
    raise RefusedError(400, "filter")


def unquoted(text: str) -> str:
    """Return a value without the quotes around it."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text
