from __future__ import annotations

import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tap_usage.rest import sender as module
from tap_usage.rest.clock import Stopped
from tap_usage.rest.connection import ODD_TRIES, Request
from tap_usage.rest.errors import RequestError
from tests.rest.faults import GOOD, HEAD, PASSING, ROWS
from tests.rest.loopback import Heard, Loopback, Reply, connect, free_port, in_turn, reply
from tests.running import ImpatientClock


@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_asked_for_again(fault: str) -> None:
    sent: list[str] = []
    with Loopback(in_turn(PASSING[fault][0], GOOD)) as server:
        answer = connect(server.origin).send(replace(ROWS, sent=lambda: sent.append(fault)))
    assert answer.body == {"rows": []}
    assert answer.tries == len(sent) == len(server.heard) == 2
    assert len(server.tokens) == 1


@pytest.mark.parametrize("fault", PASSING)
def test_what_does_not_pass_fails_with_its_name_after_the_last_try(fault: str) -> None:
    broken, name = PASSING[fault]
    clock = ImpatientClock()
    with Loopback(lambda _: broken) as server, pytest.raises(RequestError) as caught:
        connect(server.origin, clock, max_tries=3).send(ROWS)
    assert str(caught.value).startswith(name)
    assert f" on GET /rows after 3 tries at {server.origin}: " in str(caught.value)
    assert len(server.heard) == caught.value.tries == 3


@pytest.mark.parametrize("status", [300, 301, 304, 400, 402, 403, 404, 405, 409, 410, 415, 422, 999])
def test_what_will_not_pass_is_asked_once(status: int) -> None:
    clock = ImpatientClock()
    with (
        Loopback(lambda _: reply(b"" if status == 304 else b"{}", status)) as server,
        pytest.raises(RequestError) as caught,
    ):
        connect(server.origin, clock).send(ROWS)
    assert caught.value.status == status
    assert caught.value.where == "GET /rows"
    assert len(server.heard) == 1
    assert clock.waits == []


def test_a_redirect_is_not_followed() -> None:
    with (
        Loopback() as other,
        Loopback(lambda _: reply(b"", 302, Location=f"{other.origin}/rows")) as server,
        pytest.raises(RequestError, match=r"HTTP 302 .*redirects are not followed"),
    ):
        connect(server.origin).send(ROWS)
    assert other.connections == 0


def test_a_refused_connection_is_tried_again_and_then_told() -> None:
    clock = ImpatientClock()
    with Loopback() as login, pytest.raises(RequestError, match=r"connection refused on GET /rows after 8 tries"):
        connect(f"http://127.0.0.1:{free_port()}", clock, auth=connect(login.origin).host.auth).send(ROWS)
    assert len(clock.waits) == 7


def test_a_silent_vendor_is_given_up_after_the_timeout() -> None:
    silent = threading.Event()

    def script(_: Heard) -> Reply:
        silent.wait(10)
        return Reply([], hang_up=True)

    with Loopback(script) as server:
        connection = connect(server.origin, timeout_seconds=0.1, max_tries=2)
        with pytest.raises(RequestError, match="no answer in time on GET /rows after 2 tries"):
            connection.send(ROWS)
        silent.set()


def dripping(wait: Callable[[], object]) -> Reply:
    def drops() -> Iterator[bytes]:
        yield HEAD
        for drop in b'{"rows": []}':
            wait()
            yield bytes([drop])

    return Reply(drops())


