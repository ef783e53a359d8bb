from __future__ import annotations

import base64
import threading
from urllib.parse import parse_qsl

import pytest

from tap_usage.rest.auth import ClientCredentials
from tap_usage.rest.connection import Request
from tests.rest.loopback import Heard, Loopback, Reply, connect, in_turn, reply


def test_a_request_carries_the_token_and_nothing_it_was_not_given() -> None:
    with Loopback() as server:
        answer = connect(server.origin, user_agent="tap/1").send(Request("/v1/rows", params={"a": 1}))
    (heard,) = server.heard
    assert answer.status == 200
    assert answer.body == {}
    assert answer.tries == 1
    assert (heard.method, heard.target, heard.body) == ("GET", "/v1/rows?a=1", b"")
    heard.headers.pop("accept-encoding")
    assert heard.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "tap/1",
        "accept": "application/json",
        "authorization": "Bearer marker-token-1",
    }


def test_a_body_is_sent_as_json() -> None:
    with Loopback() as server:
        connect(server.origin).send(Request("/query", "POST", json={"interval": "a/b", "groupBy": ["ü"]}))
    (heard,) = server.heard
    assert heard.method == "POST"
    assert heard.headers["content-type"] == "application/json"
    assert heard.body.decode() == '{"interval":"a/b","groupBy":["ü"]}'


def test_a_token_is_asked_for_with_a_form_once_for_all_requests() -> None:
    with Loopback() as server:
        connection = connect(server.origin, user_agent="tap/1")
        for _ in range(3):
            connection.send(Request("/rows"))
    (asked,) = server.tokens
    assert asked.method == "POST"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["user-agent"] == "tap/1"
    assert asked.headers["accept"] == "application/json"
    assert "authorization" not in asked.headers
    assert dict(parse_qsl(asked.body.decode())) == {
        "grant_type": "client_credentials",
        "client_secret": "marker-secret",
    }


def test_client_id_and_secret_go_into_basic_where_the_vendor_wants_them_there() -> None:
    with Loopback() as server:
        auth = ClientCredentials(f"{server.origin}/token", {"grant_type": "x"}, basic=("client", "s:é“"))
        connect(server.origin, auth=auth).send(Request("/rows"))
    scheme, _, text = server.tokens[0].headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(text).decode() == "client:s:é“"


def test_a_user_agent_may_hold_any_character() -> None:
    with Loopback() as server:
        connect(server.origin, user_agent="tap\u2013ü").send(Request("/rows"))
    assert server.heard[0].headers["user-agent"].encode("latin-1").decode() == "tap\u2013ü"


def test_a_vendor_may_have_its_own_token_header_and_its_own_headers() -> None:
    with Loopback() as server:
        own = {"Accept": "application/json", "X-Own": "1"}
        auth = ClientCredentials(f"{server.origin}/token", {}, header="accessToken", scheme="")
        connect(server.origin, auth=auth, headers=own).send(Request("/rows"))
    headers = server.heard[0].headers
    assert headers["accesstoken"] == "marker-token-1"
    assert headers["x-own"] == "1"
    assert "authorization" not in headers


def test_requests_of_all_workers_share_their_connections() -> None:
    with Loopback(in_turn(reply(status=404), reply(b"{}"))) as server:
        connection = connect(server.origin)
        with pytest.raises(Exception, match="404"):
            connection.send(Request("/rows"))
        for _ in range(5):
            connection.send(Request("/rows"))
    assert server.connections == 1


def test_as_many_connections_stay_open_as_there_are_workers() -> None:
    together = threading.Barrier(6)

    def script(_: Heard) -> Reply:
        together.wait(5)
        return reply()

    with Loopback(script) as server:
        connection = connect(server.origin, max_concurrency=6)
        for _ in range(3):
            workers = [threading.Thread(target=connection.send, args=(Request("/rows"),)) for _ in range(6)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
    assert len(server.heard) == 18
    assert server.connections == 6


def test_a_connection_that_the_vendor_closed_when_idle_is_no_failure() -> None:
    def script(_: Heard) -> Reply:
        return Reply(reply().pieces, hang_up=True)

    with Loopback(script) as server:
        connection = connect(server.origin)
        for _ in range(3):
            assert connection.send(Request("/rows")).tries == 1
            server.wait_until_hung_up()
    assert server.connections == 3


def test_closing_hangs_up() -> None:
    with Loopback() as server:
        connection = connect(server.origin)
        connection.send(Request("/rows"))
        connection.close()
        connection.send(Request("/rows"))
    assert server.connections == 2
