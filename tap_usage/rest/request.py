"""What is asked and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

Json = Any
"""Decoded JSON."""

Check = Callable[[Json], str | None]
"""Returns why a decoded 2xx body cannot be what was asked for, or None."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, before it is bound to a host.

    Attributes:
        path: path below the vendor's URL, or a link the vendor gave.
        method: HTTP method.
        params: query parameters.
        json: JSON body.
        check: tells whether a decoded 2xx body can be what was asked for; if it cannot, it is asked for again.
        repeatable: False when a repeat might do the work twice: then a lost answer is repeated only once.
        sent: is called, in the sending thread, each time it goes out.
    """

    path: str
    method: str = "GET"
    params: Mapping[str, Json] = field(default_factory=dict)
    json: Json = None
    check: Check = lambda _: None
    repeatable: bool = True
    sent: Callable[[], None] = lambda: None

    def with_params(self, **params: Json) -> Request:
        """Return the request with more parameters."""
        return replace(self, params={**self.params, **params})


@dataclass(frozen=True, slots=True)
class Answer:
    """A usable answer.

    Attributes:
        status: HTTP status, 2xx.
        body: decoded JSON.
        date: the vendor's clock, UTC.
        tries: how many requests it took, token requests not counted.
        size: bytes of the body as received, content coding undone.
    """

    status: int
    body: Json
    date: datetime
    tries: int = 1
    size: int = 0


@dataclass(frozen=True, slots=True)
class Wire:
    """A request as it is sent; `target` is path and query."""

    method: str
    origin: str
    target: str
    headers: dict[str, str]
    body: bytes | str | None = None

    @property
    def where(self) -> str:
        """Method and path, for log lines: without the query."""
        return f"{self.method} /{self.target[1:].partition('?')[0]}"
