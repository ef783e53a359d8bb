"""Paging: frozen specifications, and the reading of one partition that follows them.

A specification (`SinglePage`, `NextLink`, `OffsetPages`, and `Execution` in `polling`) belongs to a stream class. Its
`read` makes a fresh `Reading` for one partition or window. A reading does no I/O: it says which request it cannot do
without and which ones may be sent ahead, takes the answers in whatever order they come, and gives pages in order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tap_usage.rest.connection import Answer, Request
from tap_usage.rest.errors import ContradictionError, PagingError, RequestError, dig

Row = dict[str, Any]
NOT_FOUND = 404
MOST_PAGES = 100_000
PAGE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that a reading wants sent.

    Attributes:
        request: what is sent.
        delay: seconds from now before which it is not sent.
        weight: bytes that its answer is taken to have before there was one with rows; 0 for one that has no rows.
        tag: the reading's own.
    """

    request: Request
    delay: float = 0.0
    weight: int = PAGE_BYTES
    tag: Any = None


@dataclass(slots=True)
class Page:
    """Rows in the vendor's order.

    Attributes:
        rows: decoded objects; whoever takes the page owns them.
        body: the whole decoded answer, for fields beside the rows.
        date: the vendor's clock at this answer.
        mark: the last value of the order so far: everything up to it has been given. None without an order.
        size: bytes of the answer it came with.
    """

    rows: list[Row]
    body: Any
    date: datetime
    mark: str | None = None
    size: int = 0


