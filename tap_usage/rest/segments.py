"""The offsets of one query, read side by side, with proof that no row slipped between two pages.

Pages overlap by one row: the last row of a page has to come again as the first row of the next one. When it does not,
rows were inserted or deleted in the meantime, or the order is not stable; the reading then starts anew from the last
row it is sure of (`ge(used_on, …)` where the rows have an order, the start of the list where they have none) and leaves
out what it gave already. That row has to come again too: if it does not, it was deleted, or the answer is to another
question, and the reading goes back one page more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_usage.rest.connection import Answer, Request
from tap_usage.rest.errors import ContradictionError, PagingError, RequestError, dig
from tap_usage.rest.paging import NOT_FOUND, Ask, Page, Reading, Row, rows_at

if TYPE_CHECKING:
    from tap_usage.rest.offsets import OffsetPages

RESTARTS_WITHOUT_PROGRESS = 2
OVERLAP = 1
MOVED = "rows moved while they were read"


class Segment(Reading):
    """One segment: the offsets of one query, read anew from the last value where that is needed.

    Attributes:
        start: value of the order it begins with.
        mark: the last value it gave.
        edge: ids of the rows that share that value.
        deeper: it is over because offsets reach no deeper, but there is more.
        anchor: value that the deepest page ends with, as soon as that is known.
    """

    def __init__(self, spec: OffsetPages, request: Request, start: str | None, end: datetime | None) -> None:
        super().__init__()
        self._spec = spec
        self._order = spec.order
        self._size = max(spec.size, OVERLAP + 1)
        self._request = Request(request.path, request.method, request.params, check=rows_at(spec.rows))
        self.start = start
        self.deeper = False
        self._end = end
        self._given: set[Any] = set()
        self.mark: str | None = None
        self._before: tuple[str | None, set[Any]] = (None, set())
        self._since: set[Any] = set()
        self._twice: set[Any] = set()
        self._opening: set[Any] | None = None
        self._stuck = 0
        self._disordered: PagingError | None = None
        self._begin(start, set())

    def _begin(self, start: str | None, joint: set[Any]) -> None:
        """Begin anew; one row of `joint` has to be on the first page, unless that holds no row behind the start."""
        self._joint = joint
        self._segment = object()
        self._start = start
        self._deepest: int | None = None
        self._deepest_asked = False
        self.anchor: str | None = None
        self._to_ask: int | None = 0
        self._due = 0
        self._limit = self._size
        self._total: int | None = None
        self._parallel = False
        self._tail: Any = None
        self._met: set[Any] = set()
        self._arrived: dict[int, Answer | Exception] = {}
        self._progress = False

    @property
    def edge(self) -> set[Any]:
        return self._given

    @property
    def held(self) -> int:
        return len(self.pages) + len(self._arrived)

    def joins(self, edge: set[Any]) -> bool:
        """Have the first page hold one of these rows. Return False when it has come and does not."""
        if self._opening is None:
            self._joint = edge
        return self._opening is None or not self._opening.isdisjoint(edge)

    def opening_ask(self) -> Ask | None:
        """Return the request for the first or the deepest page, on which the others wait; None if it was sent."""
        if self.finished:
            return None
        if self._to_ask == 0:
            self._to_ask = None
            return self._ask(0)
        if self._deepest is not None and not self._deepest_asked:
            self._deepest_asked = True
            return self._ask(self._deepest)
        return None

    def next_ask(self) -> Ask | None:
        if self._deepest_asked and self._to_ask == self._deepest:
            return None
        offset = self._to_ask
        if self.finished or offset is None or offset > self._spec.max_offset:
            return None
        if self._parallel and self._total is not None:
            if offset + OVERLAP >= self._total:
                return None
            self._to_ask = offset + self._limit - OVERLAP
        else:
            self._to_ask = None
        return self._ask(offset)

    def _ask(self, offset: int) -> Ask:
        params: dict[str, Any] = {self._spec.limit_param: self._size, self._spec.offset_param: offset}
        if self._spec.order:
            # In whole milliseconds, rounded up: the rows that this lets in too are left out when they come.
            end = _text(self._end + timedelta(microseconds=999)) if self._end else None
            params |= self._spec.order.params(self._start, end)
        return Ask(self._request.with_params(**params), tag=(self._segment, offset))

    def take(self, ask: Ask, answer: Answer) -> None:
        self.tries += answer.tries
        self._arrive(ask, answer)

    def fail(self, ask: Ask, error: Exception) -> None:
        self._arrive(ask, error)

    def _arrive(self, ask: Ask, answer: Answer | Exception) -> None:
        segment, offset = ask.tag
        if segment is not self._segment or self.finished:
            return
        self._arrived[offset] = answer
        if offset == self._deepest and isinstance(answer, Answer) and (rows := dig(answer.body, self._spec.rows)):
            self.anchor = rows[-1].get(self._order.field) if self._order else None
        while not self.finished and (due := self._arrived.pop(self._due, None)) is not None:
            if not isinstance(due, Exception):
                self._page(due)
            elif self._spec.vanishing and isinstance(due, RequestError) and due.status == NOT_FOUND:
                self._nothing()
            else:
                super().fail(ask, due)

    def _nothing(self) -> None:
        """Take a 404: nothing is there, unless the page before says that something has to come again."""
        if self._tail is not None:
            self._restart(MOVED)
        else:
            self.vanished = not self._due
            self._finish()

    def _page(self, answer: Answer) -> None:
        """Take the page at `_due`: prove that it joins the one before, give its new rows, and plan what follows."""
        rows: list[Row] = dig(answer.body, self._spec.rows)
        total, trusted = self._spec.total_of(answer.body)
        identity = self._spec.identity
        if self._due and (rows[0].get(identity) if rows else None) != self._tail:
            self._restart(MOVED)
            return
        if not self._due and self._is_torn_off(rows):
            self._go_back()
            return
        fresh = self._fresh(rows[OVERLAP:] if self._due else rows)
        if fresh is None:
            return
        if fresh:
            self._progress = True
            self.received += len(fresh)
            self.pages.append(Page(fresh, answer.body, answer.date, self.mark))
        ended = len(rows) <= (OVERLAP if self._due else 0)
        covered = self._due + len(rows)
        if rows:
            self._tail = rows[-1].get(identity)
        if trusted and total is not None:
            self.expected = self.received + max(0, total - covered)
        if self._beyond_end(rows):
            self._finish()
        elif trusted and total is not None:
            self._after_counted(len(rows), covered, total, ended=ended)
        elif ended:
            self._finish()
        else:
            self._one_more(covered)

    def _after_counted(self, length: int, covered: int, total: int, *, ended: bool) -> None:
        """Plan what follows a page whose answer told the number of all rows."""
        self._total = total
        full = length >= self._limit
        if covered < total:
            if not self._due and length > OVERLAP:
                self._limit = length
                self._parallel = True
                self._due = self._to_ask = step = length - OVERLAP
                deepest = self._spec.max_offset // step * step
                self._deepest = deepest if self._order and self._due < deepest < total - length else None
                self._check_depth()
            elif ended or covered <= OVERLAP or (self._parallel and not full):
                self._restart(f"{covered} rows came, the vendor says {total}")
            elif self._parallel:
                self._due += self._limit - OVERLAP
                self._check_depth()
            else:
                self._one_more(covered)
        elif (full or covered > total) and not ended:
            self._one_more(covered)
        else:
            self._finish()

    def _one_more(self, covered: int) -> None:
        """Ask for one page more: it proves the end, or goes on where no total can be relied on."""
        self._parallel = False
        if covered > OVERLAP:
            self._due = self._to_ask = covered - OVERLAP
        else:
            # The first page is a single row; if more follow, no row can come again to prove where they join.
            self._tail = None
            self._due = self._to_ask = covered
        self._check_depth()

    def _check_depth(self) -> None:
        """Go on from the last value when the next offset is beyond what may be asked."""
        if self._due <= self._spec.max_offset:
            return
        limit = self._spec.max_offset
        if self._order is None:
            self._end_with(PagingError(f"more rows than offset {limit} reaches, and no order to go on from"))
        elif self.mark == self._start:
            self._end_with(
                PagingError(
                    f"more rows than offset {limit} reaches share {self._order.field} {self.mark}: not readable"
                )
            )
        else:
            self.deeper = True
            self._finish()

    def _fresh(self, rows: list[Row]) -> list[Row] | None:
        """Return the rows that were not given before, None when the reading had to start anew or has failed."""
        if self._order is None:
            return self._new(rows)
        field = self._order.field
        try:
            values = _comparable([row[field] for row in rows], self.mark)
        except (KeyError, TypeError, ValueError):
            self._end_with(PagingError(f"a row without a readable `{field}` came"))
            return None
        mark, values = values[0], values[1:]
        if sorted(values) != values or (mark and values and values[0] < mark):
            self._lose_order(field)
            return None
        if self._end:
            rows = [row for row in rows if _instant(row[field]) < self._end]
            values = values[: len(rows)]
        return self._beyond(mark, rows, values) if rows else rows

    def _beyond(self, mark: Any, rows: list[Row], values: list[Any]) -> list[Row] | None:  # noqa: ANN401 - text or time
        """Move the mark to the last value; remember the rows that share it, they may come again."""
        same = bisect_right(values, mark) if values[0] == mark else 0
        fresh = self._new(rows[:same])
        if fresh is not None and same < len(rows):
            self._before = (self.mark, self._given)
            self._since = {row.get(self._spec.identity) for row in rows[same:]}
            self._given = set()
            self._met.clear()
            self.mark = rows[-1][self._order.field] if self._order else None
            self._new(rows[bisect_left(values, values[-1]) :])
            fresh += rows[same:]
        if fresh and self._twice:
            fresh = [row for row in fresh if row.get(self._spec.identity) not in self._twice]
        return fresh

    def _new(self, rows: list[Row]) -> list[Row] | None:
        """Return the rows that were not given before. One that comes twice in a segment stands in another's place."""
        names = [row.get(self._spec.identity) for row in rows]
        if not self._met.isdisjoint(names):
            self._restart(MOVED)
            return None
        fresh = [row for row, name in zip(rows, names, strict=True) if name not in self._given]
        self._met.update(names)
        self._given.update(names)
        return fresh

    def _beyond_end(self, rows: list[Row]) -> bool:
        return bool(self._end and self._order and rows and _instant(rows[-1][self._order.field]) >= self._end)

    def _lose_order(self, field: str) -> None:
        """Read once more; if the rows still are not in order, read them without it, but call it a failure."""
        if self._stuck + (not self._progress) < RESTARTS_WITHOUT_PROGRESS:
            self._restart("")
            return
        self._disordered = ContradictionError(
            f"rows do not come in the order of `{field}`; they were emitted, but not bookmarked"
        )
        self._order = None
        self.mark = None
        self._stuck = 0
        self._given.clear()
        self._begin(self.start, set())

    def _restart(self, why: str) -> None:
        """Read again from the last row that is sure, a bounded number of times without a new row."""
        self._stuck = 0 if self._progress and self._order else self._stuck + 1
        if self._stuck >= RESTARTS_WITHOUT_PROGRESS:
            self._end_with(ContradictionError(f"{why}, twice in a row; run again, or tell the vendor"))
        elif self._order and self.mark:
            self._begin(self.mark, self._given)
        else:
            self._begin(self.start, set())

    def _is_torn_off(self, rows: list[Row]) -> bool:
        """Return whether a first page lacks all the rows that have to be on it."""
        if self._opening is None:
            self._opening = {row.get(self._spec.identity) for row in rows}
        ties = bool(rows and self._order and rows[-1].get(self._order.field) == self._start)
        return bool(self._joint) and not ties and self._joint.isdisjoint(row.get(self._spec.identity) for row in rows)

    def _go_back(self) -> None:
        """Read the last page again too: the row that it ended with is gone, or this is not what was asked for."""
        self._stuck += 1
        if self._stuck >= RESTARTS_WITHOUT_PROGRESS:
            self._end_with(ContradictionError(f"{MOVED}, twice in a row; run again, or tell the vendor"))
            return
        self._twice = self._since
        self.mark, self._given = self._before
        self._begin(self.mark or self.start, self._given | self._twice)

    def _finish(self) -> None:
        self.error = self._disordered
        self.finished = True

    def _end_with(self, error: PagingError) -> None:
        self.error = error
        self.finished = True


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
    return [_instant(mark) if mark else None, *map(_instant, texts)]


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)
