"""Readings without a wire and clocks without time: what the tests of pure machines share."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tap_usage.rest.clock import Clock
from tap_usage.rest.connection import Answer, Request
from tap_usage.rest.errors import RequestError
from tap_usage.rest.pages.query import Ask, Page, Query, Reading, Rows

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Serve = Callable[[Request], Any]


class VirtualClock(Clock):
    """A clock that stands still except when somebody waits; `waits` tells for how long each time."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1000.0
        self.waits: list[float] = []

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.at - 1000.0)

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float) -> None:
        self.check()
        self.waits.append(seconds)
        self.at += max(0.0, seconds)


def answer(body: Any, status: int = 200, size: int = 0) -> Answer:  # noqa: ANN401 - decoded JSON
    return Answer(status, body, NOW, size=size)


class Scales:
    """Weighs the bodies that somebody still has.

    Attributes:
        weight: of all of them.
    """

    def __init__(self) -> None:
        self.weight = 0

    def answer(self, body: dict[str, Any], size: int) -> Answer:
        """Return an answer that weighs so much until nobody has it any more."""
        return answer(_Weighed(body, self, size), size=size)


class _Weighed(dict[str, Any]):
    def __init__(self, body: dict[str, Any], scales: Scales, size: int) -> None:
        super().__init__(body)
        self._scales, self._size = scales, size
        scales.weight += size

    def __del__(self) -> None:
        self._scales.weight -= self._size


def about(request: Request | str = "/rows", rows: Rows | str = "items", **fields: Any) -> Query:  # noqa: ANN401
    """Return a query whose rows have an `id`, if nothing else is said."""
    request = Request(request) if isinstance(request, str) else request
    rows = Rows(rows) if isinstance(rows, str) else rows
    return Query(request, rows, **{"identity": ("id",), **fields})


def refusal(status: int | None) -> RequestError:
    return RequestError("GET /rows", status, "try again")


def give(reading: Reading, ask: Ask, served: Any) -> None:  # noqa: ANN401 - a body or an exception
    """Hand over what the other side said, as the fan-out does: a body that does not pass its check is an error."""
    if isinstance(served, Exception):
        reading.fail(ask, served)
    elif problem := ask.request.check(served):
        reading.fail(ask, RequestError("GET /rows", 200, "try again", problem))
    else:
        reading.take(ask, answer(served))


def drain(reading: Reading) -> list[Page]:
    pages = list(reading.pages)
    reading.pages.clear()
    return pages


def drive(
    reading: Reading,
    serve: Serve,
    *,
    in_flight: int = 1,
    order: random.Random | None = None,
    seen: Callable[[Page], object] = lambda _: None,
) -> list[Page]:
    """Read to the end: ask what may be asked, let answers come in any order, and collect the pages.

    Args:
        reading: the machine.
        serve: the other side; it returns a body, or an exception to fail with.
        in_flight: most requests that are on their way together.
        order: who arrives first; None for first come, first served.
        seen: is called with each page when it is given.
    """
    waiting: list[tuple[Ask, Any]] = []
    pages: list[Page] = []
    while not reading.finished:
        if not waiting:
            needed = reading.next_ask()
            assert needed, "the reading neither names what it needs nor ends"
            waiting.append((needed, serve(needed.request)))
        while len(waiting) < in_flight and (ask := reading.next_ask() or reading.ask_ahead()) is not None:
            waiting.append((ask, serve(ask.request)))
        give(reading, *waiting.pop(order.randrange(len(waiting)) if order else 0))
        for page in drain(reading):
            seen(page)
            pages.append(page)
    return pages


def ids(pages: list[Page]) -> list[Any]:
    return [row.get("id") for page in pages for row in page.rows]


def asked(reading: Reading) -> Ask:
    ask = reading.next_ask() or reading.ask_ahead()
    assert ask
    return ask
