"""Demandbase, formerly InsideView: API usage and credits of the account."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar
from xml.sax.saxutils import escape

from tap_usage.sandbox.clock import Clock
from tap_usage.sandbox.demandbase_usage import PERIODS, Ledger
from tap_usage.sandbox.vendor import Tokens, Vendor
from tap_usage.sandbox.wire import Answer, Json, RefusedError, Request, Route, form_fields, json_answer

API, LOGIN = "demandbase api", "demandbase login"
SAMPLE_TEXT = (Path(__file__).parent / "samples" / "demandbase_usage_month.json").read_bytes()
SAMPLE: Json = json.loads(SAMPLE_TEXT)
SAMPLE_QUERY = {name: SAMPLE[name] for name in ("period", "start", "end")}
FORMATS = {"day": re.compile(r"\d{4}-\d\d-\d\d"), "month": re.compile(r"\d{4}-\d\d"), "year": re.compile(r"\d{4}")}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MESSAGES = {
    400: "A parameter is invalid.",
    401: "The access token is missing or invalid.",
    404: "No such resource.",
    405: "You are not allowed to access this API.",
    429: "The request was throttled.",
}


class Demandbase(Vendor):
    """The simulated Demandbase.

    Attributes:
        ledger: counted transactions and credits, see :class:`~tap_usage.sandbox.demandbase_usage.Ledger`.
        lockout_seconds: how long the whole account is refused after it was throttled.
        locked_until: end of the current lockout.
    """

    name: ClassVar[str] = "demandbase"

    def __init__(self, clock: Clock, seed: int) -> None:
        """Start without data."""
        super().__init__(clock, seed, Tokens(clock, timedelta(days=365), "sandbox+demandbase/token{:06d}=="))
        self.lockout_seconds = 300
        self.locked_until = clock.started
        self.clear()

    def clear(self) -> None:
        """Remove all data."""
        self.ledger = Ledger(self.clock, self.seed)

    def add_usage(self, date: str, transactions: int, api: str | None = None, **fields: object) -> Json:
        """Count transactions and return the row, which a test may change later.

        Args:
            date: a day, month or year, such as ``2026-11-21``.
            transactions: how many.
            api: name of the API; None leaves it out of the row.
            fields: further members of the row, such as ``details``.
        """
        row: Json = {**({} if api is None else {"api": api}), "transactions": transactions, "date": date, **fields}
        self.ledger.usage.append(row)
        return row

    def rows(self, period: str, start: str, end: str) -> list[Json]:
        """Return the rows of a query at the sandbox's current time; ``end`` is inclusive."""
        return self.ledger.rows(period, start, end)

    def truth(self) -> dict[str, int]:
        """Count the rows of each collection."""
        return {period: len(self.rows(period, "0", "9")) for period in PERIODS}

    def routes(self) -> tuple[Route, ...]:
        """List the operations."""
        login, names = "/Auth/login/v1/token", frozenset({"clientId", "clientSecret", "grantType"})
        return (
            Route(LOGIN, "POST", login, "demandbase.token", self._token, names, needs_token=False),
            Route(LOGIN, "POST", login + ".json", "demandbase.token", self._token, names, needs_token=False),
            Route(API, "GET", "/api/v1/admin/usage", "demandbase.usage", self._usage, frozenset(SAMPLE_QUERY)),
        )

    def token_of(self, request: Request) -> str:
        """Return the token of the vendor's own header, or an empty text."""
        return request.headers.get("accesstoken", "")

    def error(self, request: Request, status: int, code: str = "", message: str = "") -> Answer:
        """Answer in InsideView's shape, as XML unless JSON is asked for."""
        body = {
            "errorType": "ClientError" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "ServerError",
            "status": status,
            "errorNumber": code or f"{status}-{101 if status == HTTPStatus.BAD_REQUEST else 1}",
            "message": message or MESSAGES.get(status, "The request failed."),
            "diagnosticCode": "00000000-sandbox",
        }
        return shaped(request, "error", body, status)

    def throttled(self, request: Request) -> Answer:
        """Answer 429 and lock the whole account out for a while."""
        self.locked_until = self.clock.now() + timedelta(seconds=self.lockout_seconds)
        return self.error(request, 429)

    def admit(self, request: Request, route: Route) -> None:
        """Check the usual things, then the lockout."""
        super().admit(request, route)
        if route.needs_token and self.clock.now() < self.locked_until:
            raise RefusedError(429)

    def _token(self, request: Request) -> Answer:
        fields = request.query or form_fields(request)
        expected = {"clientId": self.client_id, "clientSecret": self.client_secret, "grantType": "cred"}
        if set(fields) != set(expected) or fields["grantType"] != "cred":
            raise RefusedError(400)
        if fields != expected:
            raise RefusedError(401)
        token, expiry = self.tokens.issue()
        details = {"accessToken": token, "tokenType": "bearer", "expirationTime": long_time(expiry)}
        return shaped(request, "", {"accessTokenDetails": details})

    def _usage(self, request: Request) -> Answer:
        query = request.query
        for name, code in (("period", "400-701"), ("start", "400-705"), ("end", "400-706")):
            if name not in query:
                raise RefusedError(400, code, f"{name} is missing")
        if query["period"] not in PERIODS:
            raise RefusedError(400, "400-702", "period is not day, month or year")
        for name, code in (("start", "400-705"), ("end", "400-706")):
            if not is_period(query["period"], query[name]):
                raise RefusedError(400, code, f"{name} has not the form of the period")
        if query["end"] < query["start"]:
            raise RefusedError(400, "400-706", "end lies before start")
        rows = self.rows(query["period"], query["start"], query["end"])
        recorded = query["period"] == "month" and SAMPLE["start"] <= query["start"] and query["end"] <= SAMPLE["end"]
        if query == SAMPLE_QUERY and rows == SAMPLE["usageForAccount"] and wants_json(request):
            return Answer(body=SAMPLE_TEXT)
        body = {
            "accountName": SAMPLE["accountName"],
            "accountId": SAMPLE["accountId"],
            **{name: query[name] for name in SAMPLE_QUERY},
            "usageForAccount": rows,
            "creditsForAccount": SAMPLE["creditsForAccount"] if recorded else [self.ledger.account_credits()],
            "bulkJobReferenceUrl": "https://api.insideview.com/api/v1/admin/jobs",
        }
        return json_answer(body) if wants_json(request) else usage_xml(body)