class Reading(ABC):
    """The reading of one partition or window.

    Attributes:
        error: why the rest could not be read; pages that came before it stand.
        vanished: the vendor says there is nothing (404), and that was to be expected.
        expected: rows the vendor said there are, None if it did not say.
        received: distinct rows so far.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.vanished = False
        self.expected: int | None = None
        self.received = 0
        self.finished = False
        self.pages: deque[Page] = deque()

    @property
    def held(self) -> int:
        """Answers in memory that were not taken yet."""
        return len(self.pages)

    @abstractmethod
    def next_ask(self) -> Ask | None:
        """Return the request without which the reading cannot go on; None while its answer is awaited.

        It is sent however much waits in memory. A reading that is not over and awaits no answer has to name one: to
        have none then is a defect, which ends the reading.
        """

    def ask_ahead(self) -> Ask | None:
        """Return a request for what will be needed later; it is sent only while there is room for its answer."""
        return None

    @abstractmethod
    def take(self, ask: Ask, answer: Answer) -> None:
        """Take the answer to `ask`; pages that are complete and in order go to `pages`."""

    def fail(self, ask: Ask, error: Exception) -> None:  # noqa: ARG002 - for readings that know better
        """Take the failure of `ask`."""
        self.error = error
        self.finished = True

    def refuse(self, error: Exception) -> None:
        """The rows of the last page cannot be used."""
        self.error = error
        self.finished = True
        self.pages.clear()

    def settle(self) -> None:  # noqa: B027 - most have nothing to do
        """All pages were taken and written, nothing failed."""

    def _vanish(self) -> None:
        self.vanished = True
        self.finished = True


def rows_at(path: str, *, envelope: tuple[str, ...] = (), totals: tuple[str, ...] = ()) -> Callable[[Any], str | None]:
    """Return a check that a body holds a list of objects at `path`, or nothing where nothing has to be.

    Args:
        path: dotted path of the rows.
        envelope: if given, the rows may be missing, as long as one of these names is there.
        totals: dotted paths of the number of all rows; where one is 0, the rows may be missing or null.
    """

    def check(body: Any) -> str | None:  # noqa: ANN401 - decoded JSON
        if not isinstance(body, dict):
            return "an answer that is not a JSON object"
        rows = dig(body, path)
        if rows is None and (any(name in body for name in envelope) or _is_zero(body, totals)):
            return None
        if not isinstance(rows, list) or not set(map(type, rows)) <= {dict}:
            return f"an answer without rows in `{path}`"
        return None

    return check


def _is_zero(body: Any, totals: tuple[str, ...]) -> bool:  # noqa: ANN401 - decoded JSON
    """Return whether the first number of rows that a body tells is 0."""
    found = (count(dig(body, path)) for path in totals)
    return next((value for value in found if value is not None), None) == 0


@dataclass(frozen=True)
class SinglePage:
    """One request, one answer.

    Attributes:
        rows: dotted path of the rows; "" when the answer itself is the only row.
        envelope: names of which one must be there when the rows are missing.
        most: rows that the vendor promises at most, None for any number.
        vanishing: a 404 means that there is nothing (the parent is gone), not a failure.
    """

    rows: str = ""
    envelope: tuple[str, ...] = ()
    most: int | None = None
    vanishing: bool = False

    def read(self, request: Request) -> Reading:
        """Return the reading of one partition."""
        return _SingleReading(self, request)

    def rows_of(self, body: Any) -> list[Row]:  # noqa: ANN401 - decoded JSON
        """Return the rows of a checked body."""
        return [body] if not self.rows else dig(body, self.rows) or []

    def check(self, body: Any) -> str | None:  # noqa: ANN401 - decoded JSON
        """Return why a body is not what was asked for, or None."""
        if self.rows:
            return rows_at(self.rows, envelope=self.envelope)(body)
        if not isinstance(body, dict):
            return f"a JSON {type(body).__name__} where an object belongs"
        if self.envelope and not any(name in body for name in self.envelope):
            return f"an answer without any of {', '.join(self.envelope)}"
        return None


class _SingleReading(Reading):
    def __init__(self, spec: SinglePage, request: Request) -> None:
        super().__init__()
        self._spec = spec
        self._ask: Ask | None = Ask(Request(request.path, request.method, request.params, request.json, spec.check))

    def next_ask(self) -> Ask | None:
        ask, self._ask = self._ask, None
        return ask

    def take(self, ask: Ask, answer: Answer) -> None:  # noqa: ARG002 - there is only one
        rows = self._spec.rows_of(answer.body)
        self.received = len(rows)
        self.finished = True
        if self._spec.most is not None and len(rows) > self._spec.most:
            promise = f"the vendor promises {self._spec.most} at most"
            self.error = ContradictionError(f"{len(rows)} rows came in `{self._spec.rows}`, {promise}: tell the vendor")
        else:
            self.pages.append(Page(rows, answer.body, answer.date, size=answer.size))

    def fail(self, ask: Ask, error: Exception) -> None:
        if self._spec.vanishing and isinstance(error, RequestError) and error.status == NOT_FOUND:
            self._vanish()
        else:
            super().fail(ask, error)


@dataclass(frozen=True)
class NextLink:
    """Pages linked by a URL in the body; the last page has none.

    Attributes:
        rows: dotted path of the rows.
        link: dotted path of the link to the next page, absolute or relative.
        envelope: names of which one must be there when the rows are missing.
        total: dotted path of the number of all rows, where the vendor tells it and it can be trusted.
        identity: field that tells rows apart.
        vanishing: a 404 on the first page means that there is nothing, not a failure.

    A sample: `{"_links": {"next": {"href": "https://…?cursor=c"}}, "_embedded": {"items": [{"id": "1"}]}}`.
    """

    rows: str
    link: str
    envelope: tuple[str, ...] = ()
    total: str = ""
    identity: str = "id"
    vanishing: bool = False

    def read(self, request: Request) -> Reading:
        """Return the reading of one partition."""
        return _LinkedReading(self, request)


class _LinkedReading(Reading):
    """Follows links one by one. A list that does not add up is read once more from the start, then it has failed."""

    def __init__(self, spec: NextLink, request: Request) -> None:
        super().__init__()
        self._spec = spec
        totals = (spec.total,) if spec.total else ()
        self._check = rows_at(spec.rows, envelope=spec.envelope, totals=totals)
        self._first = Ask(Request(request.path, request.method, request.params, request.json, self._check))
        self._ask: Ask | None = self._first
        self._followed: set[str] = set()
        self._given: set[Any] = set()
        self._seen: set[Any] = set()
        self._again = False

    def next_ask(self) -> Ask | None:
        ask, self._ask = self._ask, None
        return ask

    def take(self, ask: Ask, answer: Answer) -> None:  # noqa: ARG002 - one after the other
        rows = dig(answer.body, self._spec.rows) or []
        before = len(self._seen)
        self._seen.update(row.get(self._spec.identity) for row in rows)
        self.received = len(self._seen)
        fresh = []
        for row in rows:
            if (identity := row.get(self._spec.identity)) not in self._given:
                self._given.add(identity)
                fresh.append(row)
        if fresh:
            self.pages.append(Page(fresh, answer.body, answer.date, size=answer.size))
        if self._spec.total:
            self.expected = count(dig(answer.body, self._spec.total))
        link = dig(answer.body, self._spec.link)
        if rows and len(self._seen) == before:
            self._differ("a page came twice")
        elif not link:
            if self.expected is not None and self.expected != self.received:
                self._differ(f"{self.received} rows came, the vendor says {self.expected}")
            else:
                self.finished = True
        elif not isinstance(link, str) or link in self._followed or len(self._followed) >= MOST_PAGES:
            self._differ("the links to the next page go in a circle")
        else:
            self._followed.add(link)
            self._ask = Ask(Request(link, check=self._check))

    def fail(self, ask: Ask, error: Exception) -> None:
        gone = isinstance(error, RequestError) and error.status == NOT_FOUND
        if self._spec.vanishing and gone and ask is self._first:
            self._vanish()
        else:
            super().fail(ask, error)

    def _differ(self, how: str) -> None:
        if self._again:
            super().fail(self._first, PagingError(f"{how}, twice in a row; run again, or tell the vendor"))
        else:
            self._again = True
            self._followed.clear()
            self._seen.clear()
            self._ask = self._first


def count(value: Any) -> int | None:  # noqa: ANN401 - decoded JSON
    """Return a vendor's number of rows if it is one, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
