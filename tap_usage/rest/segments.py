"""The offsets of one query, read side by side, with proof that no row slipped between two pages.

Pages overlap by one row: the last row of a page has to come again as the first row of the next one. When it does not,
rows were inserted or deleted in the meantime, or the order is not stable; the reading then starts anew from the last
row it is sure of (`ge(used_on, …)` where the rows have an order, the start of the list where they have none) and leaves
out what it gave already. That row has to come again too: if it does not, it was deleted, or the answer is to another
question, and the reading goes back one page more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_usage.rest.attempt import OVERLAP, Attempt, Outlook
from tap_usage.rest.connection import Answer, Request
from tap_usage.rest.errors import ContradictionError, PagingError, RequestError, dig
from tap_usage.rest.paging import NOT_FOUND, Ask, Page, Reading, Row, rows_at
from tap_usage.times import instant, shifted, utc_text

if TYPE_CHECKING:
    from tap_usage.rest.offsets import OffsetPages

RESTARTS_WITHOUT_PROGRESS = 2
TWICE = "twice in a row; run again, or tell the vendor"


class ShortError(ContradictionError):
    """Fewer rows came than the vendor counts, twice in a row."""

    def __init__(self, received: int, expected: int | None) -> None:
        super().__init__(f"{received} rows came, the vendor says {expected}, {TWICE}")


class Segment(Reading):
    """One segment: the offsets of one query, read anew from the last value where that is needed.

    Attributes:
        start: value of the order it begins with.
        mark: the last value it gave.
        edge: ids of the rows that share that value.
        deeper: it is over because offsets reach no deeper, but there is more.
    """

    def __init__(self, spec: OffsetPages, request: Request, start: str | None, end: datetime | None) -> None:
        super().__init__()
        self._spec = spec
        self._order = spec.order
        self._size = max(spec.size, OVERLAP + 1)
        self._request = Request(
            request.path, request.method, request.params, check=rows_at(spec.rows, totals=spec.totals)
        )
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
        self._attempt = Attempt(self._spec.max_offset, self._size, start, joint)

    @property
    def anchor(self) -> str | None:
        """Value that the deepest page ends with, as soon as that is known."""
        return self._attempt.anchor

    @property
    def edge(self) -> set[Any]:
        return self._given

    @property
    def held(self) -> int:
        return len(self.pages) + len(self._attempt.arrived)

    def joins(self, edge: set[Any]) -> bool:
        """Have the first page hold one of these rows. Return False when it has come and does not."""
        if self._opening is None:
            self._attempt.joint = edge
        return self._opening is None or not self._opening.isdisjoint(edge)

    def next_ask(self) -> Ask | None:
        attempt = self._attempt
        return None if self.finished or attempt.due in attempt.asked else self._ask(attempt.due)

    def opening_ask(self) -> Ask | None:
        """Return the request for the first or the deepest page, on which the others wait; None if it was sent."""
        attempt = self._attempt
        if self.finished:
            return None
        if not attempt.asked:
            return self._ask(0)
        if self._order and attempt.deepest is not None and attempt.deepest not in attempt.asked:
            return self._ask(attempt.deepest)
        return None

    def ask_ahead(self) -> Ask | None:
        offset = None if self.finished else self._attempt.next_offset()
        return None if offset is None else self._ask(offset)

    def _ask(self, offset: int) -> Ask:
        attempt = self._attempt
        attempt.asked.add(offset)
        params: dict[str, Any] = {self._spec.limit_param: self._size, self._spec.offset_param: offset}
        if self._spec.order:
            end = utc_text(shifted(self._end, timedelta(microseconds=999))) if self._end else None
            params |= self._spec.order.params(attempt.start, end)
        return Ask(self._request.with_params(**params), tag=(attempt, offset))

    def take(self, ask: Ask, answer: Answer) -> None:
        self._arrive(ask, answer)

    def fail(self, ask: Ask, error: Exception) -> None:
        self._arrive(ask, error)

    def _arrive(self, ask: Ask, answer: Answer | Exception) -> None:
        attempt, offset = ask.tag
        if attempt is not self._attempt or self.finished:
            return
        attempt.arrive(offset, answer)
        if offset == attempt.deepest and isinstance(answer, Answer):
            attempt.anchor = self._anchor(answer)
        while not self.finished and (due := self._attempt.arrived.pop(self._attempt.due, None)) is not None:
            if not isinstance(due, Exception):
                self._page(due)
            elif self._spec.vanishing and isinstance(due, RequestError) and due.status == NOT_FOUND:
                self._nothing()
            else:
                super().fail(ask, due)

    def _anchor(self, answer: Answer) -> str | None:
        """Return the last value of the deepest page, None if nothing can go on from there."""
        rows: list[Row] = dig(answer.body, self._spec.rows) or []
        value = rows[-1].get(self._order.field) if rows and self._order else None
        return value if isinstance(value, str) and value != self._attempt.start else None

    def _nothing(self) -> None:
        """Take a 404: nothing is there, unless the page before says that something has to come again."""
        if self._attempt.tail is not None:
            self._restart()
        else:
            self.vanished = not self._attempt.due
            self._finish()

    def _page(self, answer: Answer) -> None:
        """Take the page that is due: prove that it joins the one before, give its new rows, and plan what follows."""
        attempt = self._attempt
        rows: list[Row] = dig(answer.body, self._spec.rows) or []
        identity = self._spec.identity
        if attempt.due and (rows[0].get(identity) if rows else None) != attempt.tail:
            self._restart()
            return
        if not attempt.due and self._is_torn_off(rows):
            self._go_back()
            return
        fresh = self._fresh(rows[OVERLAP:] if attempt.due else rows)
        if fresh is None:
            return
        if fresh:
            attempt.progress = True
            self.received += len(fresh)
            self.pages.append(Page(fresh, answer.body, answer.date, self.mark, answer.size))
        if rows:
            attempt.tail = rows[-1].get(identity)
        total, trusted = self._spec.total_of(answer.body)
        if trusted and total is not None:
            self.expected = self.received + max(0, total - attempt.due - len(rows))
        outlook = Outlook.END if self._beyond_end(rows) else attempt.plan(len(rows), total if trusted else None)
        if outlook is Outlook.END:
            self._finish()
        elif outlook is Outlook.SHORT:
            self._restart(ShortError(self.received, self.expected))
        else:
            self._check_depth()

    def _check_depth(self) -> None:
        """Go on from the last value when the next offset is beyond what may be asked."""
        limit = self._spec.max_offset
        if self._attempt.due <= limit:
            return
        if self._order is None:
            self._end_with(PagingError(f"more rows than offset {limit} reaches, and no order to go on from"))
        elif self.mark == self._attempt.start:
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
            rows = [row for row in rows if instant(row[field]) < self._end]
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
            self._attempt.met.clear()
            self.mark = rows[-1][self._order.field] if self._order else None
            self._new(rows[bisect_left(values, values[-1]) :])
            fresh += rows[same:]
        if fresh and self._twice:
            fresh = [row for row in fresh if row.get(self._spec.identity) not in self._twice]
        return fresh

    def _new(self, rows: list[Row]) -> list[Row] | None:
        """Return the rows that were not given before. One that comes twice in a segment stands in another's place."""
        names = [row.get(self._spec.identity) for row in rows]
        if not self._attempt.met.isdisjoint(names):
            self._restart()
            return None
        fresh = [row for row, name in zip(rows, names, strict=True) if name not in self._given]
        self._attempt.met.update(names)
        self._given.update(names)
        return fresh

    def _beyond_end(self, rows: list[Row]) -> bool:
        return bool(self._end and self._order and rows and instant(rows[-1][self._order.field]) >= self._end)

    def _lose_order(self, field: str) -> None:
        """Read once more; if the rows still are not in order, read them without it, but call it a failure."""
        if self._stuck + (not self._attempt.progress) < RESTARTS_WITHOUT_PROGRESS:
            self._restart()
            return
        self._disordered = ContradictionError(
            f"rows do not come in the order of `{field}`; they were emitted, but not bookmarked"
        )
        self._order = None
        self.mark = None
        self._stuck = 0
        self._given.clear()
        self._begin(self.start, set())

    def _restart(self, why: ContradictionError | None = None) -> None:
        """Read again from the last row that is sure; with this error if that was in vain before."""
        self._stuck = 0 if self._attempt.progress and self._order else self._stuck + 1
        if self._stuck >= RESTARTS_WITHOUT_PROGRESS:
            self._end_with(why or _moved())
        elif self._order and self.mark:
            self._begin(self.mark, self._given)
        else:
            self._begin(self.start, set())

    def _is_torn_off(self, rows: list[Row]) -> bool:
        """Return whether a first page lacks all the rows that have to be on it."""
        if self._opening is None:
            self._opening = {row.get(self._spec.identity) for row in rows}
        ties = bool(rows and self._order and rows[-1].get(self._order.field) == self._attempt.start)
        joint = self._attempt.joint
        return bool(joint) and not ties and joint.isdisjoint(row.get(self._spec.identity) for row in rows)

    def _go_back(self) -> None:
        """Read the last page again too: the row that it ended with is gone, or this is not what was asked for."""
        self._stuck += 1
        if self._stuck >= RESTARTS_WITHOUT_PROGRESS:
            self._end_with(_moved())
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


def _moved() -> ContradictionError:
    return ContradictionError(f"rows moved while they were read, {TWICE}")


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