def wants_json(request: Request) -> bool:
    """Tell whether the answer is JSON: XML is what this vendor sends unless it is told."""
    return request.path.endswith(".json") or "application/json" in request.headers.get("accept", "")


def is_period(period: str, text: str) -> bool:
    """Tell whether a text is a day, month or year as the period demands."""
    try:
        datetime.fromisoformat((text + "-01-01")[:10])
    except ValueError:
        return False
    return FORMATS[period].fullmatch(text) is not None


def long_time(at: datetime) -> str:
    """Return a time as the token operation writes it, in English under any locale."""
    return f"{WEEKDAYS[at.weekday()]}, {MONTHS[at.month - 1]} {at:%d, %Y %I:%M:%S} {('AM', 'PM')[at.hour // 12]} GMT"


def shaped(request: Request, root: str, body: Json, status: int = 200) -> Answer:
    """Return an answer as JSON or, when that is not asked for, as XML under ``root``."""
    if wants_json(request):
        return json_answer(body, status)
    return xml_answer({root: body} if root else body, status)


def xml_answer(value: Json, status: int = 200) -> Answer:
    """Return an answer with ``value`` as its XML body."""
    text = '<?xml version="1.0" encoding="UTF-8"?>' + "".join(elements(value))
    return Answer(status, text.encode(), "application/xml;charset=UTF-8")


def elements(value: Json) -> Iterator[str]:
    """Yield the XML elements of an object; a list repeats its element."""
    for name, member in value.items():
        for item in member if isinstance(member, list) else [member]:
            inner = "".join(elements(item)) if isinstance(item, dict) else escape(str(item))
            yield f"<{name}>{inner}</{name}>"


def usage_xml(body: Json) -> Answer:
    """Return a usage answer as XML, whose names differ from those of the JSON."""
    rows = [
        {name: row[name] for name in ("api", "date", "transactions") if name in row} for row in body["usageForAccount"]
    ]
    ordered = {
        "accountId": body["accountId"],
        "accountName": body["accountName"],
        "bulkJobReferenceUrl": body["bulkJobReferenceUrl"],
        "creditsForAccount": body["creditsForAccount"],
        "end": body["end"],
        "period": body["period"],
        "start": body["start"],
        "subscriptionJobsReferenceUrl": "",
        "usage": rows,
    }
    return xml_answer({"accountUsage": ordered})
