"""Lists that move, lie or go in circles while they are read: no row is lost without a word, and no bookmark lies."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_usage.sandbox import Request, Sandbox
from tests.conftest import NOW
from tests.covered import value_of
from tests.running import Run, run
from tests.truth import Row

PROMOTIONS, USAGES = "elasticpath_promotions", "elasticpath_promotion_usages"
BEGIN = "2026-11-01T00:00:00Z"
ROWS = 40
ODD = ("repeated_page", "shrinking_page", "duplicated_rows", "sort_ignored", "order_violated")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=NOW) as running:
        fill(running)
        yield running


def fill(sandbox: Sandbox) -> None:
    sandbox.clear()
    sandbox.genesys.requests_per_minute = 10**9
    for name in ("moving", "quiet"):
        sandbox.elasticpath.add_promotion(name)
        sandbox.elasticpath.add_usages(name, ROWS, BEGIN, 3600)


def read(sandbox: Sandbox, state: dict[str, Any] | None = None, **details: Any) -> Run:  # noqa: ANN401 - settings
    config = {"elasticpath_page_size": 7, **details}
    return run(sandbox.config, state=state, select=[PROMOTIONS, USAGES], **config)


def ids(done: Run, promotion: str = "moving") -> list[str]:
    return [row["id"] for row in done.rows(USAGES) if row["promotion_id"] == promotion]


def held(sandbox: Sandbox, promotion: str = "moving") -> set[str]:
    return {row["id"] for row in sandbox.elasticpath.usages[promotion]}


def check_recovery(sandbox: Sandbox, done: Run) -> None:
    """Check a run in which the moving promotion failed, and that the next run brings what is missing."""
    assert done.code == 1
    assert len(done.failures) == 1
    assert done.failures[0].startswith(f"elasticpath: {USAGES}: promotion_id=moving: ")
    assert sorted(ids(done, "quiet")) == sorted(held(sandbox, "quiet"))
    entry = done.state["bookmarks"][USAGES]
    assert len(entry["covered"]) == 8 * len(sandbox.elasticpath.promotions) - 8
    assert value_of(entry, "quiet") == entry["replication_key_value"]
    sandbox.clear_faults()
    again = read(sandbox, done.state)
    assert again.code == 0
    assert set(ids(done)) | set(ids(again)) == held(sandbox)


def answer(sandbox: Sandbox, page: Callable[[list[Row], int, int], list[Row]]) -> None:
    """Have the moving promotion answered with rows that a function chooses of all that were asked for."""
    asked: list[Request] = []

    def is_moving(request: Request) -> bool:
        asked[:] = [request]
        return request.values["promotion_id"] == "moving"

    def replace(body: dict[str, Any]) -> dict[str, Any]:
        query = asked[0].query
        start = query.get("filter", "").removeprefix("ge(used_on,").removesuffix(")")
        rows = [row for row in sandbox.elasticpath.usages["moving"] if row["used_on"] >= start]
        return body | {"data": page(rows, int(query["page[offset]"]), int(query["page[limit]"]))}

    sandbox.fault("elasticpath.usages", "edit", times=None, where=is_moving, change=replace)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_vendor_that_ignores_the_offset_is_found_out_and_read_all_the_same(
    sandbox: Sandbox, concurrency: int
) -> None:
    answer(sandbox, lambda rows, _, limit: rows[:limit])
    done = read(sandbox, max_concurrency=concurrency)
    assert done.code == 0
    assert sorted(ids(done)) == sorted(held(sandbox))


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_vendor_that_ignores_the_sort_has_its_rows_emitted_but_not_bookmarked(
    sandbox: Sandbox, concurrency: int
) -> None:
    answer(sandbox, lambda rows, offset, limit: rows[::-1][offset : offset + limit])
    done = read(sandbox, max_concurrency=concurrency)
    assert "do not come in the order of `used_on`" in done.failures[0]
    assert set(ids(done)) == held(sandbox)
    assert value_of(done.state["bookmarks"][USAGES], "moving") is None
    check_recovery(sandbox, done)


@pytest.mark.parametrize("missing", [1, 3, 6])
def test_an_answer_that_begins_behind_the_row_it_was_asked_from_hides_nothing(sandbox: Sandbox, missing: int) -> None:
    numbers = itertools.count()

    def page(rows: list[Row], offset: int, limit: int) -> list[Row]:
        number = next(numbers)
        if number == 1:
            return rows[-limit:]
        return rows[offset + missing * (number == 2) :][:limit]

    answer(sandbox, page)
    done = read(sandbox, max_concurrency=1)
    assert done.code == 0
    assert sorted(ids(done)) == sorted(held(sandbox))


@pytest.mark.parametrize("after", [1, 2, 3])
@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_page_that_answers_every_question_is_found_out(sandbox: Sandbox, concurrency: int, after: int) -> None:
    sandbox.fault("elasticpath.usages", "repeated_page", times=None, after=after, where={"promotion_id": "moving"})
    done = read(sandbox, max_concurrency=concurrency)
    assert value_of(done.state["bookmarks"][USAGES], "moving") is None
    check_recovery(sandbox, done)


@pytest.mark.parametrize(
    "kind", ["repeated_page", "shrinking_page", "duplicated_rows", "sort_ignored", "order_violated"]
)
@pytest.mark.parametrize("after", [0, 2])
def test_one_odd_page_costs_requests_and_nothing_else(sandbox: Sandbox, kind: str, after: int) -> None:
    sandbox.fault("elasticpath.usages", kind, times=1, after=after, where={"promotion_id": "moving"})
    done = read(sandbox)
    assert done.code == 0
    assert set(ids(done)) == held(sandbox)
    assert sorted(ids(done, "quiet")) == sorted(held(sandbox, "quiet"))


@pytest.mark.parametrize("kind", ["total_missing", "pagination_meta", "total_lower_bound"])
def test_pages_and_totals_that_say_little_are_enough(sandbox: Sandbox, kind: str) -> None:
    details: dict[str, Any] = {"total": 5} if kind == "total_lower_bound" else {}
    sandbox.fault("elasticpath.*", kind, times=None, **details)
    done = read(sandbox)
    assert done.code == 0
    assert sorted(ids(done)) == sorted(held(sandbox))


@pytest.mark.parametrize("by", [-1, -10, -40])
def test_a_total_that_is_too_small_hides_nothing(sandbox: Sandbox, by: int) -> None:
    sandbox.fault("elasticpath.usages", "total_wrong", times=None, by=by, where={"promotion_id": "moving"})
    done = read(sandbox)
    assert set(ids(done)) == held(sandbox) or done.code == 1
    assert done.code == 0


@pytest.mark.parametrize("by", [1, 3, 100])
def test_a_total_that_is_too_large_is_a_named_failure(sandbox: Sandbox, by: int) -> None:
    sandbox.fault("elasticpath.usages", "total_wrong", times=None, by=by, where={"promotion_id": "moving"})
    done = read(sandbox)
    assert set(ids(done)) == held(sandbox)
    assert "the vendor says" in done.failures[0]
    check_recovery(sandbox, done)


@pytest.mark.parametrize("kind", ["sort_ignored", "order_violated", "duplicated_rows", "shrinking_page"])
def test_pages_that_never_fit_together_are_a_named_failure_and_no_bookmark(sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("elasticpath.usages", kind, times=None, where={"promotion_id": "moving"})
    done = read(sandbox)
    assert "twice in a row; run again, or tell the vendor" in done.failures[0]
    assert value_of(done.state["bookmarks"][USAGES], "moving") is None
    check_recovery(sandbox, done)


Change = tuple[int, str, int]
CHANGES = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["insert", "tie", "delete", "anonymize"]), st.integers(0, ROWS - 1)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(changes=CHANGES, concurrency=st.sampled_from([1, 8]))
def test_rows_may_come_and_go_and_change_between_any_two_pages(changes: list[Change], concurrency: int) -> None:
    with Sandbox(now=NOW) as sandbox:
        fill(sandbox)
        rows, served = sandbox.elasticpath.usages["moving"], 0
        stays = {row["id"] for row in rows}

        def meddle(promotion: str, _offset: int, _rows: list[dict[str, Any]]) -> None:
            nonlocal served
            for page, kind, place in changes if promotion == "moving" else ():
                if page == served:
                    change(sandbox, kind, place % len(rows), stays)
            served += promotion == "moving"

        sandbox.elasticpath.after_page = meddle
        done = read(sandbox, max_concurrency=concurrency)
        assert len(ids(done)) == len(set(ids(done)))
        assert sorted(ids(done, "quiet")) == sorted(held(sandbox, "quiet"))
        if done.code == 0:
            assert stays <= set(ids(done))
            return
        assert "twice in a row" in done.failures[0]
        sandbox.elasticpath.after_page = None
        again = read(sandbox, done.state)
        assert again.code == 0
        assert stays <= set(ids(done)) | set(ids(again))


def change(sandbox: Sandbox, kind: str, place: int, stays: set[str]) -> None:
    """Insert, delete or anonymize a row; `stays` loses the ids of rows that go."""
    rows = sandbox.elasticpath.usages["moving"]
    if kind == "delete":
        stays.discard(rows.pop(place)["id"])
    elif kind == "anonymize":
        sandbox.elasticpath.anonymize(rows[place])
    else:
        at = datetime.fromisoformat(rows[place]["used_on"]) + timedelta(minutes=30 * (kind == "insert"))
        sandbox.elasticpath.add_usage("moving", at)


@pytest.mark.parametrize("kind", ["delete", "create"])
def test_promotions_may_come_and_go_between_two_pages_of_the_list(sandbox: Sandbox, kind: str) -> None:
    promotions = sandbox.elasticpath.promotions
    for number in range(12):
        sandbox.elasticpath.add_promotion(f"other-{number}")
        sandbox.elasticpath.add_usages(f"other-{number}", 3, BEGIN, 60)
    stays = {promotion["id"] for promotion in promotions}

    def meddle(body: dict[str, Any]) -> dict[str, Any]:
        if kind == "delete":
            stays.discard(promotions.pop(2)["id"])
        else:
            promotions.insert(0, promotions[0] | {"id": f"new-{len(promotions)}"})
        return body

    sandbox.fault("elasticpath.promotions", "edit", times=2, after=1, change=meddle)
    done = read(sandbox, elasticpath_page_size=4, max_concurrency=1)
    listed = {row["id"] for row in done.rows(PROMOTIONS)}
    assert stays <= listed or "elasticpath_promotions" in done.failures[0]
    again = read(sandbox, done.state)
    assert again.code == 0
    assert stays <= {row["promotion_id"] for each in (done, again) for row in each.rows(USAGES)}


def test_thirty_thousand_rows_of_one_time_are_a_named_failure_that_harms_nobody(sandbox: Sandbox) -> None:
    sandbox.elasticpath.usages["moving"].clear()
    sandbox.elasticpath.add_usages("moving", 10, BEGIN, 60)
    sandbox.elasticpath.add_usages("moving", 30_000, "2026-11-05T00:00:00Z", 0)
    done = read(sandbox, elasticpath_page_size=100)
    assert done.code == 1
    assert "share used_on 2026-11-05T00:00:00.000Z: not readable" in done.failures[0]
    assert sorted(ids(done, "quiet")) == sorted(held(sandbox, "quiet"))
    assert len(set(ids(done))) > 10_000
    asked = [int(seen.query["page[offset]"]) for seen in sandbox.requests if seen.operation == "elasticpath.usages"]
    assert max(asked) <= 10_000
    entry = done.state["bookmarks"][USAGES]
    assert value_of(entry, "moving") in {None, "2026-11-05T00:00:00.000Z"}


@pytest.mark.parametrize(
    ("operation", "stream"),
    [
        ("pingone.environments", "pingone_environments"),
        ("pingone.credential_types", "pingone_credential_types"),
        ("pingone.issuance_rules", "pingone_issuance_rules"),
        ("genesys.clients", "genesys_oauth_clients"),
    ],
)
@pytest.mark.parametrize("kind", ["next_cycle", "next_elsewhere", "repeated_page"])
def test_links_in_a_circle_or_to_elsewhere_are_named_failures(operation: str, stream: str, kind: str) -> None:
    with Sandbox(now=NOW) as sandbox:
        sandbox.pingone.page_size = 1
        details: dict[str, Any] = {"url": sandbox.url("demandbase api")} if kind == "next_elsewhere" else {}
        sandbox.fault(operation, kind, times=None, **details)
        done = run(sandbox.config)
        assert done.code == 1
        assert all(line.split(":")[0] == stream.split("_", maxsplit=1)[0] for line in done.failures)
        assert any(line.startswith(f"{stream.split('_', maxsplit=1)[0]}: {stream}: ") for line in done.failures)
        elsewhere = [seen for seen in sandbox.requests if seen.origin == "demandbase api" and seen.operation == ""]
        assert elsewhere == []
        assert done.rows("demandbase_api_usage")
        assert done.rows(USAGES)
