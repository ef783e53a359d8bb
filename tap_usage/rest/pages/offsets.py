"""Paging by offset, as deep as the vendor lets it go, and on from the last value where it does not."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tap_usage.rest.errors import PagingError
from tap_usage.rest.pages.proof import Edge, Order
from tap_usage.rest.pages.query import Ask, Page, Paging, Query, Reading
from tap_usage.rest.pages.segments import Offsets, Segment, ShortError
from tap_usage.rest.request import Answer

__all__ = ["OffsetPages", "Order"]

SEGMENTS = 3


@dataclass(frozen=True)
class OffsetPages(Offsets, Paging):
    """Pages by offset and limit, several at once when the first one told the total.

    Attributes:
        limit_param, offset_param: names of the query parameters.
        totals: dotted paths of the number of all rows, the first one that is there counts.
        method: dotted path of how the total was counted; anything but `exact` (or nothing) makes it a hint.
        order: None when the vendor offers no order.
        size: rows per page; at least two are asked for, because one is the overlap.
        max_offset: largest offset that may be asked.

    Links are not looked at: on Elastic Path's last page `next` equals `current`, on an empty list it has offset -1.

    A sample: `{"data": [{"id": "1"}], "meta": {"page": {"limit": 100}, "results": {"total": 1}}}`.
    """

    def read(self, query: Query) -> Reading:
        """Return the reading of one partition: values of its order from `start` on and before `end`.

        Raises:
            PagingError: without an identity, because rows that cannot be told apart prove nothing.
        """
        if not query.identity:
            raise PagingError("pages by offset need keys that the vendor sends, to prove that no row slipped between")
        return _DeepReading(self, query)


class _DeepReading(Reading):
    """One partition, as a row of segments: as deep as offsets reach, then on from the last value.

    The deepest page of a segment is asked for early, because its last row tells where the next segment begins: the two
    are then read side by side. What they share is left out. The second is thrown away as soon as the first begins anew,
    and when the first does not end where the second began.

    Only what the first segment reads next is needed; all else is read ahead.
    """

    def __init__(self, spec: Offsets, query: Query) -> None:
        super().__init__()
        self._spec = spec
        self._query = query
        self._segments = deque([Segment(spec, query, query.start)])
        self._shared = Edge(None, set())

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
            self._segments.append(Segment(self._spec, self._query, last.anchor))
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
                self.vanished = first.vanished
                self.end(ShortError(self.received, self.expected) if short else first.error)
                self._segments.clear()
                return
            self._segments.popleft()
            edge = first.edge
            if not self._segments or self._segments[0].start != edge.mark or not self._segments[0].joins(edge):
                self._segments = deque([Segment(self._spec, self._query, edge.mark)])
                self._segments[0].joins(edge)
            self._shared = edge

    def _give(self, page: Page) -> None:
        """Give a page without the rows that the segment before ended with."""
        shared = self._shared
        if shared.names:
            named = zip(page.rows, self._query.names(page.rows), strict=True)
            page.rows = [row for row, name in named if name not in shared.names]
            if page.mark != shared.mark:
                self._shared = Edge(None, set())
        self.received += len(page.rows)
        if page.rows:
            self.pages.append(page)


def _of(segment: Segment, following: Callable[[Segment], Ask | None]) -> Ask | None:
    ask = following(segment)
    return ask and Ask(ask.request, tag=(segment, ask))
