"""What a vendor changes without a word is passed on, told once, and ends no run."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tap_usage.reading.drift import Drift
from tap_usage.sandbox import Sandbox
from tests.running import run

PROPERTIES = {
    "count": {"type": ["integer", "null"], "minimum": -(2**63), "maximum": 2**63 - 1},
    "name": {"type": ["string", "null"]},
    "flag": {"type": "boolean"},
    "tags": {"type": ["array", "null"]},
    "free": {},
}
logger = logging.getLogger("drift")


def settled(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    Drift(PROPERTIES, (), logger).settle(rows)
    return list(rows)


@pytest.mark.parametrize(
    ("came", "given"),
    [
        ({"count": "3"}, {"count": 3}),
        ({"count": 3.0}, {"count": 3}),
        ({"count": "-12"}, {"count": -12}),
        ({"name": 7}, {"name": "7"}),
        ({"name": 1.5}, {"name": "1.5"}),
    ],
)
def test_a_value_that_means_the_same_gets_the_declared_type(came: dict[str, Any], given: dict[str, Any]) -> None:
    (row,) = settled(came)
    assert row == given
    assert type(row.popitem()[1]) is type(given.popitem()[1])


@pytest.mark.parametrize(
    "row",
    [
        {"count": "three"},
        {"count": "3.5"},
        {"count": 3.5},
        {"count": " 3"},
        {"count": float("inf")},
        {"count": True},
        {"count": [3]},
        {"name": True},
        {"name": {"first": "x"}},
        {"flag": "yes"},
        {"tags": {}},
    ],
)
def test_any_other_value_is_passed_on_as_it_came(row: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    assert settled(dict(row)) == [row]
    assert "passed on as it is" in caplog.text


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_a_number_beyond_its_bounds_is_passed_on_and_told_once(number: int, caplog: pytest.LogCaptureFixture) -> None:
    rows: list[dict[str, Any]] = [{"count": 1}, {"count": None}, {"count": number}, {"count": -number}]
    assert settled(*rows) == [{"count": 1}, {"count": None}, {"count": number}, {"count": -number}]
    (record,) = caplog.records
    assert record.getMessage() == (
        "`count` came as a number beyond -9223372036854775808 to 9223372036854775807: passed on as it is"
    )


@pytest.mark.parametrize(
    "row",
    [
        {"count": 3},
        {"count": 2**63 - 1},
        {"count": -(2**63)},
        {"count": 0},
        {"count": None},
        {"name": ""},
        {"flag": False},
        {"tags": []},
        {},
    ],
)
def test_good_rows_are_not_mentioned(row: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    assert settled(dict(row)) == [row]
    assert caplog.records == []


def test_fields_that_the_schema_does_not_know_or_type_are_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    row = {"new": object(), "free": object()}
    assert settled(dict(row)) == [row]
    assert caplog.records == []


def test_there_is_one_warning_per_field_without_a_value(caplog: pytest.LogCaptureFixture) -> None:
    settled({"count": "secret-1"}, {"count": "secret-2", "name": "x"}, {"name": 5, "count": 1})
    assert len(caplog.records) == 2
    assert "secret" not in caplog.text


def test_only_the_rows_that_drifted_are_changed() -> None:
    assert settled({"count": 1}, {"count": "2"}, {"name": "x", "count": "3"}, {"count": None}) == [
        {"count": 1},
        {"count": 2},
        {"name": "x", "count": 3},
        {"count": None},
    ]


def test_a_promised_field_that_is_missing_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    rows: list[dict[str, Any]] = [{"name": "x"}, {"count": 1, "name": "y"}, {"name": "z"}, {"flag": True}]
    drift = Drift(PROPERTIES, {"count"}, logger)
    drift.miss(rows[1:2])
    assert caplog.records == []
    drift.miss(rows)
    drift.miss([{"name": "later"}])
    assert rows == [{"name": "x"}, {"count": 1, "name": "y"}, {"name": "z"}, {"flag": True}]
    assert [record.getMessage() for record in caplog.records] == ["`count` is missing, the vendor always sent it"]


def test_a_run_goes_on_when_a_vendor_changes_the_type_of_a_field(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    for promotion in sandbox.elasticpath.promotions:
        promotion |= {"priority": "7", "enabled": "yes"}
    done = run(sandbox.config, select=["elasticpath_promotions"])
    rows = done.rows("elasticpath_promotions")
    assert done.code == 0
    assert {(row["priority"], row["enabled"]) for row in rows} == {(7, "yes")}
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 2
