"""How requests get there: proxies and certificates."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tap_usage.rest.connection import Request
from tap_usage.rest.errors import RequestError
from tests.rest.faults import GOOD, HEAD, ROWS
from tests.rest.loopback import TOKEN, Heard, Loopback, Reply, connect, end, in_turn, reply
from tests.running import ImpatientClock

PEM = Path(__file__).with_name("loopback.pem")
"""Key and certificate of nobody, good for 127.0.0.1, made for these tests with `openssl ca -selfsign`."""

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def as_proxy(heard: Heard) -> Reply:
    return reply(TOKEN if heard.target.endswith("/token") else b"{}")


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment_is_asked_for_whole_urls(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with Loopback(as_proxy) as proxy:
        monkeypatch.setenv(name, f"http://user:pass@127.0.0.1:{proxy.port}")
        connect("http://api.invalid:81/v1").send(Request("/v1/rows", params={"a": "+"}))
    assert [heard.target for heard in proxy.heard] == [
        "http://api.invalid:81/token",
        "http://api.invalid:81/v1/rows?a=%2B",
    ]
    for heard in proxy.heard:
        assert heard.headers["host"] == "api.invalid:81"
        assert heard.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"
    assert proxy.heard[1].headers["authorization"] == "Bearer marker-token-1"


def test_a_host_that_the_environment_exempts_is_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(as_proxy) as proxy, Loopback() as server:
        monkeypatch.setenv("http_proxy", proxy.origin)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        connect(server.origin).send(Request("/rows"))
    assert proxy.connections == 0
    assert len(server.heard) == 1


def test_https_goes_through_a_tunnel_that_sees_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(lambda _: reply(b"", 502)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.origin)
        with pytest.raises(RequestError, match="proxy failed: it does not reach the host on POST /token after 2 tries"):
            connect("https://api.invalid", max_tries=2).send(Request("/rows"))
    assert {(heard.method, heard.target) for heard in proxy.heard} == {("CONNECT", "api.invalid:443")}
    assert not any("authorization" in heard.headers or heard.body for heard in proxy.heard)


def test_a_proxy_whose_answer_drips_is_given_up_at_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    enough = threading.Event()

    def drops() -> Iterator[bytes]:
        for drop in b"HTTP/1.1 200 Connection established":
            yield bytes([drop])
            if enough.wait(0.05):
                return

    with Loopback(lambda _: Reply(drops(), hang_up=True)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.origin)
        with pytest.raises(RequestError, match=r"no answer in time on POST /token"):
            connect("https://api.invalid", timeout_seconds=0.3, max_tries=1).send(Request("/rows"))
        enough.set()


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A server with a certificate that nobody trusts."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    with Loopback(tls=context) as server:
        yield server


def test_a_certificate_that_nobody_trusts_is_final_and_nothing_is_sent(secure: Loopback) -> None:
    clock = ImpatientClock()
    with pytest.raises(RequestError, match=r"TLS failure on POST /token at .*REQUESTS_CA_BUNDLE"):
        connect(secure.origin, clock).send(Request("/rows"))
    assert secure.heard == secure.tokens == []
    assert clock.waits == []
    assert secure.connections == 1


def relay(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
    except OSError:
        pass
    for each in (source, sink):
        end(each)


@pytest.fixture
def tunnel() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that opens tunnels to this machine, and the heads it heard."""
    heard: list[bytes] = []
    threads: list[threading.Thread] = []

    def serve(near: socket.socket) -> None:
        with near, near.makefile("rb") as file:
            head = b"".join(iter(file.readline, b"\r\n"))
            heard.append(head)
            port = int(head.split()[1].rpartition(b":")[2])
            with socket.create_connection(("127.0.0.1", port)) as far:
                near.sendall(b"HTTP/1.1 200 Connection established\r\nVia: proxy\r\n\r\n")
                back = threading.Thread(target=relay, args=(far, near))
                back.start()
                relay(near, far)
                back.join()

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(near,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads.append(threading.Thread(target=accept))
        threads[0].start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
        end(listener)
        for thread in threads:
            thread.join()


def test_https_through_a_tunnel_gets_there_and_the_proxy_sees_only_where(
    monkeypatch: pytest.MonkeyPatch, secure: Loopback, tunnel: tuple[str, list[bytes]]
) -> None:
    proxy, heard = tunnel
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    monkeypatch.setenv("https_proxy", proxy)
    connection = connect(secure.origin)
    for _ in range(3):
        assert connection.send(Request("/rows")).tries == 1
    connection.close()
    assert (len(secure.tokens), len(secure.heard)) == (1, 3)
    assert len(heard) == secure.connections == 1
    assert heard[0].startswith(b"CONNECT 127.0.0.1:%d " % secure.port)
    assert b"marker" not in heard[0]


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_of_the_environment_is_trusted(monkeypatch: pytest.MonkeyPatch, secure: Loopback, name: str) -> None:
    monkeypatch.setenv(name, str(PEM))
    assert connect(secure.origin).send(Request("/rows")).status == 200
    assert secure.connections == 1


def test_without_a_bundle_those_are_trusted_that_requests_trusts(
    monkeypatch: pytest.MonkeyPatch, secure: Loopback
) -> None:
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(PEM))
    assert connect(secure.origin).send(Request("/rows")).status == 200


