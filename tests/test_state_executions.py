"""Executions in the state: found again while they are good for something, forgotten afterwards."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tap_usage.reading.executions import Executions
from tap_usage.rest.pages.query import Submitted
from tap_usage.sandbox import Sandbox
from tests.running import run
from tests.state_life import written

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def after(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state as the next run gets it."""
    copy: dict[str, Any] = json.loads(written(state))
    return copy


def submitted(fingerprint: str, hours_ago: float = 0, *, final: bool = False) -> Submitted:
    return Submitted(f"execution-{fingerprint}", fingerprint, NOW - timedelta(hours=hours_ago), final=final)


def test_an_execution_is_found_again_by_its_query_on_the_day_it_was_submitted() -> None:
    state: dict[str, Any] = {}
    kept = Executions(state)
    kept.keep(submitted("a"))
    kept.keep(submitted("b", 13))
    again = Executions(after(state))
    assert again.find("a", NOW) == submitted("a")
    assert again.find("b", NOW) is None
    assert again.find("c", NOW) is None
    assert again.find("a", NOW + timedelta(hours=11)) == submitted("a")
    assert again.find("a", NOW + timedelta(hours=13)) is None


def test_an_execution_about_settled_days_is_found_on_later_days_too_but_not_for_ever() -> None:
    kept = Executions({})
    kept.keep(submitted("a", final=True))
    assert kept.find("a", NOW + timedelta(days=20)) == submitted("a", final=True)
    assert kept.find("a", NOW + timedelta(days=36)) is None


def test_a_newer_execution_of_a_query_replaces_the_older_one() -> None:
    state: dict[str, Any] = {}
    kept = Executions(state)
    kept.keep(submitted("a", 2))
    kept.keep(submitted("a", 1))
    assert len(state["executions"]) == 1
    assert kept.find("a", NOW) == submitted("a", 1)


def test_executions_leave_an_empty_list_when_they_are_over() -> None:
    state: dict[str, Any] = {}
    kept = Executions(state)
    kept.keep(submitted("a"))
    kept.drop("other")
    assert len(state["executions"]) == 1
    kept.drop("a")
    assert state == {"executions": []}


OLD_ONE = {"execution_id": "x", "fingerprint": "f", "submitted_at": "2026-11-21T23:59:00.000Z", "final": False}
YOUNG_ONE = {"execution_id": "y", "fingerprint": "g", "submitted_at": "2026-11-22T11:00:00.000Z", "final": False}


@pytest.mark.parametrize("stream", ["genesys_organization_usage", "genesys_client_usage_summary"])
def test_executions_of_an_earlier_day_are_forgotten_even_by_a_run_that_fails(sandbox: Sandbox, stream: str) -> None:
    sandbox.fault("genesys.*_submit", "forbidden", times=None)
    sandbox.fault("genesys.client_summary", "forbidden", times=None)
    done = run(sandbox.config, select=[stream], state={"bookmarks": {stream: {"executions": [OLD_ONE, YOUNG_ONE]}}})
    assert done.code == 1
    assert done.state["bookmarks"][stream]["executions"] == [YOUNG_ONE]


@pytest.mark.parametrize("stream", ["genesys_organization_usage", "genesys_client_usage_summary"])
def test_a_complete_run_leaves_no_executions(sandbox: Sandbox, stream: str) -> None:
    done = run(sandbox.config, select=[stream], state={"bookmarks": {stream: {"executions": [OLD_ONE, YOUNG_ONE]}}})
    assert done.code == 0
    assert done.state["bookmarks"][stream]["executions"] == []
