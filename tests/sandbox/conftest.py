from collections.abc import Iterator

import pytest

from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now="2026-11-22T12:00:00Z") as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    made = Client(sandbox)
    with made.session:
        yield made
