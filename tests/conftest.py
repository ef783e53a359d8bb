from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tap_usage.sandbox import Sandbox

NOW = "2026-11-22T12:00:00Z"


@pytest.fixture(autouse=True, scope="session")
def _no_proxy() -> Iterator[None]:
    """The simulated vendors are on this machine, whatever proxy is set."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("no_proxy", "127.0.0.1,localhost")
        yield


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """All four vendors with their default data, at a fixed time."""
    with Sandbox(now=NOW) as running:
        yield running


@pytest.fixture
def sandbox_of_today() -> Iterator[Sandbox]:
    """The same at the time of this machine, for a tap that is a program of its own."""
    with Sandbox(now=datetime.now(UTC).isoformat()) as running:
        yield running
