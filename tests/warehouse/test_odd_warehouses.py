"""Warehouses after a while: a state that was lost, other questions, many tenants, one vendor."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from datetime import datetime, timedelta

import pytest

from tests.running import Run
from tests.truth import Row
from tests.warehouse.conftest import Both, Recording
from tests.warehouse.databases import ROOT, Database, Message, done, program
from tests.warehouse.test_tables import artifact

BUILD = ("build", "--exclude-resource-type", "unit_test")
COUNTS, ORGANIZATION = "pingone_issuance_rule_usage_counts", "genesys_organization_usage"
CLIENTS = "genesys_client_usage"
TRANSACTIONS, REDEMPTIONS = "demandbase_api_usage", "elasticpath_promotion_usages"
AGGREGATES = f"{ORGANIZATION}_aggregates"


def schema(taken: Run, stream: str) -> Message:
    return deepcopy(next(one for one in taken.messages if one["type"] == "SCHEMA" and one["stream"] == stream))


def messages(taken: Run, stream: str, rows: Iterable[Row], **fields: object) -> list[Message]:
    """Return a stream's rows as a tap would write them, with further fields in the schema."""
    head = schema(taken, stream)
    head["schema"]["properties"] |= fields
    return [head, *({"type": "RECORD", "stream": stream, "record": row} for row in rows)]


def total(database: Database, meter: str, what: str = "sum(consumed_quantity)", more: str = "") -> int:
    query = f"select {what} as total from analytics.usage_facts where x_meter_id = '{meter}' {more}"  # noqa: S608
    (row,) = database.rows(query)
    return int(row["total"])


def warnings(database: Database) -> set[str]:
    results = artifact(database, "run_results")["results"]
    assert {result["status"] for result in results} <= {"success", "pass", "warn"}
    return {result["unique_id"].split(".")[2] for result in results if result["status"] == "warn"}


@pytest.fixture(scope="module")
def aged(both_built: Both, recording: Recording) -> Database:
    """A warehouse with a row that no state covers, rows of other questions beside those of now, and what else warns."""
    last = recording.runs[-1]
    twin = both_built[0].copy("aged")

    counts = next(row for row in last.rows(COUNTS) if row["issued"] > 0)
    kept, after = dict(counts), dict(counts)
    for row, days in ((kept, 1), (after, 5)):  # the second one's deltas begin where the last state did
        at = datetime.fromisoformat(counts["observed_at"]) + timedelta(days=days)
        row |= {"observed_at": at.isoformat(), "observed_on": str(at.date()), "delta_since": counts["observed_at"]}
        row |= {"issued": counts["issued"] + 10 * days, "issued_delta": 10 * days}
    lines = messages(last, COUNTS, (kept, after))

    truth = recording.truths[-1][ORGANIZATION]
    days = [
        {"granularity": "Day", "grouped_by": grouping, "usage_key": f"{grouping} {day}", "date": day}
        | {"requests": sum(row["requests"] for row in truth if row["date"] == day)}
        for day in sorted({row["date"] for row in truth})[-10:]
        for grouping in ("OrganizationId", "UserId")
    ]
    lines += messages(last, ORGANIZATION, days, grouped_by={"type": ["string", "null"]})

    usage = recording.runs[0].rows(TRANSACTIONS)[0]
    month = {"usage_key": "month", "period": "month", "period_start": usage["period_start"][:8] + "01"}
    lines += messages(last, TRANSACTIONS, [usage | month | {"transactions": 1_000_000}])
    client = next(row for row in recording.runs[0].rows(CLIENTS) if row["is_final"])
    lines += messages(last, CLIENTS, [client | {"requests": client["requests"] + 1}])
    redemption = recording.runs[0].rows(REDEMPTIONS)[0]
    lines += messages(last, REDEMPTIONS, [redemption | {"id": "late", "promotion_id": "of a deleted promotion"}])
    twin.load(lines)
    twin.build(*BUILD)
    return twin


def test_a_row_that_no_state_covers_does_not_count_twice(aged: Database, both_built: Both) -> None:
    meter = "pingone.credentials_issued"
    assert total(aged, meter) == total(both_built[0], meter) + 50


def test_the_same_requests_grouped_in_another_way_do_not_count_twice(aged: Database, both_built: Both) -> None:
    by_day = (
        "select x_usage_date as day, sum(consumed_quantity) as quantity from analytics.usage_facts"
        " where x_meter_id = 'genesys.api_requests' group by x_usage_date order by x_usage_date"
    )
    assert aged.rows(by_day) == both_built[0].rows(by_day)


