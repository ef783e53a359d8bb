from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tap_usage.rest.workers import Workers
from tests.rest.scripted import Script, Scripted, open_on


@pytest.fixture
def open_workers() -> Iterator[Callable[..., Workers]]:
    """Makes workers over a script and closes them; no thread may be left."""
    before = set(threading.enumerate())
    made: list[Workers] = []

    def make(script: Script = lambda _: {"items": []}, **options: Any) -> Workers:  # noqa: ANN401 - options
        made.append(open_on(Scripted(script, **options)))
        return made[-1]

    yield make
    for workers in made:
        workers.close()
    assert set(threading.enumerate()) <= before
