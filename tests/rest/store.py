"""The other side of offset paging: rows that change between two requests, counted as badly as vendors do."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tap_usage.rest.connection import Request
from tap_usage.rest.pages.offsets import OffsetPages, Order
from tap_usage.rest.pages.query import Page, Query, Reading
from tests.rest.virtual import about, drive

Change = tuple[str, int]


def stamp(second: int) -> str:
    return f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}.000Z"


def bounds(start: str | None, end: str | None) -> dict[str, str]:
    return {name: value for name, value in (("from", start), ("before", end)) if value}


def pages(*, ordered: bool = True, **fields: Any) -> OffsetPages:  # noqa: ANN401 - fields of the specification
    sheet = {"size": 3, "max_offset": 1000, "order": Order("used_on", bounds) if ordered else None, **fields}
    totals = ("meta.results.total", "meta.pagination.total")
    return OffsetPages("limit", "offset", totals, method="meta.results.total_method", **sheet)


def data(request: Request | str = "/rows", **fields: Any) -> Query:  # noqa: ANN401 - fields of the query
    return about(request, "data", **fields)


@dataclass
class Store:
    """Rows by `used_on`, oldest first; rows of one time in the order in which they came.

    Attributes:
        times: seconds of the rows it begins with; their ids are r0, r1, …
        clamp: most rows it gives per page, whatever is asked.
        method: how it counts: exact, lower_bound, missing, unnamed (no method) or pagination (the other shape).
        bias: added to every total.
        changes: by number of the request before which they happen: ("insert", second) or ("delete", position).
        shuffle: rows of one time come in another order each time.
        max_offset: it refuses to be asked beyond.
        asked: start, offset and limit of every request.
    """

    times: Sequence[int] = ()
    clamp: int = 1000
    method: str = "exact"
    bias: int = 0
    changes: Mapping[int, Sequence[Change]] = field(default_factory=dict)
    shuffle: random.Random | None = None
    max_offset: int = 1000
    asked: list[tuple[str | None, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._numbers = 0
        for second in self.times:
            self.insert(second)
        self.stayed = {row["id"] for row in self.rows}

    def insert(self, second: int) -> None:
        self.rows.append({"id": f"r{self._numbers}", "used_on": stamp(second), "number": self._numbers})
        self._numbers += 1

    def delete(self, position: int) -> None:
        if self.rows:
            gone = self.ordered()[position % len(self.rows)]
            self.rows.remove(gone)
            self.stayed.discard(gone["id"])

    def ordered(self) -> list[dict[str, Any]]:
        tie = self.shuffle
        return sorted(self.rows, key=lambda row: (row["used_on"], tie.random() if tie else row["number"]))

    def __call__(self, request: Request) -> Any:  # noqa: ANN401 - decoded JSON
        start, end = request.params.get("from"), request.params.get("before")
        offset, limit = request.params["offset"], request.params["limit"]
        self.asked.append((start, offset, limit))
        assert len(self.asked) < 10_000, "this will not end"
        assert 0 <= offset <= self.max_offset
        for kind, value in self.changes.get(len(self.asked), ()):
            (self.insert if kind == "insert" else self.delete)(value)
        rows = [row for row in self.ordered() if (start or "") <= row["used_on"] < (end or "9")]
        return self.envelope([dict(row) for row in rows[offset : offset + min(limit, self.clamp)]], len(rows))

    def envelope(self, data: list[dict[str, Any]], total: int) -> dict[str, Any]:
        total = max(0, total + self.bias)
        if self.method == "missing":
            return {"data": data}
        if self.method == "pagination":
            return {"data": data, "meta": {"pagination": {"total": total}}}
        method = {} if self.method == "unnamed" else {"total_method": self.method}
        return {"data": data, "meta": {"results": {"total": total, **method}}}

    @property
    def offsets(self) -> list[int]:
        return [offset for _, offset, _ in self.asked]


def read(  # noqa: PLR0913 - one world
    store: Store,
    spec: OffsetPages,
    *,
    start: str | None = None,
    end: datetime | None = None,
    in_flight: int = 1,
    seed: int | None = None,
) -> tuple[list[str], Reading]:
    """Read a store to the end. Return the ids in the order in which they were given, and the finished reading.

    Every mark is checked when it is given: whatever stays in the store below it has been given by then. That is what a
    bookmark relies on, however the reading ends.
    """
    given: list[str] = []

    def seen(page: Page) -> None:
        given.extend(row["id"] for row in page.rows)
        if page.mark is not None:
            below = {row["id"] for row in store.rows if row["used_on"] < page.mark and row["id"] in store.stayed}
            passed = {name for name in below if start is None or name not in before}
            assert passed <= set(given), f"the mark {page.mark} claims {passed - set(given)}"

    before = {row["id"] for row in store.rows if start and row["used_on"] < start}
    reading = spec.read(data(start=start, end=end))
    drive(reading, store, in_flight=in_flight, order=None if seed is None else random.Random(seed), seen=seen)  # noqa: S311 - any order
    return given, reading


TEN = list(range(10))


def names(*numbers: int) -> list[str]:
    return [f"r{number}" for number in numbers]


def unsorted(store: Store, request: Request) -> Any:  # noqa: ANN401 - decoded JSON
    """Serve the rows in the order of their ids, whatever is asked, and heed no bound."""
    store.asked.append((None, request.params["offset"], 0))
    rows = store.rows[request.params["offset"] :][: request.params["limit"]]
    return store.envelope([dict(row) for row in rows], len(store.rows))
