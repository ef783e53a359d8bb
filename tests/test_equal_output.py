from __future__ import annotations

from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tap_usage.streams import UsageStream
from tests.running import Run, run


def records(of: Run) -> list[tuple[str, dict[str, Any]]]:
    return [(m["stream"], m["record"]) for m in of.messages if m["type"] == "RECORD"]


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


@pytest.mark.parametrize("concurrency", [2, 32])
def test_the_number_of_requests_in_flight_changes_no_row_and_no_order(sandbox: Sandbox, concurrency: int) -> None:
    alone = run(sandbox.config, max_concurrency=1)
    together = run(sandbox.config, max_concurrency=concurrency)
    assert records(alone) == records(together)
    assert alone.state == together.state
