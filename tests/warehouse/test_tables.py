"""What is built passes its own checks, names no person, and says what every column is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.conftest import Both, Recording
from tests.warehouse.databases import ROOT, Database

PROJECT = ROOT / "transform"
STAGED = sorted((PROJECT / "models" / "staging").glob("*.sql"))
PERSONS = ("customer_id", "customer_email", "account_id", "order_id", "code")


def artifact(database: Database, name: str) -> dict[str, Any]:
    """Return a file that dbt left behind."""
    found: dict[str, Any] = json.loads((database.target / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_every_check_passes_in_a_healthy_warehouse(both_built: Both) -> None:
    for database in both_built:
        results = artifact(database, "run_results")["results"]
        assert {result["status"] for result in results} == {"success", "pass"}
        assert {"model", "test", "unit_test"} == {result["unique_id"].partition(".")[0] for result in results}


def test_a_warehouse_without_a_row_is_built_with_a_warning(empty_ones_built: Both) -> None:
    for database in empty_ones_built:
        results = artifact(database, "run_results")["results"]
        odd = {result["unique_id"].split(".")[2]: result["status"] for result in results if result["failures"]}
        assert odd == {"a_stream_was_loaded": "warn"}


def test_no_person_is_in_any_table(built: Database, recording: Recording) -> None:
    usages = recording.truths[-1]["elasticpath_promotion_usages"]
    clients = {row["oauthClient"]["id"] for row in recording.truths[-1]["genesys_organization_usage_aggregates"]}
    persons = {usage[name] for usage in usages for name in PERSONS if usage.get(name)} - clients  # simulated ids recur
    assert len(persons) > 100
    for name, rows in built.tables("analytics").items():
        assert not persons & {value for row in rows for value in row.values() if isinstance(value, str)}, name


def test_every_column_of_every_table_is_described(both_built: Both) -> None:
    for database in both_built:
        nodes = artifact(database, "manifest")["nodes"].values()
        told = {
            node["name"]: {name for name, column in node["columns"].items() if column["description"]}
            for node in nodes
            if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral"
        }
        held = database.rows(
            "select table_name, column_name from information_schema.columns where table_schema = 'analytics'"
        )
        for name, columns in told.items():
            assert columns == {row["column_name"] for row in held if row["table_name"] == name}, name
        assert set(told) == {row["table_name"] for row in held}


@pytest.mark.parametrize("model", STAGED, ids=lambda model: model.stem)
def test_a_table_is_staged_from_fields_that_its_stream_has(model: Path) -> None:
    text = model.read_text(encoding="utf-8")
    (stream,) = re.findall(r"stage\('(\w+)'", text)
    assert model.stem == f"stg_{stream.replace('_', '__', 1)}"
    fields = re.findall(r"\['([\w.]*)', '\w+', '\w+'\]", text)
    assert len(fields) == text.count("['")
    schema = json.loads((ROOT / "schemas" / f"{stream}.json").read_text(encoding="utf-8"))
    assert {field.partition(".")[0] for field in fields} <= {"", *schema["properties"]}
