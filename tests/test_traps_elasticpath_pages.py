"""Traps of Elastic Path in its pages: links, offsets, totals, order. `test_traps` counts them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.elasticpath import named, only, queries
from tests.running import run
from tests.truth import counted, is_whole, promotion_usages

USAGES = "elasticpath_promotion_usages"
PROMOTIONS = "elasticpath_promotions"


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


def test_ep20_every_list_is_asked_with_a_page_size(sandbox: Sandbox) -> None:
    run(sandbox.config, select=[PROMOTIONS, USAGES])
    for operation in ("elasticpath.promotions", "elasticpath.usages"):
        assert {query["page[limit]"] for query in queries(sandbox, operation)} == {"100"}


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
