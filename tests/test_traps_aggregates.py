"""Traps of Genesys' usage aggregates in the life of a job, numbered as in the facts; `test_traps` counts them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.running import Run, run
from tests.truth import AGGREGATES, is_whole

ORGANIZATION, CLIENT = AGGREGATES
SUBMIT, RESULTS = "genesys.organization_aggregates_submit", "genesys.organization_aggregates_results"
OF_CLIENTS = ("genesys.client_aggregates_submit", "genesys.client_aggregates_results")
WEEK: dict[str, Any] = {"start_date": "2026-11-15"}


def read(sandbox: Sandbox, *streams: str, state: dict[str, Any] | None = None, **settings: Any) -> Run:  # noqa: ANN401
    return run(sandbox.config, select=[*(streams or (ORGANIZATION,))], state=state, **settings)


def bodies(sandbox: Sandbox, *operations: str) -> list[dict[str, Any]]:
    seen = [each for each in sandbox.requests if each.operation in (operations or (SUBMIT, OF_CLIENTS[0]))]
    return [json.loads(each.request.body) for each in seen]


def jobs(done: Run, stream: str = ORGANIZATION) -> list[str]:
    return [kept["execution_id"] for kept in done.state["bookmarks"][stream]["executions"]]


def page_sizes(sandbox: Sandbox) -> list[str]:
    return [seen.query["pageSize"] for seen in sandbox.requests if seen.operation == RESULTS]


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize("word", ["Failed", "Cancelled"])
def test_ag01_a_failure_ends_the_polling_whatever_its_http_status(sandbox: Sandbox, word: str, status: Any) -> None:  # noqa: ANN401 - 200 or 202
    sandbox.genesys.aggregates.unknowns.failing_status = status
    sandbox.fault(RESULTS, "query_status", times=None, word=word)
    done = read(sandbox, **WEEK)
    assert (done.code, sandbox.count(SUBMIT), sandbox.count(RESULTS)) == (1, 3, 3)
    assert done.bookmark(ORGANIZATION) is None


@pytest.mark.parametrize("status", [200, 202])
def test_ag01_what_runs_is_polled_whatever_its_http_status(sandbox: Sandbox, status: Any) -> None:  # noqa: ANN401 - 200 or 202
    sandbox.genesys.aggregates.unknowns.waiting_status = status
    done = read(sandbox)
    assert is_whole(sandbox, done, ORGANIZATION)


@pytest.mark.parametrize("word", ["Complete", "COMPLETED", "FULFILLED", "succeeded", "", None])
def test_ag02_a_word_that_nobody_knows_is_not_finished_until_the_deadline(sandbox: Sandbox, word: str | None) -> None:
    sandbox.fault(RESULTS, "query_status", times=4, word=word)
    assert is_whole(sandbox, read(sandbox), ORGANIZATION)
    sandbox.fault(RESULTS, "query_status", times=None, word=word)
    done = read(sandbox, genesys_poll_timeout_seconds=60, **WEEK)
    assert done.code == 1
    assert "still runs after 60 seconds, with a status nobody knows" in done.failures[0]
    assert (done.bookmark(ORGANIZATION), len(jobs(done))) == (None, 1)


@pytest.mark.parametrize("word", ["Failed", "Cancelled"])
def test_ag03_cancelled_is_final_like_failed_and_submitted_again(sandbox: Sandbox, word: str) -> None:
    sandbox.fault(RESULTS, "query_status", times=2, word=word)
    done = read(sandbox, genesys_window_days=90)
    assert sandbox.count(SUBMIT) == 2 + 2  # two windows, of 89 days and of one
    assert is_whole(sandbox, done, ORGANIZATION)


@pytest.mark.parametrize("told", [True, False], ids=["a reason", "no reason"])
def test_ag04_a_failure_is_told_with_its_reason_or_without_one(sandbox: Sandbox, *, told: bool) -> None:
    sandbox.genesys.aggregates.unknowns.error_body = told
    sandbox.fault(RESULTS, "query_status", times=None, word="Failed")
    done = read(sandbox, **WEEK)
    (line,) = done.failures
    assert (", internal.server.error, 3 times" in line, "(correlation id " in line) == (told, told)
    assert "the query ended as Failed" in line


def test_ag04_a_reason_that_blames_the_query_is_not_answered_with_the_same_query(sandbox: Sandbox) -> None:
    sandbox.fault(RESULTS, "query_status", times=None, word="Failed", status=400, code="query.too.long")
    done = read(sandbox, **WEEK)
    assert (done.code, sandbox.count(SUBMIT)) == (1, 1)
    assert "query.too.long: the vendor finds fault with the query" in done.failures[0]
    assert jobs(done) == []


def test_ag05_the_id_of_a_job_is_its_id(sandbox: Sandbox) -> None:
    done = read(sandbox, *AGGREGATES)
    assert is_whole(sandbox, done, ORGANIZATION)
    assert is_whole(sandbox, done, CLIENT)
    sandbox.fault(SUBMIT, "edit", times=None, change=lambda body: {"executionId": body["id"]})
    assert "`id`" in read(sandbox).failures[0]


@pytest.mark.parametrize("granularity", ["Day", "Week", "Month"])
def test_ag06_a_granularity_is_a_word_and_no_duration(sandbox: Sandbox, granularity: str) -> None:
    done = read(sandbox, *AGGREGATES, genesys_granularity=granularity)
    assert done.code == 0
    assert {body["granularity"] for body in bodies(sandbox)} == {granularity}


def test_ag15_what_lies_more_than_a_year_back_is_not_asked_for_and_that_is_said_once(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    done = read(sandbox, *AGGREGATES, start_date="2024-01-01")
    assert done.code == 0
    assert min(body["interval"] for body in bodies(sandbox)).startswith("2025-11-23T00:00:00Z/")
    told = "what lies between 2024-01-01 and 2025-11-23 is not read: the vendor cannot be asked for it any more"
    warned = [record.name for record in caplog.records if record.getMessage() == told]
    assert sorted(warned) == sorted(f"tap-usage.{stream}" for stream in AGGREGATES)


def test_ag15_a_bookmark_that_is_older_than_a_year_goes_on_from_there_with_the_warning(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    first = read(sandbox)
    sandbox.advance(days=500)
    caplog.clear()
    second = read(sandbox, state=first.state)
    assert (second.code, second.bookmark(ORGANIZATION)) == (0, "2028-04-04")
    assert "what lies between 2026-11-19 and 2027-04-07 is not read" in caplog.text
    caplog.clear()
    read(sandbox, state=second.state)
    assert "is not read" not in caplog.text


@pytest.mark.parametrize("granularity", ["Week", "Month"])
def test_ag15_no_bucket_is_cut_where_the_year_ends(sandbox: Sandbox, granularity: str) -> None:
    done = read(sandbox, genesys_granularity=granularity, start_date="2025-01-01")
    first = {"Week": "2025-11-24", "Month": "2025-12-01"}[granularity]
    assert min(body["interval"] for body in bodies(sandbox)).startswith(first)
    assert (done.code, len({row["usage_key"] for row in done.rows(ORGANIZATION)})) == (0, len(done.rows(ORGANIZATION)))


def test_ag16_the_largest_page_is_asked_for_from_the_first_poll_on(sandbox: Sandbox) -> None:
    read(sandbox)
    assert set(page_sizes(sandbox)) == {"1000"}


def test_ag17_the_first_success_is_page_one(sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 0
    done = read(sandbox)
    assert sandbox.count(RESULTS) == sandbox.count(SUBMIT) == 3
    assert is_whole(sandbox, done, ORGANIZATION)


@pytest.mark.parametrize("repeated", [True, False], ids=["with a size", "without"])
@pytest.mark.parametrize("form", ["relative", "absolute"])
def test_ag18_the_cursor_stands_in_a_link_of_any_form(sandbox: Sandbox, form: Any, *, repeated: bool) -> None:  # noqa: ANN401 - of two
    sandbox.genesys.aggregates.rows_per_answer = 40
    unknowns = sandbox.genesys.aggregates.unknowns
    unknowns.next_uri, unknowns.next_uri_page_size = form, repeated
    done = read(sandbox)
    assert is_whole(sandbox, done, ORGANIZATION)
    assert len([seen for seen in sandbox.requests if "after" in seen.query]) > 20


def test_ag19_a_link_to_another_host_is_refused_and_nothing_moves(sandbox: Sandbox) -> None:
    sandbox.fault(RESULTS, "next_elsewhere", times=None, url="https://elsewhere.example")
    done = read(sandbox, **WEEK)
    assert done.code == 1
    assert "a link to https://elsewhere.example:443 was refused" in done.failures[0]
    assert (done.bookmark(ORGANIZATION), jobs(done)) == (None, [])


def test_ag20_only_a_missing_link_ends_it_and_a_cursor_that_comes_again_is_a_failure(sandbox: Sandbox) -> None:
    sandbox.genesys.aggregates.unknowns.empty_last_page = True
    sandbox.fault(RESULTS, "empty_page", times=3)
    assert is_whole(sandbox, read(sandbox), ORGANIZATION)
    sandbox.fault(RESULTS, "next_cycle", times=None)
    done = read(sandbox, **WEEK)
    assert done.code == 1
    assert "the pages of the results (`nextUri`) go in a circle" in done.failures[0]
    assert (done.bookmark(ORGANIZATION), jobs(done)) == (None, [])


def test_ag21_a_page_that_would_be_too_large_is_asked_for_by_halves(sandbox: Sandbox) -> None:
    sandbox.genesys.aggregates.rows_per_answer = 300
    sandbox.genesys.polls_until_complete = 0
    done = read(sandbox, genesys_window_days=90, end_date="2026-11-21")
    assert page_sizes(sandbox)[:3] == ["1000", "500", "250"]
    assert set(page_sizes(sandbox)[2:]) == {"250"}
    assert (done.code, len(done.rows(ORGANIZATION))) == (0, len({row["usage_key"] for row in done.rows(ORGANIZATION)}))
    assert len(done.rows(ORGANIZATION)) > 500


def test_ag22_a_long_list_of_clients_makes_no_filter(sandbox: Sandbox) -> None:
    sandbox.genesys.aggregates.longest_filter = 1
    listed = [client["id"] for client in sandbox.genesys.clients]
    done = read(sandbox, *AGGREGATES, genesys_oauth_client_ids=listed)
    assert done.code == 0
    assert all(body.keys() == {"interval", "granularity", "groupBy"} for body in bodies(sandbox))


def test_ag23_a_404_a_moment_after_the_submission_is_no_error(sandbox: Sandbox) -> None:
    sandbox.genesys.aggregates.polls_until_known = 3
    done = read(sandbox)
    assert (sandbox.count(SUBMIT), sandbox.count(RESULTS, status=404)) == (3, 9)
    assert is_whole(sandbox, done, ORGANIZATION)


def test_ag23_a_job_that_is_forgotten_is_submitted_anew_in_bounds(sandbox: Sandbox) -> None:
    sandbox.fault(RESULTS, "not_found", times=4)
    assert is_whole(sandbox, read(sandbox, max_concurrency=1), ORGANIZATION)
    assert sandbox.count(SUBMIT) in {3, 4}
    sandbox.fault(RESULTS, "not_found", times=None)
    sandbox.forget_requests()
    done = read(sandbox, **WEEK)
    assert (done.code, sandbox.count(SUBMIT)) == (1, 3)
    assert "the vendor has forgotten the query, 3 times" in done.failures[0]


def waiting(sandbox: Sandbox) -> Run:
    """Return a run that gave up waiting for its job."""
    sandbox.genesys.polls_until_complete = 10**9
    done = read(sandbox, genesys_poll_timeout_seconds=30, **WEEK)
    sandbox.genesys.polls_until_complete = 0
    return done


def test_ag24_a_job_is_kept_in_the_state_and_not_submitted_again(sandbox: Sandbox) -> None:
    first = waiting(sandbox)
    (kept,) = first.state["bookmarks"][ORGANIZATION]["executions"]
    assert kept.keys() == {"execution_id", "fingerprint", "submitted_at", "final"}
    assert kept["execution_id"] in sandbox.genesys.executions
    second = read(sandbox, state=first.state, **WEEK)
    assert (second.code, sandbox.count(SUBMIT), jobs(second)) == (0, 1, [])
    assert second.rows(ORGANIZATION)


@pytest.mark.parametrize("answer", ["not found", "Failed", "Cancelled"])
def test_ag24_a_job_of_an_earlier_run_that_expired_is_submitted_anew(sandbox: Sandbox, answer: Any) -> None:  # noqa: ANN401 - one of these
    first = waiting(sandbox)
    sandbox.genesys.aggregates.unknowns.forgotten = answer
    sandbox.genesys.forget_executions()
    second = read(sandbox, state=first.state, **WEEK)
    assert (second.code, sandbox.count(SUBMIT), jobs(second)) == (0, 2, [])
    assert second.rows(ORGANIZATION)


def test_ag25_a_403_names_the_new_permission_and_the_other_family_goes_on(sandbox: Sandbox) -> None:
    sandbox.genesys.permissions = {"oauth:client:view"}
    done = run(sandbox.config)
    assert done.code == 1
    told = {line.split(": ")[1]: line.rpartition("; ")[2] for line in done.failures}
    assert told == {ORGANIZATION: "needs usage:organization:view", CLIENT: "needs usage:client:view"}
    for stream in ("genesys_organization_usage", "genesys_client_usage", "genesys_client_usage_summary"):
        assert is_whole(sandbox, done, stream)


def test_ag30_rows_are_not_asked_for_in_an_order(sandbox: Sandbox) -> None:
    sandbox.genesys.aggregates.unknowns.in_order = False
    done = read(sandbox, *AGGREGATES)
    assert not [body for body in bodies(sandbox) if "sortBy" in body]
    assert is_whole(sandbox, done, ORGANIZATION)
    assert is_whole(sandbox, done, CLIENT)
