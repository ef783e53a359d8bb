"""Proof that no row slipped between two pages, and that none is given twice.

Pages overlap by one row: the last row of a page has to come again as the first row of the next one. When it does not,
rows were inserted or deleted in the meantime, or the order is not stable; the reading then starts anew from the last
row it is sure of (where the rows have an order, else from the start of the list) and leaves out what it gave already.
That row has to come again too: if it does not, it was deleted, or the answer is to another question, and the reading
goes back one page more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tap_usage.rest.errors import PagingError
from tap_usage.rest.pages.attempt import OVERLAP
from tap_usage.rest.pages.query import Query, Row
from tap_usage.times import instant

Names = Sequence[Hashable]


class Moved(Exception):  # noqa: N818 - not an error yet
    """The page does not join the one before: read again from the last row that is sure."""


class TornOff(Exception):  # noqa: N818 - not an error yet
    """The first page lacks all the rows that have to be on it: read the page before again."""


class Disordered(Exception):  # noqa: N818 - not an error yet
    """The rows do not come in their order."""


@dataclass(frozen=True)
class Order:
    """The order of the rows, and how to go on in it.

    Attributes:
        field: date-time field the rows are sorted by, ascending.
        params: query parameters that ask for it from one value on and before another (None: no bound).
    """

    field: str
    params: Callable[[str | None, str | None], dict[str, str]]


@dataclass(frozen=True)
class Edge:
    """Where what was given ends.

    Attributes:
        mark: the last value of the order, None without one.
        names: names of the rows that share it; they may come again. Without an order those of all rows.
    """

    mark: str | None
    names: set[Hashable]


class Proof:
    """What is known of the rows of one segment; `begin` tells of a new try, `take` proves one page.

    Attributes:
        order: None when there is none, or none that the vendor keeps.
        start: value of the order that the try begins with.
        edge: where what was given ends.
    """

    def __init__(self, query: Query, order: Order | None, start: str | None) -> None:
        self._query = query
        self._first = start
        self.order = order
        self.edge = Edge(None, set())
        self._before = self.edge
        self._since: set[Hashable] = set()
        self._twice: set[Hashable] = set()
        self._opening: set[Hashable] | None = None
        self.begin(start, set())

    def begin(self, start: str | None, joint: set[Hashable]) -> None:
        """Begin anew; one row of `joint` has to be on the first page, unless that holds no row behind the start."""
        self.start = start
        self._joint = joint
        self._tail: Hashable = None
        self._met: set[Hashable] = set()

    def begin_again(self) -> None:
        """Begin anew at the edge, or at the start where there is none to go on from."""
        if self.order and self.edge.mark:
            self.begin(self.edge.mark, self.edge.names)
        else:
            self.begin(self._first, set())

    def begin_before(self) -> None:
        """Begin anew one step before the edge: the row there is gone, or the answer was to another question."""
        self._twice = self._since
        self.edge = self._before
        self.begin(self.edge.mark or self._first, self.edge.names | self._twice)

    def begin_without_order(self) -> None:
        """Begin anew at the start, and take the rows in whatever order they come."""
        self.order = None
        self.edge = Edge(None, set())
        self.begin(self._first, set())

    def joins(self, names: set[Hashable]) -> bool:
        """Have the first page hold one of these rows. Return False when it has come and does not."""
        if self._opening is None:
            self._joint = names
        return self._opening is None or not self._opening.isdisjoint(names)

    @property
    def is_joined(self) -> bool:
        """Whether the page that comes next has to begin with a row that is known."""
        return self._tail is not None

    def cut(self) -> None:
        """Have no row come again: whatever page comes next has to be empty."""
        self._tail = None

    def take(self, rows: list[Row], *, first: bool) -> list[Row]:
        """Return the rows of a page that were not given before.

        Args:
            rows: all of them, in the vendor's order.
            first: it is the first page of a try.

        Raises:
            Moved, TornOff, Disordered: when they prove that something is wrong.
            PagingError: when they cannot be told apart or put in order.
        """
        names = self._query.names(rows)
        if not first and (names[0] if names else None) != self._tail:
            raise Moved
        if first:
            self._check_opening(rows, set(names))
        skipped = 0 if first else OVERLAP
        fresh = self._fresh(rows[skipped:], names[skipped:])
        if names:
            self._tail = names[-1]
        return fresh

    def _check_opening(self, rows: list[Row], names: set[Hashable]) -> None:
        if self._opening is None:
            self._opening = names
        ties = bool(rows and self.order and rows[-1].get(self.order.field) == self.start)
        if self._joint and not ties and self._joint.isdisjoint(names):
            raise TornOff

    def _fresh(self, rows: list[Row], names: Names) -> list[Row]:
        if self.order is None:
            return self._new(rows, names)
        field = self.order.field
        try:
            mark, *values = _comparable([row[field] for row in rows], self.edge.mark)
        except (KeyError, TypeError, ValueError):
            raise PagingError(f"a row without a readable `{field}` came") from None
        if sorted(values) != values or (mark and values and values[0] < mark):
            raise Disordered
        if self._query.end:
            rows = [row for row in rows if instant(row[field]) < self._query.end]
            values = values[: len(rows)]
        return self._beyond(mark, rows, names, values) if rows else rows

    def _beyond(self, mark: Any, rows: list[Row], names: Names, values: list[Any]) -> list[Row]:  # noqa: ANN401 - text or time
        """Move the edge to the last value; remember the rows that share it, they may come again."""
        same = bisect_right(values, mark) if values[0] == mark else 0
        fresh = self._new(rows[:same], names[:same])
        if same < len(rows):
            self._before = self.edge
            self._since = set(names[same : len(rows)])
            last = set(names[bisect_left(values, values[-1]) : len(rows)])
            self.edge = Edge(rows[-1][self.order.field] if self.order else None, last)
            self._met = set(last)
            fresh += rows[same:]
        if fresh and self._twice:
            fresh = [row for row, name in zip(fresh, self._query.names(fresh), strict=True) if name not in self._twice]
        return fresh

    def _new(self, rows: list[Row], names: Names) -> list[Row]:
        """Return the rows that were not given before. One that comes twice in a try stands in another's place."""
        if not self._met.isdisjoint(names):
            raise Moved
        fresh = [row for row, name in zip(rows, names, strict=True) if name not in self.edge.names]
        self._met.update(names)
        self.edge.names.update(names)
        return fresh

    def is_beyond_end(self, row: Row) -> bool:
        """Return whether no row that follows this one is asked for."""
        return bool(self._query.end and self.order and instant(row[self.order.field]) >= self._query.end)


def _comparable(texts: list[str], mark: str | None) -> list[Any]:
    """Return the mark (None if there is none) and the texts in a form that compares as instants do.

    Texts of one length that end in Z compare as they are, which is what all but odd answers hold.

    Raises:
        TypeError, ValueError: if one is not a date-time.
    """
    if texts and all(map(datetime.fromisoformat, (texts[0], texts[-1]))):
        length = len(mark or texts[0])
        if {length} == set(map(len, texts)) and (mark or "Z").endswith("Z") and all(t.endswith("Z") for t in texts):
            return [mark, *texts]
    return [instant(mark) if mark else None, *map(instant, texts)]
