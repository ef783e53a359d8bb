"""What a vendor hides for a run is not lost: absence from one answer is evidence of nothing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tap_usage.times import utc_text
from tests.promised import COUNTERS
from tests.running import Run, run
from tests.state_life import merged
from tests.truth import client_usage, today

USAGES = "elasticpath_promotion_usages"
CLIENT = "genesys_client_usage"
ORGANIZATION = "genesys_organization_usage"
SUMMARY = "genesys_client_usage_summary"
COUNTS = "pingone_issuance_rule_usage_counts"
CREDITS = "demandbase_credits"
API_USAGE = "demandbase_api_usage"


class Shop:
    """Two promotions that are used in turns, one long before the other, and a loader that keeps everything."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.state: dict[str, Any] = {}
        self.held: set[str] = set()
        sandbox.elasticpath.clear()
        self.one, self.other = (sandbox.elasticpath.add_promotion() for _ in range(2))
        self.use()

    def use(self, minutes: int = 60) -> None:
        now = self.sandbox.clock.now()
        self.sandbox.elasticpath.add_usages(self.one, 2, now, 60)
        self.sandbox.elasticpath.add_usages(self.other, 2, now + timedelta(minutes=minutes - 5), 60)
        self.sandbox.advance(minutes=minutes)

    def run(self, **settings: object) -> Run:
        done = run(self.sandbox.config, select=[USAGES], state=self.state, **settings)
        self.state = done.state
        self.held |= {row["id"] for row in done.rows(USAGES)}
        self.sandbox.clear_faults()
        self.use()
        return done

    @property
    def missing(self) -> set[str]:
        return {usage["id"] for _, usage in self.sandbox.elasticpath.all_usages()} - self.held


@pytest.fixture
def shop(sandbox: Sandbox) -> Shop:
    shop = Shop(sandbox)
    shop.run()
    return shop


def everything_came(shop: Shop) -> bool:
    """Run once more, much later, and tell whether nothing is missing."""
    shop.sandbox.advance(hours=2)
    done = run(shop.sandbox.config, select=[USAGES], state=shop.state)
    shop.held |= {row["id"] for row in done.rows(USAGES)}
    return done.code == 0 and not shop.missing


def test_a_404_of_a_promotion_that_is_listed_covers_nothing(shop: Shop) -> None:
    shop.sandbox.fault("elasticpath.usages", "not_found", where={"promotion_id": shop.one})
    assert shop.run().code == 0
    assert everything_came(shop)


def test_a_promotion_that_one_list_leaves_out_is_read_from_where_it_was(shop: Shop) -> None:
    shop.sandbox.fault("elasticpath.promotions", "unlisted", ids=[shop.one])
    assert shop.run().code == 0
    assert everything_came(shop)


def test_one_empty_list_of_promotions_loses_nothing(shop: Shop) -> None:
    shop.sandbox.fault("elasticpath.promotions", "unlisted")
    assert shop.run().code == 0
    assert everything_came(shop)


def test_a_promotion_that_failed_and_then_is_not_listed_is_read_from_where_it_was(shop: Shop) -> None:
    shop.sandbox.fault("elasticpath.usages", "forbidden", times=None, where={"promotion_id": shop.one})
    assert shop.run().code == 1
    shop.sandbox.fault("elasticpath.promotions", "unlisted", ids=[shop.one])
    assert shop.run().code == 0
    assert everything_came(shop)


def test_a_filter_does_not_count_for_a_promotion_that_was_not_listed_yet(shop: Shop) -> None:
    both = [shop.one, shop.other]
    shop.state, shop.held = {}, set()
    shop.sandbox.fault("elasticpath.promotions", "unlisted", ids=[shop.one])
    shop.run(elasticpath_promotion_ids=both)
    shop.run(elasticpath_promotion_ids=both)
    assert everything_came(shop)


def test_a_pass_that_is_over_does_not_come_back_through_a_merge(shop: Shop) -> None:
    stored = shop.state
    for _ in range(4):
        done = run(shop.sandbox.config, select=[USAGES], state=stored)
        shop.held |= {row["id"] for row in done.rows(USAGES)}
        assert not shop.missing
        for state in done.states:
            merged(state, stored)
        shop.use(minutes=15)


def test_a_run_after_an_interrupted_one_reads_once_so_that_its_exit_code_tells_what_came(shop: Shop) -> None:
    began = utc_text(shop.sandbox.clock.now())
    shop.state["bookmarks"][USAGES]["pass"] = {"began": began, "bound": began}
    shop.sandbox.advance(hours=5)
    shop.sandbox.fault("elasticpath.usages", "forbidden", where={"promotion_id": shop.one})
    assert shop.run().code == 1
    assert everything_came(shop)


