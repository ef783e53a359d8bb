"""Paging by offset, as deep as the vendor lets it go, and on from the last value where it does not."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from tap_usage.rest.connection import Answer, Request
from tap_usage.rest.errors import dig
from tap_usage.rest.paging import Ask, Page, Reading, count
from tap_usage.rest.segments import Segment, ShortError

SEGMENTS = 3


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
class OffsetPages:
    """Pages by offset and limit, several at once when the first one told the total.

    Attributes:
        rows: dotted path of the rows.
        limit_param, offset_param: names of the query parameters.
        totals: dotted paths of the number of all rows, the first one that is there counts.
        method: dotted path of how the total was counted; anything but `exact` (or nothing) makes it a hint.
        size: rows per page; at least two are asked for, because one is the overlap.
        max_offset: largest offset that may be asked.
        order: None when the vendor offers no order.
        identity: field that tells rows apart.
        vanishing: a 404 means that there is nothing (the parent is gone), not a failure.

    Links are not looked at: on Elastic Path's last page `next` equals `current`, on an empty list it has offset -1.

    A sample: `{"data": [{"id": "1"}], "meta": {"page": {"limit": 100}, "results": {"total": 1}}}`.
    """

    rows: str
    limit_param: str
    offset_param: str
    totals: tuple[str, ...]
    method: str = ""
    size: int = 100
    max_offset: int = 10_000
    order: Order | None = None
    identity: str = "id"
    vanishing: bool = False

    def read(self, request: Request, start: str | None = None, end: datetime | None = None) -> Reading:
        """Return the reading of one partition: values of its order from `start` on and before `end`."""
        return _DeepReading(self, request, start, end)

    def total_of(self, body: Any) -> tuple[int | None, bool]:  # noqa: ANN401 - decoded JSON
        """Return the number of all rows, and whether it may be relied on."""
        found = (count(dig(body, path)) for path in self.totals)
        total = next((value for value in found if value is not None), None)
        method = dig(body, self.method) if self.method else None
        return total, total is not None and method in {None, "exact"}


class _DeepReading(Reading):
    """One partition, as a row of segments: as deep as offsets reach, then on from the last value.

    The deepest page of a segment is asked for early, because its last row tells where the next segment begins: the two
    are then read side by side. What they share is left out. The second is thrown away as soon as the first begins anew,
    and when the first does not end where the second began.

    Only what the first segment reads next is needed; all else is read ahead.
    """

    def __init__(self, spec: OffsetPages, request: Request, start: str | None, end: datetime | None) -> None:
        super().__init__()
        self._new = partial(Segment, spec, request, end=end)
        self._segments = deque([self._new(start)])
        self._identity = spec.identity
        self._shared: set[Any] = set()
        self._shared_mark: str | None = None

    @property
    def held(self) -> int:
        return len(self.pages) + sum(segment.held for segment in self._segments)

    def next_ask(self) -> Ask | None:
        return None if self.finished else _of(self._segments[0], Segment.next_ask)

    def ask_ahead(self) -> Ask | None:
        if self.finished:
            return None
        last = self._segments[-1]
        if last.anchor is not None and len(self._segments) < SEGMENTS:
            self._segments.append(self._new(last.anchor))
        wanted = itertools.product((Segment.opening_ask, Segment.ask_ahead), self._segments)
        return next((ask for following, segment in wanted if (ask := _of(segment, following))), None)

    def take(self, ask: Ask, answer: Answer) -> None:
        segment, inner = ask.tag
        segment.take(inner, answer)
        self._move_on()

    def fail(self, ask: Ask, error: Exception) -> None:
        segment, inner = ask.tag
        segment.fail(inner, error)
        self._move_on()

    def _move_on(self) -> None:
        """Give the pages of the first segment; when it is over, go on with the next one."""
        while any(later.start != segment.anchor for segment, later in itertools.pairwise(self._segments)):
            self._segments.pop()
        while not self.finished:
            first = self._segments[0]
            while first.pages:
                self._give(first.pages.popleft())
            self.expected = None if first.expected is None else self.received + first.expected - first.received
            if not first.finished:
                return
            if not first.deeper:
                short = isinstance(first.error, ShortError)
                self.error = ShortError(self.received, self.expected) if short else first.error
                self.vanished, self.finished = first.vanished, True
                self._segments.clear()
                return
            self._segments.popleft()
            if not self._segments or self._segments[0].start != first.mark or not self._segments[0].joins(first.edge):
                self._segments = deque([self._new(first.mark)])
                self._segments[0].joins(first.edge)
            self._shared, self._shared_mark = first.edge, first.mark

    def _give(self, page: Page) -> None:
        """Give a page without the rows that the segment before ended with."""
        if self._shared:
            page.rows = [row for row in page.rows if row.get(self._identity) not in self._shared]
            if page.mark != self._shared_mark:
                self._shared = set()
        self.received += len(page.rows)
        if page.rows:
            self.pages.append(page)


def _of(segment: Segment, following: Callable[[Segment], Ask | None]) -> Ask | None:
    ask = following(segment)
    return ask and Ask(ask.request, tag=(segment, ask))
