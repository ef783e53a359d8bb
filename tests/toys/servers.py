"""Two small vendors: one with a key, a cursor and rows in buckets, one with HTTP Basic, links and sub-accounts."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlencode, urlsplit

Body = dict[str, Any]
Query = dict[str, str]
Row = dict[str, Any]

DAY = timedelta(days=1)


class Toy:
    """A vendor.

    Args:
        now: its clock, which stands still.
        ahead: by how much the clock of the tap's machine is ahead; a tap of `tests.here` asks for it.

    Attributes:
        requests: path and query of each request that it was asked for.
    """

    authorization: ClassVar[str]
    refused: ClassVar[Body]

    def __init__(self, now: datetime, ahead: timedelta = timedelta()) -> None:
        self.now = now
        self.ahead = ahead
        self.requests: list[tuple[str, Query]] = []
        toy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
                status, body = toy.told(url.path, query, self.headers.get("Authorization", ""))
                content = json.dumps(body).encode()
                self.send_response_only(status)
                self.send_header("Date", format_datetime(toy.now, usegmt=True))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def today(self) -> date:
        return self.now.date()

    def told(self, path: str, query: Query, authorization: str) -> tuple[int, Body]:
        if path == "/__sandbox__/health":
            return 200, {"now": (self.now + self.ahead).isoformat()}
        self.requests.append((path, query))
        return self.answer(path, query) if authorization == self.authorization else (401, self.refused)

    def answer(self, path: str, query: Query) -> tuple[int, Body]:
        raise NotImplementedError


def days_of(first: date, after: date) -> Iterator[date]:
    while first < after:
        yield first
        first += DAY


class OpenAI(Toy):
    """Buckets of a day; some are empty, and some are cut in two because a page is full."""

    KEY = "sk-admin-marker"
    MOST_ROWS = 5
    authorization = f"Bearer {KEY}"
    refused: ClassVar[Body] = {"error": {"code": "invalid_api_key", "message": "Incorrect API key provided"}}

    def results(self, day: date) -> list[Row]:
        """Return what was used on a day; rows may share model and project, and the day may have none."""
        number = day.toordinal()
        names: list[tuple[str, str | None]] = [("gpt-5", "proj_a"), ("gpt-5", None), ("o4", "proj_b"), ("gpt-5", None)]
        names = [] if number % 5 == 0 else names[: 1 + number % 4]
        return [
            {"model": model, "project_id": project, "input_tokens": number + place, "output_tokens": place}
            | {"num_model_requests": 1}
            for place, (model, project) in enumerate(names)
        ]

    def answer(self, path: str, query: Query) -> tuple[int, Body]:
        if path != "/v1/organization/usage/completions" or query["bucket_width"] != "1d":
            return 404, {"error": {"code": "unknown_url"}}
        bounds = (query.get(name, seconds(self.today)) for name in ("start_time", "end_time"))
        start, end = (datetime.fromtimestamp(int(bound), UTC).date() for bound in bounds)
        end += DAY * ("end_time" not in query)
        wanted = [(day, row) for day in days_of(start, min(end, self.today + DAY)) for row in self.results(day) or [{}]]
        begin = int(query.get("page", "page_0").removeprefix("page_"))
        stop = begin + self.MOST_ROWS
        buckets: dict[date, list[Row]] = {}
        for day, row in wanted[begin:stop]:
            buckets.setdefault(day, []).extend([row] if row else [])
        data = [
            {"object": "bucket", "start_time": seconds(day), "end_time": seconds(day + DAY), "results": rows}
            for day, rows in buckets.items()
        ]
        more = stop < len(wanted)
        return 200, {"object": "page", "data": data, "has_more": more, "next_page": f"page_{stop}" if more else None}


def seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


class Twilio(Toy):
    """An account with sub-accounts; a page has two accounts, or seven records, and numbers are texts."""

    SID, TOKEN = "AC0", "marker-auth-token"
    authorization = f"Basic {base64.b64encode(f'{SID}:{TOKEN}'.encode()).decode()}"
    refused: ClassVar[Body] = {"code": 20003, "message": "Authenticate", "status": 401}
    ACCOUNTS: ClassVar = {"AC0": "active", "AC1": "active", "AC2": "closed", "AC3": "suspended"}
    CATEGORIES = ("calls", "sms", "totalprice")

    @property
    def accounts(self) -> list[Row]:
        return [{"sid": sid, "friendly_name": f"No {sid}", "status": status} for sid, status in self.ACCOUNTS.items()]

    def records(self, sid: str, day: date) -> list[Row]:
        """Return what an account used on a day, as it is sent."""
        number = day.toordinal() + int(sid[2:])
        used = [category for place, category in enumerate(self.CATEGORIES) if (number + place) % 3]
        return [
            {"account_sid": sid, "category": category, "description": category.title()}
            | {"start_date": day.isoformat(), "end_date": day.isoformat(), "usage_unit": "calls", "price_unit": "usd"}
            | {"count": str(number % 1000), "usage": f"{number % 100}.5", "price": "" if number % 7 else "-0.125"}
            for category in used
        ]

    def answer(self, path: str, query: Query) -> tuple[int, Body]:
        if path == "/2010-04-01/Accounts.json":
            return self.page(path, query, "accounts", self.accounts, 2)
        sid = path.removeprefix("/2010-04-01/Accounts/").partition("/")[0]
        if sid not in self.ACCOUNTS or not path.endswith("/Usage/Records/Daily.json"):
            return 404, {"code": 20404, "message": "The requested resource was not found"}
        first, last = (date.fromisoformat(query[name]) for name in ("StartDate", "EndDate"))
        days = days_of(first, min(last, self.today) + DAY)
        return self.page(path, query, "usage_records", [row for day in days for row in self.records(sid, day)], 7)

    def page(self, path: str, query: Query, name: str, rows: list[Row], most: int) -> tuple[int, Body]:
        page = int(query.get("Page", 0))
        further = urlencode({**query, "Page": page + 1})
        more = (page + 1) * most < len(rows)
        body = {name: rows[page * most : (page + 1) * most], "page": page, "page_size": most, "uri": path}
        return 200, {**body, "next_page_uri": f"{path}?{further}" if more else None}
