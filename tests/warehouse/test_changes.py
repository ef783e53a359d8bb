"""What loaders make of tables when vendors or schemas change; what they cannot bear ends a load and is not lost."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tap_usage.sandbox import Sandbox
from tests.running import Run, run
from tests.warehouse.conftest import Both
from tests.warehouse.databases import Database, Message
from tests.warehouse.rows import counted

PROMOTIONS, VERSIONED = "elasticpath_promotions", {"emit_activate_version_messages": True}
FULL_TABLES = ["genesys_oauth_clients", "pingone_credential_types", PROMOTIONS]

TEXTS = (
    "a,b",
    '"quoted"',
    "'; drop table usage; --",
    "two\nlines",
    "cr\r\nlf",
    "NULL",
    "\\N",
    " blanks ",
    "{}",
    "ünï 😀",
    "#",
)


def read(sandbox: Sandbox, **settings: object) -> Run:
    return run(sandbox.config, select=FULL_TABLES, **settings)


def typed(run: Run, field: str, kind: str) -> list[Message]:
    """Return the messages of a run about promotions, with another type of a field in their schema."""
    messages = [deepcopy(message) for message in run.messages if message.get("stream") == PROMOTIONS]
    for message in messages:
        if message["type"] == "SCHEMA":
            message["schema"]["properties"][field] = {"type": [kind, "null"]}
    return messages


def test_texts_of_any_kind_arrive_as_they_are(loaded: Database, sandbox: Sandbox) -> None:
    twin = loaded.copy("texts")
    named = dict(zip((promotion["id"] for promotion in sandbox.elasticpath.promotions), TEXTS, strict=False))
    for promotion in sandbox.elasticpath.promotions:
        promotion["name"] = named.get(promotion["id"], "")
    twin.load(read(sandbox).messages)
    names = {row["id"]: row["name"] for row in twin.tables()[PROMOTIONS]}
    assert {key: name for key, name in names.items() if name} == named


def test_a_field_that_a_vendor_adds_changes_nothing(loaded: Database, sandbox: Sandbox) -> None:
    twin = loaded.copy("added")
    for promotion in sandbox.elasticpath.promotions:
        promotion |= {"new_field": {"deep": [1, None]}}
    done = read(sandbox)
    twin.load(done.messages)
    rows = [{name: value for name, value in row.items() if name != "new_field"} for row in done.rows(PROMOTIONS)]
    assert all("new_field" in row for row in done.rows(PROMOTIONS))
    assert counted(PROMOTIONS, twin.tables()[PROMOTIONS]) == counted(PROMOTIONS, rows)


def test_a_field_that_a_schema_learns_gets_a_column(loaded: Database, sandbox: Sandbox) -> None:
    twin = loaded.copy("learned")
    first, *others = sandbox.elasticpath.promotions
    first["new_field"] = "x"
    twin.load(typed(read(sandbox), "new_field", "string"))
    rows = {row["id"]: row["new_field"] for row in twin.tables()[PROMOTIONS]}
    assert rows == {first["id"]: "x"} | {other["id"]: None for other in others}


@pytest.mark.parametrize("value", [3.5, "many", 2**63])
def test_a_value_that_no_column_holds_ends_the_load_and_leaves_the_table(
    loaded: Database, sandbox: Sandbox, value: object
) -> None:
    twin = loaded.copy(f"with_{value}".replace(".", "_"))
    before = counted(PROMOTIONS, twin.tables()[PROMOTIONS])
    for promotion in sandbox.elasticpath.promotions:
        promotion |= {"priority": value, "name": "later"}
    with pytest.raises(AssertionError, match=r"not of type|greater than the maximum|does not pass schema validation"):
        twin.load(read(sandbox).messages)
    assert counted(PROMOTIONS, twin.tables()[PROMOTIONS]) == before


def test_what_is_deleted_leaves_the_tables_where_versions_are_activated(both: Both, sandbox: Sandbox) -> None:
    first = read(sandbox, **VERSIONED)
    gone = sandbox.elasticpath.promotions.pop()["id"]
    second = read(sandbox, **VERSIONED)
    for message in second.messages:  # versions are seconds, and both runs are done in one
        if "version" in message:
            message["version"] += 1
    kept = {row["id"] for row in second.rows(PROMOTIONS)}
    for database, ids in zip(both, (kept | {gone}, kept), strict=True):  # target-duckdb does not know these messages
        twin = database.copy("versions")
        for done in (first, second):
            twin.load(done.messages, **({"hard_delete": True} if database is both[1] else {}))
        assert {row["id"] for row in twin.tables()[PROMOTIONS]} == ids


def test_versions_without_hard_deletion_fail_on_a_column_of_that_name(both: Both, sandbox: Sandbox) -> None:
    with pytest.raises(AssertionError, match="version"):
        both[1].copy("soft").load(read(sandbox, **VERSIONED).messages)
