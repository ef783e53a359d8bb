"""Stream maps fail closed: what names nothing is refused, and an expression that fails is its stream's failure."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_usage.maps import problems
from tap_usage.sandbox import Sandbox
from tests.catalogs import discovered, entry_of, put
from tests.running import ImpatientTap, KeptLines, run
from tests.test_sdk_features import batches_in, rows_of
from tests.truth import TRUTH

USAGES = "elasticpath_promotion_usages"
PROMOTIONS = "elasticpath_promotions"
COUNTS = "pingone_issuance_rule_usage_counts"
FIELDS = {USAGES: ["id", "customer_email", "used_on", "days"], PROMOTIONS: ["id", "name"]}
HASH = "md5(record['customer_email'])"


def lines(maps: dict[str, Any], *, batches: bool = False) -> list[str]:
    return list(problems(maps, FIELDS, batches=batches))


@pytest.mark.parametrize(
    "maps",
    [
        {},
        {"__else__": None},
        {"__else__": "__NULL__", USAGES: {}},
        {USAGES: None, PROMOTIONS: "__NULL__"},
        {USAGES: {"customer_email": HASH, "id": "id", "days": None}},
        {USAGES: {"customer_email_hash": HASH, "hash_of_customer_email": HASH, "twice": "days * 2"}},
        {USAGES: {"__alias__": "x", "__filter__": "days > 1", "__else__": None, "__key_properties__": ["id"]}},
        {"copy": {"__source__": USAGES, "customer_email": None}},
        {"elasticpath_*": {"customer_email": None, "name": "__NULL__"}},
    ],
)
def test_what_names_streams_fields_and_new_fields_is_good(maps: dict[str, Any]) -> None:
    assert lines(maps) == []


@pytest.mark.parametrize(
    ("maps", "told"),
    [
        (
            {"elasticpath_promotion_usage": {}},
            f"`elasticpath_promotion_usage` is not a stream; did you mean `{USAGES}`?",
        ),
        ({"elasticpath_promotion_usage": None}, f"is not a stream; did you mean `{USAGES}`?"),
        ({"elasticpth_*": {}}, "`elasticpth_*` is not a stream"),
        ({"copy": {"__source__": "usages"}}, "`usages` is not a stream"),
        ({"__els__": None}, "`__els__` is not a rule; did you mean `__else__`?"),
        ({"__else__": "x"}, "`__else__` can only be null"),
        ({USAGES: "x"}, f"`{USAGES}` must be an object or null"),
        ({USAGES: {"customer_eemail": HASH}}, "`customer_eemail` is not a field; did you mean `customer_email`?"),
        ({USAGES: {"customerEmail": HASH}}, "`customerEmail` is not a field; did you mean `customer_email`?"),
        ({USAGES: {"customer_emails": HASH}}, "`customer_emails` is not a field; did you mean `customer_email`?"),
        ({USAGES: {"customer_eemail": None}}, "`customer_eemail` is not a field; did you mean `customer_email`?"),
        ({USAGES: {"telephone": None}}, "`telephone` is not a field; what a vendor may add is left out by `__else__`"),
        ({USAGES: {"telephone": "__NULL__"}}, "`telephone` is not a field"),
        ({"elasticpath_*": {"nme": None}}, "`nme` is not a field; did you mean `name`?"),
        ({USAGES: {"__filtr__": "days > 1"}}, "`__filtr__` is not a rule; did you mean `__filter__`?"),
        ({USAGES: {"__else__": "x"}}, "`__else__` can only be null"),
        ({USAGES: {"days": 5}}, "`days` must be an expression or null"),
        ({"a\nb": None}, "`a b` is not a stream"),
    ],
)
def test_what_would_hide_nothing_is_refused_with_its_name(maps: dict[str, Any], told: str) -> None:
    (line,) = lines(maps)
    assert line.startswith("`stream_maps`: ")
    assert told in line
    assert HASH not in line


def test_two_maps_of_a_stream_cannot_be_had_in_one_file() -> None:
    maps = {"copy": {"__source__": USAGES}}
    (line,) = lines(maps, batches=True)
    assert line == "`stream_maps`: `copy`: `__source__` cannot be had together with `batch_config`"


def test_a_map_of_a_stream_whose_vendor_is_not_configured_is_good_and_any_other_ends_the_run() -> None:
    config = {"genesys_client_id": "x", "genesys_client_secret": "x"}
    ImpatientTap(config={**config, "stream_maps": {USAGES: {"customer_email": HASH}}})
    with pytest.raises(ConfigValidationError) as refused:
        ImpatientTap(config={**config, "stream_maps": {USAGES: {"customer_eemail": HASH}}})
    assert "did you mean `customer_email`?" in refused.value.errors[0]


def test_a_map_that_takes_a_key_away_is_refused_as_a_setting(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigValidationError) as refused:
        run(sandbox.config, stream_maps={PROMOTIONS: {"id": None}})
    assert refused.value.errors[0].startswith("`stream_maps`: Removing key property 'id'")


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("nonsense(name)", "an expression failed (FunctionNotDefined nonsense)"),
        ("unknown + 1", "an expression failed (NameNotDefined unknown)"),
        ("int(name)", "an expression failed (ValueError)"),
        ("name +", "the expression of `title` cannot be read"),
        ("", "the expression of `title` cannot be read"),
    ],
)
def test_an_expression_that_fails_is_the_failure_of_its_stream(sandbox: Sandbox, rule: str, told: str) -> None:
    done = run(sandbox.config, select=[PROMOTIONS, USAGES], stream_maps={PROMOTIONS: {"title": rule}})
    (line,) = done.failures
    assert line.startswith(f"elasticpath: {PROMOTIONS}: `stream_maps`: {told}; ")
    assert not done.rows(PROMOTIONS)
    assert len(done.rows(USAGES)) == len(TRUTH[USAGES](sandbox))
    assert done.code == 1


def test_no_bookmark_moves_over_rows_that_a_map_failed_for(sandbox: Sandbox) -> None:
    maps = {USAGES: {"half": "1 / (times_used - 1)"}}
    done = run(sandbox.config, select=[USAGES], stream_maps=maps)
    assert done.code == 1
    rest = run(sandbox.config, select=[USAGES], state=done.state)
    came = {row["id"] for row in (*done.rows(USAGES), *rest.rows(USAGES))}
    assert came == {row["id"] for row in TRUTH[USAGES](sandbox)}


def test_no_snapshot_is_remembered_of_a_row_that_a_map_failed_for(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[COUNTS], stream_maps={COUNTS: {"share": "errors / (issued - issued)"}})
    assert (done.code, done.rows(COUNTS)) == (1, [])
    assert done.state["bookmarks"][COUNTS]["snapshots"] == {}


def test_no_bookmark_moves_over_rows_whose_file_a_map_failed_for(sandbox: Sandbox, tmp_path: Path) -> None:
    maps = {USAGES: {"part": "1 / (times_used - 3)"}}
    done = run(sandbox.config, select=[USAGES], stream_maps=maps, batch_config=batches_in(tmp_path))
    assert done.code == 1
    held = [row["id"] for message in done.messages if message["type"] == "BATCH" for row in rows_of(message)]
    rest = run(sandbox.config, select=[USAGES], state=done.state)
    assert {*held, *(row["id"] for row in rest.rows(USAGES))} == {row["id"] for row in TRUTH[USAGES](sandbox)}


def test_what_a_map_or_a_catalog_takes_out_is_not_in_batch_files(sandbox: Sandbox, tmp_path: Path) -> None:
    catalog = discovered(sandbox.config, select=[USAGES])
    put(entry_of(catalog, USAGES), ("properties", "order_id"), selected=False)
    lines = KeptLines()
    config = {
        **sandbox.config,
        "batch_config": batches_in(tmp_path),
        "stream_maps": {USAGES: {"customer_email": "md5(customer_email)", "__filter__": "times_used > 1"}},
    }
    ImpatientTap(config=config, catalog=copy.deepcopy(catalog), message_writer=lines).run()
    lines.flush()
    rows = [row for message in lines.lines if message["type"] == "BATCH" for row in rows_of(message)]
    assert len(rows) == sum(row["times_used"] > 1 for row in TRUTH[USAGES](sandbox)) > 0
    assert not [row for row in rows if "@" in row["customer_email"] or "order_id" in row]


def test_a_wrong_expression_of_a_stream_that_is_not_selected_does_no_harm(sandbox: Sandbox) -> None:
    catalog = discovered(sandbox.config, select=[USAGES])
    lines = KeptLines()
    maps = {PROMOTIONS: {"title": "name +"}}
    ImpatientTap(config={**sandbox.config, "stream_maps": maps}, catalog=catalog, message_writer=lines).run()
    lines.flush()
    assert {message["stream"] for message in lines.lines if "stream" in message} == {USAGES}
