"""A first run gives exactly what the vendors hold, and every row keeps the promises of its schema."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from tap_usage.sandbox import Sandbox
from tap_usage.sandbox.elasticpath import SAMPLE_PROMOTION
from tests.conftest import NOW
from tests.running import Run, run
from tests.truth import STREAMS, TRUTH, bare, counted, promotion_usages

SAMPLES = Path(__file__).parents[1] / "tap_usage" / "sandbox" / "samples"
SCHEMAS = Path(__file__).parents[1] / "schemas"
every_stream = pytest.mark.parametrize("stream", STREAMS)
Whole = tuple[Sandbox, Run]


@pytest.fixture(scope="module")
def whole() -> Iterator[Whole]:
    """One run over everything, without a state."""
    with Sandbox(now=NOW) as sandbox:
        yield sandbox, run(sandbox.config)


def schema_of(stream: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{stream}.json").read_text(encoding="utf-8"))
    return schema


def sample(name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((SAMPLES / name).read_text(encoding="utf-8"))
    return answer


def test_a_first_run_extracts_everything_without_a_failure(whole: Whole) -> None:
    _, done = whole
    assert (done.code, done.failures) == (0, [])
    assert set(done.counts) == set(STREAMS)


@every_stream
def test_the_rows_are_those_that_the_vendor_holds(whole: Whole, stream: str) -> None:
    sandbox, done = whole
    truth = TRUTH[stream](sandbox)
    assert truth
    assert counted(bare(stream, done.rows(stream))) == counted(truth)


@every_stream
def test_keys_are_there_and_unique(whole: Whole, stream: str) -> None:
    rows = whole[1].rows(stream)
    keys = Counter(tuple(row[key] for key in schema_of(stream)["required"]) for row in rows)
    assert not [key for key, times in keys.items() if times > 1 or None in key]


@every_stream
def test_rows_are_valid_and_hold_declared_fields_only(whole: Whole, stream: str) -> None:
    schema = schema_of(stream)
    validator = Draft7Validator(schema, format_checker=FormatChecker())
    for row in whole[1].rows(stream):
        validator.validate(row)
        assert set(row) <= set(schema["properties"])


@every_stream
def test_one_schema_message_comes_before_the_rows(whole: Whole, stream: str) -> None:
    of_stream = [message for message in whole[1].messages if message.get("stream") == stream]
    assert [message["type"] for message in of_stream].index("SCHEMA") == 0
    assert sum(message["type"] == "SCHEMA" for message in of_stream) == 1
    assert of_stream[0]["key_properties"] == schema_of(stream)["required"]


def test_nothing_is_asked_twice_and_nothing_is_refused(whole: Whole) -> None:
    sandbox, _ = whole
    asked = Counter(
        (seen.operation, seen.path, json.dumps(seen.query, sort_keys=True), seen.request.body)
        for seen in sandbox.requests
        if not seen.operation.endswith("_results")
    )
    assert not [request for request, times in asked.items() if times > 1]
    assert not [seen for seen in sandbox.requests if seen.status >= 400 or not seen.authorization_ok]


def test_no_thread_of_a_run_outlives_it(sandbox: Sandbox) -> None:
    before = set(threading.enumerate())
    assert run(sandbox.config, select=["elasticpath_promotions", "genesys_oauth_clients"]).counts
    left = set(threading.enumerate()) - before
    assert not [thread.name for thread in left if thread.name.endswith("-worker")]


def test_each_vendor_hands_out_one_token(whole: Whole) -> None:
    sandbox, _ = whole
    assert [sandbox.count(f"{vendor}.token") for vendor in sandbox.vendors] == [1, 1, 1, 1]


def test_rows_of_windowed_streams_say_whether_they_are_final(whole: Whole) -> None:
    _, done = whole
    for stream, field in (
        ("genesys_organization_usage", "date"),
        ("genesys_client_usage", "date"),
        ("demandbase_api_usage", "period_start"),
    ):
        first_open = "2026-11-19" if stream.startswith("genesys") else "2026-11-21"
        for row in done.rows(stream):
            assert row["is_final"] is (row[field][:10] < first_open)


def test_added_fields_tell_what_was_asked(whole: Whole) -> None:
    _, done = whole
    assert {row["granularity"] for row in done.rows("genesys_organization_usage")} == {"Day"}
    assert {row["days"] for row in done.rows("genesys_client_usage_summary")} == {7}
    assert {row["observed_on"] for row in done.rows("genesys_client_usage_summary")} == {"2026-11-22"}
    for row in done.rows("demandbase_api_usage"):
        assert (row["accountId"], row["accountName"], row["period"]) == (
            "o8o7ajl7htaqk8fah7bc",
            "INTERNAL-Automation",
            "day",
        )
        assert row["period_start"] == row["date"]


def test_observations_carry_the_vendors_clock_not_the_local_one(whole: Whole) -> None:
    _, done = whole
    assert datetime.now(UTC) - datetime.fromisoformat(NOW) != timedelta()
    for stream in ("pingone_issuance_rule_usage_counts", "demandbase_credits"):
        for row in done.rows(stream):
            assert row["observed_at"] == "2026-11-22T12:00:00.000Z"
            assert row["observed_on"] == "2026-11-22"


def test_the_documented_counts_of_a_pingone_rule_arrive_as_they_are(whole: Whole) -> None:
    counts = sample("pingone_usage_counts.json")
    assert counts == {"issued": 4, "accepted": 2, "updated": 1, "revoked": 0, "errors": 1}
    rows = whole[1].rows("pingone_issuance_rule_usage_counts")
    assert counts in [{name: row.get(name) for name in counts} for row in rows]


def test_the_documented_demandbase_answer_arrives_row_by_row(sandbox: Sandbox) -> None:
    done = run(
        sandbox.config,
        select=["demandbase_api_usage", "demandbase_credits"],
        demandbase_period="month",
        start_date="2015-02-01",
        end_date="2015-06-01",
    )
    rows = done.rows("demandbase_api_usage")
    assert counted(bare("demandbase_api_usage", rows)) == counted(
        sample("demandbase_usage_month.json")["usageForAccount"]
    )
    assert len(rows) == len({row["usage_key"] for row in rows}) == 41
    assert sum(row["transactions"] for row in rows) == 7165
    assert {row["period_start"] for row in rows} == {"2015-03-01", "2015-04-01", "2015-05-01"}
    assert {row["is_final"] for row in rows} == {True}
    usage = [seen.query for seen in sandbox.requests if seen.operation == "demandbase.usage"]
    assert {"period": "month", "start": "2015-02", "end": "2015-05"} in usage


def test_the_documented_demandbase_credits_arrive_as_they_are(sandbox: Sandbox) -> None:
    sandbox.demandbase.ledger.sources.clear()
    (row,) = run(sandbox.config, select=["demandbase_credits"]).rows("demandbase_credits")
    assert (row["allocatedCredits"], row["consumedCredits"]) == (99999, 13987)


def test_the_documented_elastic_path_usage_arrives_once_and_the_run_ends(sandbox: Sandbox) -> None:
    done = run(
        sandbox.config,
        select=["elasticpath_promotion_usages"],
        elasticpath_promotion_ids=[SAMPLE_PROMOTION],
        elasticpath_page_size=10,
    )
    (usage,) = sample("elasticpath_promotion_usages.json")["data"]
    assert done.rows("elasticpath_promotion_usages") == [{**usage, "promotion_id": SAMPLE_PROMOTION}]
    assert done.code == 0
    assert sandbox.count("elasticpath.usages") == 1


@pytest.mark.parametrize("size", [1, 2, 3, 99])
def test_the_page_size_does_not_change_the_usages(sandbox: Sandbox, size: int) -> None:
    promotions = [promotion["id"] for promotion in sandbox.elasticpath.promotions if promotion["name"] == "Flash sale"]
    done = run(
        sandbox.config,
        select=["elasticpath_promotion_usages"],
        elasticpath_page_size=size,
        elasticpath_promotion_ids=promotions,
    )
    truth = [row for row in promotion_usages(sandbox) if row["promotion_id"] in promotions]
    assert counted(done.rows("elasticpath_promotion_usages")) == counted(truth)


def test_a_field_that_a_vendor_adds_later_is_passed_on(sandbox: Sandbox) -> None:
    sandbox.elasticpath.promotions[0]["loyalty_tier"] = {"level": 3}
    rows = run(sandbox.config, select=["elasticpath_promotions"]).rows("elasticpath_promotions")
    assert rows[0]["loyalty_tier"] == {"level": 3}
