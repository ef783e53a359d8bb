"""Traps of Elastic Path, numbered as in the table of the vendor's facts; `test_traps` counts them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from tap_usage.sandbox import Request, Sandbox
from tap_usage.tap import TapUsage
from tap_usage.vendors.elasticpath import host
from tests.catalogs import discovered, entry_of, run_catalog
from tests.running import Run, run
from tests.truth import TRUTH, bare, counted, promotion_usages

USAGES = "elasticpath_promotion_usages"
PROMOTIONS = "elasticpath_promotions"
Z_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
FILTER = re.compile(rf"(ge\(used_on,{Z_TIME}\))?(:?lt\(used_on,{Z_TIME}\))?")


def is_whole(sandbox: Sandbox, done: Run, stream: str) -> bool:
    return counted(bare(stream, done.rows(stream))) == counted(TRUTH[stream](sandbox))


def only(sandbox: Sandbox) -> str:
    """Empty Elastic Path but for one promotion without usages; return its id."""
    sandbox.elasticpath.clear()
    return sandbox.elasticpath.add_promotion()


def queries(sandbox: Sandbox, operation: str = "elasticpath.usages") -> list[dict[str, str]]:
    return [seen.query for seen in sandbox.requests if seen.operation == operation]


def named(sandbox: Sandbox, name: str) -> str:
    return next(str(row["id"]) for row in sandbox.elasticpath.promotions if row["name"] == name)


def vanish(sandbox: Sandbox, promotion: str) -> Callable[[Request], bool]:
    """Return a condition that never holds, but deletes a promotion when its usages are asked for."""

    def check(request: Request) -> bool:
        if request.values.get("promotion_id") == promotion:
            sandbox.elasticpath.promotions[:] = [
                row for row in sandbox.elasticpath.promotions if row["id"] != promotion
            ]
        return False

    return check


def test_ep01_a_next_link_that_equals_current_is_not_followed(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[PROMOTIONS, USAGES])
    assert done.code == 0
    assert is_whole(sandbox, done, USAGES)
    asked = [(seen.path, json.dumps(seen.query)) for seen in sandbox.requests if seen.method == "GET"]
    assert len(asked) == len(set(asked))


def test_ep01_a_page_that_comes_again_and_again_is_a_failure(sandbox: Sandbox) -> None:
    large = {"promotion_id": named(sandbox, "Free shipping")}
    sandbox.fault("elasticpath.usages", "repeated_page", times=None, where=large)
    done = run(sandbox.config, select=[USAGES])
    assert done.code == 1
    assert large["promotion_id"] in done.failures[0]
    assert len(queries(sandbox)) < 60


def test_ep02_no_negative_offset_of_an_empty_list_is_asked(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[USAGES])
    assert named(sandbox, "Never used") not in {row["promotion_id"] for row in done.rows(USAGES)}
    assert all(query["page[offset]"].isdecimal() for query in queries(sandbox))


def test_ep03_the_number_of_pages_is_not_taken_for_the_number_of_rows(sandbox: Sandbox) -> None:
    promotion = only(sandbox)
    sandbox.elasticpath.add_usages(promotion, 7, "2026-11-01T00:00:00Z", 60)
    done = run(sandbox.config, select=[USAGES], elasticpath_page_size=2)
    assert is_whole(sandbox, done, USAGES)


@pytest.mark.parametrize("kind", ["pagination_meta", "total_missing", "total_lower_bound"])
def test_ep04_the_other_shapes_of_the_envelope_are_read_as_well(sandbox: Sandbox, kind: str) -> None:
    for operation in ("elasticpath.promotions", "elasticpath.usages"):
        details: dict[str, Any] = {"total": 3} if kind == "total_lower_bound" else {}
        sandbox.fault(operation, kind, times=None, **details)
    done = run(sandbox.config, select=[PROMOTIONS, USAGES], elasticpath_page_size=5)
    assert done.code == 0
    assert is_whole(sandbox, done, PROMOTIONS)
    assert is_whole(sandbox, done, USAGES)


def test_ep05_a_promotion_with_more_rows_than_offsets_is_read_to_its_end(sandbox: Sandbox) -> None:
    promotion = only(sandbox)
    sandbox.elasticpath.max_offset = 40
    sandbox.elasticpath.add_usages(promotion, 500, "2026-10-01T00:00:00Z", 600)
    done = run(sandbox.config, select=[USAGES], elasticpath_max_offset=40, elasticpath_page_size=10)
    assert done.code == 0
    assert is_whole(sandbox, done, USAGES)
    assert max(int(query["page[offset]"]) for query in queries(sandbox)) <= 40


def test_ep05_more_promotions_than_offsets_are_a_failure_and_not_less_data(sandbox: Sandbox) -> None:
    for _ in range(30):
        sandbox.elasticpath.add_promotion()
    done = run(sandbox.config, select=[PROMOTIONS, USAGES], elasticpath_max_offset=20, elasticpath_page_size=10)
    assert done.code == 1
    assert max(int(query["page[offset]"]) for query in queries(sandbox, "elasticpath.promotions")) <= 20


def test_ep06_rows_that_share_a_time_at_the_place_of_a_restart_all_come_once(sandbox: Sandbox) -> None:
    promotion = only(sandbox)
    sandbox.elasticpath.max_offset = 40
    for hour in range(12):
        sandbox.elasticpath.add_usages(promotion, 13, f"2026-11-01T{hour:02}:00:00Z", 0)
    done = run(sandbox.config, select=[USAGES], elasticpath_max_offset=40, elasticpath_page_size=10)
    assert done.code == 0
    assert is_whole(sandbox, done, USAGES)


def test_ep06_more_rows_of_one_time_than_offsets_are_a_named_failure(sandbox: Sandbox) -> None:
    promotion = only(sandbox)
    sandbox.elasticpath.max_offset = 20
    sandbox.elasticpath.add_usages(promotion, 5, "2026-11-01T00:00:00Z", 60)
    sandbox.elasticpath.add_usages(promotion, 60, "2026-11-02T00:00:00Z", 0)
    done = run(sandbox.config, select=[USAGES], elasticpath_max_offset=20, elasticpath_page_size=10)
    assert done.code == 1
    assert "2026-11-02T00:00:00" in done.failures[0]
    assert max(int(query["page[offset]"]) for query in queries(sandbox)) <= 20
    assert done.bookmark(USAGES) is None


def test_ep07_the_order_is_asked_for(sandbox: Sandbox) -> None:
    run(sandbox.config, select=[USAGES])
    assert {query["sort"] for query in queries(sandbox)} == {"used_on"}


def test_ep07_rows_out_of_order_are_a_failure_and_move_no_bookmark_of_theirs(sandbox: Sandbox) -> None:
    broken = named(sandbox, "Free shipping")
    first = run(sandbox.config, select=[USAGES])
    sandbox.elasticpath.add_usages(broken, 5, sandbox.clock.now(), 60)
    sandbox.advance(hours=1)
    sandbox.fault("elasticpath.usages", "sort_ignored", times=None, where={"promotion_id": broken})
    second = run(sandbox.config, select=[USAGES], state=first.state)
    assert second.code == 1
    assert "order" in second.failures[0]
    sandbox.clear_faults()
    third = run(sandbox.config, select=[USAGES], state=second.state)
    assert third.code == 0
    assert len([row for row in third.rows(USAGES) if row["promotion_id"] == broken]) >= 5
    held = {row["id"]: row for each in (first, second, third) for row in each.rows(USAGES)}
    assert counted(held.values()) == counted(promotion_usages(sandbox))


def test_ep08_a_usage_that_becomes_visible_late_is_caught_by_the_overlap(sandbox: Sandbox) -> None:
    promotion = only(sandbox)
    sandbox.elasticpath.add_usage(promotion, "2026-11-22T11:59:00.000Z")
    sandbox.elasticpath.add_usage(promotion, "2026-11-22T11:52:00.000Z", visible_at="2026-11-22T12:01:00Z")
    first = run(sandbox.config, select=[USAGES])
    sandbox.advance(minutes=5)
    second = run(sandbox.config, select=[USAGES], state=first.state)
    assert (len(first.rows(USAGES)), len(second.rows(USAGES))) == (1, 2)


def test_ep08_a_bookmark_never_passes_the_vendors_clock(sandbox: Sandbox) -> None:
    promotion = only(sandbox)
    sandbox.elasticpath.add_usage(promotion, "2026-11-22T11:00:00.000Z")
    sandbox.elasticpath.add_usage(promotion, "2030-01-01T00:00:00.000Z")
    first = run(sandbox.config, select=[USAGES])
    assert str(first.bookmark(USAGES)) < "2026-11-22T12:00:10.000Z"
    sandbox.elasticpath.add_usage(promotion, "2026-11-22T13:00:00.000Z")
    sandbox.advance(hours=2)
    second = run(sandbox.config, select=[USAGES], state=first.state)
    assert "2026-11-22T13:00:00.000Z" in {row["used_on"] for row in second.rows(USAGES)}


def test_ep09_a_full_refresh_brings_what_was_anonymized(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[USAGES])
    usage = sandbox.elasticpath.usages[named(sandbox, "Free shipping")][0]
    sandbox.elasticpath.anonymize(usage)
    catalog = discovered(sandbox.config, select=[USAGES])
    entry_of(catalog, USAGES)["replication_method"] = "FULL_TABLE"
    second = run_catalog(sandbox.config, catalog, first.state)
    (row,) = [row for row in second.rows(USAGES) if row["id"] == usage["id"]]
    assert (row["customer_email"], row["anonymized"]) == ("**", True)


def test_ep10_a_promotion_that_failed_is_not_covered_by_the_bookmark(sandbox: Sandbox) -> None:
    broken = named(sandbox, "Spring")
    sandbox.fault("elasticpath.usages", "forbidden", times=None, where={"promotion_id": broken})
    first = run(sandbox.config, select=[USAGES])
    assert first.code == 1
    assert first.bookmark(USAGES) == "2026-11-22T11:15:00.000Z"
    assert first.state["bookmarks"][USAGES]["older"] == []
    sandbox.clear_faults()
    second = run(sandbox.config, select=[USAGES], state=first.state)
    assert len([row for row in second.rows(USAGES) if row["promotion_id"] == broken]) == 200
    assert len(second.rows(USAGES)) < 210
    assert len(second.state["bookmarks"][USAGES]["covered"]) == len(first.state["bookmarks"][USAGES]["covered"]) + 8


def test_ep11_disabled_expired_and_planned_promotions_are_read(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[USAGES])
    read = {row["promotion_id"] for row in done.rows(USAGES)}
    assert {named(sandbox, name) for name in ("Disabled", "Expired", "Not yet")} <= read
    assert not [query for query in queries(sandbox, "elasticpath.promotions") if "filter" in query]


def test_ep12_a_promotion_that_was_deleted_meanwhile_is_no_failure(sandbox: Sandbox) -> None:
    gone = named(sandbox, "Spring")
    sandbox.fault("elasticpath.usages", "slow", where=vanish(sandbox, gone), times=None)
    done = run(sandbox.config, select=[USAGES])
    assert (done.code, done.failures) == (0, [])
    assert is_whole(sandbox, done, USAGES)


def test_ep12_a_404_for_a_promotion_without_usages_is_an_empty_answer(sandbox: Sandbox) -> None:
    sandbox.elasticpath.empty_is_404 = True
    first = run(sandbox.config, select=[USAGES])
    assert first.code == 0
    assert is_whole(sandbox, first, USAGES)
    never = named(sandbox, "Never used")
    sandbox.elasticpath.add_usage(never, sandbox.clock.now())
    sandbox.advance(minutes=1)
    second = run(sandbox.config, select=[USAGES], state=first.state)
    assert never in {row["promotion_id"] for row in second.rows(USAGES)}


def test_ep13_usages_name_their_promotion(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[USAGES])
    truth = {usage["id"]: promotion for promotion, usage in sandbox.elasticpath.all_usages()}
    assert {row["id"]: row["promotion_id"] for row in done.rows(USAGES)} == truth


def test_ep14_the_key_is_the_id_because_codes_and_orders_repeat(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[USAGES])
    (schema,) = [message for message in done.messages if message["type"] == "SCHEMA"]
    assert schema["key_properties"] == ["id"]
    codes = {(row["promotion_id"], row["code"]) for row in done.rows(USAGES)}
    assert len(codes) < len(done.rows(USAGES)) == len({row["id"] for row in done.rows(USAGES)})


def test_ep15_several_uses_of_one_checkout_stay_in_one_row(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[USAGES])
    bundle = [row for row in done.rows(USAGES) if row["promotion_id"] == named(sandbox, "Per application")]
    assert len(bundle) == 25
    assert sum(row["times_used"] for row in bundle) == sum(1 + number % 4 for number in range(25))


def test_ep16_fields_that_a_row_may_lack_are_not_made_up(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[USAGES])
    members = [row for row in done.rows(USAGES) if row["promotion_id"] == named(sandbox, "Members")]
    lacking = [row for row in members if "customer_id" not in row]
    assert len(lacking) == 10
    assert not [row for row in lacking if "anonymized" in row or "account_id" in row]


def test_ep17_the_token_is_read_from_a_flat_answer(sandbox: Sandbox) -> None:
    assert run(sandbox.config, select=[PROMOTIONS]).code == 0
    assert all(seen.authorization_ok for seen in sandbox.requests)


def test_ep18_the_token_is_asked_for_with_a_form(sandbox: Sandbox) -> None:
    run(sandbox.config, select=[PROMOTIONS])
    (token,) = [seen.request for seen in sandbox.requests if seen.operation == "elasticpath.token"]
    assert token.headers["content-type"] == "application/x-www-form-urlencoded"
    assert set(parse_qs(token.body.decode())) == {"grant_type", "client_id", "client_secret"}
    assert token.query == {}


def test_ep19_a_token_that_expires_in_the_middle_is_renewed_once(sandbox: Sandbox) -> None:
    served: list[int] = []

    def expire(_promotion: str, _offset: int, rows: list[Any]) -> None:
        served.append(len(rows))
        if len(served) == 3:
            sandbox.expire_tokens("elasticpath")

    sandbox.elasticpath.after_page = expire
    done = run(sandbox.config, select=[USAGES])
    assert done.code == 0
    assert is_whole(sandbox, done, USAGES)
    assert sandbox.count("elasticpath.token") == 2


def test_ep20_every_list_is_asked_with_a_page_size(sandbox: Sandbox) -> None:
    run(sandbox.config, select=[PROMOTIONS, USAGES])
    for operation in ("elasticpath.promotions", "elasticpath.usages"):
        assert {query["page[limit]"] for query in queries(sandbox, operation)} == {"100"}


def test_ep21_times_in_filters_end_with_z_and_are_percent_encoded(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[USAGES], start_date="2026-11-01T02:00:00+02:00")
    run(sandbox.config, select=[USAGES], state=first.state, end_date="2026-11-22T13:00:00+01:00")
    filters = {query["filter"] for query in queries(sandbox)}
    assert "ge(used_on,2026-11-01T00:00:00.000Z)" in filters
    assert all(FILTER.fullmatch(text) for text in filters)
    assert sandbox.count("elasticpath.usages", status=400) == 0


def test_ep21_a_bookmark_keeps_the_precision_of_the_vendors_text(sandbox: Sandbox) -> None:
    promotion = only(sandbox)
    sandbox.elasticpath.add_usage(promotion, "2026-11-20T10:00:00.123Z")
    first = run(sandbox.config, select=[USAGES], elasticpath_lookback_minutes=0)
    assert first.bookmark(USAGES) == "2026-11-20T10:00:00.123Z"
    sandbox.elasticpath.add_usage(promotion, "2026-11-20T10:00:00.123Z")
    second = run(sandbox.config, select=[USAGES], elasticpath_lookback_minutes=0, state=first.state)
    assert len(second.rows(USAGES)) == 2


def test_an_end_within_a_millisecond_leaves_out_no_row_before_it(sandbox: Sandbox) -> None:
    promotion = only(sandbox)
    for at in ("2026-11-20T10:00:00.123Z", "2026-11-20T10:00:00.124Z"):
        sandbox.elasticpath.add_usage(promotion, at)
    done = run(sandbox.config, select=[USAGES], end_date="2026-11-20T10:00:00.123456Z")
    assert [row["used_on"] for row in done.rows(USAGES)] == ["2026-11-20T10:00:00.123Z"]
    assert done.bookmark(USAGES) == "2026-11-20T10:00:00.123Z"


@pytest.mark.parametrize("told", ["400", 400, None])
def test_ep22_the_status_of_an_error_is_that_of_http(sandbox: Sandbox, told: object) -> None:
    error = {"title": "Bad Request", **({} if told is None else {"status": told})}
    body = {"errors": [error]}
    sandbox.fault("elasticpath.promotions", "status", times=None, status=400, body=body)
    done = run(sandbox.config, select=[PROMOTIONS])
    assert (done.code, sandbox.count("elasticpath.promotions")) == (1, 1)
    assert "HTTP 400" in done.failures[0]


def test_ep23_a_429_without_a_time_to_wait_backs_off_more_and_more(sandbox: Sandbox) -> None:
    sandbox.fault("elasticpath.promotions", "status", status=429, times=4)
    done = run(sandbox.config, select=[PROMOTIONS])
    assert done.code == 0
    waits = [wait for wait in done.waits if wait > 0.3]
    assert len(waits) == 4
    assert waits[-1] > waits[0]
    assert sum(waits) >= (1 + 2 + 4 + 8) / 2


@pytest.mark.parametrize("region", ["useast", "euwest"])
def test_ep24_the_host_is_that_of_the_region(region: str) -> None:
    defaults = {name: setting.get("default") for name, setting in TapUsage.config_jsonschema["properties"].items()}
    of_region = host(defaults | {"elasticpath_region": region})
    assert of_region.url == f"https://{region}.api.elasticpath.com"
    assert of_region.token.url == f"{of_region.url}/oauth/access_token"


@pytest.mark.parametrize("change", ["insert", "delete"])
def test_rows_that_come_or_go_between_two_pages_neither_hide_nor_double_others(sandbox: Sandbox, change: str) -> None:
    promotion = only(sandbox)
    sandbox.elasticpath.add_usages(promotion, 95, "2026-11-01T00:00:00Z", 60)
    stay = [dict(row) for row in sandbox.elasticpath.usages[promotion]]
    pages: list[int] = []

    def disturb(_promotion: str, offset: int, _rows: list[Any]) -> None:
        pages.append(offset)
        if len(pages) in {2, 5, 6}:
            if change == "insert":
                sandbox.elasticpath.add_usage(promotion, "2026-10-31T00:00:00.000Z")
            else:
                gone = sandbox.elasticpath.usages[promotion].pop(0)
                stay[:] = [row for row in stay if row["id"] != gone["id"]]

    sandbox.elasticpath.after_page = disturb
    done = run(sandbox.config, select=[USAGES], elasticpath_page_size=10)
    ids = [row["id"] for row in done.rows(USAGES)]
    assert done.code == 0
    assert {row["id"] for row in stay} <= set(ids)
    assert len(ids) == len(set(ids))


def test_usages_of_the_very_moment_of_the_bookmark_are_not_lost(sandbox: Sandbox) -> None:
    promotion = only(sandbox)
    moment = sandbox.clock.now() - timedelta(hours=1)
    sandbox.elasticpath.add_usages(promotion, 3, moment, 0)
    first = run(sandbox.config, select=[USAGES], elasticpath_lookback_minutes=0)
    sandbox.elasticpath.add_usages(promotion, 2, moment, 0)
    second = run(sandbox.config, select=[USAGES], elasticpath_lookback_minutes=0, state=first.state)
    assert {row["id"] for each in (first, second) for row in each.rows(USAGES)} == {
        usage["id"] for usage in sandbox.elasticpath.usages[promotion]
    }
