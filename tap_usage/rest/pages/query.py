"""What one reading is about, and what a reading is.

A paging (`SinglePage`, `NextLink`, `NextCursor`, `OffsetPages`, `Execution`) is frozen and belongs to a stream. Its
`read` makes a fresh `Reading` of one partition or window, which a `Query` describes. A reading does no I/O: it says
which request it cannot do without and which ones may be sent ahead, takes the answers in whatever order they come, and
gives pages in order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import PagingError, RequestError
from tap_usage.rest.pages.rows import Json, Row, Rows
from tap_usage.rest.request import Answer, Request

__all__ = ["Ask", "Json", "Page", "Paging", "Query", "Reading", "Row", "Rows", "Submitted"]

NOT_FOUND = 404
PAGE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Submitted:
    """An execution that was submitted and not read yet; it goes into the state.

    Attributes:
        execution_id: the vendor's id.
        fingerprint: what tells the query apart from others, the host included.
        submitted_at: the vendor's clock, UTC.
        final: what it asks for was settled by then, so that its answer stays true.
    """

    execution_id: str
    fingerprint: str
    submitted_at: datetime
    final: bool = False


@dataclass(frozen=True)
class Query:
    """What one reading is about.

    Attributes:
        request: the first request.
        rows: where the rows of an answer are.
        identity: fields that tell rows apart; () for their place in the list.
        vanishing: a 404 to the first request means that there is nothing (the parent is gone), not a failure.
        start: value of the order from which on rows are asked for, None for all.
        end: rows from this instant of the order on are left out, None for none.
        results: for executions: path of the results, with `{execution_id}` left to fill.
        clock: for their deadline, None for that of this machine.
        journal: is told of a submission, and with None that its execution is over.
        resume: an execution of the same query that an earlier run submitted.
    """

    request: Request
    rows: Rows
    identity: tuple[str, ...] = ()
    vanishing: bool = False
    start: str | None = None
    end: datetime | None = None
    results: str = ""
    clock: Clock | None = None
    journal: Callable[[Submitted | None], None] = lambda _: None
    resume: Submitted | None = None

    def names(self, rows: Sequence[Row], place: int = 0) -> Sequence[Hashable]:
        """Return for each row what tells it apart from the others.

        Args:
            rows: some rows of one list.
            place: how many rows of the list came before them.

        Raises:
            PagingError: if one lacks a field of its identity, or two that differ have the same.
        """
        if not self.identity:
            return range(place, place + len(rows))
        columns = [[row.get(field) for row in rows] for field in self.identity]
        for field, column in zip(self.identity, columns, strict=True):
            if None in column:
                raise PagingError(f"a row without `{field}` came, which is a key")
        names = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
        if len(set(names)) < len(names):
            self._refuse_differing(rows, names)
        return names

    def _refuse_differing(self, rows: Sequence[Row], names: Sequence[Hashable]) -> None:
        met: dict[Hashable, Row] = {}
        if any(met.setdefault(name, row) != row for row, name in zip(rows, names, strict=True)):
            fields = ", ".join(f"`{field}`" for field in self.identity)
            raise PagingError(f"two different rows with the same {fields} came in one answer, which is their key")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that a reading wants sent.

    Attributes:
        request: what is sent.
        delay: seconds from now before which it is not sent.
        weight: bytes that its answer is taken to have before there was one with rows; 0 for one that has no rows.
        tag: the reading's own.
        vanishing: a 404 means that there is nothing, not a failure.
    """

    request: Request
    delay: float = 0.0
    weight: int = PAGE_BYTES
    tag: Any = None
    vanishing: bool = False

    def finds_nothing(self, error: Exception) -> bool:
        """Return whether its failure only means that there is nothing."""
        return self.vanishing and isinstance(error, RequestError) and error.status == NOT_FOUND


@dataclass(slots=True)
class Page:
    """Rows in the vendor's order.

    Attributes:
        rows: decoded objects; whoever takes the page owns them.
        body: the whole decoded answer.
        date: the vendor's clock at this answer.
        mark: the last value of the order so far: everything up to it has been given. None without an order.
        size: bytes of the answer it came with.
        anew: everything is given once more from here on, what was given before counts no longer.
    """

    rows: list[Row]
    body: Json
    date: datetime
    mark: str | None = None
    size: int = 0
    anew: bool = False


class Reading(ABC):
    """The reading of one partition or window.

    Attributes:
        error: why the rest could not be read; pages that came before it stand.
        vanished: the vendor says there is nothing (404), and that was to be expected.
        expected: rows the vendor said there are, None if it did not say.
        received: distinct rows so far.
        finished: nothing more will be asked.
        pages: what is ready to be given.
        submitted: since when it runs at the vendor, by the monotonic clock; None if it does not.
        next_look: when the vendor is asked again whether it still does.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.vanished = False
        self.expected: int | None = None
        self.received = 0
        self.finished = False
        self.pages: deque[Page] = deque()
        self.submitted: float | None = None
        self.next_look = 0.0

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

    def fail(self, ask: Ask, error: Exception) -> None:
        """Take the failure of `ask`."""
        self.vanished = ask.finds_nothing(error)
        self.end(None if self.vanished else error)

    def refuse(self, error: Exception) -> None:
        """The rows of the last page cannot be used."""
        self.end(error)
        self.pages.clear()

    def settle(self) -> None:  # noqa: B027 - most have nothing to do
        """All pages were taken and written, nothing failed."""

    def end(self, error: Exception | None = None) -> None:
        """Ask for nothing more."""
        self.error = error
        self.finished = True
        self.submitted = None


@dataclass(frozen=True)
class Paging(ABC):
    """How an answer goes on."""

    @abstractmethod
    def read(self, query: Query) -> Reading:
        """Return the reading of one partition or window."""
