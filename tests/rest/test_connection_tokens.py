from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tap_usage.rest.connection import ODD_TRIES, Connection
from tap_usage.rest.errors import RequestError, Rule, Verdict
from tap_usage.rest.login import FRESH_SECONDS, SETTLING_SECONDS
from tests.rest.faults import GOOD, PASSING, ROWS
from tests.rest.loopback import TOKEN, Heard, Loopback, Reply, connect, in_turn, reply
from tests.running import ImpatientClock


def numbered(*lifetimes: float) -> Callable[[Heard], Reply]:
    answers = [
        reply(b'{"access_token": "marker-token-%d", "expires_in": %f}' % (number, lifetime))
        for number, lifetime in enumerate(lifetimes, 1)
    ]
    return in_turn(*answers)


def good_for(*tokens: str) -> Callable[[Heard], Reply]:
    def script(heard: Heard) -> Reply:
        known = heard.headers["authorization"].removeprefix("Bearer ") in tokens
        return GOOD if known else reply(b'{"code": "ACCESS_FAILED"}', 401)

    return script


def settled(connection: Connection) -> Connection:
    """Have the first token fetched, and wait until it is known everywhere."""
    connection.started()
    connection.clock.wait(FRESH_SECONDS)
    return connection


def test_a_refused_token_is_renewed_once_in_the_middle() -> None:
    clock = ImpatientClock()
    with Loopback(good_for("marker-token-2"), numbered(3600, 3600)) as server:
        answer = settled(connect(server.origin, clock, max_tries=1)).send(ROWS)
    assert answer.body == {"rows": []}
    assert len(server.heard) == len(server.tokens) == 2
    assert clock.waits == [FRESH_SECONDS]


def test_a_request_that_every_token_is_refused_for_fails_after_one_fresh_token() -> None:
    clock = ImpatientClock()
    with Loopback(good_for(), numbered(*[3600] * 9)) as server, pytest.raises(RequestError, match="HTTP 401"):
        settled(connect(server.origin, clock)).send(ROWS)
    assert (len(server.heard), len(server.tokens)) == (3, 2)
    assert clock.waits == [FRESH_SECONDS, SETTLING_SECONDS]


def test_many_workers_with_one_refused_token_fetch_one_fresh_token() -> None:
    together = threading.Barrier(8)
    good = good_for("marker-token-2")

    def script(heard: Heard) -> Reply:
        answer = good(heard)
        if answer is not GOOD:
            together.wait(5)
        return answer

    with Loopback(script, numbered(3600, 3600, 3600)) as server:
        connection = settled(connect(server.origin))
        workers = [threading.Thread(target=connection.send, args=(ROWS,)) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert len(server.heard) == 16
    assert len(server.tokens) == 2


def test_a_token_is_renewed_before_it_expires_not_after() -> None:
    clock = ImpatientClock()
    with Loopback(lambda _: GOOD, numbered(1000, 1000)) as server:
        connection = connect(server.origin, clock)
        connection.send(ROWS)
        clock.wait(930)
        connection.send(ROWS)
        clock.wait(15)
        connection.send(ROWS)
    assert [heard.headers["authorization"][-1] for heard in server.heard] == ["1", "1", "2"]


@pytest.mark.parametrize("fault", sorted(set(PASSING) - {"rows missing"}))
def test_a_token_is_asked_for_again_when_that_may_help(fault: str) -> None:
    with Loopback(lambda _: GOOD, in_turn(PASSING[fault][0], reply(TOKEN))) as server:
        connect(server.origin).send(ROWS)
    assert len(server.tokens) == 2
    assert len(server.heard) == 1


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404])
def test_a_refused_token_request_is_final(status: int) -> None:
    with (
        Loopback(token=lambda _: reply(b'{"error": "invalid_client"}', status)) as server,
        pytest.raises(RequestError, match=f"HTTP {status} invalid_client on POST /token at "),
    ):
        connect(server.origin).send(ROWS)
    assert len(server.tokens) == 1
    assert server.heard == []