def test_a_body_that_drips_is_cut_off_at_the_timeout() -> None:
    enough = threading.Event()
    with Loopback(in_turn(lambda _: dripping(lambda: enough.wait(0.05)), GOOD)) as server:
        answer = connect(server.origin, timeout_seconds=0.2).send(ROWS)
        enough.set()
    assert answer.tries == 2


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NAMED_GZIP = b"\x1f\x8b\x08\x08" + bytes(6)  # a name follows that may be of any length
ENDLESS = {
    "the size of a chunk": (CHUNKS + b"c;a=", b"b", 2),
    "bytes between chunks": (CHUNKS + b'c\r\n{"rows": []}', b"b", 2),
    "the name of what is compressed": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\nContent-Encoding: gzip\r\n\r\n" + NAMED_GZIP,
        b"b",
        2,
    ),
    "trailers": (CHUNKS + b'c\r\n{"rows": []}\r\n0\r\n', b"X: y\r\n", 1),
    "a trailer": (CHUNKS + b'c\r\n{"rows": []}\r\n0\r\n', b"X", 1),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_drips_between_the_bytes_of_a_body_is_cut_off_at_the_timeout(name: str) -> None:
    enough = threading.Event()
    begin, drop, tries = ENDLESS[name]

    def drops() -> Iterator[bytes]:
        yield begin
        while not enough.wait(0.05):
            yield drop

    with Loopback(in_turn(lambda _: Reply(drops()), GOOD)) as server:
        connection = connect(server.origin, timeout_seconds=0.3)
        assert connection.send(ROWS).tries == tries
        assert connection.send(ROWS).tries == 1
        enough.set()
    assert server.connections == 2


def test_a_body_of_100_megabytes_is_refused_with_bounded_memory() -> None:
    size, block = 100_000_000, b"x" * 1_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    with Loopback(lambda _: Reply([head, *[block] * 100])) as server:
        connection = connect(server.origin)
        tracemalloc.start()
        with pytest.raises(RequestError, match=r"more than 64 MiB on GET /rows at http://[^ ]+: ask for less at once"):
            connection.send(ROWS)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 80 * 1024 * 1024
    assert len(server.heard) == 1


def test_a_small_body_that_swells_is_refused_with_bounded_memory() -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(b" " * 1_000_000) for _ in range(400)) + packer.flush()
    assert len(bomb) < 1_000_000
    with Loopback(lambda _: reply(bomb, Content_Encoding="gzip")) as server:
        connection = connect(server.origin)
        tracemalloc.start()
        with pytest.raises(RequestError, match="more than 64 MiB"):
            connection.send(ROWS)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 80 * 1024 * 1024


def test_a_large_answer_within_the_bound_is_taken() -> None:
    body = b'{"rows": [' + b'{"id": "%s"},' % (b"x" * 1000) * 5000 + b'{"id": "last"}]}'
    with Loopback(lambda _: reply(body)) as server:
        answer = connect(server.origin).send(ROWS)
    assert len(answer.body["rows"]) == 5001


def test_a_stop_ends_the_wait_for_a_retry() -> None:
    clock = ImpatientClock()

    def script(_: Heard) -> Reply:
        clock.stop()
        return reply(status=503, Retry_After=3000)

    with Loopback(script) as server, pytest.raises(Stopped):
        connect(server.origin, clock).send(ROWS)
    assert clock.waits == []


def test_a_stop_ends_the_reading_of_a_long_body() -> None:
    clock = ImpatientClock()
    with Loopback(lambda _: dripping(clock.stop)) as server, pytest.raises(Stopped):
        connect(server.origin, clock).send(ROWS)


def test_a_fault_of_the_check_itself_is_not_taken_for_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_ANSWER_BYTES", 1000)

    def check(_: object) -> str | None:
        raise ZeroDivisionError

    with Loopback(lambda _: GOOD) as server, pytest.raises(ZeroDivisionError):
        connect(server.origin).send(Request("/rows", check=check))


@pytest.mark.parametrize("fault", ["null", "list", "rows missing"])
def test_something_else_than_was_asked_for_is_asked_for_a_few_times_and_told_as_what_it_is(fault: str) -> None:
    broken, name = PASSING[fault]
    with Loopback(in_turn(*[broken] * (ODD_TRIES - 1), GOOD)) as server:
        assert connect(server.origin).send(ROWS).tries == ODD_TRIES
    told = f"{name} on GET /rows after {ODD_TRIES} tries at [^ ]+: the vendor answers with something else; if it stays"
    with Loopback(lambda _: broken) as server, pytest.raises(RequestError, match=told):
        connect(server.origin).send(ROWS)
    assert len(server.heard) == ODD_TRIES


def test_other_faults_before_something_else_do_not_count_with_it() -> None:
    odd = PASSING["rows missing"][0]
    with Loopback(in_turn(*[reply(status=503)] * (ODD_TRIES - 1), *[odd] * (ODD_TRIES - 1), GOOD)) as server:
        assert connect(server.origin).send(ROWS).tries == 2 * ODD_TRIES - 1
