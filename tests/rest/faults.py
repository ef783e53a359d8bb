"""Answers that may pass when they are asked for again."""

from __future__ import annotations

from email.utils import format_datetime

from tap_usage.rest.connection import Request
from tap_usage.rest.pages.query import Rows
from tests.rest.loopback import Reply, reply
from tests.rest.virtual import NOW

ROWS = Request("/rows", check=Rows("rows").problem)
GOOD = reply(b'{"rows": []}')
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"
IN_A_MINUTE = format_datetime(NOW.replace(minute=1), usegmt=True)

PASSING: dict[str, tuple[Reply, str]] = {
    "429": (reply(status=429), "HTTP 429"),
    "429, seconds": (reply(status=429, Retry_After=60), "HTTP 429"),
    "429, date": (reply(status=429, Retry_After=IN_A_MINUTE, Date=format_datetime(NOW, usegmt=True)), "HTTP 429"),
    "408": (reply(status=408), "HTTP 408"),
    "500": (reply(status=500), "HTTP 500"),
    "502, HTML": (reply(b"<html><h1>Bad Gateway</h1></html>", 502, Content_Type="text/html"), "HTTP 502"),
    "503": (reply(status=503), "HTTP 503"),
    "504, no body": (reply(b"", 504), "HTTP 504"),
    "599, endless body": (Reply([b"HTTP/1.1 599 No\r\n\r\n", *[b"x" * 65536] * 20], hang_up=True), "HTTP 599"),
    "hung up": (Reply([], hang_up=True), "connection closed without an answer"),
    "reset before the head": (Reply([], reset=True), "connection"),
    "reset before the body": (Reply([HEAD], reset=True), "HTTP 200 answer broke off"),
    "reset in the body": (Reply([HEAD + b'{"ro'], reset=True), "HTTP 200 answer broke off"),
    "cut off in the body": (Reply([HEAD + b'{"ro'], hang_up=True), "HTTP 200 answer broke off"),
    "cut off in the head": (Reply([b"HTTP/1.1 200 OK\r\nContent-"], hang_up=True), "connection closed in the middle"),
    "cut off in a chunk": (
        Reply([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{"], hang_up=True),
        "HTTP 200 answer broke off",
    ),
    "broken gzip": (reply(b"\x1f\x8b\x08nothing", Content_Encoding="gzip"), "HTTP 200 answer broke off"),
    "no HTTP": (Reply([b"220 smtp ready\r\n\r\n"], hang_up=True), "network error"),
    "truncated JSON": (reply(b'{"rows": [{"id": "1"}, {"i'), "HTTP 200 an answer that is not JSON"),
    "XML": (reply(b'<?xml version="1.0"?><rows/>'), "HTTP 200 an answer that is not JSON"),
    "HTML": (reply(b"<html>maintenance</html>", Content_Type="text/html"), "HTTP 200 an answer that is not JSON"),
    "empty": (reply(b""), "HTTP 200 an answer that is not JSON"),
    "not UTF-8": (reply(b'{"rows": ["\xff"]}'), "HTTP 200 an answer that is not JSON"),
    "NaN": (reply(b'{"rows": [NaN]}'), "HTTP 200 an answer that is not JSON"),
    "nesting bomb": (reply(b"[" * 200_000 + b"]" * 200_000), "HTTP 200 an answer that is not JSON"),
    "null": (reply(b"null"), "HTTP 200 an answer that is not a JSON object"),
    "list": (reply(b'[{"id": "1"}]'), "HTTP 200 an answer that is not a JSON object"),
    "rows missing": (reply(b'{"error": "oops"}'), "HTTP 200 an answer without rows in `rows`"),
}
