"""Results of an execution that come in pages, and why an execution failed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tap_usage.rest.errors import PagingError, RequestError, dig, word
from tap_usage.rest.pages.links import MOST_PAGES, Chain
from tap_usage.rest.pages.query import Json
from tap_usage.rest.request import Request

PASSING = (408, 409, 429)


@dataclass(frozen=True)
class Results:
    """How the results of an execution go on: each answer tells the next page. The first is that to the last poll.

    Attributes:
        following: how an answer tells it.
        size: query parameter for the rows of a page, sent with each poll.
        rows: what it says; halved each time the vendor says that an answer would be too large.
        too_large: codes of the error with which it says so.
    """

    following: Chain
    size: str
    rows: int
    too_large: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reason:
    """Where the answer about an execution that failed may tell why: dotted paths.

    Attributes:
        status: of an HTTP status; one that blames the query makes submitting it again useless.
        code: of the vendor's error code.
        correlation: of the vendor's id of the failure, for its support.
    """

    status: str
    code: str
    correlation: str

    def of(self, body: Json) -> tuple[str, str, bool]:
        """Return code, correlation id (both "" where there is none), and whether the query is to blame."""
        status = dig(body, self.status)
        blames = isinstance(status, int) and 400 <= status < 500 and status not in PASSING  # noqa: PLR2004 - of HTTP
        return word(dig(body, self.code)), word(dig(body, self.correlation)), blames


class Trail:
    """The pages of the results of one execution.

    Args:
        spec: how they go on, None where there is one page only.
        request: asks whether the execution is over, and for the first page.

    Attributes:
        request: what is asked next.
    """

    def __init__(self, spec: Results | None, request: Request) -> None:
        self._spec = spec
        self._first = request
        self._size = spec.rows if spec else 0
        self._followed: set[str] = set()
        self.request = self._sized(request)

    @property
    def looked_at(self) -> tuple[str, ...]:
        """Paths of an answer that tell what follows."""
        return self._spec.following.looked_at if self._spec else ()

    def follow(self, body: Json) -> bool:
        """Return whether a page follows the one in an answer; `request` asks for it then.

        Raises:
            PagingError: when what leads there leads nowhere, or to where it led before.
        """
        if not self._spec:
            return False
        chain = self._spec.following
        try:
            following = chain.following(body)
        except TypeError as error:
            raise PagingError(f"what stands at `{error}` leads nowhere") from None
        if not following:
            return False
        mark = chain.mark(following)
        if mark in self._followed or len(self._followed) >= MOST_PAGES:
            raise PagingError(f"the pages of the results (`{chain.looked_at[0]}`) go in a circle")
        self._followed.add(mark)
        self.request = chain.request(self._sized(self._first), self.request, following)
        return True

    def shrink(self, error: Exception) -> bool:
        """Return whether a failure only asks for smaller pages; `request` asks for one then."""
        codes = error.code.split() if isinstance(error, RequestError) else ()
        if not self._spec or self._size <= 1 or not set(codes) & set(self._spec.too_large):
            return False
        self._size //= 2
        self.request = self._sized(self.request)
        return True

    def _sized(self, request: Request) -> Request:
        return replace(request, params={**request.params, self._spec.size: self._size}) if self._spec else request
