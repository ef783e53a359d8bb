"""Parents are listed once, what is deselected is not asked, and filters mean the same in every run."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from tap_usage.sandbox import Sandbox
from tests.catalogs import discovered, run_catalog
from tests.running import run
from tests.truth import STREAMS, TRUTH, bare, client_usage, counted, first_day, promotion_usages, today

USAGES = "elasticpath_promotion_usages"
CLIENT = "genesys_client_usage"
COUNTS = "pingone_issuance_rule_usage_counts"
VENDORS = ("pingone", "genesys", "demandbase", "elasticpath")


def asked(sandbox: Sandbox) -> set[str]:
    return {seen.operation for seen in sandbox.requests}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_alone_gives_the_same_rows_as_in_company(sandbox: Sandbox, stream: str) -> None:
    done = run(sandbox.config, select=[stream])
    assert done.code == 0
    assert set(done.counts) == {stream}
    assert counted(bare(stream, done.rows(stream))) == counted(TRUTH[stream](sandbox))


def test_a_child_without_its_parent_selected_lists_the_parent_once_and_emits_no_row_of_it(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[COUNTS, CLIENT, USAGES])
    assert set(done.counts) == {COUNTS, CLIENT, USAGES}
    schemas = {message["stream"] for message in done.messages if message["type"] == "SCHEMA"}
    assert schemas == {COUNTS, CLIENT, USAGES}
    pages = {"pingone.environments": 3, "genesys.clients": 2, "elasticpath.promotions": 1}
    assert {operation: sandbox.count(operation) for operation in pages} == pages


def test_two_children_share_one_listing_of_their_parent(sandbox: Sandbox) -> None:
    run(sandbox.config, select=[CLIENT, "genesys_client_usage_summary", "genesys_oauth_clients"])
    assert sandbox.count("genesys.clients") == 2


@pytest.mark.parametrize("order", ["given", "reversed"])
def test_the_order_of_a_catalog_does_not_matter(sandbox: Sandbox, order: str) -> None:
    catalog = discovered(sandbox.config)
    if order == "reversed":
        catalog["streams"].reverse()
    done = run_catalog(sandbox.config, catalog)
    assert done.code == 0
    assert all(counted(bare(name, done.rows(name))) == counted(TRUTH[name](sandbox)) for name in STREAMS)
    assert sandbox.count("elasticpath.promotions") == 1


def test_parents_alone_ask_for_no_usage(sandbox: Sandbox) -> None:
    run(sandbox.config, select=["pingone_environments", "genesys_oauth_clients", "elasticpath_promotions"])
    assert asked(sandbox) == {
        *("pingone.token", "pingone.environments"),
        *("genesys.token", "genesys.clients"),
        *("elasticpath.token", "elasticpath.promotions"),
    }


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_that_is_not_selected_is_not_asked_not_even_for_a_token(sandbox: Sandbox, vendor: str) -> None:
    run(sandbox.config, select=[stream for stream in STREAMS if stream.startswith(vendor)])
    assert {operation.partition(".")[0] for operation in asked(sandbox)} == {vendor}


def test_nothing_selected_asks_nothing_and_succeeds(sandbox: Sandbox) -> None:
    assert run(sandbox.config, select=[]).code == 0
    assert sandbox.requests == []


def test_environments_that_are_being_deleted_are_listed_but_their_children_are_not_asked(sandbox: Sandbox) -> None:
    done = run(sandbox.config)
    (leaving,) = [row for row in sandbox.pingone.environments if row["status"] == "DELETE_PENDING"]
    assert leaving["id"] in {row["id"] for row in done.rows("pingone_environments")}
    assert not [seen for seen in sandbox.requests if leaving["id"] in seen.path]


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_no_more_requests_are_in_flight_than_the_setting_says(sandbox: Sandbox, concurrency: int) -> None:
    sandbox.latency_seconds = 0.01
    done = run(sandbox.config, select=[USAGES], max_concurrency=concurrency)
    most = max(seen.in_flight for seen in sandbox.requests)
    assert min(2, concurrency) <= most <= concurrency
    assert counted(bare(USAGES, done.rows(USAGES))) == counted(TRUTH[USAGES](sandbox))


def test_only_the_chosen_promotions_clients_and_environments_are_read(sandbox: Sandbox) -> None:
    promotion = sandbox.elasticpath.promotions[2]["id"]
    client = sandbox.genesys.clients[1]["id"]
    environment = sandbox.pingone.environments[1]["id"]
    done = run(
        sandbox.config,
        elasticpath_promotion_ids=[promotion],
        genesys_oauth_client_ids=[client],
        pingone_environment_ids=[environment],
    )
    assert {row["id"] for row in done.rows("elasticpath_promotions")} == {promotion}
    assert {row["promotion_id"] for row in done.rows(USAGES)} == {promotion}
    assert {row["id"] for row in done.rows("genesys_oauth_clients")} == {client}
    assert {row["oauth_client_id"] for row in done.rows(CLIENT)} == {client}
    assert {row["id"] for row in done.rows("pingone_environments")} == {environment}
    assert {row["environment_id"] for row in done.rows(COUNTS)} == {environment}
    assert len({row["clientId"] for row in done.rows("genesys_organization_usage")}) > 1


def test_a_chosen_promotion_that_does_not_exist_is_named_in_the_log(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    done = run(sandbox.config, select=[USAGES], elasticpath_promotion_ids=["no-such-promotion"])
    assert done.counts == Counter()
    assert "no-such-promotion" in "".join(
        record.getMessage() for record in caplog.records if record.levelname == "WARNING"
    )


def test_promotions_that_a_wider_filter_brings_in_are_read_from_the_start(sandbox: Sandbox) -> None:
    one, two, three = (promotion["id"] for promotion in sandbox.elasticpath.promotions[1:4])
    first = run(sandbox.config, select=[USAGES], elasticpath_promotion_ids=[one])
    sandbox.advance(hours=1)
    second = run(sandbox.config, select=[USAGES], elasticpath_promotion_ids=[one, two], state=first.state)
    truth = promotion_usages(sandbox)
    assert counted(row for row in second.rows(USAGES) if row["promotion_id"] == two) == counted(
        row for row in truth if row["promotion_id"] == two
    )
    sandbox.advance(hours=1)
    third = run(sandbox.config, select=[USAGES], state=second.state)
    rows = third.rows(USAGES)
    assert counted(row for row in rows if row["promotion_id"] == three) == counted(
        row for row in truth if row["promotion_id"] == three
    )
    assert len([row for row in rows if row["promotion_id"] in {one, two}]) < 10


def test_a_filter_that_narrows_and_widens_again_loses_nothing(sandbox: Sandbox) -> None:
    chosen = sandbox.elasticpath.promotions[-1]["id"]
    runs = [run(sandbox.config, select=[USAGES])]
    for ids in ([chosen], None):
        sandbox.advance(days=2)
        runs.append(run(sandbox.config, select=[USAGES], elasticpath_promotion_ids=ids, state=runs[-1].state))
    held = {row["id"]: row for each in runs for row in each.rows(USAGES)}
    assert counted(held.values()) == counted(promotion_usages(sandbox))


def test_clients_that_a_wider_filter_brings_in_are_read_from_the_start(sandbox: Sandbox) -> None:
    one, two = (client["id"] for client in sandbox.genesys.clients[:2])
    first = run(sandbox.config, select=[CLIENT], genesys_oauth_client_ids=[one])
    second = run(sandbox.config, select=[CLIENT], state=first.state)
    rows = [row for row in second.rows(CLIENT) if row["oauth_client_id"] == two]
    assert counted(bare(CLIENT, rows)) == counted(client_usage(sandbox, two, first_day(sandbox), today(sandbox)))
    assert {row["date"][:10] for row in second.rows(CLIENT) if row["oauth_client_id"] == one} <= {
        *("2026-11-19", "2026-11-20", "2026-11-21")
    }


def test_a_promotion_that_was_not_covered_is_read_from_its_beginning(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[USAGES])
    shown_late = sandbox.elasticpath.add_promotion(name="Brand new")
    sandbox.elasticpath.add_usages(shown_late, 3, sandbox.clock.now() - timedelta(days=10), 0)
    sandbox.advance(hours=3)
    second = run(sandbox.config, select=[USAGES], state=first.state)
    assert len([row for row in second.rows(USAGES) if row["promotion_id"] == shown_late]) == 3


def test_a_changed_grouping_reads_history_again(sandbox: Sandbox) -> None:
    stream = "genesys_organization_usage"
    first = run(sandbox.config, select=[stream])
    second = run(sandbox.config, select=[stream], genesys_group_by=["OAuthClientId"], state=first.state)
    assert min(row["date"] for row in second.rows(stream)) == min(row["date"] for row in first.rows(stream))
    assert {row["templateUri"] for row in second.rows(stream)} == {None}