def test_usages_at_the_zero_time_do_not_stop_later_runs(shop: Shop) -> None:
    lonely = shop.sandbox.elasticpath.add_promotion()
    shop.sandbox.elasticpath.add_usage(lonely, "0001-01-01T00:00:00.000Z")
    for chosen in ([lonely], [lonely], None):
        assert shop.run(**({"elasticpath_promotion_ids": chosen} if chosen else {})).code == 0
    assert everything_came(shop)


def test_a_start_in_the_year_one_is_asked_for_with_four_digits(shop: Shop) -> None:
    shop.state = {}
    shop.sandbox.forget_requests()
    assert shop.run(start_date="0001-01-01").code == 0
    bounds = [seen.query["filter"] for seen in shop.sandbox.requests if "filter" in seen.query]
    assert set(bounds) == {"ge(used_on,0001-01-01T00:00:00.000Z)"}


def test_a_client_whose_query_answers_404_once_is_read_from_where_it_was(sandbox: Sandbox) -> None:
    client = sandbox.genesys.clients[0]["id"]
    first = run(sandbox.config, select=[CLIENT])
    sandbox.advance(days=9)
    sandbox.fault("genesys.client_submit", "not_found", times=None, where={"client_id": client})
    second = run(sandbox.config, select=[CLIENT], state=first.state)
    assert second.code == 0
    sandbox.clear_faults()
    sandbox.advance(days=1)
    third = run(sandbox.config, select=[CLIENT], state=second.state)
    days = {row["date"][:10] for row in third.rows(CLIENT) if row["oauth_client_id"] == client}
    others = {row["date"][:10] for row in third.rows(CLIENT) if row["oauth_client_id"] != client}
    truth = client_usage(sandbox, client, date(2026, 11, 22), today(sandbox))
    assert {row["date"][:10] for row in truth} <= days
    assert min(others) >= "2026-11-28"


# Counters: 100 on the first day, 110 on the second, 125 on the third


HIDDEN = {
    "404 on the credential types": ("pingone.credential_types", "not_found", {}),
    "404 on the issuance rules": ("pingone.issuance_rules", "not_found", {}),
    "404 on the counts": ("pingone.usage_counts", "not_found", {}),
    "an empty list of environments": ("pingone.environments", "unlisted", {}),
    "an empty list of rules": ("pingone.issuance_rules", "unlisted", {}),
}


@pytest.mark.parametrize("how", [*HIDDEN, "an environment that is being deleted", "a filter"])
def test_counters_that_are_hidden_for_a_day_grow_on_from_the_day_before(sandbox: Sandbox, how: str) -> None:
    sandbox.pingone.clear()
    environment, elsewhere = (sandbox.pingone.add_environment() for _ in range(2))
    sandbox.pingone.add_credential_type(elsewhere)
    kind = sandbox.pingone.add_credential_type(environment)
    rule = sandbox.pingone.add_issuance_rule(kind, dict.fromkeys(COUNTERS, 100))
    deltas: list[int] = []
    state: dict[str, Any] = {}
    for day, value in enumerate((100, 110, 125)):
        sandbox.pingone.reset_counts(rule, value)
        settings: dict[str, Any] = {}
        if day == 1 and how in HIDDEN:
            operation, fault, details = HIDDEN[how]
            where = None if "environments" in operation else {"environment_id": environment}
            sandbox.fault(operation, fault, times=None, where=where, **details)
        elif day == 1 and how == "a filter":
            settings = {"pingone_environment_ids": [elsewhere]}
        elif day == 1:
            sandbox.fault("pingone.*", "delete_pending", times=None, ids=[environment])
        done = run(sandbox.config, select=[COUNTS], state=state, **settings)
        assert done.code == 0
        deltas += [row["issued_delta"] for row in done.rows(COUNTS) if row["issued_delta"] is not None]
        state = done.state
        sandbox.clear_faults()
        sandbox.advance(days=1)
    assert sum(deltas) == 25


def test_404_below_every_environment_is_no_access_and_not_no_data(sandbox: Sandbox) -> None:
    sandbox.fault("pingone.credential_types", "not_found", times=None)
    done = run(sandbox.config, select=["pingone_credential_types"])
    assert done.code == 1
    assert "pingone_credential_types: HTTP 404 below each of the" in done.failures[0]
    assert "the credentials lack a role there, or the service is not part of them" in done.failures[0]


def test_two_credits_where_one_was_promised_are_a_named_failure_and_nothing_is_remembered(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[CREDITS])
    sandbox.advance(days=1)
    sandbox.fault("demandbase.usage", "credits_doubled")
    second = run(sandbox.config, select=[CREDITS], state=first.state)
    assert (second.code, second.rows(CREDITS)) == (1, [])
    assert "2 rows came in `creditsForAccount`, the vendor promises 1 at most" in second.failures[0]
    assert second.state["bookmarks"][CREDITS] == first.state["bookmarks"][CREDITS]


