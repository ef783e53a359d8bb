"""The offsets of one query, read side by side; begun anew where rows moved, and on from the last value too deep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from tap_usage.rest.errors import ContradictionError, PagingError, dig
from tap_usage.rest.pages.attempt import OVERLAP, Attempt, Outlook
from tap_usage.rest.pages.proof import Disordered, Edge, Moved, Order, Proof, TornOff
from tap_usage.rest.pages.query import Ask, Json, Page, Query, Reading, Row
from tap_usage.rest.pages.rows import first_count
from tap_usage.rest.request import Answer, Request
from tap_usage.times import shifted, utc_text

RESTARTS_WITHOUT_PROGRESS = 2
TWICE = "twice in a row; run again, or tell the vendor"


class ShortError(ContradictionError):
    """Fewer rows came than the vendor counts, twice in a row."""

    def __init__(self, received: int, expected: int | None) -> None:
        super().__init__(f"{received} rows came, the vendor says {expected}, {TWICE}")


@dataclass(frozen=True)
class Offsets:
    """What is asked by offset; the attributes are those of `OffsetPages`."""

    limit_param: str
    offset_param: str
    totals: tuple[str, ...]
    method: str = ""
    order: Order | None = None
    size: int = 100
    max_offset: int = 10_000

    @property
    def limit(self) -> int:
        """Rows of a page: at least two are asked for, because one is the overlap."""
        return max(self.size, OVERLAP + 1)

    def request(self, query: Query, start: str | None, offset: int) -> Request:
        """Return the request for the page at an offset behind a value of the order."""
        params: dict[str, Any] = {self.limit_param: self.limit, self.offset_param: offset}
        if self.order:
            end = utc_text(shifted(query.end, timedelta(microseconds=999))) if query.end else None
            params |= self.order.params(start, end)
        # Not a method of the segment: one that refers to itself would stay in memory after it was thrown away.
        check = partial(query.rows.problem, totals=self.totals)
        return replace(query.request, params={**query.request.params, **params}, check=check)

    def total_of(self, body: Json) -> tuple[int | None, bool]:
        """Return the number of all rows, and whether it may be relied on."""
        total = first_count(body, self.totals)
        method = dig(body, self.method) if self.method else None
        return total, total is not None and method in {None, "exact"}


class Segment(Reading):
    """One segment: the offsets of one query, read anew from the last value where that is needed.

    Attributes:
        start: value of the order it begins with.
        deeper: it is over because offsets reach no deeper, but there is more.
    """

    def __init__(self, spec: Offsets, query: Query, start: str | None) -> None:
        super().__init__()
        self._spec = spec
        self._query = query
        self.start = start
        self.deeper = False
        self._proof = Proof(query, spec.order, start)
        self._stuck = 0
        self._disordered: PagingError | None = None
        self._attempt = self._new_attempt()

    def _new_attempt(self) -> Attempt:
        return Attempt(self._spec.max_offset, self._spec.limit)

    @property
    def anchor(self) -> str | None:
        """Value that the deepest page ends with, as soon as that is known."""
        return self._attempt.anchor

    @property
    def edge(self) -> Edge:
        """Where what was given ends."""
        return self._proof.edge

    @property
    def held(self) -> int:
        return len(self.pages) + len(self._attempt.arrived)

    def joins(self, edge: Edge) -> bool:
        """Have the first page hold one of its rows. Return False when it has come and does not."""
        return self._proof.joins(edge.names)

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
        if self._proof.order and attempt.deepest is not None and attempt.deepest not in attempt.asked:
            return self._ask(attempt.deepest)
        return None

    def ask_ahead(self) -> Ask | None:
        offset = None if self.finished else self._attempt.next_offset()
        return None if offset is None else self._ask(offset)

    def _ask(self, offset: int) -> Ask:
        self._attempt.asked.add(offset)
        request = self._spec.request(self._query, self._proof.start, offset)
        return Ask(request, tag=(self._attempt, offset), vanishing=self._query.vanishing)

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
            elif ask.finds_nothing(due):
                self._nothing()
            else:
                self.end(due)

    def _anchor(self, answer: Answer) -> str | None:
        """Return the last value of the deepest page, None if nothing can go on from there."""
        rows, order = self._query.rows.of(answer.body), self._proof.order
        value = rows[-1].get(order.field) if rows and order else None
        return value if isinstance(value, str) and value != self._proof.start else None

    def _nothing(self) -> None:
        """Take a 404: nothing is there, unless the page before says that something has to come again."""
        if self._proof.is_joined:
            self._restart()
        else:
            self.vanished = not self._attempt.due
            self.end(self._disordered)

    def _page(self, answer: Answer) -> None:
        """Take the page that is due: have it proved, give its new rows, and plan what follows."""
        rows = self._query.rows.of(answer.body)
        try:
            fresh = self._proof.take(rows, first=not self._attempt.due)
        except Moved:
            self._restart()
        except TornOff:
            self._go_back()
        except Disordered:
            self._lose_order()
        except PagingError as error:
            self.end(error)
        else:
            self._give(fresh, answer)
            self._go_on(rows, answer)

    def _give(self, fresh: list[Row], answer: Answer) -> None:
        if fresh:
            self._attempt.progress = True
            self.received += len(fresh)
            self.pages.append(Page(fresh, answer.body, answer.date, self.edge.mark, answer.size))

    def _go_on(self, rows: list[Row], answer: Answer) -> None:
        attempt = self._attempt
        total, trusted = self._spec.total_of(answer.body)
        if trusted and total is not None:
            self.expected = self.received + max(0, total - attempt.due - len(rows))
        ended = bool(rows) and self._proof.is_beyond_end(rows[-1])
        outlook = Outlook.END if ended else attempt.plan(len(rows), total if trusted else None)
        if attempt.alone:
            self._proof.cut()
        if outlook is Outlook.END:
            self.end(self._disordered)
        elif outlook is Outlook.SHORT:
            self._restart(ShortError(self.received, self.expected))
        else:
            self._check_depth()

    def _check_depth(self) -> None:
        """Go on from the last value when the next offset is beyond what may be asked."""
        limit, order, mark = self._spec.max_offset, self._proof.order, self.edge.mark
        if self._attempt.due <= limit:
            return
        if order is None:
            self.end(PagingError(f"more rows than offset {limit} reaches, and no order to go on from"))
        elif mark == self._proof.start:
            self.end(PagingError(f"more rows than offset {limit} reaches share {order.field} {mark}: not readable"))
        else:
            self.deeper = True
            self.end(self._disordered)

    def _restart(self, why: ContradictionError | None = None) -> None:
        """Read again from the last row that is sure; with this error if that was in vain before."""
        self._stuck = 0 if self._attempt.progress and self._proof.order else self._stuck + 1
        if self._stuck >= RESTARTS_WITHOUT_PROGRESS:
            self.end(why or _moved())
        else:
            self._proof.begin_again()
            self._attempt = self._new_attempt()

    def _go_back(self) -> None:
        """Read the last page again too: the row that it ended with is gone, or this is not what was asked for."""
        self._stuck += 1
        if self._stuck >= RESTARTS_WITHOUT_PROGRESS:
            self.end(_moved())
        else:
            self._proof.begin_before()
            self._attempt = self._new_attempt()

    def _lose_order(self) -> None:
        """Read once more; if the rows still are not in order, read them without it, but call it a failure."""
        if self._stuck + (not self._attempt.progress) < RESTARTS_WITHOUT_PROGRESS:
            self._restart()
        elif order := self._proof.order:
            self._disordered = ContradictionError(
                f"rows do not come in the order of `{order.field}`; they were emitted, but not bookmarked"
            )
            self._stuck = 0
            self._proof.begin_without_order()
            self._attempt = self._new_attempt()


def _moved() -> ContradictionError:
    return ContradictionError(f"rows moved while they were read, {TWICE}")
