from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from tap_usage.rest.loop import Loop, Task
from tap_usage.sandbox import Sandbox
from tap_usage.stream import UsageStream
from tests.running import Run, run
from tests.truth import STREAMS


@pytest.fixture(autouse=True)
def _no_limit(sandbox: Sandbox) -> None:
    """A minute of the sandbox never ends, and what waits for it would be late."""
    sandbox.genesys.requests_per_minute = 10**9


def records(of: Run) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each stream in their order: between streams it is nobody's."""
    return {stream: of.rows(stream) for stream in STREAMS}


def streams_of(of: Run) -> list[str]:
    return [m["stream"] for m in of.messages if m["type"] == "RECORD"]


def schemas(of: Run) -> dict[str, Any]:
    return {m["stream"]: m for m in of.messages if m["type"] == "SCHEMA"}


def test_whole_pages_and_the_steps_of_the_sdk_give_the_same_lines(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = run(sandbox.config)
    monkeypatch.setattr(UsageStream, "_written_as_read", property(lambda _: False))
    slow = run(sandbox.config)
    assert records(fast) == records(slow)
    assert schemas(fast) == schemas(slow)
    assert fast.state == slow.state
    keys = {tuple(m) for of in (fast, slow) for m in of.messages if m["type"] == "RECORD"}
    assert keys == {("type", "stream", "record", "time_extracted")}


def test_side_by_side_and_one_after_the_other_give_the_same_rows_and_the_same_state(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = run(sandbox.config)
    side_by_side = Loop.run

    def one_after_the_other(loop: Loop, tasks: Iterable[Task], **_: object) -> None:
        for task in tasks:
            side_by_side(loop, [task])

    monkeypatch.setattr(Loop, "run", one_after_the_other)
    alone = run(sandbox.config)
    assert records(together) == records(alone)
    assert together.state == alone.state
    changes = [sum(one != other for one, other in pairwise(streams_of(of))) for of in (together, alone)]
    assert changes[0] > changes[1]


@pytest.mark.parametrize("concurrency", [2, 32])
def test_the_number_of_requests_in_flight_changes_no_row_and_no_order(sandbox: Sandbox, concurrency: int) -> None:
    alone = run(sandbox.config, max_concurrency=1)
    together = run(sandbox.config, max_concurrency=concurrency)
    assert records(alone) == records(together)
    assert alone.state == together.state
