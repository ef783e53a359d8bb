"""The tap on a machine whose clock agrees with the sandbox it reads from, whatever time it is there.

As a program (`python -m tests.here`) it is the command line of the tap.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from tap_usage.rest.clock import Clock
from tap_usage.tap import TapUsage


class LocalClock(Clock):
    """A clock that is ahead of this machine's."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class LocalTap(TapUsage):
    clock_class = LocalClock

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - as the tap has it
        if isinstance(config := kwargs.get("config"), dict):
            kwargs["config"] = every_family(config)
        super().__init__(**kwargs)
        if isinstance(self.clock, LocalClock):
            self.clock.ahead = ahead_of_this_machine(self.config.values())


def every_family(config: dict[str, Any]) -> dict[str, Any]:
    """Return settings with which all streams of their vendors are there, if they do not say which."""
    return {"genesys_usage_api": "both", **config} if "genesys_client_id" in config else config


def ahead_of_this_machine(settings: Iterable[object]) -> timedelta:
    """Return how far a sandbox is ahead that one of the settings leads to; nothing when none does."""
    for url in settings:
        if isinstance(url, str) and url.startswith("http://127.0.0.1:"):
            connection = HTTPConnection(urlsplit(url).netloc, timeout=5)
            try:
                connection.request("GET", "/__sandbox__/health")
                told = json.load(connection.getresponse())
                return datetime.fromisoformat(told["now"]) - datetime.now(UTC)
            except (HTTPException, OSError, KeyError, TypeError, ValueError):
                continue
            finally:
                connection.close()
    return timedelta()


if __name__ == "__main__":
    LocalTap.cli()
