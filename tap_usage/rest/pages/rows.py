"""Where the rows of an answer are, and how an answer says that there are more of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tap_usage.rest.errors import dig

Json = Any
Row = dict[str, Any]

THROUGH = ".*."
MORE = frozenset(
    {
        *("next", "nextpage", "nexturi", "nexturl", "nextlink", "nextcursor", "nexttoken"),
        *("nextpagetoken", "nextpageuri", "nextpageurl", "hasmore", "hasnext", "hasnextpage"),
    }
)
DEPTH = 3


@dataclass(frozen=True)
class Rows:
    """Where the rows of an answer are.

    Attributes:
        path: dotted path of the rows, `*` goes through a list; "" when the answer itself is the only row.
        beside: names of which one must be there when the rows are missing.
        envelope: dotted paths of outer fields that every row gets, by their last names; a `*` has to be one of `path`.

    A sample: `Rows("data.*.results", envelope=("data.*.start_time",))` finds the row `{"count": 3, "start_time": 7}` in
    `{"data": [{"start_time": 7, "results": [{"count": 3}]}]}`.
    """

    path: str = ""
    beside: tuple[str, ...] = ()
    envelope: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an outer field that is not on the way to the rows.

        Raises:
            ValueError: if there is one.
        """
        for field in self.envelope:
            way, through, _ = field.rpartition(THROUGH)
            if not self.path.startswith(way + through):
                raise ValueError(f"`{field}` is not on the way to the rows in `{self.path}`")

    def of(self, body: Json) -> list[Row]:
        """Return the rows of an answer in which there is no `problem`."""
        return _select(body, self.path, self.envelope)

    def problem(self, body: Json, totals: tuple[str, ...] = ()) -> str | None:
        """Return why an answer does not hold rows, or nothing where nothing has to be; None if it does.

        Args:
            body: a decoded answer.
            totals: dotted paths of the number of all rows; where the first one is 0, the rows may be missing or null.
        """
        if not self.path:
            return self._problem_of_row(body)
        if not isinstance(body, dict):
            return "an answer that is not a JSON object"
        missing = dig(body, self.path.partition(THROUGH)[0]) is None
        if missing and (any(name in body for name in self.beside) or first_count(body, totals) == 0):
            return None
        return None if _holds_rows(body, self.path) else f"an answer without rows in `{self.path}`"

    def _problem_of_row(self, body: Json) -> str | None:
        if not isinstance(body, dict):
            return f"a JSON {type(body).__name__} where an object belongs"
        if self.beside and not any(name in body for name in self.beside):
            return f"an answer without any of {', '.join(self.beside)}"
        return None

    def said_more(self, body: Json, *looked_at: str) -> str:
        """Return the path at which an answer says, outside of its rows, that there are more of them; "" if it does not.

        Args:
            body: an answer in which there is no `problem`.
            looked_at: dotted paths whose meaning is known.
        """
        told = _told(body, "", DEPTH) if self.path else iter(())
        return next((path for path in told if path not in looked_at), "")


def _select(body: Json, path: str, envelope: tuple[str, ...]) -> list[Row]:
    way, through, rest = path.partition(THROUGH)
    if through:
        inner = tuple(field.removeprefix(way + through) for field in envelope if field.startswith(way + through))
        rows = [row for item in dig(body, way) or () for row in _select(item, rest, inner)]
    else:
        rows = [body] if not path else dig(body, path) or []
    outer = {field.rpartition(".")[2]: dig(body, field) for field in envelope if THROUGH not in field}
    for row in rows if outer else ():
        row.update(outer)
    return rows


def _holds_rows(body: Json, path: str) -> bool:
    way, through, rest = path.partition(THROUGH)
    found = dig(body, way)
    if not isinstance(found, list):
        return False
    return all(_holds_rows(item, rest) for item in found) if through else set(map(type, found)) <= {dict}


def _told(body: Json, above: str, depth: int) -> Iterator[str]:
    """Yield the paths of well-known names with a value that means more."""
    for name, value in body.items() if isinstance(body, dict) else ():
        plain = name.lower().removeprefix("@odata.").replace("_", "").replace("-", "")
        target = value.get("href") if isinstance(value, dict) else value
        if plain in MORE and (target is True or (isinstance(target, str) and target)):
            yield above + name
        elif depth > 1:
            yield from _told(value, f"{above}{name}.", depth - 1)


def count(value: Json) -> int | None:
    """Return a vendor's number of rows if it is one, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def first_count(body: Json, totals: tuple[str, ...]) -> int | None:
    """Return the first number of rows that an answer tells at these dotted paths."""
    found = (count(dig(body, path)) for path in totals)
    return next((value for value in found if value is not None), None)
