"""What a data sheet answers, and what no sheet may say; slips of whole sheets are in `tests/toys`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tap_usage import schema
from tap_usage.reading.check import check
from tap_usage.reading.sheet import Grouping, Setting, Sheet, SheetError, Unit, Windows, days, meant, unix
from tap_usage.reading.windows import Window
from tap_usage.rest.pages.links import NextLink
from tap_usage.rest.pages.offsets import OffsetPages, Order
from tap_usage.rest.pages.polling import Execution
from tap_usage.rest.pages.query import Paging
from tap_usage.rest.pages.single import SinglePage

WEEK = Window(date(2026, 11, 16), date(2026, 11, 23))
WHOLE = {"type": ["integer", "null"], "default": 7}
SETTINGS: dict[str, Any] = {
    "shop_days": WHOLE,
    "shop_lookback": WHOLE,
    "shop_size": WHOLE,
    "shop_bucket": {"enum": ["Day", "Month", None], "default": "Day"},
    "shop_group_by": {"items": {"enum": ["Seller", "Shop"]}, "default": ["Seller"]},
}
FIELDS = {
    name: {"type": ["string", "null"]}
    for name in ("id", "usage_key", "date", "used_on", "is_final", "shop_id", "observed_on", "sold", "grouped_by")
}
WINDOWS = Windows("date", "day", "shop_days", "shop_lookback", params=days("from", "to"))
EXECUTION = Execution("id", "status", ("r",), ("c",), ("f",))


class Shops(Sheet):
    name = "shop_shops"
    path = "/shops"
    rows = "items"
    paging: Paging = NextLink("next")
    primary_keys = ("id",)
    children = {"shop_id": "id"}  # noqa: RUF012 - as in a data sheet


def order(_: str | None, __: str | None) -> dict[str, str]:
    return {}


@pytest.fixture(autouse=True)
def _schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "load", lambda _: {"properties": FIELDS})


def sheet(**facts: object) -> type[Sheet]:
    """Make the class of a sheet that is right but for these facts."""
    return type("Sales", (Shops,), {"name": "shop_sales", "children": {}, **facts})


def problem(*sheets: type[Sheet], settings: Mapping[str, Any] = SETTINGS) -> str:
    """Return what is said of sheets; "" when nothing is."""
    try:
        check("shop", sheets, settings)
    except SheetError as error:
        return str(error)
    return ""


def ask(window: Windows | None, params: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - a request
    made = sheet(windows=window, params=dict(params or {}))({"shop_days": 7, "shop_size": 50})
    return made.request(Unit("", {}, WEEK))


def test_days_and_unix_seconds_ask_for_a_window() -> None:
    bounds = (WEEK.start, WEEK.end, {})
    assert days("from", "to")(*bounds) == {"from": "2026-11-16", "to": "2026-11-23"}
    assert days("from", "to", inclusive=True)(*bounds) == {"from": "2026-11-16", "to": "2026-11-22"}
    assert unix("from", "to")(*bounds) == {"from": 1794787200, "to": 1795392000}


def test_a_request_has_the_constant_parameters_and_those_of_the_window() -> None:
    request = ask(WINDOWS, {"limit": Setting("shop_size"), "sort": "id"})
    assert (request.method, request.path, request.json) == ("GET", "/shops", None)
    assert request.params == {"limit": 50, "sort": "id", "from": "2026-11-16", "to": "2026-11-23"}


def test_a_window_may_be_asked_for_in_a_body_that_is_posted() -> None:
    request = ask(replace(WINDOWS, params=None, json=days("from", "to")))
    assert (request.method, request.params) == ("POST", {})
    assert request.json == {"from": "2026-11-16", "to": "2026-11-23"}


@pytest.mark.parametrize(("told", "bucket"), [("week", "week"), ("shop_bucket", "month")])
def test_a_bucket_is_constant_or_what_a_setting_says(told: str, bucket: str) -> None:
    assert sheet(windows=replace(WINDOWS, bucket=told))({"shop_bucket": "Month"}).bucket == bucket


@pytest.mark.parametrize(
    ("facts", "identity"),
    [
        ({"primary_keys": ("id",)}, ("id",)),
        ({"primary_keys": ("usage_key",)}, ()),
        ({"primary_keys": ("shop_id", "id"), "parent": Shops}, ("id",)),
        ({"primary_keys": ("shop_id", "observed_on"), "parent": Shops}, ()),
        ({"primary_keys": ("id", "sold"), "constants": {"sold": "shop_days"}}, ("id",)),
        ({"primary_keys": ("id", "date"), "windows": WINDOWS}, ("id", "date")),
        ({"primary_keys": ("id", "date"), "windows": replace(WINDOWS, field="sold", stamp="date")}, ()),
    ],
)
def test_rows_are_told_apart_by_the_keys_that_the_vendor_sends(
    facts: dict[str, Any], identity: tuple[str, ...]
) -> None:
    assert sheet(**facts)({}).identity == identity


def test_a_sheet_knows_its_ancestors_and_their_fields() -> None:
    middle = sheet(parent=Shops, children={"sale_id": "id"})
    last = sheet(parent=middle)
    assert [*last.ancestors()] == [middle, Shops]
    assert last.context_fields() == ("shop_id", "sale_id")


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    assert meant("promise", ["promised", "path"]) == "; did you mean `promised`?"
    assert meant("zzz", ["promised"]) == ""


OFFSETS = OffsetPages("limit", "offset", ("total",))
ORDERED = {"lookback": "shop_lookback", "replication_key": "used_on"}
USAGE = {"windows": WINDOWS, "replication_key": "date", "primary_keys": ("id", "date")}
GROUPING = Grouping("shop_group_by", {"Seller": "sold", "Shop": "shop_id"}, {"Shop": "SHOP"})
BY_SELLER = ("shop_group_by", "Seller")
RIGHT: dict[str, tuple[type[Sheet], ...]] = {
    "a list": (Shops,),
    "a child": (Shops, sheet(parent=Shops, path="/shops/{shop_id}/sales")),
    "windows": (sheet(**USAGE),),
    "a bucket that a setting tells": (sheet(**USAGE | {"windows": replace(WINDOWS, bucket="shop_bucket")}),),
    "an order": (sheet(paging=replace(OFFSETS, order=Order("used_on", order)), **ORDERED),),
    "a query": (sheet(paging=EXECUTION, results="/results/{execution_id}"),),
    "a grouping": (
        sheet(
            grouping=GROUPING,
            flat={"sold": "id.deep"},
            fields_if={"sold": BY_SELLER},
            exists_if=("shop_bucket", ("Day",)),
        ),
    ),
    "tuning": (sheet(paging=OFFSETS, tuning={"size": "shop_size"}),),
}


@pytest.mark.parametrize("sheets", RIGHT.values(), ids=RIGHT.keys())
def test_a_sheet_that_is_right_is_taken(sheets: tuple[type[Sheet], ...]) -> None:
    assert problem(*sheets) == ""


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "offsets without an identity": (
        {"paging": OFFSETS, "primary_keys": ("usage_key",), "key_fields": ("sold",)},
        "primary_keys: pages by offset need keys that the vendor sends, to prove that no row slipped between",
    ),
    "an order that is not the replication key": (
        {"paging": replace(OFFSETS, order=Order("sold", order)), **ORDERED},
        "paging.order: `sold` is not the replication key, `used_on`",
    ),
    "an order of a field that is not there": (
        {"paging": replace(OFFSETS, order=Order("used_at", order)), **ORDERED},
        "paging.order: `used_at` is not in the schema; did you mean `used_on`?",
    ),
    "a lookback without an order": (ORDERED, "replication_key: needs `windows`, or `paging.order` and `lookback`"),
    "a query without a path of its results": (
        {"paging": EXECUTION, "results": "/results"},
        "results: is the path of an execution's results, with `{execution_id}`",
    ),
    "a query whose results have a placeholder of nobody": (
        {"paging": EXECUTION, "results": "/{shop}/{execution_id}"},
        "results: `shop` is not among the `children` of a parent",
    ),
    "a window that is asked for twice": (
        USAGE | {"windows": replace(WINDOWS, json=days("from", "to"))},
        "windows: either `params` or `json` tells how a window is asked for",
    ),
    "keys that windows share": (
        USAGE | {"primary_keys": ("id", "sold")},
        "primary_keys: without `date` rows of two windows may have the same key",
    ),
    "key fields that nothing is made of": (
        {"key_fields": ("sold",)},
        "key_fields: and `usage_key` among the `primary_keys` belong together",
    ),
    "a path with a field of the rows": ({"path": "/{id}"}, "path: `id` is not among the `children` of a parent"),
    "a setting of a grouping": (
        {"grouping": replace(GROUPING, setting="shop_group")},
        "grouping: `shop_group` is not a setting; did you mean `shop_group_by`?",
    ),
    "a field of a grouping": (
        {"grouping": replace(GROUPING, fields={"Seller": "seller"})},
        "grouping: `Shop` is not among the `fields` of the grouping",
    ),
    "a field that a dimension is in": (
        {"grouping": Grouping("shop_group_by", {"Seller": "seller"})},
        "grouping: `seller` is not in the schema",
    ),
    "a field to flatten": ({"flat": {"sold": "deep.id"}}, "flat: `deep` is not in the schema"),
    "a field that depends on a setting": (
        {"fields_if": {"soled": BY_SELLER}},
        "fields_if: `soled` is not in the schema",
    ),
    "a setting that a field depends on": (
        {"fields_if": {"sold": ("shop_group", "Seller")}},
        "fields_if: `shop_group` is not a setting; did you mean `shop_group_by`?",
    ),
    "a value that a field depends on": (
        {"fields_if": {"sold": ("shop_group_by", "Sellers")}},
        "fields_if: `shop_group_by` is never `Sellers`; did you mean `Seller`?",
    ),
    "a setting with which a stream is there": (
        {"exists_if": ("shop_api", ("new",))},
        "exists_if: `shop_api` is not a setting",
    ),
    "a value with which a stream is there": (
        {"exists_if": ("shop_bucket", ("Day", "Weekly"))},
        "exists_if: `shop_bucket` is never `Weekly`",
    ),
    "a paging that is not there": ({"paging": None}, "paging: is missing"),
}


@pytest.mark.parametrize(("facts", "line"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_true_is_named(facts: dict[str, Any], line: str) -> None:
    assert problem(sheet(**facts)).startswith(f"Sales.{line}")


def test_a_setting_for_buckets_may_only_be_what_is_a_bucket() -> None:
    odd = {**SETTINGS, "shop_bucket": {"enum": ["Day", "Quarter"], "default": "Day"}}
    made = sheet(**USAGE | {"windows": replace(WINDOWS, bucket="shop_bucket")})
    line = "Sales.windows.bucket: `shop_bucket` may be `Quarter`, which is none of day, week, month, year"
    assert problem(made, settings=odd) == line


def test_a_parent_tells_its_partitions_apart() -> None:
    lonely = sheet(name="shop_lonely", paging=SinglePage())
    line = "Sales.parent: Sales has no `children`, which tell its partitions apart"
    assert problem(lonely, sheet(parent=lonely)) == line


@pytest.mark.parametrize(
    "make", [lambda: sheet(promise=()), lambda: sheet(path=7), lambda: sheet(numbers="sold"), lambda: sheet(only=())]
)
def test_what_no_sheet_can_say_is_refused_when_the_class_is_made(make: Callable[[], object]) -> None:
    with pytest.raises(SheetError, match=r"^Sales\."):
        make()
