from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tap_usage.sandbox import Sandbox
from tests.here import every_family

NOW = "2026-11-22T12:00:00Z"
TOGETHER = "tests/warehouse"

# The same examples in every run; `make soak` is for what comes at random. The first text that is drawn makes the tables
# of Unicode, which takes seconds in a fresh checkout on a busy machine.
hypothesis.settings.register_profile("here", derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("here")


class ByFile(LoadScopeScheduling):
    """A file stays in one process, and all files together whose fixtures take a minute to make."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(TOGETHER) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What cannot be divided comes first, so that no process is left with it."""
    items.sort(key=lambda item: not item.nodeid.startswith(TOGETHER))


def pytest_collection_finish() -> None:
    """Thousands of tests were collected, and stay: the garbage collector need not look at them again and again."""
    gc.collect()
    gc.freeze()


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
    """The same at the time of this machine, for a tap that is a program of its own and reads all streams."""
    with _OfEveryFamily(now=datetime.now(UTC).isoformat()) as running:
        running.genesys.requests_per_minute = 10**9  # or a minute of this machine's is waited for
        yield running


class _OfEveryFamily(Sandbox):
    @property
    def config(self) -> dict[str, Any]:
        return every_family(super().config)
