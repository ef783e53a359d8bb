"""What one run knows: its state, what STATE lines may say of it, and what failed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tap_usage.reading.run import Run
from tap_usage.rest.errors import PagingError
from tap_usage.vendors.demandbase import ApiUsage, Credits

CONFIG = {"demandbase_period": "day"}


class Lines:
    """Keeps what was asked of a writer of states."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def write(self, *, now: bool = False, last: bool = False) -> None:
        self.asked.append((now, last))

    def hurry(self) -> None:
        self.asked.append("hurry")


def test_the_state_of_a_stream_is_a_part_of_the_state_and_may_be_forgotten() -> None:
    run = Run(state={"bookmarks": {"a": {"value": 1}}})
    run.state_of("a")["value"] = 2
    run.state_of("b")["value"] = 3
    assert run.state == {"bookmarks": {"a": {"value": 2}, "b": {"value": 3}}}
    assert run.state_of("a", fresh=True) == {}
    assert run.state["bookmarks"]["a"] is run.state_of("a")


def test_a_state_that_runs_ahead_is_told_when_its_rows_were_written() -> None:
    given = {"bookmarks": {"a": {"value": 1}, "b": {"value": 1}}}
    run = Run(state=deepcopy(given), told=deepcopy(given))
    run.state_of("a")["value"] = run.state_of("b")["value"] = 2
    assert run.told == given
    run.commit("a")
    assert run.told == {"bookmarks": {"a": {"value": 2}, "b": {"value": 1}}}
    run.state_of("a")["value"] = 3
    assert run.told["bookmarks"]["a"] == {"value": 2}


def test_a_state_that_is_told_as_it_is_needs_no_commit() -> None:
    state: dict[str, Any] = {}
    run = Run(state=state, told=state)
    run.state_of("a")["value"] = 1
    run.commit("a")
    assert run.told is state


def test_a_run_without_a_writer_of_states_writes_none() -> None:
    run = Run()
    run.save(now=True)
    run.hurry()
    lines = Lines()
    run.states = lines
    run.save(now=True)
    run.save(last=True)
    run.hurry()
    assert lines.asked == [(True, False), (False, True), "hurry"]


def test_failures_are_told_by_stream_and_an_unexpected_one_with_its_place_in_the_code(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "tap-usage")
    run = Run()
    assert not run.failures
    run.failed(ApiUsage(CONFIG), "2026-11-01/2026-11-02", PagingError("a page came twice"))
    run.failed(Credits(CONFIG), "", ZeroDivisionError())
    assert run.failures.lines == [
        "demandbase: demandbase_api_usage: 2026-11-01/2026-11-02: a page came twice",
        "demandbase: demandbase_credits: unexpected ZeroDivisionError, please report it (LOGLEVEL=DEBUG shows where)",
    ]
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]
