"""What users of the Singer SDK expect to work on every tap: batches, stream maps, flattening, deselection."""

from __future__ import annotations

import gzip
import json
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from singer_sdk.helpers._batch import SDKBatchMessage
from singer_sdk.singerlib.encoding.simple import Message

from tap_usage.output import OutputLost
from tap_usage.sandbox import Sandbox
from tests.catalogs import discovered, entry_of, put, run_catalog
from tests.running import ImpatientTap, KeptLines, run
from tests.truth import STREAMS, TRUTH, Row, bare, counted, missing

USAGES = "elasticpath_promotion_usages"
ORGANIZATION = "genesys_organization_usage"
CLIENT = "genesys_client_usage"


def batches_in(folder: Path) -> dict[str, Any]:
    return {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": f"file://{folder}", "prefix": "usage-"},
        "batch_size": 100,
    }


def rows_of(message: dict[str, Any]) -> list[Row]:
    """Return the rows of a BATCH message's files."""
    rows = []
    for url in message["manifest"]:
        with gzip.open(urlsplit(url).path, "rt", encoding="utf-8") as file:
            rows += [json.loads(line) for line in file]
    return rows


def test_batches_hold_all_rows_and_the_states_between_them_are_true(sandbox: Sandbox, tmp_path: Path) -> None:
    config = {**sandbox.config, "batch_config": batches_in(tmp_path)}
    done = run(config, select=[USAGES, ORGANIZATION])
    assert done.code == 0
    assert not done.counts
    held: list[Row] = []
    checked = 0
    for message in done.messages:
        if message["type"] == "BATCH" and message["stream"] == USAGES:
            held += rows_of(message)
        if message["type"] == "STATE" and not checked % 5:
            rest = run(sandbox.config, select=[USAGES], state=message["value"])
            assert not missing([*held, *rest.rows(USAGES)], TRUTH[USAGES](sandbox))
        checked += message["type"] == "STATE"
    assert checked > 10
    assert counted(held) == counted(TRUTH[USAGES](sandbox))


class StoppingBatches(KeptLines):
    """Ends the run with a signal after so many BATCH messages, in the middle of the next file."""

    def __init__(self) -> None:
        super().__init__()
        self.tap: ImpatientTap | None = None

    def write_message(self, message: Message) -> None:
        super().write_message(message)
        if isinstance(message, SDKBatchMessage) and self.tap:
            self.tap.clock.stop(signal.SIGTERM)


def test_a_signal_in_batch_mode_leaves_no_state_of_a_file_that_is_not_there(sandbox: Sandbox, tmp_path: Path) -> None:
    config = {**sandbox.config, "batch_config": batches_in(tmp_path), "elasticpath_page_size": 30}
    lines = StoppingBatches()
    tap = ImpatientTap(config=config, message_writer=lines)
    lines.tap = tap
    for name, stream in tap.streams.items():
        stream.selected = name == USAGES
    with pytest.raises(SystemExit):
        tap.run()
    lines.flush()
    held = [row for message in lines.lines if message["type"] == "BATCH" for row in rows_of(message)]
    states = [message["value"] for message in lines.lines if message["type"] == "STATE"]
    rest = run(sandbox.config, select=[USAGES], state=states[-1] if states else {})
    assert held
    assert not missing([*held, *rest.rows(USAGES)], TRUTH[USAGES](sandbox))