@pytest.mark.parametrize("form", ["{}T00:00:00.000Z", "{}T00:00:00+00:00", "{}"])
@pytest.mark.parametrize("stream", [ORGANIZATION, CLIENT])
def test_a_row_has_the_same_key_however_its_day_is_spelt(sandbox: Sandbox, stream: str, form: str) -> None:
    usual = {row["usage_key"] for row in run(sandbox.config, select=[stream]).rows(stream)}
    sandbox.fault("genesys.*_results", "date_form", times=None, form=form)
    assert {row["usage_key"] for row in run(sandbox.config, select=[stream]).rows(stream)} == usual


def test_a_row_has_the_same_key_when_the_answer_does_not_repeat_the_period(sandbox: Sandbox) -> None:
    usual = run(sandbox.config, select=[API_USAGE]).rows(API_USAGE)
    sandbox.fault("demandbase.usage", "member_missing", times=None, path="period")
    assert run(sandbox.config, select=[API_USAGE]).rows(API_USAGE) == usual


# Answers that outlive their question


def left_running(sandbox: Sandbox, stream: str, **settings: object) -> dict[str, Any]:
    """Return the state of a run that waited for its queries in vain."""
    sandbox.fault("genesys.*_results", "query_status", times=None, word="Running")
    done = run(sandbox.config, select=[stream], genesys_poll_timeout_seconds=30, **settings)
    assert done.code == 1
    assert done.state["bookmarks"][stream]["executions"]
    sandbox.clear_faults()
    sandbox.forget_requests()
    return done.state


def test_a_summary_of_yesterday_is_not_taken_for_one_of_today(sandbox: Sandbox) -> None:
    sandbox.advance(hours=11, minutes=30)
    state = left_running(sandbox, SUMMARY)
    sandbox.advance(hours=1)
    done = run(sandbox.config, select=[SUMMARY], state=state)
    assert sandbox.count("genesys.client_summary") == len(sandbox.genesys.clients)
    assert {row["observed_on"] for row in done.rows(SUMMARY)} == {"2026-11-23"}


def test_a_query_about_days_that_may_still_change_is_not_polled_on_the_next_day(sandbox: Sandbox) -> None:
    bounded = {"start_date": "2026-11-15", "end_date": "2026-11-22"}
    state = left_running(sandbox, ORGANIZATION, **bounded)
    sandbox.advance(hours=11)
    assert run(sandbox.config, select=[ORGANIZATION], state=state, **bounded).code == 0
    assert sandbox.count("genesys.organization_submit") == 0
    sandbox.advance(hours=2)
    assert run(sandbox.config, select=[ORGANIZATION], state=state, **bounded).code == 0
    assert sandbox.count("genesys.organization_submit") == 1


SPOILT = {
    "refused": ("status", {"status": 400, "code": "bad.request"}),
    "unreadable": ("row_changed", {"field": "date", "value": "soon"}),
    "in a state nobody knows": ("query_status", {"word": "Suspended"}),
    "incomplete": ("cursors_present", {}),
    "failed": ("query_status", {"word": "Failed"}),
    "forgotten": ("not_found", {}),
}


@pytest.mark.parametrize("how", SPOILT)
def test_an_execution_of_an_earlier_run_that_came_to_nothing_is_submitted_anew_in_the_same_run(
    sandbox: Sandbox, how: str
) -> None:
    bounded = {"start_date": "2026-11-15", "end_date": "2026-11-22"}
    state = left_running(sandbox, ORGANIZATION, **bounded)
    kind, details = SPOILT[how]
    sandbox.fault("genesys.organization_results", kind, **details)
    done = run(sandbox.config, select=[ORGANIZATION], state=state, **bounded)
    assert (done.code, sandbox.count("genesys.organization_submit")) == (0, 1)
    assert done.rows(ORGANIZATION) == run(sandbox.config, select=[ORGANIZATION], **bounded).rows(ORGANIZATION)


@pytest.mark.parametrize("status", [403, 429, 503])
def test_an_execution_of_an_earlier_run_that_is_refused_for_the_moment_is_kept(sandbox: Sandbox, status: int) -> None:
    state = left_running(sandbox, ORGANIZATION, start_date="2026-11-15")
    sandbox.fault("genesys.organization_results", "status", times=None, status=status)
    done = run(sandbox.config, select=[ORGANIZATION], state=state, start_date="2026-11-15")
    assert (done.code, sandbox.count("genesys.organization_submit")) == (1, 0)
    assert len(done.state["bookmarks"][ORGANIZATION]["executions"]) == 1
