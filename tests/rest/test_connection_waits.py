from __future__ import annotations

from email.utils import format_datetime

import pytest

from tap_usage.rest.clock import Stopped
from tap_usage.rest.connection import Connection, Request
from tap_usage.rest.errors import RequestError, Rule, Verdict
from tap_usage.rest.host import Budget
from tests.rest.faults import GOOD, HEAD, PASSING, ROWS
from tests.rest.loopback import Loopback, Reply, connect, free_port, in_turn, reply
from tests.rest.virtual import NOW
from tests.running import ImpatientClock


def waits_for(*answers: Reply, **options: object) -> list[float]:
    clock = ImpatientClock()
    with Loopback(in_turn(*answers, GOOD)) as server:
        connect(server.origin, clock, **options).send(ROWS)
    return clock.waits


def test_the_waits_of_one_request_grow() -> None:
    for wait, step in zip(waits_for(*[reply(status=500)] * 7), [1, 2, 4, 8, 16, 30, 30], strict=True):
        assert step / 2 <= wait <= step


@pytest.mark.parametrize("status", [429, 503, 500, 408])
@pytest.mark.parametrize("asked", [7, 3600])
def test_the_vendor_says_how_long_to_wait(status: int, asked: int) -> None:
    assert waits_for(reply(status=status, Retry_After=asked)) == pytest.approx([asked], abs=0.5)


def test_the_vendor_may_say_it_as_a_date() -> None:
    assert waits_for(PASSING["429, date"][0]) == pytest.approx([60], abs=0.5)


@pytest.mark.parametrize("asked", ["0", "-5", "Sun, 22 Nov 2026 11:00:00 GMT", "soon"])
def test_a_vendor_that_asks_for_no_wait_is_not_hammered(asked: str) -> None:
    sent = reply(status=429, Retry_After=asked, Date=format_datetime(NOW, usegmt=True))
    waited = waits_for(*[sent] * 5)
    for wait, step in zip(waited, [1, 2, 4, 8, 16], strict=True):
        assert step / 2 - 0.1 <= wait <= step


@pytest.mark.parametrize(("asked", "waited"), [(1, 300), (299, 300), (400, 400)])
def test_a_vendors_shortest_wait_and_its_retry_after_are_both_kept(asked: int, waited: int) -> None:
    rule = Rule((429,), Verdict.RETRY, "throttled", pause=True, at_least_seconds=300)
    assert waits_for(reply(status=429, Retry_After=asked), rules=(rule,)) == pytest.approx([waited], abs=0.5)
    assert waits_for(reply(status=429), rules=(rule,)) == pytest.approx([300], abs=0.5)


@pytest.mark.parametrize("asked", ["3601", "86400", "Mon, 23 Nov 2026 12:00:00 GMT"])
def test_a_wait_of_more_than_an_hour_is_a_failure_that_says_how_long(asked: str) -> None:
    clock = ImpatientClock()
    sent = reply(status=429, Retry_After=asked, Date=format_datetime(NOW, usegmt=True))
    with (
        Loopback(lambda _: sent) as server,
        pytest.raises(RequestError, match=r"HTTP 429 .*asks to wait (3601|86400) seconds; run again after that"),
    ):
        connect(server.origin, clock).send(ROWS)
    assert clock.waits == []
    assert len(server.heard) == 1


def test_the_vendors_word_counts_even_when_it_is_shorter_than_the_own_schedule() -> None:
    waited = waits_for(*[reply(status=500)] * 4, reply(status=500, Retry_After=1))
    assert waited[3] >= 4
    assert waited[4] == pytest.approx(1, abs=0.5)


class Impatient(ImpatientClock):
    """The first wait is broken off as if its worker had ended; whoever comes then waits as usual."""

    broken_off = False

    def wait(self, seconds: float) -> None:
        if not self.broken_off:
            self.broken_off = True
            raise Stopped
        super().wait(seconds)


@pytest.mark.parametrize(
    ("first", "paused"),
    [
        (reply(status=429, Retry_After=500), 500),
        (reply(status=503, Retry_After=500), 500),
        (reply(status=429), 1),
        (reply(status=500), 0),
    ],
    ids=["429 with Retry-After", "503 with Retry-After", "429", "500"],
)
def test_throttling_holds_back_every_request_of_the_vendor_and_a_failure_none(first: Reply, paused: float) -> None:
    clock = Impatient()
    with Loopback(in_turn(first, GOOD)) as server:
        connection = connect(server.origin, clock)
        with pytest.raises(Stopped):
            connection.send(ROWS)
        connection.send(ROWS)
    assert sum(clock.waits) == pytest.approx(paused, abs=0.6)
    assert (sum(clock.waits) > 0) is (paused > 0)


