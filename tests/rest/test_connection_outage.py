"""A vendor that is down, throttles, or refuses every token: what the requests after the first ones do."""

from __future__ import annotations

import pytest

from tap_usage.rest.connection import ODD_TRIES, Connection
from tap_usage.rest.errors import RequestError, Rule, Verdict
from tap_usage.rest.login import FRESH_SECONDS, SETTLING_SECONDS
from tap_usage.rest.patience import OUTAGE_SECONDS
from tests.rest.faults import GOOD, PASSING, ROWS
from tests.rest.loopback import Heard, Loopback, Reply, connect, reply
from tests.running import ImpatientClock

DOWN = reply(status=503)
TRIES_IN_VAIN = 8


class Vendor:
    """Answers as it is told at the moment."""

    def __init__(self, answer: Reply) -> None:
        self.answer = answer

    def __call__(self, _: Heard) -> Reply:
        return self.answer


def tries_of(connection: Connection) -> int:
    with pytest.raises(RequestError) as caught:
        connection.send(ROWS)
    return caught.value.tries


def until_down(connection: Connection) -> int:
    """Send until the vendor counts as down; return how many requests that took."""
    for count in range(1, 500):
        if tries_of(connection) == 1:
            return count
    raise AssertionError


@pytest.mark.parametrize("fault", ["503", "hung up", "XML", "rows missing", "502, HTML"])
def test_a_vendor_that_stays_down_is_asked_once_per_request_after_a_quarter_of_an_hour(fault: str) -> None:
    tries = ODD_TRIES if fault == "rows missing" else TRIES_IN_VAIN
    clock = ImpatientClock()
    vendor = Vendor(PASSING[fault][0])
    with Loopback(vendor) as server:
        connection = connect(server.origin, clock)
        asked = until_down(connection)
        assert OUTAGE_SECONDS - 60 < sum(clock.waits) < OUTAGE_SECONDS + 120
        assert len(server.heard) == (asked - 1) * tries + 1
        waited = list(clock.waits)
        assert [tries_of(connection) for _ in range(50)] == [1] * 50
        assert clock.waits == waited


def test_fresh_tokens_do_not_hide_that_the_vendor_is_down() -> None:
    token = reply(b'{"access_token": "marker-token", "expires_in": 60}')
    with Loopback(Vendor(DOWN), lambda _: token) as server:
        until_down(connect(server.origin))
        assert len(server.tokens) > 5


def test_a_vendor_that_is_back_is_asked_as_often_as_ever() -> None:
    vendor = Vendor(DOWN)
    with Loopback(vendor) as server:
        connection = connect(server.origin)
        until_down(connection)
        vendor.answer = GOOD
        connection.send(ROWS)
        vendor.answer = DOWN
        assert tries_of(connection) == TRIES_IN_VAIN


@pytest.mark.parametrize("alive", [GOOD, reply(status=403), reply(status=404)], ids=["good", "403", "404"])
def test_a_vendor_that_answers_now_and_then_is_not_down(alive: Reply) -> None:
    vendor = Vendor(DOWN)
    with Loopback(vendor) as server:
        connection = connect(server.origin)
        for _ in range(30):
            vendor.answer = DOWN
            assert tries_of(connection) == TRIES_IN_VAIN
            vendor.answer = alive
            try:
                connection.send(ROWS)
            except RequestError as error:
                assert error.tries == 1  # noqa: PT017 - whether it raises is the case


def test_one_long_wait_that_the_vendor_asked_for_is_no_outage() -> None:
    vendor = Vendor(reply(status=429, Retry_After=3600))
    answers = [vendor.answer, *[DOWN] * 6, GOOD]
    with Loopback(lambda _: answers.pop(0)) as server:
        assert connect(server.origin).send(ROWS).tries == TRIES_IN_VAIN


def test_a_vendor_that_throttles_for_ever_is_never_hammered() -> None:
    clock = ImpatientClock()
    with Loopback(Vendor(reply(status=429, Retry_After=60))) as server:
        connection = connect(server.origin, clock)
        asked = until_down(connection) + 20
        for _ in range(20):
            assert tries_of(connection) == 1
        assert len(server.heard) < asked * TRIES_IN_VAIN
        assert sum(clock.waits) == pytest.approx(60 * (len(server.heard) - 1), abs=2)


def test_a_wait_of_the_data_sheet_may_be_longer_than_what_a_vendor_may_ask_for() -> None:
    clock = ImpatientClock()
    rule = Rule((429,), Verdict.RETRY, "throttled", pause=True, at_least_seconds=7200)
    answers = [reply(status=429), GOOD]
    with Loopback(lambda _: answers.pop(0)) as server:
        connect(server.origin, clock, rules=(rule,)).send(ROWS)
    assert clock.waits == pytest.approx([7200], abs=0.5)


REFUSED = reply(b'{"code": "ACCESS_FAILED"}', 401)


def test_requests_that_are_all_refused_cost_one_fresh_token_together() -> None:
    with Loopback(Vendor(REFUSED)) as server:
        clock = ImpatientClock()
        connection = connect(server.origin, clock)
        assert [tries_of(connection) for _ in range(20)] == [3, *[1] * 19]
        assert len(server.tokens) == 2
        assert clock.waits == [SETTLING_SECONDS]


def test_after_a_success_a_refused_token_is_renewed_again() -> None:
    vendor = Vendor(REFUSED)
    with Loopback(vendor) as server:
        connection = connect(server.origin)
        tries_of(connection)
        vendor.answer = GOOD
        connection.send(ROWS)
        vendor.answer = REFUSED
        connection.clock.wait(FRESH_SECONDS)
        assert tries_of(connection) == 3
        assert len(server.tokens) == 3