@pytest.mark.parametrize("status", [400, 401, 403])
def test_credentials_that_were_refused_are_not_tried_for_every_request(status: int) -> None:
    with Loopback(token=lambda _: reply(b'{"error": "invalid_client"}', status)) as server:
        connection = connect(server.origin)
        for _ in range(5):
            with pytest.raises(RequestError, match=f"HTTP {status} invalid_client on POST /token at "):
                connection.send(ROWS)
    assert len(server.tokens) == 1


def test_a_throttled_token_request_in_a_400_is_retried_where_a_vendor_has_that_row() -> None:
    row = Rule((400,), Verdict.RETRY, "throttled", text="rate limit exceeded", pause=True)
    throttled = reply(b'{"error": "invalid_request", "error_description": "rate limit exceeded; wait"}', 400)
    with Loopback(lambda _: GOOD, in_turn(throttled, throttled, reply(TOKEN))) as server:
        assert connect(server.origin, rules=(row,)).send(ROWS).tries == 1
    assert len(server.tokens) == 3


@pytest.mark.parametrize("body", [b"{}", b'{"access_token": null}', b'{"access_token": "a b"}', b'"token"', b"[]"])
def test_a_malformed_token_answer_is_asked_for_again_and_then_told(body: bytes) -> None:
    with (
        Loopback(token=lambda _: reply(body)) as server,
        pytest.raises(RequestError, match="HTTP 200 an answer without a usable `access_token` on POST /token"),
    ):
        connect(server.origin, max_tries=2).send(ROWS)
    assert len(server.tokens) == 2


@pytest.mark.parametrize("lag", [0.3, 1.4])
def test_a_fresh_token_that_is_not_known_yet_is_waited_for(lag: float) -> None:
    clock = ImpatientClock()
    with Loopback(lambda _: GOOD if sum(clock.waits) >= lag else reply(status=401)) as server:
        connect(server.origin, clock, max_tries=1).send(ROWS)
    assert (len(server.heard), len(server.tokens)) == (2, 1)
    assert clock.waits == [SETTLING_SECONDS]


def test_a_renewed_token_that_is_not_known_yet_is_waited_for() -> None:
    clock = ImpatientClock()
    known = good_for("marker-token-2")

    def script(heard: Heard) -> Reply:
        return known(heard) if sum(clock.waits) >= FRESH_SECONDS + 1 else reply(status=401)

    with Loopback(script, numbered(3600, 3600)) as server:
        settled(connect(server.origin, clock)).send(ROWS)
    assert (len(server.heard), len(server.tokens)) == (3, 2)


def test_a_token_that_stays_unknown_is_renewed_once_and_waited_for_once_more() -> None:
    clock = ImpatientClock()
    with Loopback(good_for(), numbered(*[3600] * 9)) as server:
        connection = connect(server.origin, clock)
        for _ in range(10):
            with pytest.raises(RequestError, match="HTTP 401"):
                connection.send(ROWS)
    assert (len(server.heard), len(server.tokens)) == (4 + 9, 2)
    assert clock.waits == [SETTLING_SECONDS, SETTLING_SECONDS]


THROTTLED = {
    "429": reply(status=429),
    "408": reply(status=408),
    "503": reply(status=503),
    "hung up": Reply([], hang_up=True),
    "no token in it": reply(b"{}"),
    "400, rate limit": reply(b'{"error": "x", "error_description": "rate limit exceeded"}', 400),
}


@pytest.mark.parametrize("name", THROTTLED)
@pytest.mark.parametrize("when", ["first", "renewed"])
def test_a_login_that_fails_for_a_while_costs_only_the_request_that_met_it(name: str, when: str) -> None:
    row = Rule((400,), Verdict.RETRY, "throttled", text="rate limit exceeded", pause=True)
    tries = ODD_TRIES if name == "no token in it" else 8
    answers = [*([numbered(3600)] if when == "renewed" else []), *[THROTTLED[name]] * tries, numbered(3600)]
    known = iter([reply(status=401)])
    with Loopback(lambda _: next(known, GOOD) if when == "renewed" else GOOD, in_turn(*answers)) as server:
        connection = connect(server.origin, rules=(row,))
        if when == "renewed":
            settled(connection)
        with pytest.raises(RequestError, match=f" on POST /token after {tries} tries") as caught:
            connection.send(ROWS)
        assert not caught.value.final
        assert [connection.send(ROWS).status for _ in range(3)] == [200] * 3
