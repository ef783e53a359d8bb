"""Where requests go: URLs and links."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from tap_usage.rest.connection import Request
from tap_usage.rest.errors import LinkRefusedError, RequestError
from tests.rest.loopback import Loopback, connect, reply


def resolve(base: str, path: str) -> str:
    return connect(base).resolve(path)


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("http://a.example", "/v1/rows", "http://a.example/v1/rows"),
        ("http://a.example/", "/v1/rows", "http://a.example/v1/rows"),
        ("http://a.example/v1", "/v1/rows", "http://a.example/v1/rows"),
        ("http://a.example/v1/", "/v1/rows", "http://a.example/v1/rows"),
        ("http://a.example/gate/x", "/v1/rows", "http://a.example/gate/x/v1/rows"),
        ("http://a.example/gate/x/", "/gate/x/v1/rows", "http://a.example/gate/x/v1/rows"),
        ("http://a.example/api", "/apiary", "http://a.example/api/apiary"),
        ("http://a.example:8970", "/rows?a=1&b=%2B", "http://a.example:8970/rows?a=1&b=%2B"),
    ],
)
def test_paths_are_below_the_base_url_and_a_prefix_is_not_doubled(base: str, path: str, url: str) -> None:
    assert resolve(base, path) == url


@pytest.mark.parametrize(
    ("base", "link", "url"),
    [
        ("http://a.example", "http://a.example/rows?cursor=c%3D%3D", "http://a.example/rows?cursor=c%3D%3D"),
        ("http://a.example", "HTTP://A.Example/rows", "http://a.example/rows"),
        ("http://a.example", "http://a.example:80/rows", "http://a.example/rows"),
        ("https://a.example:443", "https://a.example/rows", "https://a.example:443/rows"),
        (
            "http://a.example:8970",
            "http://a.example:8970/rows?page[offset]=1",
            "http://a.example:8970/rows?page[offset]=1",
        ),
        ("http://a.example", "//a.example/rows", "http://a.example/rows"),
        ("http://a.example", "http:///rows", "http://a.example/rows"),
        ("http://a.example", "http://a.example/rows#top", "http://a.example/rows"),
        ("http://a.example", "http://user:word@a.example/rows", "http://a.example/rows"),
    ],
)
def test_a_link_to_the_own_origin_is_followed(base: str, link: str, url: str) -> None:
    assert resolve(base, link).replace("%5B", "[").replace("%5D", "]") == url


OTHERS = [
    "http://b.example/rows",
    "https://a.example:8970/rows",
    "http://a.example/rows",
    "http://a.example:8971/rows",
    "ftp://a.example:8970/rows",
    "//b.example/rows",
    "http://a.example.b.example:8970/rows",
    "http://a.example:8970@b.example/rows",
    "http://b.example\\@a.example:8970/rows",
    "http://b.example;@b.example:8970/rows",
    "http://b.example#@a.example:8970/rows",
    "http://b.example?@a.example:8970/rows",
    "http://a.example:8970\t.b.example/rows",
    "http://a.example:8970\n@b.example/rows",
    "http://a.example:99999/rows",
    "http://[::1/rows",
    "javascript:alert(1)",
    "data:,",
]


@pytest.mark.parametrize("link", OTHERS)
def test_a_link_to_anywhere_else_is_refused(link: str) -> None:
    with pytest.raises(LinkRefusedError, match="refused"):
        resolve("http://a.example:8970", link)


def test_a_refused_link_is_named_without_its_path_and_secrets() -> None:
    with pytest.raises(LinkRefusedError) as caught:
        resolve("https://a.example/v1", "http://user:marker@b.example:81/marker?token=marker")
    assert str(caught.value) == (
        "a link to http://b.example:81 was refused, only https://a.example gets the credentials: check the URL settings"
    )


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:{other}/rows",
        "http://localhost:{port}/rows",
        "https://127.0.0.1:{port}/rows",
        "//127.0.0.1:{other}/rows",
        "http://127.0.0.1:{other}\\@127.0.0.1:{port}/rows",
        "http://127.0.0.1:{other}#@127.0.0.1:{port}/rows",
        "http://127.0.0.1:{port}@127.0.0.1:{other}/rows",
    ],
)
def test_nothing_at_all_is_sent_when_a_link_is_refused(link: str) -> None:
    with Loopback() as other, Loopback() as server, pytest.raises(LinkRefusedError):
        connect(server.origin).send(Request(link.format(other=other.port, port=server.port)))
    assert other.connections == server.connections == 0


@pytest.mark.parametrize("link", ["http://{0}\\\\@{0}/rows", "http://x@{0}/rows", "/\\{0}/rows", "/rows\r\nX-Evil: 1"])
def test_an_odd_link_leads_nowhere_but_to_the_own_origin(link: str) -> None:
    with Loopback() as server:
        here = urlsplit(server.origin).netloc
        connection = connect(server.origin)
        try:
            connection.send(Request(link.format(here)))
        except LinkRefusedError:
            assert server.heard == []
        else:
            (heard,) = server.heard
            assert heard.headers["host"] == here
            assert "x-evil" not in heard.headers
            assert "\r" not in heard.target


def test_a_followed_link_keeps_its_query_as_it_came() -> None:
    with Loopback() as server:
        connect(server.origin).send(Request(f"{server.origin}/rows?cursor=a%2Bb%3D%3D&limit=5&x=a+b"))
    assert server.heard[0].target == "/rows?cursor=a%2Bb%3D%3D&limit=5&x=a+b"


def test_a_failure_on_a_link_names_method_and_path_only() -> None:
    with Loopback(lambda _: reply(status=404)) as server, pytest.raises(RequestError) as caught:
        connect(server.origin).send(Request(f"{server.origin}/v1/rows?cursor=marker"))
    assert caught.value.where == "GET /v1/rows"


@pytest.mark.parametrize(
    "value", ["2026-01-01T00:00:00.000Z", "+00:00", "a b", "a&b=c", "50%", "ge(used_on,x):lt(used_on,y)", "[1]", "ü/?#"]
)
def test_parameters_arrive_as_they_were_meant(value: str) -> None:
    with Loopback() as server:
        connection = connect(server.origin)
        connection.send(Request("/rows", params={"page[limit]": 100, "filter": value}))
        connection.send(Request("/rows?own=1", params={"filter": value}))
    first, second = (urlsplit(heard.target).query for heard in server.heard)
    assert parse_qsl(first) == [("page[limit]", "100"), ("filter", value)]
    assert parse_qsl(second) == [("own", "1"), ("filter", value)]
    assert not set(first) & set(" +[]:") - ({"+"} if " " in value else set())


@pytest.mark.parametrize("path", ["/a%2Fb/rows", "/a%20b/rows", "/a%2B/rows", "/%C3%BC/rows"])
def test_an_encoded_path_stays_encoded(path: str) -> None:
    with Loopback() as server:
        connect(server.origin).send(Request(path))
    assert server.heard[0].target == path
