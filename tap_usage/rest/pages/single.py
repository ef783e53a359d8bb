"""Answers that do not go on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tap_usage.rest.errors import ContradictionError, PagingError
from tap_usage.rest.pages.query import Ask, Page, Paging, Query, Reading, Row
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
        self._query = query
        request = replace(query.request, check=query.rows.problem)
        self._ask: Ask | None = Ask(request, vanishing=query.vanishing)

    def next_ask(self) -> Ask | None:
        ask, self._ask = self._ask, None
        return ask

    def take(self, ask: Ask, answer: Answer) -> None:  # noqa: ARG002 - there is only one
        rows = self._query.rows.of(answer.body)
        self.received = len(rows)
        try:
            self._check(rows)
        except PagingError as error:
            self.end(error)
            return
        self.pages.append(Page(rows, answer.body, answer.date, size=answer.size))
        told = self._query.rows.said_more(answer.body)
        more = f"the answer says in `{told}` that there is more, but a single page was expected: report it"
        self.end(PagingError(more) if told else None)

    def _check(self, rows: list[Row]) -> None:
        most = self._spec.most
        if most is not None and len(rows) > most:
            came = f"{len(rows)} rows came in `{self._query.rows.path}`"
            raise ContradictionError(f"{came}, the vendor promises {most} at most: tell the vendor")
        self._query.names(rows)
