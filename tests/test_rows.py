"""Keys, blanks and secrets of rows."""

from __future__ import annotations

import copy
from collections import Counter
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tap_usage.reading.rows import add_usage_keys, blank_to_null, flatten, leave_out

values = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4)
dimensions = st.fixed_dictionaries({"a": values, "b": values})


def keys(rows: list[dict[str, Any]], *fields: str) -> list[str]:
    add_usage_keys(rows, fields)
    return [row["usage_key"] for row in rows]


def test_absent_null_empty_text_and_empty_object_are_one_thing_in_the_named_fields() -> None:
    rows: list[dict[str, Any]] = [{"a": ""}, {"a": {}}, {"a": None}, {}]
    blank_to_null(rows, ("a",))
    assert rows == [{"a": None}] * 4


def test_nothing_else_becomes_null() -> None:
    rows: list[dict[str, Any]] = [{"a": 0, "b": ""}, {"a": False}, {"a": []}, {"a": {"id": ""}}, {"a": "x"}]
    untouched = copy.deepcopy(rows)
    blank_to_null(rows, ("a",))
    assert rows == untouched


def test_what_is_flattened_is_null_where_nothing_stands_on_the_way() -> None:
    rows: list[dict[str, Any]] = [{"a": {"id": "1"}}, {"a": {}}, {"a": None}, {"a": "x"}, {}]
    flatten(rows, {"a_id": "a.id"})
    assert [row["a_id"] for row in rows] == ["1", None, None, None, None]


def test_what_must_not_leave_the_tap_is_taken_out() -> None:
    rows = [{"id": "1", "secret": "s"}, {"id": "2"}]
    leave_out(rows, ("secret",))
    assert rows == [{"id": "1"}, {"id": "2"}]


@given(dimensions, st.dictionaries(st.sampled_from("xyz"), values))
def test_a_key_does_not_depend_on_metrics(row: dict[str, Any], metrics: dict[str, Any]) -> None:
    assert keys([dict(row)], "a", "b") == keys([{**metrics, **row}], "a", "b")


@given(st.lists(dimensions, max_size=8))
def test_keys_are_as_many_as_rows_and_the_same_every_time(rows: list[dict[str, Any]]) -> None:
    first = keys([dict(row) for row in rows], "a", "b")
    assert len(set(first)) == len(rows)
    assert keys([dict(row) for row in rows], "a", "b") == first


@given(st.lists(dimensions, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_an_answer_does_not_change_its_set_of_keys(rows: list[dict[str, Any]], chance: Random) -> None:
    turned = [dict(row) for row in rows]
    chance.shuffle(turned)
    assert set(keys(turned, "a", "b")) == set(keys([dict(row) for row in rows], "a", "b"))


@given(st.lists(dimensions, max_size=12), st.integers(0, 12))
def test_a_reading_has_the_same_keys_however_it_is_cut_into_answers(rows: list[dict[str, Any]], cut: int) -> None:
    keyed: Counter[str] = Counter()
    pages = [[dict(row) for row in page] for page in (rows[:cut], rows[cut:])]
    for page in pages:
        add_usage_keys(page, ("a", "b"), keyed=keyed)
    assert [row["usage_key"] for page in pages for row in page] == keys([dict(row) for row in rows], "a", "b")


def test_a_missing_dimension_is_a_null_one() -> None:
    assert keys([{"a": 1}], "a", "b") == keys([{"a": 1, "b": None}], "a", "b")


def test_a_key_tells_types_and_places_of_values_apart() -> None:
    rows: list[dict[str, Any]] = [
        {"a": "1"},
        {"a": 1},
        {"b": 1},
        {"a": None},
        {"a": "null"},
        {"a": '1","b":"2'},
        {"a": "1", "b": "2"},
    ]
    assert len(set(keys(rows, "a", "b"))) == len(rows)


def test_keys_are_those_that_were_published() -> None:
    row = {"accountId": "o8o7", "period": "day", "date": "2026-11-21", "api": None}
    assert keys([row], "accountId", "period", "date", "api") == ["ad3860d72f6a53ae47bd7dae3fd8f7d2"]


def test_a_key_holds_the_time_however_it_is_spelt() -> None:
    spelt = ("2026-11-21T00:00:00Z", "2026-11-21T00:00:00.000Z", "2026-11-21T02:00:00+02:00", "2026-11-21")
    rows = [{"date": text} for text in spelt]
    for row in rows:
        add_usage_keys([row], ("date",), ("date",))
    assert {row["usage_key"] for row in rows} == set(keys([{"date": spelt[0]}], "date"))
