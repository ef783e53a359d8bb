"""Vendors change fields without a word: rows go on arriving, each change is told once, and keys are never made up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tap_usage.vendors import VENDORS
from tests.conftest import NOW
from tests.resilience.world import World
from tests.running import Run, run
from tests.truth import STREAMS, Row

Rows = list[Row]
OPERATIONS = {
    "pingone_environments": ("pingone.environments", ("_embedded", "environments")),
    "pingone_credential_types": ("pingone.credential_types", ("_embedded", "items")),
    "pingone_issuance_rules": ("pingone.issuance_rules", ("_embedded", "issuanceRules")),
    "pingone_issuance_rule_usage_counts": ("pingone.usage_counts", ()),
    "genesys_oauth_clients": ("genesys.clients", ("entities",)),
    "genesys_organization_usage": ("genesys.organization_results", ("results",)),
    "genesys_client_usage": ("genesys.client_results", ("results",)),
    "genesys_client_usage_summary": ("genesys.client_results", ("results",)),
    "genesys_organization_usage_aggregates": ("genesys.organization_aggregates_results", ("entities",)),
    "genesys_client_usage_aggregates": ("genesys.client_aggregates_results", ("entities",)),
    "demandbase_api_usage": ("demandbase.usage", ("usageForAccount",)),
    "demandbase_credits": ("demandbase.usage", ("creditsForAccount",)),
    "elasticpath_promotions": ("elasticpath.promotions", ("data",)),
    "elasticpath_promotion_usages": ("elasticpath.usages", ("data",)),
}


@pytest.fixture
def world() -> Iterator[World]:
    with Sandbox(now=NOW) as sandbox:
        yield World(sandbox)


def edit(world: World, stream: str, change: Callable[[Row], object], times: int | None = None, after: int = 0) -> None:
    """Change every row of a stream's answers."""
    operation, path = OPERATIONS[stream]

    def apply(body: dict[str, Any]) -> dict[str, Any]:
        rows: Any = body
        for name in path:
            rows = rows.get(name, {})
        for row in rows if path else [body]:
            if path or "issued" in row:
                change(row)
        return body

    world.sandbox.fault(operation, "edit", times=times, after=after, change=apply)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def read(world: World, stream: str, **settings: Any) -> Run:  # noqa: ANN401 - settings
    return run(world.config, select=[stream], **settings)


@pytest.mark.parametrize("stream", STREAMS)
def test_fields_that_the_schema_does_not_know_are_passed_on(
    world: World, caplog: pytest.LogCaptureFixture, stream: str
) -> None:
    edit(world, stream, lambda row: row.update(newField={"deep": [1, None]}, other="x"))
    done = read(world, stream)
    assert done.code == 0
    assert done.failures == []
    assert len(done.rows(stream)) == len(world.truth(stream)) > 0
    assert all(row["newField"] == {"deep": [1, None]} and row["other"] == "x" for row in done.rows(stream))
    assert warnings(caplog) == []


TYPES: dict[str, tuple[str, object, object]] = {
    "pingone_environments": ("name", 5, "5"),
    "pingone_credential_types": ("title", ["x"], ["x"]),
    "pingone_issuance_rules": ("filter", "all", "all"),
    "pingone_issuance_rule_usage_counts": ("issued", "2000", 2000),
    "genesys_oauth_clients": ("accessTokenValiditySeconds", "86400", 86400),
    "genesys_organization_usage": ("requests", 7.0, 7),
    "genesys_client_usage": ("status200", "many", "many"),
    "genesys_client_usage_summary": ("requests", "12", 12),
    "genesys_organization_usage_aggregates": ("oauthClient", ["x"], ["x"]),
    "genesys_client_usage_aggregates": ("requestCount", "7", 7),
    "demandbase_api_usage": ("transactions", "13", 13),
    "demandbase_credits": ("allocatedCredits", 10.5, 10.5),
    "elasticpath_promotions": ("enabled", "yes", "yes"),
    "elasticpath_promotion_usages": ("times_used", "1", 1),
}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_type_that_changed_is_told_once_per_field_and_run_and_ends_nothing(
    world: World, caplog: pytest.LogCaptureFixture, stream: str
) -> None:
    field, value, given = TYPES[stream]
    edit(world, stream, lambda row: row.update({field: value}))
    for _ in range(2):
        caplog.clear()
        done = read(world, stream)
        assert done.code == 0
        assert len(done.rows(stream)) == len(world.truth(stream))
        assert {str(row[field]) for row in done.rows(stream)} == {str(given)}
        assert all(type(row[field]) is type(given) for row in done.rows(stream))
        assert [line.split("`")[1] for line in warnings(caplog)] == [field]
        assert str(value) not in warnings(caplog)[0]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**70])
