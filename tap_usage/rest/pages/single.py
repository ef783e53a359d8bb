"""Answers that do not go on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tap_usage.rest.errors import ContradictionError, PagingError
from tap_usage.rest.pages.query import Ask, Page, Paging, Query, Reading
from tap_usage.rest.request import Answer


@dataclass(frozen=True)
class SinglePage(Paging):
    """One request, one answer.

    Attributes:
        most: rows that the vendor promises at most, None for any number.
    """

    most: int | None = None

    def read(self, query: Query) -> Reading:
        """Return the reading of one partition or window."""
        return _SingleReading(self, query)


class _SingleReading(Reading):
    def __init__(self, spec: SinglePage, query: Query) -> None:
        super().__init__()
        self._spec = spec
        self._rows = query.rows
        request = replace(query.request, check=query.rows.problem)
        self._ask: Ask | None = Ask(request, vanishing=query.vanishing)

    def next_ask(self) -> Ask | None:
        ask, self._ask = self._ask, None
        return ask

    def take(self, ask: Ask, answer: Answer) -> None:  # noqa: ARG002 - there is only one
        rows = self._rows.of(answer.body)
        self.received = len(rows)
        if self._spec.most is not None and len(rows) > self._spec.most:
            promise = f"the vendor promises {self._spec.most} at most"
            self.end(ContradictionError(f"{len(rows)} rows came in `{self._rows.path}`, {promise}: tell the vendor"))
            return
        self.pages.append(Page(rows, answer.body, answer.date, size=answer.size))
        told = self._rows.said_more(answer.body)
        more = f"the answer says in `{told}` that there is more, but a single page was expected: report it"
        self.end(PagingError(more) if told else None)
