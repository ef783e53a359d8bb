from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.toys.house import SHEETS, Workshop
from tests.toys.servers import OpenAI, Twilio

NOW = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)


@pytest.fixture
def openai() -> Iterator[OpenAI]:
    with OpenAI(NOW) as running:
        yield running


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    with Twilio(NOW) as running:
        yield running


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)


@pytest.fixture
def toys(workshop: Workshop) -> Workshop:
    """The tap of this process knows the two toys, as their sheets are."""
    workshop.install([workshop.vendor(sheet) for sheet in SHEETS.values()])
    return workshop
