"""Bodies of the benchmark's server, as the vendors write them, put together from rows that were rendered once."""

from __future__ import annotations

import itertools
import json
import re
from datetime import datetime
from math import ceil, floor
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from benchmarks.data import (
    FIRST_USE,
    PROMOTION,
    SECONDS_BETWEEN_USES,
    Shape,
    client,
    client_id,
    client_usage,
    promotion,
    promotion_id,
    usages,
)

PROMOTIONS = "/v2/rule-promotions"
CLIENTS = "/api/v2/oauth/clients"
MOST_ROWS = 100
MOST_OFFSET = 10_000
CLIENTS_PER_PAGE = 100
POLLS_UNTIL_COMPLETE = 2
BOUND = re.compile(r"(gt|ge|lt|le)\(used_on,([^)]*)\)(?::|$)")


class RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, detail: str = "") -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


def encoded(value: object) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


class ElasticPath:
    """Promotions and their usages; `filter` knows `used_on` only, `sort` is ascending whatever was asked.

    Args:
        shape: how many there are.
        origin: for the links.
    """

    def __init__(self, shape: Shape, origin: str) -> None:
        self._origin = origin
        self._promotions = [encoded(promotion(number)) for number in range(shape.promotions)]
        self._numbers = {promotion_id(number): number for number in range(shape.promotions)}
        self._usages = list(usages(shape.usages))

    def answer(self, path: str, query: str) -> bytes:
        """Return the body for a request.

        Raises:
            RefusedError: path or paging are wrong.
        """
        values = dict(parse_qsl(query))
        limit, offset = int(values.get("page[limit]", 10)), int(values.get("page[offset]", 0))
        if not 1 <= limit <= MOST_ROWS:
            raise RefusedError(400, f"page[limit] must lie between 1 and {MOST_ROWS}")
        if not 0 <= offset <= MOST_OFFSET:
            raise RefusedError(400, f"page[offset] must lie between 0 and {MOST_OFFSET}")
        if path == PROMOTIONS:
            rows, total = self._promotions[offset : offset + limit], len(self._promotions)
            return self._envelope(b",".join(rows), path, values, limit, offset, total)
        identifier = path.removeprefix(PROMOTIONS + "/").removesuffix("/usages")
        if identifier not in self._numbers:
            raise RefusedError(404, "No promotion found for the specified promotion ID.")
        first, end = self._range(values.get("filter", ""))
        rows = self._usages[first + offset : min(first + offset + limit, end)]
        body = b",".join(rows).replace(PROMOTION, identifier[:8].encode())
        return self._envelope(body, path, values, limit, offset, max(0, end - first))

    def _range(self, text: str) -> tuple[int, int]:
        """Return first and last + 1 of the usages that a filter lets through."""
        first, end = 0, len(self._usages)
        for operator, value in BOUND.findall(text):
            place = (datetime.fromisoformat(value) - FIRST_USE).total_seconds() / SECONDS_BETWEEN_USES
            if operator in {"gt", "ge"}:
                first = max(first, floor(place) + 1 if operator == "gt" else ceil(place))
            else:
                end = min(end, ceil(place) if operator == "lt" else floor(place) + 1)
        return first, end

    def _envelope(  # noqa: PLR0913, PLR0917 - what an envelope tells
        self, rows: bytes, path: str, values: dict[str, str], limit: int, offset: int, total: int
    ) -> bytes:
        kept = "".join(f"&{name}={quote(values[name])}" for name in ("filter", "sort") if name in values)
        link = f"{self._origin}{path}?page[offset]={{}}&page[limit]={limit}{kept}".format
        links = {
            "current": link(offset),
            "first": link(0),
            "last": link((total - 1) // limit * limit),
            "prev": link(max(0, offset - limit)),
            "next": link(offset + limit if offset + limit < total else offset),
        }
        if not total:
            links |= {
                "next": f"{self._origin}{path}?page[offset]=-1",
                "last": f"{self._origin}{path}?page[offset]=-100",
            }
        page = {"limit": limit, "offset": offset, "current": offset // limit + 1, "total": -(-total // limit)}
        tail = {"links": links, "meta": {"page": page, "results": {"total": total, "total_method": "exact"}}}
        return b'{"data":[' + rows + b"]," + encoded(tail)[1:]


class Genesys:
    """Clients and the executions of queries over their usage: two polls find them running, the third complete."""

    def __init__(self, shape: Shape) -> None:
        self._clients = [client(number) for number in range(shape.clients)]
        self._known = {client_id(number) for number in range(shape.clients)}
        self._rows = encoded({"queryStatus": "Complete", "results": client_usage()})
        self._polls: dict[str, int] = {}
        self._numbers = itertools.count(1)

    def answer(self, method: str, path: str, query: str) -> tuple[int, bytes]:
        """Return status and body for a request.

        Raises:
            RefusedError: there is nothing at that path.
        """
        if method == "GET" and path == CLIENTS:
            return 200, self._list(int(dict(parse_qsl(query)).get("pageNumber", 1)))
        known, _, rest = path.removeprefix(CLIENTS + "/").partition("/")
        if known in self._known and method == "POST" and rest == "usage/query":
            execution = f"66666666-0000-4000-8000-{next(self._numbers):012d}"
            self._polls[execution] = 0
            uri = f"{CLIENTS}/{known}/usage/query/results/{execution}"
            return 202, encoded({"executionId": execution, "resultsUri": uri})
        execution = rest.removeprefix("usage/query/results/")
        if known not in self._known or execution not in self._polls:
            raise RefusedError(404)
        self._polls[execution] += 1
        running = self._polls[execution] <= POLLS_UNTIL_COMPLETE
        return 200, b'{"queryStatus":"Running"}' if running else self._rows

    def _list(self, number: int) -> bytes:
        size, total = CLIENTS_PER_PAGE, len(self._clients)
        pages = max(1, -(-total // size))
        link = f"{CLIENTS}?pageNumber={{}}&pageSize={size}".format
        body: dict[str, Any] = {
            "entities": self._clients[(number - 1) * size : number * size],
            "pageSize": size,
            "pageNumber": number,
            "total": total,
            "pageCount": pages,
            "firstUri": link(1),
            "lastUri": link(pages),
            "selfUri": link(number),
        }
        if number < pages:
            body["nextUri"] = link(number + 1)
        return encoded(body)


def split(target: str) -> tuple[str, str]:
    """Return path and query of a request target."""
    path, _, query = target.partition("?")
    return unquote(path), query
