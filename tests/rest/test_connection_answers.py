from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tap_usage.rest.connection import Request
from tap_usage.rest.host import Budget
from tests.rest.loopback import Loopback, Reply, connect, reply
from tests.running import ImpatientClock


def chunked(body: bytes, size: int, **headers: str) -> Reply:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    pieces = [f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{lines}\r\n".encode()]
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        pieces.append(b"%x\r\n%s\r\n" % (len(piece), piece))
    return Reply([*pieces, b"0\r\n\r\n"])


TEXT = b'{"rows": [1, 2, "\xc3\xbc"]}'


@pytest.mark.parametrize(
    "sent",
    [
        reply(TEXT),
        reply(TEXT, Content_Type="text/html"),
        reply(TEXT, Content_Type="application/json; charset=latin-1"),
        reply(TEXT, 202),
        reply(b" \n" + TEXT + b"\n"),
        chunked(TEXT, 3),
        Reply([*list(chunked(TEXT, 3).pieces)[:-1], b"0\r\n"], hang_up=True),
        reply(gzip.compress(TEXT), Content_Encoding="gzip"),
        chunked(gzip.compress(TEXT), 1, Content_Encoding="gzip"),
        chunked(gzip.compress(TEXT), 1000, Content_Encoding="gzip"),
        Reply([b"HTTP/1.1 200 OK\r\n\r\n", TEXT[:5], TEXT[5:]], hang_up=True),
        Reply([b"HTTP/1.0 200 OK\r\nContent-Length: 22\r\n\r\n" + TEXT], hang_up=True),
        Reply([b"HTTP/1.1 100 Continue\r\n\r\n", *reply(TEXT).pieces]),
    ],
)
def test_json_is_json_however_it_is_labelled_and_delivered(sent: Reply) -> None:
    with Loopback(lambda _: sent) as server:
        answer = connect(server.origin).send(Request("/rows"))
    assert answer.body == {"rows": [1, 2, "ü"]}
    assert answer.tries == 1
    assert len(TEXT) <= answer.size <= len(TEXT) + 3


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_an_answer_without_a_readable_date_has_the_local_one(date: str) -> None:
    with Loopback(lambda _: reply(Date=date)) as server:
        answer = connect(server.origin).send(Request("/rows"))
    assert abs(answer.date - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_time_of_a_run_is_not_known_when_not_even_a_token_can_be_had() -> None:
    with (
        Loopback(token=lambda _: reply(b'{"error":"invalid_client"}', 401)) as server,
        pytest.raises(Exception, match=r"HTTP 401 invalid_client on POST /token at http://[^ ]+: check the client id"),
    ):
        connect(server.origin).started()
    assert len(server.tokens) == 1


BUDGET = Budget("x-used", "x-allowed", "x-reset")


@pytest.mark.parametrize(
    ("headers", "paused"),
    [
        ({"x_used": 300, "x_allowed": 300, "x_reset": 17}, 17),
        ({"x_used": 400, "x_allowed": 300, "x_reset": "17.5"}, 17.5),
        ({"x_used": 300, "x_allowed": 300, "x_reset": 99999}, 3600),
        ({"x_used": 299, "x_allowed": 300, "x_reset": 17}, 0),
        ({"x_allowed": 300, "x_reset": 17}, 0),
        ({"x_used": 300, "x_allowed": 300}, 0),
        ({"x_used": "many", "x_allowed": 300, "x_reset": 17}, 0),
        ({"x_used": 300, "x_allowed": 300, "x_reset": "nan"}, 0),
        ({"x_used": 300, "x_allowed": 300, "x_reset": -5}, 0),
        ({}, 0),
    ],
)
def test_a_used_up_budget_pauses_the_vendor_until_it_is_reset(headers: dict[str, Any], paused: float) -> None:
    clock = ImpatientClock()
    with Loopback(lambda _: reply(**headers)) as server:
        connection = connect(server.origin, clock, budget=BUDGET)
        connection.send(Request("/rows"))
        connection.send(Request("/rows"))
    assert sum(clock.waits) == pytest.approx(paused, abs=1)


def test_without_a_limit_and_without_trouble_nothing_waits() -> None:
    clock = ImpatientClock()
    with Loopback() as server:
        connection = connect(server.origin, clock)
        for _ in range(10):
            connection.send(Request("/rows"))
    assert clock.waits == []


def test_token_requests_count_against_the_rate_too() -> None:
    clock = ImpatientClock()
    with Loopback() as server:
        connection = connect(server.origin, clock, per_second=0.01)
        for _ in range(8):
            connection.send(Request("/rows"))
    assert len(server.heard) + len(server.tokens) == 9
    assert sum(clock.waits) == pytest.approx((9 - 5) * 100, abs=2)
