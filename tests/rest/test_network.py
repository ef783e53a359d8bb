"""What is wrong on this machine or on the way is named and final; a vendor that nobody reached is given up soon."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from urllib3.exceptions import ConnectTimeoutError

from tap_usage.rest.auth import ClientCredentials
from tap_usage.rest.connection import Connection
from tap_usage.rest.errors import RequestError
from tap_usage.rest.host import Host
from tap_usage.rest.patience import UNREACHED_SECONDS, UNREACHED_TRIES, Patience
from tap_usage.rest.request import Wire
from tap_usage.rest.transport import Transport
from tests.rest.faults import GOOD, ROWS
from tests.rest.loopback import TOKEN, Heard, Loopback, Reply, connect, free_port, in_turn, reply
from tests.rest.scripted import open_on
from tests.rest.test_transport import PROXIES
from tests.rest.virtual import VirtualClock, refusal
from tests.running import ImpatientClock

PASSWORD = "pr0xypass"  # noqa: S105 - of nobody


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def told_at_once(connection: Connection, caplog: pytest.LogCaptureFixture) -> str:
    """Return what the failure of every request says; it came without a wait and without a warning."""
    found = set()
    for _ in range(3):
        with pytest.raises(RequestError) as caught:
            connection.send(ROWS)
        assert caught.value.final
        found.add(str(caught.value))
    assert isinstance(connection.clock, ImpatientClock)
    assert connection.clock.waits == []
    assert caplog.messages == []
    (told,) = found
    assert PASSWORD not in told
    return told


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"])
def test_certificates_that_cannot_be_read_are_named_with_variable_and_file(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / "corporate.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(name, str(path))
    port = free_port()
    told = told_at_once(connect(f"https://127.0.0.1:{port}"), caplog)
    assert told.startswith(f"nothing was sent on POST /token at https://127.0.0.1:{port}: {name} names ")
    assert "corporate.pem" in told


def test_certificates_do_not_matter_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    with Loopback(lambda _: GOOD) as server:
        connect(server.origin).send(ROWS)


UNUSABLE = {
    "socks5": (f"socks5://user:{PASSWORD}@127.0.0.1:9", "a SOCKS proxy needs the package PySocks"),
    "no host": ("http://", "the proxy in https_proxy, http_proxy or all_proxy is no URL"),
    "no scheme that is known": (f"ftp://user:{PASSWORD}@127.0.0.1:9", "the proxy in https_proxy"),
    "no port": (f"http://user:{PASSWORD}@127.0.0.1:port", "the proxy in https_proxy"),
    "half a bracket": (f"http://user:{PASSWORD}@[::1", "the proxy in https_proxy"),
}


@pytest.mark.parametrize("name", UNUSABLE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, scheme: str
) -> None:
    proxy, advice = UNUSABLE[name]
    monkeypatch.setenv("all_proxy", proxy)
    assert advice in told_at_once(connect(f"{scheme}://api.invalid"), caplog)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_where_nobody_listens_is_named_and_not_the_vendor_blamed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, scheme: str
) -> None:
    port = free_port()
    monkeypatch.setenv("all_proxy", f"http://user:{PASSWORD}@127.0.0.1:{port}")
    told = told_at_once(connect(f"{scheme}://api.invalid"), caplog)
    assert told.startswith(
        f"proxy failed: connection refused on POST /token at {scheme}://api.invalid "
        f"through the proxy 127.0.0.1:{port}: check the proxy in https_proxy, http_proxy or all_proxy"
    )


@pytest.mark.parametrize(("status", "why"), [(407, "it wants a user and a password"), (403, "it does not let this")])
def test_a_proxy_that_refuses_a_tunnel_is_final(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int, why: str
) -> None:
    with Loopback(lambda _: reply(b"", status)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}")
        assert f"proxy failed: {why}" in told_at_once(connect("https://api.invalid"), caplog)
        assert len(proxy.heard) == 1


def test_a_proxy_that_wants_a_password_is_not_taken_for_the_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(lambda _: reply(b"", 407)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(RequestError, match=r"HTTP 407 on POST /token at .*: the proxy wants a user and a password"):
            connect("http://api.invalid").send(ROWS)
        assert len(proxy.heard) == 1


def test_a_proxy_that_was_there_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ImpatientClock()
    with Loopback(lambda heard: reply(TOKEN if heard.target.endswith("/token") else b"{}"), lambda _: GOOD) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        connection = connect("http://api.invalid", clock)
        connection.started()
        connection.close()
    with pytest.raises(RequestError, match="proxy failed: connection refused on GET /rows after 8 tries"):
        connection.send(ROWS)
    assert len(clock.waits) == 7


def test_what_is_no_url_is_named(caplog: pytest.LogCaptureFixture) -> None:
    sheet = Host("vendor", "https://api.us west.example", ClientCredentials("https://login.us west.example/token", {}))
    told = told_at_once(Connection(sheet, ImpatientClock()), caplog)
    assert "https://login.us west.example is no URL: check the region and the URL settings" in told


def test_every_failure_names_the_host() -> None:
    with Loopback(lambda _: reply(status=503)) as server, pytest.raises(RequestError) as caught:
        connect(server.origin, max_tries=2).send(ROWS)
    assert caught.value.happened == f"HTTP 503 on GET /rows after 2 tries at {server.origin}"


# A vendor that nobody has reached yet


def closed(max_tries: int = 8, clock: ImpatientClock | None = None) -> Connection:
    return connect(f"http://127.0.0.1:{free_port()}", clock, max_tries=max_tries)


@pytest.mark.parametrize("max_tries", [8, 50])
def test_a_vendor_that_was_never_reached_is_tried_for_ten_seconds_however_many_tries_are_allowed(
    max_tries: int,
) -> None:
    clock = ImpatientClock()
    with pytest.raises(RequestError, match=f"connection refused on POST /token after {UNREACHED_TRIES} tries"):
        closed(max_tries, clock).send(ROWS)
    assert len(clock.waits) == UNREACHED_TRIES - 1
    assert sum(clock.waits) < UNREACHED_SECONDS


def test_a_setting_of_fewer_tries_is_kept() -> None:
    clock = ImpatientClock()
    with pytest.raises(RequestError, match="connection refused on POST /token at "):
        closed(1, clock).send(ROWS)
    assert clock.waits == []


def test_all_requests_share_the_failure_of_a_vendor_that_was_never_reached() -> None:
    clock = ImpatientClock()
    connection = closed(clock=clock)
    found = []
    for ask in (connection.started, lambda: connection.send(ROWS), connection.started, lambda: connection.send(ROWS)):
        with pytest.raises(RequestError) as caught:
            ask()
        found.append(caught.value)
    assert all(error is found[0] for error in found)
    assert len(clock.waits) == UNREACHED_TRIES - 1


@pytest.mark.parametrize("first", [reply(TOKEN), reply(status=503)], ids=["well", "badly"])
def test_a_vendor_that_has_answered_once_is_tried_as_often_as_ever(first: Reply) -> None:
    port = free_port()
    with Loopback(token=in_turn(first, reply(TOKEN))) as login:
        connection = connect(f"http://127.0.0.1:{port}", auth=connect(login.origin).host.auth)
        with pytest.raises(RequestError, match="connection refused on GET /rows after 8 tries"):
            connection.send(ROWS)


def test_a_name_that_is_not_known_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    with pytest.raises(RequestError, match=r"host name not found on POST /token after 4 tries at http:"):
        connect("http://api.invalid").send(ROWS)


def test_a_vendor_behind_a_wall_that_swallows_everything_is_given_up_after_ten_seconds_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, limits = VirtualClock(), list[float]()

    def exchange(_: Transport, __: Wire, reach: float) -> None:
        limits.append(reach)
        clock.at += reach
        raise ConnectTimeoutError

    monkeypatch.setattr(Transport, "exchange", exchange)
    connection = Connection(connect("http://api.invalid").host, clock)
    with pytest.raises(RequestError, match=r"no connection in time on POST /token at http://api\.invalid: "):
        connection.send(ROWS)
    assert limits == [UNREACHED_SECONDS]
    assert clock.waits == []


def test_a_vendor_that_answers_in_time_may_be_slow_later() -> None:
    patience = Patience(VirtualClock(), 8)
    patience.answered = True
    assert not any(patience.ends(refusal(None), 0.0, unsent=True) for _ in range(7))


def test_vendors_begin_side_by_side() -> None:
    together = threading.Barrier(3)

    def token(_: Heard) -> Reply:
        together.wait(5)
        return reply(TOKEN)

    with Loopback(token=token) as server:
        workers = [open_on(connect(server.origin)) for _ in range(3)]
        for each in workers:
            assert each.started() is None
        for each in workers:
            while each.started() is None:
                each.loop.wait()
            assert each.started() is each.started()
            each.close()
    assert len(server.tokens) == 3


def test_a_vendor_that_cannot_begin_fails_where_it_is_waited_for_each_time_the_same() -> None:
    workers = open_on(closed())
    assert workers.started() is None
    workers.loop.wait()
    found = []
    for _ in range(3):
        with pytest.raises(RequestError) as caught:
            workers.started()
        found.append(caught.value)
    workers.close()
    assert found[0] is found[1] is found[2]


def test_a_port_that_is_open_but_silent_is_no_vendor_that_was_never_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = connect(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.05, max_tries=6)
        with pytest.raises(RequestError, match="no answer in time on POST /token after 6 tries"):
            connection.send(ROWS)
