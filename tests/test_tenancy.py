"""The setting `tenant`: rows of many tenants stand apart in one table, and each tenant's history is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_usage.reading.tenancy import Tenancy
from tap_usage.sandbox import Sandbox
from tests import promised
from tests.catalogs import discovered, entry_of, run_catalog
from tests.looking import looks
from tests.planning import Planned
from tests.running import Run, run
from tests.test_cautions import warnings
from tests.test_schemas import read
from tests.test_sdk_features import batches_in, rows_of
from tests.truth import STREAMS, TRUTH, bare, counted

USAGES = "elasticpath_promotion_usages"
ORGANIZATION = "genesys_organization_usage"
COUNTS = "pingone_issuance_rule_usage_counts"
BOOKMARKED = [name for name, stream in promised.STREAMS.items() if stream.replication_key]
OF_EVERY_TENANT = {USAGES, "elasticpath_promotions", "pingone_environments"}

every_stream = pytest.mark.parametrize("stream", STREAMS)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def same() -> Iterator[Sandbox]:
    """One account, which no test of this module changes."""
    with Sandbox(now="2026-11-22T12:00:00Z") as running:
        yield running


@pytest.fixture(scope="module")
def acme(same: Sandbox) -> Run:
    return run(same.config, tenant="acme")


@pytest.fixture(scope="module")
def nobody(same: Sandbox) -> Run:
    return run(same.config)


def schema_of(done: Run, stream: str) -> dict[str, Any]:
    (message,) = [m for m in done.messages if m["type"] == "SCHEMA" and m["stream"] == stream]
    return message


def table(done: Run, stream: str) -> dict[tuple[Any, ...], Row]:
    """Return the rows as a loader that updates by key would hold them."""
    keys = schema_of(done, stream)["key_properties"]
    return {tuple(row[key] for key in keys): row for row in done.rows(stream)}


@every_stream
def test_every_row_and_key_of_a_tenant_begins_with_it(same: Sandbox, acme: Run, stream: str) -> None:
    told = schema_of(acme, stream)
    assert told["key_properties"] == ["tenant", *promised.STREAMS[stream].keys]
    assert told["schema"]["required"] == told["key_properties"]
    assert told["schema"]["properties"]["tenant"]["type"] == "string"
    assert {row["tenant"] for row in acme.rows(stream)} == {"acme"}
    rows = [{name: value for name, value in row.items() if name != "tenant"} for row in acme.rows(stream)]
    assert counted(bare(stream, rows)) == counted(TRUTH[stream](same))


@every_stream
def test_without_a_tenant_neither_row_nor_key_nor_schema_has_one(nobody: Run, stream: str) -> None:
    told = schema_of(nobody, stream)
    assert told["key_properties"] == list(promised.STREAMS[stream].keys)
    assert "tenant" not in told["schema"]["properties"]
    assert nobody.rows(stream)
    assert not [row for row in nobody.rows(stream) if "tenant" in row]


def test_without_a_tenant_the_state_is_as_it_always_was(nobody: Run, acme: Run) -> None:
    assert "tenant" not in json.dumps(nobody.states)
    changed = {name for name, state in acme.state["bookmarks"].items() if state != nobody.state["bookmarks"][name]}
    assert changed >= set(BOOKMARKED)


@every_stream
def test_the_catalog_says_the_same(same: Sandbox, stream: str) -> None:
    with_one, without = (entry_of(discovered(same.config | more), stream) for more in ({"tenant": "a"}, {}))
    assert with_one["key_properties"] == ["tenant", *without["key_properties"]]
    assert set(with_one["schema"]["properties"]) - set(without["schema"]["properties"]) == {"tenant"}
    inclusion = [place["metadata"] for place in with_one["metadata"] if place["breadcrumb"][-1:] == ["tenant"]]
    assert inclusion == [{"inclusion": "automatic"}]


@every_stream
def test_no_vendor_has_a_field_of_that_name(stream: str) -> None:
    assert "tenant" not in read(stream)["properties"]


@every_stream
def test_two_tenants_stand_apart_in_one_table(same: Sandbox, acme: Run, stream: str) -> None:
    globex = run(same.config, tenant="globex", select=[stream])
    both = table(acme, stream) | table(globex, stream)
    assert len(both) == 2 * len(TRUTH[stream](same))


@pytest.mark.parametrize("stream", BOOKMARKED)
def test_another_tenant_with_the_same_state_gets_its_whole_history(same: Sandbox, acme: Run, stream: str) -> None:
    renamed = run(same.config, tenant="globex", select=[stream], state=acme.state)
    assert counted(bare(stream, ({**row, "tenant": "acme"} for row in renamed.rows(stream)))) == counted(
        bare(stream, acme.rows(stream))
    )
    again = run(same.config, tenant="globex", select=[stream], state=renamed.state)
    assert len(again.rows(stream)) < len(renamed.rows(stream)) / 4


@pytest.mark.parametrize("stream", BOOKMARKED)
def test_whoever_gets_or_loses_a_tenant_gets_the_whole_history(
    same: Sandbox, acme: Run, nobody: Run, stream: str
) -> None:
    whole = len(TRUTH[stream](same))
    named = run(same.config, tenant="acme", select=[stream], state=nobody.state)
    nameless = run(same.config, select=[stream], state=acme.state)
    assert (len(named.rows(stream)), len(nameless.rows(stream))) == (whole, whole)
    again = run(same.config, select=[stream], state=nameless.state)
    assert len(again.rows(stream)) < whole / 4


@pytest.mark.parametrize("stream", BOOKMARKED)
def test_a_state_that_names_no_tenant_says_nothing_of_one(same: Sandbox, nobody: Run, stream: str) -> None:
    key = promised.STREAMS[stream].replication_key
    by_hand = {"replication_key": key, "replication_key_value": nobody.bookmark(stream)}
    state = {"bookmarks": {stream: by_hand}}
    assert len(run(same.config, tenant="acme", select=[stream], state=state).rows(stream)) == len(TRUTH[stream](same))
    assert len(run(same.config, select=[stream], state=state).rows(stream)) < len(TRUTH[stream](same)) / 4


def test_deltas_go_on_under_another_tenant(sandbox: Sandbox) -> None:
    first = run(sandbox.config, tenant="acme", select=[COUNTS])
    sandbox.advance(days=1)
    second = run(sandbox.config, tenant="globex", select=[COUNTS], state=first.state)
    before = {row["issuance_rule_id"]: row["issued"] for row in first.rows(COUNTS)}
    assert second.rows(COUNTS)
    assert all(row["issued_delta"] == row["issued"] - before[row["issuance_rule_id"]] for row in second.rows(COUNTS))


def test_files_of_rows_have_the_tenant(same: Sandbox, tmp_path: Path) -> None:
    done = run(same.config, tenant="acme", select=[USAGES], batch_config=batches_in(tmp_path))
    rows = [row for message in done.messages if message["type"] == "BATCH" for row in rows_of(message)]
    assert len(rows) == len(TRUTH[USAGES](same))
    assert {row["tenant"] for row in rows} == {"acme"}


def test_stream_maps_and_flattening_know_the_tenant(same: Sandbox) -> None:
    maps = {USAGES: {"tenant": "tenant.upper()", "whose": "tenant", "customer_email": None}}
    flat = {"flattening_enabled": True, "flattening_max_depth": 1}
    done = run(same.config, tenant="acme", select=[USAGES], stream_maps=maps, **flat)
    assert done.code == 0
    assert schema_of(done, USAGES)["key_properties"] == ["tenant", "id"]
    assert {(row["tenant"], row["whose"]) for row in done.rows(USAGES)} == {("ACME", "acme")}


def test_a_stream_map_that_means_the_tenant_is_refused_when_it_is_misspelt(same: Sandbox) -> None:
    with pytest.raises(ConfigValidationError) as refused:
        run(same.config, tenant="acme", stream_maps={USAGES: {"Tenant": "tenant.upper()"}})
    assert "did you mean `tenant`?" in str(refused.value.errors)
    assert run(same.config, select=[USAGES], stream_maps={USAGES: {"tenant": "'acme'"}}).code == 0


def test_versions_are_not_activated_where_rows_of_other_tenants_would_be_deleted(
    same: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    done = run(same.config, tenant="acme", emit_activate_version_messages=True)
    assert {message["type"] for message in done.messages} == {"SCHEMA", "RECORD", "STATE"}
    assert not [message for message in done.messages if "version" in message]
    assert [line for line in warnings(caplog) if "tenant" in line] == [
        "`emit_activate_version_messages` does nothing with `tenant`: it would delete the rows of other tenants"
    ]


@pytest.mark.parametrize("before", [None, "globex"])
@pytest.mark.parametrize("now", [None, "acme"])
def test_a_catalog_of_other_settings_does_not_mix_tenants(same: Sandbox, before: str | None, now: str | None) -> None:
    of = {"tenant": before} if before else {}
    config = same.config | ({"tenant": now} if now else {})
    done = run_catalog(config, discovered(same.config | of, select=OF_EVERY_TENANT))
    assert done.code == 0
    for stream in OF_EVERY_TENANT:
        told = schema_of(done, stream)
        assert told["key_properties"] == (["tenant", "id"] if now else ["id"])
        assert ("tenant" in told["schema"]["properties"]) is bool(now)
        assert {row.get("tenant") for row in done.rows(stream)} == {now}


def test_a_catalog_without_keys_stays_without_keys(same: Sandbox) -> None:
    catalog = discovered(same.config, select=[USAGES])
    entry_of(catalog, USAGES)["key_properties"] = []
    done = run_catalog(same.config | {"tenant": "acme"}, catalog)
    assert not schema_of(done, USAGES).get("key_properties")
    assert {row["tenant"] for row in done.rows(USAGES)} == {"acme"}


def test_a_look_and_a_plan_are_the_same_with_a_tenant(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    test = looks(sandbox, capsys)
    found = test(tenant="acme")
    assert (found.lines, found.good) == (test().lines, True)
    plans = [Planned(capsys, sandbox.config | more) for more in ({}, {"tenant": "acme"})]
    assert [plan.code for plan in plans] == [0, 0]
    assert plans[0].told["requests"] == plans[1].told["requests"]


@pytest.mark.parametrize("config", [{}, {"tenant": None}, {"tenant": ""}])
def test_no_tenant_changes_nothing(config: dict[str, Any]) -> None:
    tenancy = Tenancy(config)
    schema = {"properties": {"id": {"type": "string"}}, "required": ["id"]}
    assert (tenancy.row, tenancy.schema(schema), tenancy.query("Day")) == ({}, schema, "Day")
    assert tenancy.keys(("id",)) == ["id"]
