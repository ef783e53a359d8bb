"""Traps of Elastic Path, numbered as in the table of the vendor's facts; `test_traps` counts them."""

from __future__ import annotations

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
from tests.elasticpath import named, only, queries
from tests.running import run
from tests.truth import is_whole

USAGES = "elasticpath_promotion_usages"
PROMOTIONS = "elasticpath_promotions"
Z_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
FILTER = re.compile(rf"(ge\(used_on,{Z_TIME}\))?(:?lt\(used_on,{Z_TIME}\))?")


def vanish(sandbox: Sandbox, promotion: str) -> Callable[[Request], bool]:
    """Return a condition that never holds, but deletes a promotion when its usages are asked for."""

    def check(request: Request) -> bool:
        if request.values.get("promotion_id") == promotion:
            sandbox.elasticpath.promotions[:] = [
                row for row in sandbox.elasticpath.promotions if row["id"] != promotion
            ]
        return False

    return check


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
    assert of_region.auth.url == f"{of_region.url}/oauth/access_token"


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


def test_usages_of_a_promotion_that_is_listed_twice_are_read_once(sandbox: Sandbox) -> None:
    sandbox.fault("elasticpath.promotions", "duplicated_rows", times=None)
    done = run(sandbox.config, select=[PROMOTIONS, USAGES])
    assert done.code == 1
    assert done.rows(USAGES)
    assert not any("unexpected" in line for line in done.failures)
