"""Snapshots of cumulative counters: deltas of days add up to the growth, whatever happens in between."""

from __future__ import annotations

import pytest

from tap_usage.sandbox import Sandbox
from tests.promised import COUNTERS
from tests.running import Run, run
from tests.truth import Row

COUNTS = "pingone_issuance_rule_usage_counts"
CREDITS = "demandbase_credits"


def of_rule(done: Run, rule: str) -> Row:
    (row,) = [row for row in done.rows(COUNTS) if row["issuance_rule_id"] == rule]
    return row


def rule_with(sandbox: Sandbox, **counters: int) -> str:
    """Empty PingOne but for one rule whose counters a test moves by hand; return its id."""
    sandbox.pingone.clear()
    environment = sandbox.pingone.add_environment()
    kind = sandbox.pingone.add_credential_type(environment)
    return sandbox.pingone.add_issuance_rule(kind, dict.fromkeys(COUNTERS, 0) | counters)


def next_run(sandbox: Sandbox, before: Run | None, **settings: object) -> Run:
    return run(sandbox.config, select=[COUNTS, CREDITS], state=before.state if before else None, **settings)


def test_a_first_snapshot_has_no_deltas(sandbox: Sandbox) -> None:
    done = next_run(sandbox, None)
    for row in done.rows(COUNTS):
        assert [row[f"{counter}_delta"] for counter in COUNTERS] == [None] * 5
        assert (row["delta_since"], row["counter_reset"]) == (None, False)
    (row,) = done.rows(CREDITS)
    assert (row["consumedCredits_delta"], row["delta_since"], row["counter_reset"]) == (None, None, False)


def test_deltas_of_days_add_up_to_the_growth(sandbox: Sandbox) -> None:
    done = next_run(sandbox, None)
    target: dict[tuple[str, str], Row] = {}
    for hours in (5, 24, 3, 26, 51, 24, 1):
        sandbox.advance(hours=hours)
        done = next_run(sandbox, done)
        rows = [(COUNTS, row["issuance_rule_id"], row) for row in done.rows(COUNTS)]
        rows += [(CREDITS, row["accountId"], row) for row in done.rows(CREDITS)]
        target |= {(f"{stream} {key}", row["observed_on"]): row for stream, key, row in rows}
    assert {observed_on for _, observed_on in target} == {f"2026-11-{day}" for day in (22, 23, 24, 27, 28)}
    for (key, observed_on), first in target.items():
        if observed_on != "2026-11-22":
            continue
        stream, _, identity = key.partition(" ")
        now = (
            sandbox.pingone.counts(identity)
            if stream == COUNTS
            else {"consumedCredits": sandbox.demandbase.ledger.account_credits()["consumedCredits"]}
        )
        later = [row for (of, day), row in target.items() if of == key and day > observed_on]
        assert len(later) == 4
        for counter, value in now.items():
            assert sum(row[f"{counter}_delta"] for row in later) == value - first[counter]
    grown = [row["issued_delta"] for row in target.values() if row.get("issued_delta")]
    assert grown


def test_a_second_run_on_a_day_replaces_the_row_and_counts_from_the_day_before(sandbox: Sandbox) -> None:
    rule = rule_with(sandbox, issued=10)
    done = next_run(sandbox, None)
    sandbox.advance(days=1)
    sandbox.pingone.counters[rule]["issued"] = 13
    done = next_run(sandbox, done)
    morning = of_rule(done, rule)
    sandbox.advance(hours=6)
    sandbox.pingone.counters[rule]["issued"] = 20
    evening = of_rule(next_run(sandbox, done), rule)
    assert (morning["issued_delta"], evening["issued_delta"]) == (3, 10)
    assert morning["observed_on"] == evening["observed_on"] == "2026-11-23"
    assert morning["delta_since"] == evening["delta_since"] == "2026-11-22T12:00:00.000Z"
    assert evening["observed_at"] == "2026-11-23T18:00:00.000Z"


def test_a_second_run_on_the_first_day_still_has_no_deltas(sandbox: Sandbox) -> None:
    rule = rule_with(sandbox, issued=10)
    done = next_run(sandbox, None)
    sandbox.pingone.counters[rule]["issued"] = 15
    row = of_rule(next_run(sandbox, done), rule)
    assert (row["issued"], row["issued_delta"], row["delta_since"]) == (15, None, None)


