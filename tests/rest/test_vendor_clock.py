"""The vendor's clock: from successful answers, in UTC whatever the zone is called, never far from the machine's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.rest.clock import http_date
from tap_usage.rest.errors import RequestError
from tap_usage.rest.vendor_clock import ClockError, VendorClock
from tests.rest.faults import ROWS
from tests.rest.loopback import TOKEN, Loopback, Reply, connect, in_turn, reply
from tests.rest.virtual import NOW, VirtualClock
from tests.running import ImpatientClock

MONTH = timedelta(days=30)
GOOD = b'{"rows": []}'


def header(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


def dated(body: bytes, at: datetime, status: int = 200) -> Reply:
    return reply(body, status, Date=header(at))


def from_now(**parts: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(**parts)


@pytest.fixture(params=["UTC", "America/Los_Angeles", "Asia/Kathmandu"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    "text",
    [
        "Sun, 22 Nov 2026 12:00:00 GMT",
        "Sun, 22 Nov 2026 12:00:00 UTC",
        "Sun, 22 Nov 2026 12:00:00 Z",
        "Sun, 22 Nov 2026 12:00:00 +0000",
        "Sun, 22 Nov 2026 12:00:00 -0000",
        "Sun, 22 Nov 2026 12:00:00",
        "Sun, 22 Nov 2026 12:00:00 -0800",
        "Sun, 22 Nov 2026 12:00:00 PST",
        "Sunday, 22-Nov-26 12:00:00 GMT",
        "Sun Nov 22 12:00:00 2026",
    ],
)
def test_a_date_is_utc_whatever_its_zone_is_called(text: str) -> None:
    assert http_date(text) == NOW


def test_a_leap_second_is_the_end_of_its_minute() -> None:
    assert http_date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "0", "22 Nov", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Sun, 32 Nov 2026 1:1:1"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert http_date(text) is None


@given(st.text() | st.text("SunNov0123456789 ,:-+GMT"))
def test_no_text_is_too_odd_to_be_read_as_a_date(text: str) -> None:
    found = http_date(text)
    assert found is None or found.utcoffset() == timedelta(0)


@pytest.mark.parametrize("off", [{"hours": -23}, {"hours": 3}, {"days": 1}, {"days": -1}])
def test_an_answer_has_the_date_of_the_vendor(off: dict[str, float]) -> None:
    at = from_now(**off)
    with Loopback(lambda _: dated(GOOD, at)) as server:
        assert connect(server.origin).send(ROWS).date == at


def test_the_run_began_when_the_login_says_and_the_clock_goes_on_with_every_answer() -> None:
    login, later = from_now(hours=3), from_now(hours=5)
    with Loopback(lambda _: dated(GOOD, later), lambda _: dated(TOKEN, login)) as server:
        connection = connect(server.origin)
        assert connection.started() == login
        assert server.heard == []
        connection.send(ROWS)
        assert connection.started() == login
        assert later <= connection.now() < later + timedelta(minutes=1)


def test_the_vendors_clock_does_not_follow_a_local_one_that_jumps() -> None:
    class Jumping(VirtualClock):
        jumped = timedelta()

        def now(self) -> datetime:
            return super().now() + self.jumped

    clock = Jumping()
    there = VendorClock("vendor", clock)
    assert there.read(header(NOW)) == NOW
    clock.jumped = MONTH
    clock.at += 60
    assert there.now() == NOW + timedelta(seconds=60)
    assert there.read(header(NOW + timedelta(seconds=60))) == NOW + timedelta(seconds=60)


GATEWAY = {
    "a month ahead": lambda: from_now(days=30),
    "1970": lambda: datetime(1970, 1, 1, tzinfo=UTC),
}
gateways = pytest.mark.parametrize("at", GATEWAY.values(), ids=GATEWAY.keys())


@gateways
@pytest.mark.parametrize("status", [502, 429, 401])
def test_what_is_no_success_tells_no_time(at: Callable[[], datetime], status: int) -> None:
    odd, good = dated(b"<html>", at(), status), dated(GOOD, from_now())
    with Loopback(in_turn(odd, good), lambda _: dated(TOKEN, from_now())) as server:
        assert abs(connect(server.origin).send(ROWS).date - from_now()) < timedelta(minutes=1)
    token = dated(TOKEN, from_now())
    if status != 401:
        with Loopback(lambda _: good, in_turn(odd, token)) as server:
            assert abs(connect(server.origin).started() - from_now()) < timedelta(minutes=1)


@gateways
def test_a_login_of_another_day_fails_everything_with_both_times_and_nothing_is_asked(
    at: Callable[[], datetime],
) -> None:
    clock = ImpatientClock()
    with Loopback(token=lambda _: dated(TOKEN, at())) as server:
        connection = connect(server.origin, clock)
        for ask in (connection.started, lambda: connection.send(ROWS), connection.started):
            with pytest.raises(ClockError) as caught:
                ask()
            assert f"the vendor's clock says {at():%Y-%m-%d}" in str(caught.value)
            assert f"that of this machine {datetime.now(UTC):%Y-%m-%d}" in str(caught.value)
    assert (len(server.tokens), server.heard, clock.waits) == (1, [], [])


def test_a_login_that_tells_no_time_leaves_it_to_the_first_answer() -> None:
    with Loopback(in_turn(dated(GOOD, from_now(hours=5)), dated(GOOD, from_now(days=30)))) as server:
        assert abs(connect(server.origin).send(ROWS).date - from_now(hours=5)) < timedelta(minutes=1)
    with Loopback(lambda _: dated(GOOD, from_now(days=30))) as server, pytest.raises(ClockError):
        connect(server.origin).send(ROWS)


@gateways
def test_one_odd_date_among_good_ones_is_not_used_and_told_once(
    at: Callable[[], datetime], caplog: pytest.LogCaptureFixture
) -> None:
    good, odd = dated(GOOD, from_now(hours=1)), dated(GOOD, at())
    with Loopback(in_turn(good, odd, odd, good)) as server:
        connection = connect(server.origin)
        dates = [connection.send(ROWS).date for _ in range(4)]
    assert all(abs(date - from_now(hours=1)) < timedelta(minutes=1) for date in dates)
    (told,) = [message for message in caplog.messages if "it is not used" in message]
    assert told.startswith("vendor: in one answer the vendor's clock says ")


@pytest.mark.parametrize(("off", "fails"), [(24 * 3600 + 59, False), (24 * 3600 + 61, True)])
def test_a_day_and_the_time_on_the_way_are_not_too_far_apart(off: float, fails: bool) -> None:  # noqa: FBT001 - a case
    for sign in (1, -1):
        there = VendorClock("vendor", VirtualClock())
        date = header(NOW + timedelta(seconds=sign * off))
        if fails:
            with pytest.raises(ClockError):
                there.read(date)
        else:
            assert there.read(date) == NOW + timedelta(seconds=sign * off)


def test_a_run_began_with_any_first_success_also_without_a_token() -> None:
    there = VendorClock("vendor", VirtualClock())
    assert there.first is None
    there.read(header(NOW - timedelta(hours=2)))
    there.read(header(NOW))
    assert there.first == NOW - timedelta(hours=2)


def test_a_clock_that_is_wrong_is_no_failure_of_a_request() -> None:
    assert not issubclass(ClockError, RequestError)
