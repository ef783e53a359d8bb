"""Run the floor: `python -m benchmarks.floor --origin http://127.0.0.1:8900 --concurrency 16`."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import orjson  # type: ignore[import-not-found]  # only in the floor's environment
import uvloop  # type: ignore[import-not-found]

from benchmarks.data import DAYS, FIRST_DAY
from benchmarks.floor.wire import Output, Wire

DEEPEST = 10_000
GROWTH = 1.6


class ElasticPath:
    """All usages of all promotions.

    Beyond the largest offset it goes on after the last `used_on`, and asks for the page with that one first: no
    connection is ever idle. It may assume that times are distinct and that nothing changes meanwhile.

    Args:
        wire: to the server.
        output: for the rows.
        page: rows per page.
    """

    def __init__(self, wire: Wire, output: Output, page: int) -> None:
        self._wire = wire
        self._output = output
        self._page = page

    async def run(self, concurrency: int) -> None:
        """Read everything."""
        promotions = iter(await self._promotions())

        async def work() -> None:
            for promotion in promotions:
                await self._usages(promotion)

        await asyncio.gather(*(work() for _ in range(concurrency)))

    async def _promotions(self) -> list[str]:
        path = f"/v2/rule-promotions?page[limit]={self._page}&page[offset]="
        first = await self._wire.get(f"{path}0")
        offsets = range(self._page, orjson.loads(first)["meta"]["results"]["total"], self._page)
        pages = [first, *await asyncio.gather(*(self._wire.get(f"{path}{offset}") for offset in offsets))]
        rows = [row for page in pages for row in orjson.loads(page)["data"]]
        self._output.rows("promotions", rows)
        return [row["id"] for row in rows]

    async def _usages(self, promotion: str) -> None:
        last, left = await self._write(promotion, "", 0)
        offset, after = self._page, ""
        pages: list[Coroutine[Any, Any, Any] | asyncio.Task[Any]] = []
        while left > DEEPEST + self._page:
            deepest = DEEPEST // self._page * self._page
            places = range(offset, deepest, self._page)
            pages += [asyncio.create_task(self._write(promotion, after, place)) for place in places]
            last, left = await self._write(promotion, after, deepest)
            after, offset, left = f"&filter=gt(used_on,{last})", 0, left - deepest - self._page
        pages += [self._write(promotion, after, place) for place in range(offset, left, self._page)]
        await asyncio.gather(*pages)

    async def _write(self, promotion: str, after: str, offset: int) -> tuple[str, int]:
        """Write a page; return its last `used_on` and the number of rows of the query."""
        query = f"page[limit]={self._page}&page[offset]={offset}&sort=used_on{after}"
        answer = orjson.loads(await self._wire.get(f"/v2/rule-promotions/{promotion}/usages?{query}"))
        rows = answer["data"]
        last = rows[-1]["used_on"] if rows else ""
        self._output.rows("promotion_usages", rows, promotion_id=promotion)
        return last, answer["meta"]["results"]["total"]


class Genesys:
    """Usage of all clients: each query is submitted, polled after the waits that the tap is told, and read.

    Args:
        wire: to the server.
        output: for the rows.
        initial, longest: seconds between polls.
    """

    def __init__(self, wire: Wire, output: Output, initial: float, longest: float) -> None:
        self._wire = wire
        self._output = output
        self._initial = initial
        self._longest = longest

    async def run(self) -> None:
        """Read everything; what waits for its next poll keeps no connection."""
        clients: list[str] = []
        path: str | None = "/api/v2/oauth/clients"
        while path:
            page = orjson.loads(await self._wire.get(path))
            clients += [row["id"] for row in page["entities"]]
            path = page.get("nextUri")
        await asyncio.gather(*(self._usage(client) for client in clients))

    async def _usage(self, client: str) -> None:
        start, end = (at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in (FIRST_DAY, FIRST_DAY + timedelta(days=DAYS)))
        query = {"interval": f"{start}/{end}", "granularity": "Day", "groupBy": ["TemplateUri", "HttpMethod"]}
        submitted = await self._wire.send("POST", f"/api/v2/oauth/clients/{client}/usage/query", orjson.dumps(query))
        results, wait = orjson.loads(submitted)["resultsUri"], self._initial
        answer: dict[str, Any] = {}
        while answer.get("queryStatus") != "Complete":
            await asyncio.sleep(wait)
            wait = min(wait * GROWTH, self._longest)
            answer = orjson.loads(await self._wire.get(results))
        self._output.rows("client_usage", answer["results"], oauth_client_id=client)


async def run(settings: argparse.Namespace) -> None:
    """Read what was asked for and write it to standard output."""
    wire, output = Wire(settings.origin, settings.concurrency, settings.per_second), Output()
    if settings.genesys:
        await wire.open("/oauth/token")
        await Genesys(wire, output, *settings.genesys).run()
    else:
        await wire.open("/oauth/access_token")
        await ElasticPath(wire, output, settings.page).run(settings.concurrency)
    output.flush()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor")
    parser.add_argument("--origin", required=True)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--page", type=int, default=100, help="rows per page")
    parser.add_argument("--per-second", type=float, default=0.0, help="requests per second, 0 for no limit")
    parser.add_argument("--genesys", type=float, nargs=2, metavar=("FIRST", "LONGEST"), help="seconds between polls")
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
