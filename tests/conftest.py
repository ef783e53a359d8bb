from __future__ import annotations

from collections.abc import Iterator

import pytest

from tap_usage.sandbox import Sandbox

NOW = "2026-11-22T12:00:00Z"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """All four vendors with their default data, at a fixed time."""
    with Sandbox(now=NOW) as running:
        yield running