def test_a_number_that_no_column_holds_is_passed_on_and_told(
    world: World, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    edit(world, "demandbase_api_usage", lambda row: row.update(transactions=number))
    done = read(world, "demandbase_api_usage")
    assert done.code == 0
    assert {row["transactions"] for row in done.rows("demandbase_api_usage")} == {number}
    (line,) = warnings(caplog)
    assert line.startswith("`transactions` came as a number beyond ")


PROMISED = {stream.name: stream.promised for vendor in VENDORS for stream in vendor.streams if stream.promised}


@pytest.mark.parametrize("stream", PROMISED)
def test_a_field_that_always_came_and_is_missing_is_told_once(
    world: World, caplog: pytest.LogCaptureFixture, stream: str
) -> None:
    for field in PROMISED[stream]:
        caplog.clear()
        world.sandbox.clear_faults()
        edit(world, stream, lambda row, field=field: row.pop(field))  # type: ignore[misc]
        done = read(world, stream)
        assert done.code == 0
        assert len(done.rows(stream)) == len(world.truth(stream)) > 0
        assert not any(row.get(field) for row in done.rows(stream))
        assert [line.split("`")[1] for line in warnings(caplog)] == [field]


def test_several_fields_are_told_once_each(world: World, caplog: pytest.LogCaptureFixture) -> None:
    edit(world, "elasticpath_promotion_usages", lambda row: row.update(code=[1], order_id=7, times_used="x"))
    read(world, "elasticpath_promotion_usages")
    assert sorted(line.split("`")[1] for line in warnings(caplog)) == ["code", "order_id", "times_used"]


def test_counters_that_come_as_text_keep_their_deltas(world: World) -> None:
    stream = "pingone_issuance_rule_usage_counts"
    first = read(world, stream)
    world.sandbox.advance(days=1)
    truth = run(world.config, select=[stream], state=first.state)
    edit(world, stream, lambda row: row.update({name: str(value) for name, value in row.items()}))
    second = run(world.config, select=[stream], state=first.state)
    assert [row["issued_delta"] for row in second.rows(stream)] == [row["issued_delta"] for row in truth.rows(stream)]
    assert second.state == truth.state


def test_dimensions_that_come_in_another_type_keep_the_key_of_their_row(world: World) -> None:
    stream = "demandbase_api_usage"
    edit(world, stream, lambda row: row.update(api="7"))
    as_text = read(world, stream)
    world.sandbox.clear_faults()
    edit(world, stream, lambda row: row.update(api=7))
    as_number = read(world, stream)
    assert [row["usage_key"] for row in as_number.rows(stream)] == [row["usage_key"] for row in as_text.rows(stream)]


KEYS = {
    "pingone_environments": "id",
    "pingone_credential_types": "id",
    "pingone_issuance_rules": "id",
    "genesys_oauth_clients": "id",
    "elasticpath_promotions": "id",
    "elasticpath_promotion_usages": "id",
}


@pytest.mark.parametrize("how", ["null", "missing"])
@pytest.mark.parametrize("stream", KEYS)
def test_a_row_without_its_key_is_a_named_failure_of_its_part_only(world: World, stream: str, how: str) -> None:
    edit(world, stream, lambda row: row.update(id=None) if how == "null" else row.pop("id"), times=1)
    done = run(world.config)
    assert done.code == 1
    vendor = stream.split("_", maxsplit=1)[0]
    named = [line for line in done.failures if f"{vendor}: {stream}: " in line]
    assert len(named) == 1
    assert "a row without `id` came, which is a key" in named[0]
    assert all(row["id"] for row in done.rows(stream))
    for other in STREAMS:
        if not other.startswith(vendor):
            assert len(done.rows(other)) == len(world.truth(other))
    again = run(world.config, state=done.state)
    assert again.code == 0
    assert {row["id"] for each in (done, again) for row in each.rows(stream)} == {
        row["id"] for row in world.truth(stream)
    }


def test_an_account_without_an_id_leaves_no_snapshot(world: World) -> None:
    world.sandbox.fault("demandbase.usage", "edit", times=1, change=lambda body: body | {"accountId": None})
    done = read(world, "demandbase_credits")
    assert done.code == 1
    assert "a row without `accountId` came, which is a key" in done.failures[0]
    assert done.state["bookmarks"]["demandbase_credits"].get("snapshots", {}) == {}


@pytest.mark.parametrize("value", [None, 20261110, "soon", ["2026-11-10"]])
@pytest.mark.parametrize(
    ("stream", "field"),
    [
        ("genesys_organization_usage", "date"),
        ("genesys_organization_usage_aggregates", "date"),
        ("demandbase_api_usage", "date"),
        ("elasticpath_promotion_usages", "used_on"),
    ],
)
def test_a_date_that_cannot_be_read_is_a_named_failure_and_moves_no_bookmark(
    world: World, stream: str, field: str, value: object
) -> None:
    world.sandbox.genesys.polls_until_complete = 0
    edit(world, stream, lambda row: row.update({field: value}), times=1)
    done = read(world, stream)
    assert done.code == 1
    assert len(done.failures) == 1
    assert "unreadable rows" in done.failures[0] or f"without a readable `{field}`" in done.failures[0]
    assert "unexpected" not in done.failures[0]
    again = run(world.config, select=[stream], state=done.state)
    assert again.code == 0
    held = {row.get("id") or row["usage_key"] for each in (done, again) for row in each.rows(stream)}
    assert len(held) == len(world.truth(stream))
