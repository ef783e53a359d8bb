"""A connection is used again only after an exchange that ended cleanly: no answer reaches another request."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator

import pytest

from tap_usage.rest.connection import Request
from tap_usage.rest.errors import RequestError
from tests.rest.faults import GOOD, ROWS
from tests.rest.fuzz_http import PEM, fuzz
from tests.rest.loopback import Heard, Loopback, Reply, connect, in_turn, reply
from tests.rest.test_connection_answers import chunked

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b'{"rows": []}'
WHOLE = OK + b"Content-Length: 12\r\n\r\n" + BODY
GHOST = OK + b'Content-Length: 20\r\n\r\n{"rows": [{"g": 1}]}'
ANY = Request("/rows")
LONG_BODY = b'{"rows": []' + b" " * 12_000 + b"}"
LONG = OK + b"Content-Length: %d\r\n\r\n" % len(LONG_BODY) + LONG_BODY


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "TLS"])
def test_no_answer_ever_reaches_another_request(
    monkeypatch: pytest.MonkeyPatch,
    secured: bool,  # noqa: FBT001 - a case
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    figures = fuzz(8, lambda number: number < 12_000, secured=secured)
    assert figures.wrong == []
    assert figures.failed < 0.01 * figures.requests
    assert figures.connections < 0.8 * figures.sent
    assert len(figures.kinds) == 17


INTERIM = {
    "100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "102": b"HTTP/1.1 102 Processing\r\n\r\n",
    "103": b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n",
    "a new one": b"HTTP/1.1 142 \r\nContent-Length: 5\r\n\r\n",
    "several": b"HTTP/1.1 103 A\r\n\r\nHTTP/1.1 100 B\r\n\r\nHTTP/1.1 102 C\r\nX: y\r\n\r\n",
}


@pytest.mark.parametrize("name", INTERIM)
@pytest.mark.parametrize("apart", [False, True])
def test_informational_answers_are_skipped_and_the_connection_is_kept(name: str, apart: bool) -> None:  # noqa: FBT001
    breath = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield INTERIM[name]
        if apart:
            breath.wait(0.05)
        yield WHOLE

    with Loopback(lambda _: Reply(pieces()), lambda _: Reply([INTERIM[name], *TOKEN_REPLY.pieces])) as server:
        connection = connect(server.origin)
        for _ in range(3):
            assert connection.send(ROWS).tries == 1
    assert server.connections == 1


TOKEN_REPLY = reply(b'{"access_token": "marker-token-1", "expires_in": 3600}')


def test_an_answer_in_another_protocol_is_an_error_and_its_connection_is_closed() -> None:
    switch = Reply([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + WHOLE])
    with (
        Loopback(lambda _: switch) as server,
        pytest.raises(RequestError, match="an answer in another protocol on GET /rows after 2 tries"),
    ):
        connect(server.origin, max_tries=2).send(ROWS)
    assert server.connections == 2


def split(over: bytes, cut: int) -> Iterator[bytes]:
    breath = threading.Event()
    yield WHOLE + over[:cut]
    breath.wait(0.05)
    yield over[cut:]


LEFT_OVER = {
    "an answer": lambda: Reply([WHOLE + GHOST]),
    "half an answer, and the rest of it later": lambda: Reply(split(GHOST, 20)),
    "an answer after a long one": lambda: Reply([LONG + GHOST]),
    "one byte": lambda: Reply([WHOLE + b"\n"]),
    "an informational answer": lambda: Reply([WHOLE + INTERIM["103"]]),
    "an answer after the last chunk": lambda: Reply([b"".join(chunked(BODY, 5).pieces) + GHOST]),
    "a body where none belongs": lambda: Reply([b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" + BODY]),
    "two lengths": lambda: Reply([OK + b"Content-Length: 12\r\nContent-Length: 12\r\n\r\n" + BODY]),
    "chunks and a length": lambda: Reply(
        [OK + b"Transfer-Encoding: chunked\r\nContent-Length: 12\r\n\r\nc\r\n" + BODY + b"\r\n0\r\n\r\n"]
    ),
    "Connection: close in a line of its own": lambda: Reply(
        [OK + b"Content-Length: 12\r\nConnection:\r\n close\r\n\r\n" + BODY]
    ),
    "a length behind a bare carriage return": lambda: Reply([OK + b"X: y\rz\r\nContent-Length: 12\r\n\r\n" + BODY]),
    "a space before a colon": lambda: Reply([OK + b"Content-Length: 12\r\nX-Y : z\r\n\r\n" + BODY]),
    "a line that is no header": lambda: Reply([OK + b"Content-Length: 12\r\nno header\r\nX: y\r\n\r\n" + BODY]),
    "Connection: close, and open all the same": lambda: Reply([*reply(BODY, Connection="close").pieces, GHOST]),
}


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("name", LEFT_OVER)
def test_a_connection_on_which_anything_may_be_left_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    secured: bool,  # noqa: FBT001 - a case
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if secured else None
    if context:
        context.load_cert_chain(PEM)
    with Loopback(in_turn(lambda _: LEFT_OVER[name](), GOOD), tls=context) as server:
        connection = connect(server.origin)
        connection.started()
        if name == "a body where none belongs":
            with pytest.raises(RequestError, match="404"):
                connection.send(ROWS)
        else:
            assert connection.send(ROWS).body == {"rows": []}
        after = connection.send(ROWS)
    assert (after.body, after.tries) == ({"rows": []}, 1)
    assert server.connections == 2


def test_what_comes_while_a_connection_is_idle_ends_it() -> None:
    sent = threading.Event()

    def late() -> Iterator[bytes]:
        yield WHOLE
        sent.wait(5)
        yield GHOST

    with Loopback(in_turn(lambda _: Reply(late(), hang_up=True), GOOD)) as server:
        connection = connect(server.origin)
        assert connection.send(ROWS).body == {"rows": []}
        sent.set()
        server.wait_until_hung_up()
        assert connection.send(ROWS).body == {"rows": []}
    assert server.connections == 2


def test_a_connection_in_use_when_all_are_closed_is_closed_when_its_answer_has_come() -> None:
    def script(_: Heard) -> Reply:
        connection.close()
        return GOOD

    with Loopback(script) as server:
        connection = connect(server.origin)
        assert connection.send(ROWS).body == {"rows": []}
        assert server.wait_until_hung_up()


UNFINISHED = {
    "too large": OK + b"Content-Length: 4000000\r\n\r\n" + b" " * 4000000,
    "a broken chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
    "a chunk without a size": OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", UNFINISHED)
def test_a_connection_whose_answer_was_not_read_to_its_end_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("tap_usage.rest.sender.LARGEST_ANSWER_BYTES", 1000)
    with Loopback(in_turn(Reply([UNFINISHED[name]]), GOOD)) as server:
        connection = connect(server.origin, max_tries=1)
        with pytest.raises(RequestError, match=r"more than 0 MiB|in the middle"):
            connection.send(ANY)
        assert connection.send(ROWS).body == {"rows": []}
    assert server.connections == 2


def test_an_answer_that_comes_after_the_timeout_reaches_nobody() -> None:
    given_up = threading.Event()

    def late() -> Iterator[bytes]:
        given_up.wait(5)
        yield GHOST

    with Loopback(in_turn(lambda _: Reply(late()), GOOD)) as server:
        connection = connect(server.origin, timeout_seconds=0.2, max_tries=1)
        with pytest.raises(RequestError, match="no answer in time"):
            connection.send(ROWS)
        given_up.set()
        assert connection.send(ROWS).body == {"rows": []}
    assert server.connections == 2


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 12\r\nX-Folded: a\r\n b\r\nX-Empty:\r\nx-latin: \xe9\xe8\r\n",
        b"content-length:12\r\nKeep-Alive: timeout=5\r\n",
    ],
)
def test_odd_heads_that_are_legal_keep_the_connection(head: bytes) -> None:
    with Loopback(lambda _: Reply([OK + head + b"\r\n" + BODY])) as server:
        connection = connect(server.origin)
        for _ in range(3):
            assert connection.send(ROWS).body == {"rows": []}
    assert server.connections == 1


def test_trailers_and_extensions_of_chunks_keep_the_connection() -> None:
    sent = OK + b"Transfer-Encoding: chunked\r\n\r\n5;a=1\r\n" + BODY[:5] + b"\r\n7 ; b\r\n" + BODY[5:]
    with Loopback(lambda _: Reply([sent + b"\r\n0\r\nX-Sum: 1\r\n\r\n"])) as server:
        connection = connect(server.origin)
        for _ in range(3):
            assert connection.send(ROWS).body == {"rows": []}
    assert server.connections == 1


BAD_HEADS = {
    "a line without end": OK + b"X: " + b"x" * 70_000,
    "headers without end": OK + b"X: y\r\n" * 101 + b"\r\n",
    "another protocol": b"HTTP/2 200 OK\r\nContent-Length: 12\r\n\r\n" + BODY,
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 12\r\n\r\n" + BODY,
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_a_head_that_is_none_is_no_answer_and_its_connection_is_closed(name: str) -> None:
    with Loopback(in_turn(Reply([BAD_HEADS[name]]), GOOD)) as server:
        assert connect(server.origin).send(ROWS).tries == 2
    assert server.connections == 2


def test_what_no_url_may_hold_is_encoded_before_it_is_sent() -> None:
    with Loopback(lambda _: Reply([WHOLE])) as server:
        connect(server.origin).send(Request("/a b\r\nX-Y: z?page[limit]=\xfc&x=%2F#f"))
    (heard,) = server.heard
    assert heard.target == "/a%20b%0D%0AX-Y:%20z?page%5Blimit%5D=%C3%BC&x=%2F"
    assert "x-y" not in heard.headers


def test_a_header_that_would_begin_another_line_is_not_sent() -> None:
    with Loopback() as server, pytest.raises(ValueError, match="line break"):
        connect(server.origin, user_agent="a\r\nX-Y: z").send(ROWS)
    assert server.heard == server.tokens == []