def test_a_counter_that_drops_is_a_reset_and_counts_from_zero(sandbox: Sandbox) -> None:
    rule = rule_with(sandbox, issued=10, revoked=4)
    done = next_run(sandbox, None)
    sandbox.advance(days=1)
    sandbox.pingone.counters[rule] |= {"issued": 3, "revoked": 6}
    row = of_rule(next_run(sandbox, done), rule)
    assert (row["issued_delta"], row["revoked_delta"], row["accepted_delta"]) == (3, 2, 0)
    assert row["counter_reset"] is True


def test_a_counter_that_the_vendor_leaves_out_has_no_delta_and_loses_nothing_when_it_comes_back(
    sandbox: Sandbox,
) -> None:
    rule = rule_with(sandbox, errors=5)
    done = next_run(sandbox, None)
    sandbox.advance(days=1)
    del sandbox.pingone.counters[rule]["errors"]
    done = next_run(sandbox, done)
    absent = of_rule(done, rule)
    sandbox.advance(days=1)
    sandbox.pingone.counters[rule]["errors"] = 9
    back = of_rule(next_run(sandbox, done), rule)
    assert absent.get("errors") is None
    assert (absent["errors_delta"], absent["counter_reset"]) == (None, False)
    assert back["errors_delta"] == 4


def test_credits_of_a_new_allocation_period_are_a_reset(sandbox: Sandbox) -> None:
    sandbox.demandbase.ledger.sources.clear()
    done = next_run(sandbox, None)
    sandbox.advance(days=1)
    sandbox.demandbase.ledger.credits = {"allocatedCredits": 50000, "consumedCredits": 12}
    (row,) = next_run(sandbox, done).rows(CREDITS)
    assert (row["allocatedCredits"], row["consumedCredits_delta"], row["counter_reset"]) == (50000, 12, True)


def test_a_rule_made_anew_has_a_new_id_and_no_deltas(sandbox: Sandbox) -> None:
    rule = rule_with(sandbox, issued=10)
    done = next_run(sandbox, None)
    sandbox.advance(days=1)
    (kind,) = sandbox.pingone.issuance_rules
    sandbox.pingone.issuance_rules[kind].clear()
    anew = sandbox.pingone.add_issuance_rule(kind, dict.fromkeys(COUNTERS, 1))
    done = next_run(sandbox, done)
    row = of_rule(done, anew)
    assert anew != rule
    assert (row["issued_delta"], row["counter_reset"]) == (None, False)
    assert list(done.state["bookmarks"][COUNTS]["snapshots"]) == [rule, anew]


@pytest.mark.parametrize("kind", ["forbidden", "html"])
def test_a_rule_that_could_not_be_read_keeps_its_last_snapshot(sandbox: Sandbox, kind: str) -> None:
    rule = rule_with(sandbox, issued=10)
    done = next_run(sandbox, None)
    sandbox.advance(days=1)
    sandbox.fault("pingone.usage_counts", kind, times=None)
    failed = next_run(sandbox, done)
    assert failed.code == 1
    sandbox.clear_faults()
    sandbox.advance(days=1)
    sandbox.pingone.counters[rule]["issued"] = 17
    row = of_rule(next_run(sandbox, failed), rule)
    assert (row["issued_delta"], row["delta_since"]) == (7, "2026-11-22T12:00:00.000Z")


def test_a_filter_does_not_forget_the_snapshots_of_what_it_leaves_out(sandbox: Sandbox) -> None:
    done = next_run(sandbox, None)
    first, second, *_ = [environment["id"] for environment in sandbox.pingone.environments]
    sandbox.advance(days=1)
    narrowed = next_run(sandbox, done, pingone_environment_ids=[second])
    assert {row["environment_id"] for row in narrowed.rows(COUNTS)} == {second}
    sandbox.advance(days=1)
    widened = next_run(sandbox, narrowed)
    assert {row["delta_since"] for row in widened.rows(COUNTS) if row["environment_id"] == first} == {
        "2026-11-22T12:00:00.000Z"
    }


def test_a_state_from_before_midnight_makes_no_delta_of_the_same_day(sandbox: Sandbox) -> None:
    rule = rule_with(sandbox, issued=10)
    sandbox.advance(hours=11, minutes=59)
    done = next_run(sandbox, None)
    sandbox.advance(minutes=2)
    sandbox.pingone.counters[rule]["issued"] = 11
    row = of_rule(next_run(sandbox, done), rule)
    assert (row["observed_on"], row["issued_delta"]) == ("2026-11-23", 1)
