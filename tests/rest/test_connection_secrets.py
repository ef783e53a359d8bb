"""No secret, token, query string or body shows in a log line or a failure, at any level."""

from __future__ import annotations

import logging
import re
import socket
import traceback

import pytest

from tap_usage.rest.auth import ClientCredentials
from tap_usage.rest.connection import Connection, Request
from tap_usage.rest.errors import ReadError
from tap_usage.rest.host import ErrorFields, Host
from tap_usage.rest.pages.query import Rows
from tests.rest.loopback import Heard, Loopback, Reply, in_turn, reply
from tests.running import ImpatientClock

MARKS = ("marker-secret", "marker-client", "marker-token", "marker-query", "marker-body", "marker-link")
BODY = (
    b'{"error": "invalid_request", "error_description": "marker-body", "message": "marker-body", "x": ["marker-body"]}'
)
ROWS = Request("/rows", params={"filter": "marker-query"}, check=Rows("rows").problem)

ANSWERS = {
    "good": reply(b'{"rows": ["marker-body"]}'),
    "400": reply(BODY, 400),
    "400, the code is an object": reply(b'{"error": {"token": "marker-body"}}', 400),
    "400, the code is a list": reply(b'{"error": ["marker-body"]}', 400),
    "400, the code is markup": reply(b'{"error": "<b>marker-body</b>"}', 400),
    "400, the code is a text": reply(b'{"error": "marker-body %s"}' % (b"x" * 500), 400),
    "401": reply(BODY, 401),
    "403": reply(BODY, 403),
    "404": reply(BODY, 404),
    "429": reply(BODY, 429, Retry_After="marker-body"),
    "500": reply(BODY, 500),
    "502 as HTML": reply(b"<html>marker-body</html>", 502),
    "redirect": reply(BODY, 302, Location="http://127.0.0.1:9/?marker-query"),
    "truncated": reply(b'{"rows": [{"id": "marker-body"'),
    "wrong shape": reply(b'{"marker-body": "marker-body"}'),
    "list": reply(b'["marker-body"]'),
    "cut off": Reply([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nmarker-body"], hang_up=True),
    "reset": Reply([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nX: marker-body\r\n\r\nmarker-body"], reset=True),
    "no HTTP": Reply([b"marker-body\r\n\r\n"], hang_up=True),
    "broken chunk": Reply([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmarker-body\r\n"], hang_up=True),
    "broken header": Reply([b"HTTP/1.1 200 OK\r\nmarker-body\r\nContent-Length: 2\r\n\r\n{}"], hang_up=True),
}


def connection(base: str, *, secret_in_url: bool = False) -> Connection:
    query = "?clientSecret=marker-secret" if secret_in_url else ""
    token = ClientCredentials(
        f"{base}/token{query}", {"client_secret": "marker-secret"}, basic=("marker-client", "marker-secret")
    )
    fields = ErrorFields(code=("error",), text=("error_description",))
    return Connection(Host("vendor", base, token, errors=fields), ImpatientClock(), max_tries=3)


def everything_told(caplog: pytest.LogCaptureFixture, error: BaseException | None) -> str:
    told = [caplog.text, *(repr(record.__dict__) for record in caplog.records)]
    if error:
        told += [str(error), repr(error), *traceback.format_exception(error)]
    return "\n".join(told)


@pytest.fixture(autouse=True)
def all_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("to", ["requests", "token requests"])
@pytest.mark.parametrize("secret_in_url", [True, False])
def test_nothing_that_is_sent_or_comes_back_is_told(
    caplog: pytest.LogCaptureFixture,
    answer: str,
    to: str,
    secret_in_url: bool,  # noqa: FBT001 - a case
) -> None:
    def script(_: Heard) -> Reply:
        return ANSWERS[answer]

    server = Loopback(script) if to == "requests" else Loopback(token=script)
    error = None
    with server:
        try:
            connection(server.origin, secret_in_url=secret_in_url).send(ROWS)
        except ReadError as caught:
            error = caught
    assert error or (answer == "good" and to == "requests")
    told = everything_told(caplog, error)
    assert [mark for mark in MARKS if mark in told] == []


def test_nothing_is_told_when_nobody_answers(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ReadError) as caught:
        connection(f"http://127.0.0.1:{port}", secret_in_url=True).send(ROWS)
    told = everything_told(caplog, caught.value)
    assert "connection refused" in told
    assert [mark for mark in MARKS if mark in told] == []


@pytest.mark.parametrize(
    "link", ["http://marker-link:marker-link@b.example/marker-link?marker-link", "http://a:marker-link/"]
)
def test_nothing_of_a_refused_link_is_told_but_its_origin(caplog: pytest.LogCaptureFixture, link: str) -> None:
    with Loopback() as server, pytest.raises(ReadError) as caught:
        connection(server.origin).send(Request(link))
    told = everything_told(caplog, caught.value)
    assert [mark for mark in MARKS if mark in told] == []


def test_a_retry_tells_vendor_status_and_wait(caplog: pytest.LogCaptureFixture) -> None:
    with Loopback(lambda _: ANSWERS["500"]) as server, pytest.raises(ReadError):
        connection(server.origin).send(ROWS)
    told = [message for message in caplog.messages if "next try" in message]
    assert told[0].startswith(f"vendor: HTTP 500 invalid_request on GET /rows at {server.origin}; next try in ")


def test_at_debug_level_every_exchange_is_a_line_without_query_body_or_header(caplog: pytest.LogCaptureFixture) -> None:
    script = in_turn(ANSWERS["500"], reply(b'{"rows": []}'), Reply([], hang_up=True), ANSWERS["404"])
    with Loopback(script) as server:
        made = connection(server.origin)
        made.send(ROWS)
        with pytest.raises(ReadError):
            made.send(ROWS)
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]
    assert {record.name for record in caplog.records} == {"tap-usage"}
    expected = [
        "vendor: POST /token: 200, #.## s, try 1, waited #.# s",
        "vendor: GET /rows: 500, #.## s, try 1, waited #.# s",
        "vendor: GET /rows: 200, #.## s, try 2, waited #.# s",
        "vendor: GET /rows: connection closed without an answer, #.## s, try 1, waited #.# s",
        "vendor: GET /rows: 404, #.## s, try 2, waited #.# s",
    ]
    assert [re.sub(r"\d+\.(\d+) s", lambda found: f"#.{'#' * len(found[1])} s", line) for line in told] == expected
    assert [mark for mark in MARKS if mark in "\n".join(told)] == []


def test_what_a_data_sheet_prints_holds_no_secret() -> None:
    sheet = repr(connection("http://127.0.0.1").host)
    assert [mark for mark in MARKS if mark in sheet] == []


@pytest.mark.parametrize("where", ["header", "body"])
def test_the_vendors_id_of_an_answer_is_told_for_its_support(where: str) -> None:
    body = b'{"error": "down", "contextId": "c-1"}' if where == "body" else b"{}"
    fields = ErrorFields(correlation=("contextId",), header="X-Id")
    with Loopback(lambda _: reply(body, 404, **({} if where == "body" else {"X_Id": "c-1"}))) as server:
        sheet = Host("vendor", server.origin, ClientCredentials(f"{server.origin}/token", {}), errors=fields)
        with pytest.raises(ReadError, match=r"\(correlation id c-1\)"):
            Connection(sheet, ImpatientClock()).send(ROWS)