def test_a_certificate_for_another_name_is_refused(monkeypatch: pytest.MonkeyPatch, secure: Loopback) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    with pytest.raises(RequestError, match="TLS failure"):
        connect(secure.origin.replace("127.0.0.1", "localhost")).send(Request("/rows"))
    assert secure.heard == secure.tokens == []


def test_a_vendor_that_does_not_speak_tls_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    with Loopback() as server, pytest.raises(RequestError, match=r"TLS failure on POST /token at "):
        connect(server.origin.replace("http:", "https:")).send(Request("/rows"))
    assert server.heard == server.tokens == []


@pytest.mark.parametrize("read", [10, 65536], ids=["reset", "end of file"])
def test_a_handshake_that_breaks_off_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, secure: Loopback, read: int
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    secure.cut = [read, read]
    assert connect(secure.origin).send(Request("/rows")).status == 200
    assert secure.connections == 3


def test_the_token_host_may_be_another_one_and_gets_no_token() -> None:
    with Loopback() as login, Loopback() as api:
        connection = connect(api.origin, auth=connect(login.origin).host.auth)
        connection.send(Request("/rows"))
    assert (len(login.tokens), len(login.heard), len(api.tokens), len(api.heard)) == (1, 0, 0, 1)
    assert "authorization" not in login.tokens[0].headers


def test_a_redirect_of_the_token_request_is_not_followed() -> None:
    with (
        Loopback() as other,
        Loopback(token=in_turn(reply(b"", 307, Location=f"{other.origin}/token"))) as server,
        pytest.raises(RequestError, match="HTTP 307"),
    ):
        connect(server.origin).send(Request("/rows"))
    assert other.connections == 0


STATUS, LENGTH = b"HTTP/1.1 200 OK\r\n", b"Content-Length: 12\r\n\r\n"
DRIPS = {
    "a status line": [*map(bytes, zip(STATUS)), LENGTH],
    "a header": [STATUS + b"X: ", *[b"x"] * 20, b"\r\n" + LENGTH],
    "headers": [STATUS, *[b"X: x\r\n"] * 20, LENGTH],
    "answers that say to go on": [*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 20, HEAD],
    "hints": [*[b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"] * 20, HEAD],
}


@pytest.mark.parametrize("name", DRIPS)
@pytest.mark.parametrize("secured", [False, True], ids=["plain", "TLS"])
def test_a_head_that_drips_is_cut_off_at_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    secured: bool,  # noqa: FBT001 - a case
) -> None:
    enough = threading.Event()

    def drops() -> Iterator[bytes]:
        for drop in DRIPS[name]:
            yield drop
            if enough.wait(0.05):
                return
        yield b'{"rows": []}'

    context = None
    if secured:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
    with Loopback(in_turn(lambda _: Reply(drops()), GOOD), tls=context) as server:
        answer = connect(server.origin, timeout_seconds=0.5).send(ROWS)
        enough.set()
    assert answer.tries == 2


def test_a_body_may_take_its_time_after_a_slow_head() -> None:
    half = threading.Event()

    def drops() -> Iterator[bytes]:
        for piece in (HEAD[:9], HEAD[9:], b'{"rows"', b": []}"):
            half.wait(0.5)
            yield piece

    with Loopback(lambda _: Reply(drops())) as server:
        assert connect(server.origin, timeout_seconds=1.5).send(ROWS).tries == 1
