"""Paging by what each answer tells of the next one: a link, or a cursor for a parameter."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import unquote_plus

from tap_usage.rest.errors import PagingError, dig
from tap_usage.rest.pages.query import Ask, Json, Page, Paging, Query, Reading
from tap_usage.rest.pages.rows import count
from tap_usage.rest.request import Answer, Request

MOST_PAGES = 100_000
LINK = re.compile(r"[/?]|[a-zA-Z][a-zA-Z0-9+.-]*://")


@dataclass(frozen=True)
class Chain(Paging):
    """Each answer tells the next request.

    Attributes:
        total: dotted path of the number of all rows, where the vendor tells it and it can be trusted.
    """

    total: str = field(default="", kw_only=True)

    def read(self, query: Query) -> Reading:
        """Return the reading of one partition."""
        return _ChainReading(self, query)

    @property
    @abstractmethod
    def looked_at(self) -> tuple[str, ...]:
        """Paths of an answer that tell what follows."""

    @abstractmethod
    def following(self, body: Json) -> str:
        """Return what leads to the next page, "" after the last one.

        Raises:
            TypeError: if it cannot be followed.
            PagingError: if what it is says that the data sheet is wrong.
        """

    def mark(self, following: str) -> str:
        """Return what tells a page from the others; met twice, the pages go in a circle."""
        return following

    @abstractmethod
    def request(self, first: Request, asked: Request, following: str) -> Request:
        """Return the next request.

        Args:
            first: the first one.
            asked: the last one.
            following: what leads to it.
        """


@dataclass(frozen=True)
class NextLink(Chain):
    """Pages linked by a URL in the body; the last page has none.

    Attributes:
        link: dotted path of the link to the next page, absolute or relative.
        cursor: parameter of the link that alone tells the pages apart; then the first request's own parameters stand
            instead of the link's.
        total: dotted path of the number of all rows, where the vendor tells it and it can be trusted.

    A sample: `{"_links": {"next": {"href": "https://…?cursor=c"}}, "_embedded": {"items": [{"id": "1"}]}}`.
    """

    link: str
    cursor: str = ""

    @property
    def looked_at(self) -> tuple[str, ...]:
        return (self.link,)

    def following(self, body: Json) -> str:
        link = dig(body, self.link) or ""
        if not isinstance(link, str):
            raise TypeError(self.link)
        if link and not LINK.match(link):
            raise PagingError(f"what stands at `{self.link}` is no URL and looks like a cursor: use NextCursor")
        return link

    def mark(self, following: str) -> str:
        query = following.partition("?")[2]
        return next((each for each in query.split("&") if self.cursor and _name(each) == self.cursor), following)

    def request(self, first: Request, asked: Request, following: str) -> Request:
        link = asked.path.partition("?")[0] + following if following.startswith("?") else following
        if not self.cursor:
            return Request(link, check=first.check, sent=first.sent)
        path, _, query = link.partition("?")
        kept = "&".join(each for each in query.split("&") if _name(each) not in first.params)
        return Request(f"{path}?{kept}" if kept else path, params=first.params, check=first.check, sent=first.sent)


@dataclass(frozen=True)
class NextCursor(Chain):
    """Pages that tell a cursor, which asks for the next page as a parameter; the last page has none.

    Attributes:
        cursor: dotted path of the cursor.
        param: name of the query parameter that takes it.
        more: dotted path of whether there is more: if so, a cursor has to be there; if it is false, none is looked for.
        total: dotted path of the number of all rows, where the vendor tells it and it can be trusted.

    A sample: `{"data": [{"id": "1"}], "has_more": true, "next_page": "c"}`, then `?page=c`.
    """

    cursor: str
    param: str
    more: str = ""

    @property
    def looked_at(self) -> tuple[str, ...]:
        return (self.cursor, self.more) if self.more else (self.cursor,)

    def following(self, body: Json) -> str:
        more = dig(body, self.more) if self.more else None
        cursor = "" if more is False else dig(body, self.cursor)
        if cursor is None or cursor == "":
            if more:
                raise PagingError(_nothing_at(self.more, self.cursor))
            return ""
        if isinstance(cursor, bool) or not isinstance(cursor, str | int):
            raise TypeError(self.cursor)
        return str(cursor)

    def request(self, first: Request, asked: Request, following: str) -> Request:  # noqa: ARG002 - for links
        return first.with_params(**{self.param: following})


class _ChainReading(Reading):
    """Goes from page to page. A list that does not add up is read once more from the start, then it has failed."""

    def __init__(self, spec: Chain, query: Query) -> None:
        super().__init__()
        self._spec = spec
        self._query = query
        check = partial(query.rows.problem, totals=(spec.total,) if spec.total else ())
        self._first = Ask(replace(query.request, check=check), vanishing=query.vanishing)
        self._ask: Ask | None = self._first
        self._followed: set[str] = set()
        self._given: set[Hashable] = set()
        self._seen: set[Hashable] = set()
        self._totals: set[int | None] = set()
        self._again = False

    def next_ask(self) -> Ask | None:
        ask, self._ask = self._ask, None
        return ask

    def take(self, ask: Ask, answer: Answer) -> None:
        before = len(self._seen)
        try:
            came = self._give(answer)
            following = self._spec.following(answer.body)
        except TypeError as error:
            self._differ(f"what stands at `{error}` leads nowhere")
        except PagingError as error:
            self.end(error)
        else:
            if came and len(self._seen) == before:
                told = ", ".join(f"`{field}`" for field in self._query.identity) or "place"
                self._differ(f"a page came twice (rows are told apart by {told})")
            elif not following:
                self._check_end(answer.body)
            elif (mark := self._spec.mark(following)) in self._followed or len(self._followed) >= MOST_PAGES:
                self._differ(f"the links to the next page (`{self._spec.looked_at[0]}`) go in a circle")
            else:
                self._followed.add(mark)
                self._ask = Ask(self._spec.request(self._first.request, ask.request, following))

    def _give(self, answer: Answer) -> int:
        """Give the rows that were not given before, and return how many came."""
        rows = self._query.rows.of(answer.body)
        names = self._query.names(rows, len(self._seen))
        self._seen.update(names)
        self.received = len(self._seen)
        fresh = []
        for row, name in zip(rows, names, strict=True):
            if name not in self._given:
                self._given.add(name)
                fresh.append(row)
        if fresh:
            self.pages.append(Page(fresh, answer.body, answer.date, size=answer.size))
        if self._spec.total:
            self.expected = count(dig(answer.body, self._spec.total))
            self._totals.add(self.expected)
        return len(rows)

    def _check_end(self, body: Json) -> None:
        """Take an answer that leads no further for the last one, unless it says that it is not."""
        if told := self._query.rows.said_more(body, *self._spec.looked_at):
            self.end(PagingError(_nothing_at(told, self._spec.looked_at[0])))
        elif self.expected is not None and self.expected != self.received:
            self._differ(f"{self.received} rows came, the vendor says {self.expected}")
        elif len(self._totals) > 1:  # a row that went may have moved another one to a page that was read
            self._differ("the number of rows changed while they were read")
        else:
            self.end()

    def _differ(self, how: str) -> None:
        if self._again:
            self.end(PagingError(f"{how}, twice in a row; run again, or tell the vendor"))
        else:
            self._again = True
            self._followed.clear()
            self._seen.clear()
            self._totals.clear()
            self._ask = self._first


def _name(parameter: str) -> str:
    return unquote_plus(parameter.partition("=")[0])


def _nothing_at(told: str, path: str) -> str:
    return f"the answer says in `{told}` that there is more, but nothing is at `{path}`, where it is looked for"