def test_a_month_beside_its_days_does_not_count_twice(aged: Database, both_built: Both) -> None:
    meter = "demandbase.api_transactions"
    assert total(aged, meter) == total(both_built[0], meter)


def test_what_is_odd_in_a_warehouse_is_a_warning_that_stops_nothing(aged: Database) -> None:
    assert warnings(aged) == {
        "counters_grow_as_the_tap_says",
        "genesys_clients_equal_their_organization",
        "ids_are_known",
        "streams_are_asked_in_one_way",
        "streams_go_on",
    }


def test_many_tenants_in_one_warehouse_do_not_touch_each_other(both: Both, both_built: Both) -> None:
    twin = both[0].copy("tenants")
    tenants = "(values ('acme'), ('zenith')) as tenants (tenant)"
    twice = "create or replace table main.{0} as select {0}.*, tenant from main.{0} cross join {1}"
    twin.ask(*(twice.format(name, tenants) for name in twin.tables()))
    twin.build(*BUILD)
    alone = both_built[0].tables("analytics")
    for name, rows in twin.tables("analytics").items():
        tenant = next((column for column in ("x_tenant", "x_Tenant", "tenant") if rows and column in rows[0]), "")
        for each in ("acme", "zenith") if rows else ():
            own = [row | {tenant: ""} for row in rows if row[tenant] == each]
            assert sorted(map(json.dumps, own)) == sorted(map(json.dumps, alone[name])), (name, each)
    assert not warnings(twin)


def test_one_family_of_genesys_streams_feeds_the_facts_and_never_both(both_built: Both) -> None:
    twin = both_built[0].copy("families")
    held = twin.tables()
    meter = "genesys.api_requests"
    assert total(twin, meter) == sum(row["requests"] for row in held[ORGANIZATION])
    twin.build("run", "--select", "+usage_facts", "--vars", '{"genesys_usage_api": "aggregates"}')
    assert total(twin, meter) == sum(row["requestcount"] for row in held[AGGREGATES])
    assert total(twin, meter, "count(*)", f"and x_source_stream <> '{AGGREGATES}'") == 0


def test_a_family_that_does_not_exist_is_a_line_and_no_trace(both_built: Both) -> None:
    with pytest.raises(AssertionError, match=r"genesys_usage_api is query or aggregates.*not other") as refused:
        both_built[0].build("parse", "--vars", '{"genesys_usage_api": "other"}')
    assert "Traceback" not in str(refused.value)


def test_a_project_of_a_users_own_takes_it_as_a_package_for_one_vendor_with_few_fields(
    empty_ones: Both, recording: Recording
) -> None:
    twin = empty_ones[0].copy("guest")
    kept = {"id", "promotion_id", "used_on", "times_used"}
    usages = recording.runs[0].rows(REDEMPTIONS)
    lines = messages(recording.runs[0], REDEMPTIONS, [{name: row[name] for name in kept} for row in usages])
    fields = lines[0]["schema"]["properties"]
    lines[0]["schema"]["properties"] = {name: fields[name] for name in kept}
    twin.load(lines)

    project = twin.place / "project"
    (project / "models").mkdir(parents=True)
    texts = {
        "dbt_project.yml": "{name: house, profile: house, version: 1.0.0}",
        "packages.yml": json.dumps({"packages": [{"local": str(ROOT / "transform")}]}),
        "profiles.yml": json.dumps(
            {"house": {"target": "own", "outputs": {"own": {"type": "duckdb", "path": twin.where}}}}
        ),
        "models/meters.sql": """
            select x_meter_id, sum(consumed_quantity) as quantity from {{ ref('usage_facts') }} group by x_meter_id""",
    }
    for name, text in texts.items():
        (project / name).write_text(text, encoding="utf-8")
    places = {f"DBT_{name}": str(project) for name in ("PROJECT_DIR", "PROFILES_DIR", "LOG_PATH")}
    places["DBT_TARGET_PATH"] = str(project / "target")
    done([program("dbt-duckdb", "dbt"), "deps"], **places)
    said = done([program("dbt-duckdb", "dbt"), *BUILD], **places)
    assert "WARN=0 ERROR=0 SKIP=0" in said
    assert twin.rows("select * from main.meters") == [
        {"x_meter_id": "elasticpath.redemptions", "quantity": sum(row["times_used"] for row in usages)}
    ]
    assert [row["x_source_stream"] for row in twin.rows("select * from main.usage_recency")] == [REDEMPTIONS]