def test_a_batch_file_that_cannot_be_written_ends_the_run_without_a_further_state(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    lines = KeptLines()
    tap = ImpatientTap(config={**sandbox.config, "batch_config": batches_in(tmp_path / "file")}, message_writer=lines)
    with pytest.raises(OutputLost, match="a file of `batch_config` cannot be written"):
        tap.run()
    lines.flush()
    assert {message["type"] for message in lines.lines} == {"SCHEMA"}


def test_stream_maps_rename_filter_and_hash(sandbox: Sandbox) -> None:
    maps = {
        USAGES: {
            "__alias__": "redemptions",
            "__filter__": "times_used > 1",
            "customer_email": "md5(customer_email)",
            "order_id": None,
            "double": "times_used * 2",
        },
        "elasticpath_promotions": "__NULL__",
    }
    done = run(sandbox.config, select=[USAGES, "elasticpath_promotions"], stream_maps=maps)
    assert done.code == 0
    truth = [row for row in TRUTH[USAGES](sandbox) if row["times_used"] > 1]
    assert set(done.counts) == {"redemptions"}
    rows = done.rows("redemptions")
    assert len(rows) == len(truth) > 0
    assert {(row["id"], row["double"]) for row in rows} == {(row["id"], row["times_used"] * 2) for row in truth}
    assert not [row for row in rows if "@" in row["customer_email"] or "order_id" in row]
    assert done.bookmark(USAGES) == "2026-11-22T11:15:00.000Z"


def test_flattening_makes_columns_of_nested_fields(sandbox: Sandbox) -> None:
    done = run(sandbox.config, flattening_enabled=True, flattening_max_depth=3)
    assert done.code == 0
    assert all(len(done.rows(stream)) == len(TRUTH[stream](sandbox)) for stream in STREAMS)
    for row, usage in zip(done.rows(USAGES), run(sandbox.config, select=[USAGES]).rows(USAGES), strict=True):
        assert row["meta__timestamps__updated_at"] == usage["meta"]["timestamps"]["updated_at"]
        assert "meta" not in row


@pytest.mark.parametrize("stream", STREAMS)
def test_deselected_fields_stay_out_of_schema_and_rows_and_nothing_else_does(sandbox: Sandbox, stream: str) -> None:
    catalog = discovered(sandbox.config, select=[stream])
    entry = entry_of(catalog, stream)
    automatic = {*entry["key_properties"], entry.get("replication_key")}
    out = [name for name in entry["schema"]["properties"] if name not in automatic][::2]
    for name in out:
        put(entry, ("properties", name), selected=False)
    done = run_catalog(sandbox.config, catalog)
    (schema,) = [message for message in done.messages if message["type"] == "SCHEMA"]
    assert not set(out) & set(schema["schema"]["properties"])
    truth = [{name: value for name, value in row.items() if name not in out} for row in TRUTH[stream](sandbox)]
    assert counted(bare(stream, done.rows(stream))) == counted(truth)


def test_children_are_read_though_the_parents_key_of_the_vendor_is_not_selected(sandbox: Sandbox) -> None:
    catalog = discovered(sandbox.config, select=[CLIENT, "genesys_oauth_clients"])
    put(entry_of(catalog, CLIENT), ("properties", "oauth_client_id"), selected=False)
    put(entry_of(catalog, "genesys_oauth_clients"), ("properties", "name"), selected=False)
    done = run_catalog(sandbox.config, catalog)
    assert len(done.rows(CLIENT)) == len(TRUTH[CLIENT](sandbox))
    assert not [row for row in done.rows(CLIENT) if "oauth_client_id" in row]


def test_versions_are_activated_for_full_tables_only(sandbox: Sandbox) -> None:
    done = run(sandbox.config, emit_activate_version_messages=True)
    replaced = {message["stream"] for message in done.messages if message["type"] == "ACTIVATE_VERSION"}
    assert replaced == {
        *("pingone_environments", "pingone_credential_types", "pingone_issuance_rules"),
        *("genesys_oauth_clients", "elasticpath_promotions"),
    }
    for message in done.messages:
        if message["type"] == "RECORD":
            assert ("version" in message) is (message["stream"] in replaced)


RULES = "pingone_issuance_rules"


def activated(messages: list[dict[str, Any]]) -> set[str]:
    return {message["stream"] for message in messages if message["type"] == "ACTIVATE_VERSION"}


def test_a_version_is_activated_after_the_rows_of_its_stream(sandbox: Sandbox) -> None:
    done = run(sandbox.config, emit_activate_version_messages=True, select=[RULES], stream_maps={RULES: {"x": "id"}})
    kinds = [message["type"] for message in done.messages if message["type"] != "STATE"]
    assert kinds == ["SCHEMA", *["RECORD"] * len(done.rows(RULES)), "ACTIVATE_VERSION"]
    assert done.messages[-1]["type"] == "STATE"


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("pingone.issuance_rules", "forbidden"),
        ("pingone.issuance_rules", "not_found"),
        ("pingone.credential_types", "forbidden"),
        ("pingone.credential_types", "not_found"),
        ("pingone.environments", "forbidden"),
    ],
)
def test_a_stream_that_did_not_come_whole_activates_no_version(sandbox: Sandbox, operation: str, kind: str) -> None:
    sandbox.fault(operation, kind, times=1)
    done = run(sandbox.config, emit_activate_version_messages=True, select=[RULES, "pingone_environments"])
    whole = set() if operation == "pingone.environments" else {"pingone_environments"}
    assert activated(done.messages) == whole


@pytest.mark.parametrize("kind", ["rows", "files"])
def test_a_stream_whose_map_fails_activates_no_version(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    files = {"batch_config": batches_in(tmp_path)} if kind == "files" else {}
    config = {**sandbox.config, **files, "emit_activate_version_messages": True}
    done = run(config, select=[RULES], stream_maps={RULES: {"x": "unknown"}})
    assert (done.code, activated(done.messages)) == (1, set())


def test_a_version_is_activated_after_batches_too(sandbox: Sandbox, tmp_path: Path) -> None:
    config = {**sandbox.config, "batch_config": batches_in(tmp_path), "emit_activate_version_messages": True}
    done = run(config, select=[RULES])
    assert [message["type"] for message in done.messages if message["type"] != "STATE"] == [
        *("SCHEMA", "BATCH", "ACTIVATE_VERSION")
    ]


@pytest.mark.parametrize("stream", [USAGES, ORGANIZATION, CLIENT, "demandbase_api_usage"])
def test_a_catalog_may_take_the_replication_key_away(sandbox: Sandbox, stream: str) -> None:
    catalog = discovered(sandbox.config, select=[stream])
    entry = entry_of(catalog, stream)
    entry["replication_method"] = "FULL_TABLE"
    entry.pop("replication_key")
    put(entry, (), replication_key=None)
    first = run_catalog(sandbox.config, catalog)
    second = run_catalog(sandbox.config, catalog, first.state)
    assert (first.code, second.code) == (0, 0)
    assert counted(bare(stream, first.rows(stream))) == counted(TRUTH[stream](sandbox))
    assert counted(second.rows(stream)) == counted(first.rows(stream))