def test_a_failure_of_one_request_holds_nobody_else_back() -> None:
    clock = ImpatientClock()
    with Loopback(in_turn(reply(status=500), GOOD)) as server:
        connection = connect(server.origin, clock)
        connection.send(ROWS)
        waited = list(clock.waits)
        connection.send(ROWS)
    assert clock.waits == waited


SUBMIT = Request("/query", "POST", json={}, check=lambda body: None if "id" in body else "no id", repeatable=False)
DONE = reply(b'{"id": "1"}')
LOST = {
    "500": reply(status=500),
    "502": reply(status=502),
    "504": reply(status=504),
    "hung up": Reply([], hang_up=True),
    "reset": Reply([HEAD], reset=True),
    "truncated": reply(b'{"id'),
    "unusable": reply(b"{}"),
}
NOT_DONE = {"429": reply(status=429), "503": reply(status=503), "408": reply(status=408)}


@pytest.mark.parametrize("lost", LOST)
def test_work_whose_answer_was_lost_is_asked_for_once_more(lost: str) -> None:
    with Loopback(in_turn(LOST[lost], DONE)) as server:
        assert connect(server.origin).send(SUBMIT).body == {"id": "1"}
    assert len(server.heard) == 2


@pytest.mark.parametrize("lost", LOST)
def test_work_is_not_asked_for_blindly_again_and_again(lost: str) -> None:
    with Loopback(lambda _: LOST[lost]) as server, pytest.raises(RequestError, match="after 2 tries"):
        connect(server.origin).send(SUBMIT)
    assert len(server.heard) == 2


@pytest.mark.parametrize("refused", NOT_DONE)
def test_work_that_was_surely_not_done_is_asked_for_as_often_as_anything(refused: str) -> None:
    with Loopback(in_turn(*[NOT_DONE[refused]] * 7, DONE)) as server:
        assert connect(server.origin).send(SUBMIT).tries == 8


def test_work_that_never_reached_the_vendor_is_asked_for_as_often_as_anything() -> None:
    with Loopback() as login, pytest.raises(RequestError, match="connection refused on POST /query after 8 tries"):
        connect(f"http://127.0.0.1:{free_port()}", auth=connect(login.origin).host.auth).send(SUBMIT)


def test_a_lost_answer_between_refusals_counts_once() -> None:
    answers = [NOT_DONE["503"], LOST["500"], NOT_DONE["429"], LOST["reset"], DONE]
    with Loopback(in_turn(*answers)) as server, pytest.raises(RequestError, match="after 4 tries"):
        connect(server.origin).send(SUBMIT)
    assert len(server.heard) == 4


class Asking(ImpatientClock):
    """Asks a connection before each wait why its requests wait."""

    def __init__(self) -> None:
        super().__init__()
        self.connection: Connection | None = None
        self.told: list[tuple[str, float] | None] = []

    def wait(self, seconds: float) -> None:
        assert self.connection
        waiting = self.connection.waiting
        self.told.append((waiting.why, round(waiting.until - self.monotonic())) if waiting else None)
        super().wait(seconds)


def told(*answers: Reply, requests: int = 1, **options: object) -> list[tuple[str, float] | None]:
    """Return why requests waited, and for how many seconds; at last, when all is over."""
    clock = Asking()
    with Loopback(in_turn(*answers, GOOD)) as server:
        clock.connection = connect(server.origin, clock, **options)
        for _ in range(requests):
            clock.connection.send(ROWS)
    clock.wait(0)
    return clock.told


def test_while_requests_wait_the_connection_tells_why_and_until_when() -> None:
    assert told(reply(status=429, Retry_After=45)) == [("HTTP 429", 45), None]
    assert told(reply(status=503, Retry_After=20)) == [("HTTP 503", 20), None]
    assert told(*[reply(status=500)] * 6)[5:] == [("HTTP 500", pytest.approx(23, abs=8)), None]
    assert told() == [None]


@pytest.mark.parametrize(
    ("per", "why"), [("minute", "1,290 of 1,290 requests of this minute used"), ("", "1,290 of 1,290 requests used")]
)
def test_a_budget_that_is_used_up_is_told_with_its_figures(per: str, why: str) -> None:
    budget = Budget("x-used", "x-allowed", "x-reset", per=per)
    used_up = reply(b'{"rows": []}', x_used=1290, x_allowed=1290, x_reset=11)
    assert told(used_up, requests=2, budget=budget) == [(why, 11), None]


def test_a_request_that_succeeds_tells_that_the_vendor_is_back() -> None:
    clock = Asking()
    with Loopback(in_turn(reply(status=500), GOOD)) as server:
        connection = clock.connection = connect(server.origin, clock)
        clock.wait = lambda _: None  # type: ignore[method-assign]
        connection.send(ROWS)
    assert connection.waiting is None
