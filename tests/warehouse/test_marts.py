"""What dbt builds tells the vendors' truth, and the same in both databases."""

from __future__ import annotations

import json
from collections import Counter

from tests.promised import COUNTERS
from tests.truth import Row
from tests.warehouse.conftest import Both, Recording
from tests.warehouse.databases import Database
from tests.warehouse.rows import held

MARTS = "analytics"
SECOND = "2026-11-23"
Sums = dict[tuple[str, str], int]


def counted(rows: list[Row]) -> Counter[str]:
    """Return rows as a multiset, without the time at which a loader came by: target-duckdb does not tell it."""
    return Counter(json.dumps(list(row.items())) for row in ({**row, "loaded_at": None} for row in rows))


def summed(sums: Counter[tuple[str, str]], meter: str, rows: list[Row], date: str, quantity: str) -> None:
    for row in rows:
        sums[meter, row[date][:10]] += row[quantity]


def truth(truths: list[dict[str, list[Row]]]) -> Sums:
    """Return what was used, by meter and day."""
    sums: Counter[tuple[str, str]] = Counter()
    for meter, stream, date, quantity in (
        ("genesys.api_requests", "genesys_organization_usage", "date", "requests"),
        ("demandbase.api_transactions", "demandbase_api_usage", "date", "transactions"),
        ("elasticpath.redemptions", "elasticpath_promotion_usages", "used_on", "times_used"),
    ):
        summed(sums, meter, list(held(stream, truths)), date, quantity)
    before, after = (truth["pingone_issuance_rule_usage_counts"] for truth in truths[-2:])
    for counter in COUNTERS:
        meter = "pingone.errors" if counter == "errors" else f"pingone.credentials_{counter}"
        counted = {row["issuance_rule_id"]: row[counter] for row in before if counter in row}
        sums[meter, SECOND] = sum(row[counter] - counted[row["issuance_rule_id"]] for row in after if counter in row)
    return dict(sums)


def facts(database: Database) -> Sums:
    question = f"""
        select x_meter_id, x_usage_date, sum(consumed_quantity) as quantity
        from {MARTS}.usage_facts group by x_meter_id, x_usage_date"""  # noqa: S608 - our own words
    return {(row["x_meter_id"], row["x_usage_date"]): row["quantity"] for row in database.rows(question)}


def test_facts_add_up_to_what_the_vendors_hold_by_meter_and_day(built: Database, recording: Recording) -> None:
    assert facts(built) == truth(recording.truths)


def test_after_the_first_run_facts_add_up_too_and_counters_have_not_grown_yet(
    first_day_built: Database, recording: Recording
) -> None:
    first = truth(recording.truths[:1] * 3)
    assert facts(first_day_built) == {key: value for key, value in first.items() if key[1] != SECOND}


def test_every_table_has_the_same_columns_and_rows_in_both(both_built: Both) -> None:
    duckdb, postgres = (database.tables(MARTS) for database in both_built)
    assert duckdb.keys() == postgres.keys()
    assert [name for name, rows in duckdb.items() if not rows] == []
    for name, rows in duckdb.items():
        assert counted(rows) == counted(postgres[name]), name


def test_the_first_day_has_the_same_columns_and_rows_in_both(first_days_built: Both) -> None:
    duckdb, postgres = (database.tables(MARTS) for database in first_days_built)
    assert {name: counted(rows) for name, rows in duckdb.items()} == {
        name: counted(rows) for name, rows in postgres.items()
    }


def test_nothing_is_built_of_what_was_not_loaded(empty_ones_built: Both) -> None:
    for database in empty_ones_built:
        tables = database.tables(MARTS)
        assert "usage_facts" in tables
        assert {name: rows for name, rows in tables.items() if rows} == {}
