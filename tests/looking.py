"""One look at each stream of a sandbox (`--test`), inside the test process."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tap_usage.sandbox import Sandbox
from tests.rest.loopback import free_port
from tests.rest.test_transport import PROXIES
from tests.running import ImpatientTap, KeptLines

Test = Callable[..., "Told"]


@dataclass
class Told:
    """What a test told: a line for each stream, whether all is well, and the seconds that were waited."""

    lines: dict[str, str]
    good: bool
    waited: float

    def of(self, vendor: str) -> set[str]:
        """Return what is told of a vendor's streams."""
        return {line for stream, line in self.lines.items() if stream.startswith(vendor)}


def looks(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> Test:
    """Return what looks at a sandbox, with settings over its own; nothing may be written but the lines."""

    def test(**settings: Any) -> Told:  # noqa: ANN401 - settings
        written = KeptLines()
        merged = {name: value for name, value in {**sandbox.config, **settings}.items() if value is not None}
        tried = ImpatientTap(config=merged, message_writer=written)
        capsys.readouterr()
        good = tried.look()
        told = capsys.readouterr()
        written.flush()
        assert (told.out, written.lines) == ("", [])
        columns = [line.split(maxsplit=2) for line in told.err.splitlines()]
        lines = {stream: "  ".join(rest) for stream, *rest in columns}
        assert list(lines) == list(tried.streams)
        return Told(lines, good, sum(tried.clock.waits))  # type: ignore[attr-defined]

    return test


def hide_hosts(monkeypatch: pytest.MonkeyPatch, domain: str) -> None:
    """Have no name below a domain be found."""
    known = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **options: Any) -> object:  # noqa: ANN401 - as socket has it
        if host.endswith(domain):
            raise socket.gaierror
        return known(host, *rest, **options)

    monkeypatch.setattr("socket.getaddrinfo", resolve)


def set_dead_proxy(monkeypatch: pytest.MonkeyPatch) -> str:
    """Have everything go through a proxy that is not there; return where it is not."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    place = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("all_proxy", f"http://{place}")
    return place


def use_up(sandbox: Sandbox, requests: int) -> None:
    """Have others use Genesys' rate limit."""
    others = HTTPConnection(urlsplit(sandbox.url("genesys api")).netloc)
    for _ in range(requests):
        others.request("GET", "/api/v2/oauth/clients", headers={"authorization": "x"})
        others.getresponse().read()
    others.close()
