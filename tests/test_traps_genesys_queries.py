"""Traps of Genesys Cloud in the life of a query: submission, polls, results. `test_traps` counts them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.running import run
from tests.truth import bare, counted, is_whole, organization_usage, today

ORGANIZATION = "genesys_organization_usage"
WEEK: dict[str, Any] = {"start_date": "2026-11-15"}


def test_g06_a_submission_may_be_answered_with_200_or_202(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[ORGANIZATION])
    assert {seen.status for seen in sandbox.requests if seen.operation == "genesys.organization_submit"} == {200, 202}
    assert is_whole(sandbox, done, ORGANIZATION)


def test_g07_running_is_no_answer_yet(sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 5
    done = run(sandbox.config, select=[ORGANIZATION])
    assert sandbox.count("genesys.organization_results") == 6 * sandbox.count("genesys.organization_submit")
    assert is_whole(sandbox, done, ORGANIZATION)


def test_g08_failed_query_is_resubmitted(sandbox: Sandbox) -> None:
    sandbox.fault("genesys.organization_results", "query_status", times=2, word="Failed")
    done = run(sandbox.config, select=[ORGANIZATION], **WEEK)
    assert (done.code, sandbox.count("genesys.organization_submit")) == (0, 3)
    assert counted(bare(ORGANIZATION, done.rows(ORGANIZATION))) == counted(
        organization_usage(sandbox, today(sandbox) - timedelta(days=7), today(sandbox))
    )


def test_g08_a_query_that_fails_for_ever_ends_as_a_failure_and_moves_no_bookmark(sandbox: Sandbox) -> None:
    sandbox.fault("genesys.organization_results", "query_status", times=None, word="Failed")
    done = run(sandbox.config, select=[ORGANIZATION], **WEEK)
    assert (done.code, sandbox.count("genesys.organization_submit")) == (1, 3)
    assert "Failed" in done.failures[0]
    assert done.rows(ORGANIZATION) == []
    assert done.bookmark(ORGANIZATION) is None


def test_g08_a_word_that_nobody_knows_is_named(sandbox: Sandbox) -> None:
    sandbox.fault("genesys.organization_results", "query_status", times=None, word="Cancelled")
    done = run(sandbox.config, select=[ORGANIZATION], **WEEK)
    assert done.code == 1
    assert "Cancelled" in done.failures[0]


def test_g09_a_query_that_runs_too_long_is_a_failure_and_the_next_run_goes_on_waiting_for_it(
    sandbox: Sandbox,
) -> None:
    sandbox.genesys.polls_until_complete = 10**9
    config = {**sandbox.config, "genesys_poll_timeout_seconds": 30, **WEEK}
    first = run(config, select=[ORGANIZATION])
    assert first.code == 1
    assert "30 seconds" in first.failures[0]
    assert first.bookmark(ORGANIZATION) is None
    assert len(first.state["bookmarks"][ORGANIZATION]["executions"]) == 1
    sandbox.genesys.polls_until_complete = 0
    second = run(config, select=[ORGANIZATION], state=first.state)
    assert (second.code, sandbox.count("genesys.organization_submit")) == (0, 1)
    assert second.rows(ORGANIZATION)
    assert second.state["bookmarks"][ORGANIZATION]["executions"] == []


def test_g09_an_execution_that_the_vendor_has_forgotten_is_submitted_anew(sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 10**9
    config = {**sandbox.config, "genesys_poll_timeout_seconds": 30, **WEEK}
    first = run(config, select=[ORGANIZATION])
    sandbox.genesys.forget_executions()
    sandbox.genesys.polls_until_complete = 0
    second = run(config, select=[ORGANIZATION], state=first.state)
    assert (second.code, sandbox.count("genesys.organization_submit")) == (0, 2)
    assert second.rows(ORGANIZATION)


def test_g10_polls_begin_after_five_seconds_and_grow_to_a_minute(sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 9
    defaults: dict[str, Any] = {"genesys_poll_initial_seconds": None, "genesys_poll_max_seconds": None}
    done = run(sandbox.config, select=[ORGANIZATION], **defaults, **WEEK)
    waits = [5, 8, 12.8, 20.48, 32.768, 52.4288, 60, 60, 60, 60]
    assert sandbox.count("genesys.organization_results") == len(waits)
    assert sum(done.waits) == pytest.approx(sum(waits), abs=1)


def test_cursors_that_no_operation_takes_are_not_followed_but_named_and_nothing_is_taken_for_complete(
    sandbox: Sandbox,
) -> None:
    sandbox.fault("genesys.organization_results", "cursors_present", times=None)
    done = run(sandbox.config, select=[ORGANIZATION])
    assert (done.code, done.bookmark(ORGANIZATION)) == (1, None)
    assert all("`cursors.after`" in line for line in done.failures)
    assert done.rows(ORGANIZATION)
    assert not [seen for seen in sandbox.requests if seen.query]


def test_a_lost_answer_to_a_submission_is_repeated_once(sandbox: Sandbox) -> None:
    sandbox.fault("genesys.organization_submit", "answer_lost")
    done = run(sandbox.config, select=[ORGANIZATION], **WEEK)
    assert (done.code, sandbox.count("genesys.organization_submit")) == (0, 2)
