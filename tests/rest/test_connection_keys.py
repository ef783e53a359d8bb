"""Vendors without a login: a key or a user and a password go with every request."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Callable
from datetime import timedelta

import pytest

from tap_usage.rest.auth import Auth, Basic, Key
from tap_usage.rest.connection import Connection, Request
from tap_usage.rest.errors import RequestError, Rule, Verdict
from tests.rest.faults import GOOD, ROWS
from tests.rest.loopback import Heard, Loopback, Reply, connect, in_turn, reply
from tests.rest.test_vendor_clock import dated, from_now
from tests.running import ImpatientClock

KEY = "marker-key-1"
PAIR = Basic("marker-user", "marker-password")
REFUSED = reply(b'{"error": "invalid_api_key"}', 401)
SCHEMES = {
    "key": (Key(KEY), "check the key"),
    "key in a header of its own": (Key(KEY, header="X-Api-Key", scheme=""), "check the key"),
    "user and password": (PAIR, "check the user name and the password"),
}
each_scheme = pytest.mark.parametrize(("auth", "advice"), SCHEMES.values(), ids=SCHEMES)


def refusing(*paths: str) -> Callable[[Heard], Reply]:
    return lambda heard: REFUSED if heard.target in paths else GOOD


def failure_of(connection: Connection, path: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        connection.send(Request(path))
    return caught.value


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (Key(KEY), "authorization", f"Bearer {KEY}"),
        (Key(KEY, scheme="Token "), "authorization", f"Token {KEY}"),
        (Key(KEY, header="X-Api-Key", scheme=""), "x-api-key", KEY),
        (PAIR, "authorization", f"Basic {base64.b64encode(b'marker-user:marker-password').decode()}"),
    ],
)
def test_every_request_carries_what_logs_it_in_and_no_token_is_asked_for(auth: Auth, header: str, value: str) -> None:
    with Loopback(lambda _: GOOD) as server:
        connection = connect(server.origin, auth=auth)
        for _ in range(3):
            assert connection.send(ROWS).tries == 1
    assert [heard.headers[header] for heard in server.heard] == [value] * 3
    assert server.tokens == []


@each_scheme
def test_a_key_that_is_refused_is_sent_once_for_the_whole_vendor(auth: Auth, advice: str) -> None:
    clock = ImpatientClock()
    with Loopback(lambda _: REFUSED) as server:
        connection = connect(server.origin, clock, auth=auth)
        failures = [failure_of(connection, path) for path in ("/a", "/b", "/c")]
        with pytest.raises(RequestError) as started:
            connection.started()
    assert {str(each) for each in (*failures, started.value)} == {
        f"HTTP 401 invalid_api_key on GET /a at {server.origin}: {advice}"
    }
    assert len(server.heard) == 1
    assert clock.waits == []


@each_scheme
def test_a_key_that_was_accepted_and_is_refused_on_one_path_fails_only_there(auth: Auth, advice: str) -> None:
    clock = ImpatientClock()
    with Loopback(refusing("/b")) as server:
        connection = connect(server.origin, clock, auth=auth)
        connection.send(Request("/a"))
        for _ in range(2):
            assert str(failure_of(connection, "/b")).startswith("HTTP 401 invalid_api_key on GET /b at ")
        assert str(failure_of(connection, "/b")).endswith(f": {advice}")
        assert connection.send(Request("/c")).tries == 1
    assert [heard.target for heard in server.heard] == ["/a", "/b", "/b", "/b", "/c"]
    assert clock.waits == []


@pytest.mark.parametrize("first", [reply(status=503), reply(status=404), reply(b"<html>")], ids=["503", "404", "HTML"])
def test_only_a_usable_answer_shows_that_a_key_is_right(first: Reply) -> None:
    with Loopback(in_turn(first, REFUSED)) as server:
        connection = connect(server.origin, auth=Key(KEY), max_tries=1)
        assert failure_of(connection, "/a").status != 401
        assert [failure_of(connection, path).status for path in ("/b", "/c")] == [401, 401]
    assert [heard.target for heard in server.heard] == ["/a", "/b"]


def test_a_row_of_the_vendors_own_decides_about_a_401_that_it_names() -> None:
    row = Rule((401,), Verdict.FAIL, "this product is not part of the plan", text="no_plan")
    no_plan = reply(b'{"error": "no_plan"}', 401)
    with Loopback(in_turn(no_plan, GOOD)) as server:
        connection = connect(server.origin, auth=Key(KEY), rules=(row,))
        assert failure_of(connection, "/a").advice == "this product is not part of the plan"
        assert connection.send(Request("/b")).tries == 1


def test_nothing_is_sent_to_know_the_time_of_a_run() -> None:
    ahead = from_now(hours=5)
    with Loopback(lambda _: dated(b'{"rows": []}', ahead)) as server:
        connection = connect(server.origin, auth=Key(KEY))
        assert abs(connection.started() - from_now()) < timedelta(minutes=1)
        assert server.heard == server.tokens == []
        connection.send(ROWS)
        assert connection.started() == ahead
    assert len(server.heard) == 1


@pytest.mark.parametrize("auth", [Key(f"{KEY}\r\nX-Marker: 1"), Key(f"{KEY}\n"), Basic("marker-user\n", "marker-é“")])
def test_a_key_with_an_end_of_line_is_sent_in_its_header_and_refused(auth: Auth) -> None:
    with Loopback(lambda _: REFUSED) as server:
        assert failure_of(connect(server.origin, auth=auth), "/a").status == 401
    assert "x-marker" not in server.heard[0].headers


@pytest.mark.parametrize("answer", [GOOD, REFUSED, reply(status=500), Reply([], hang_up=True)])
@each_scheme
def test_nothing_of_a_key_is_told(caplog: pytest.LogCaptureFixture, auth: Auth, advice: str, answer: Reply) -> None:
    caplog.set_level(logging.DEBUG)
    with Loopback(lambda _: answer) as server:
        connection = connect(server.origin, auth=auth, max_tries=2, headers={"X-Own": "marker-header"})
        told = [repr(connection.host), repr(auth), advice]
        try:
            connection.send(ROWS)
        except RequestError as error:
            told += [str(error), repr(error), *traceback.format_exception(error)]
    told += [caplog.text, *(repr(record.__dict__) for record in caplog.records)]
    encoded = base64.b64encode(b"marker-user:marker-password").decode()
    assert not [mark for mark in ("marker-", encoded) if mark in "\n".join(told)]


@each_scheme
def test_requests_go_out_one_by_one_until_the_vendor_has_taken_a_key(auth: Auth, advice: str) -> None:
    with Loopback(refusing("/later")) as server:
        connection = connect(server.origin, auth=auth, max_concurrency=6)
        assert connection.allowed == 1
        connection.send(ROWS)
        assert advice in str(failure_of(connection, "/later"))
    assert connection.allowed == 6
