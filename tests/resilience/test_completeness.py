"""What a vendor says there is and what came: both in the summary of each stream, and a difference never unnamed."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.resilience.world import World
from tests.running import Run, run
from tests.truth import STREAMS

SUMMARY = re.compile(r"(\d+)(?: of (\d+))? rows, (\d+) requests(?:, (\d+) vanished)?, \d+\.\d s(?:, .*)?")
COUNTED = ("elasticpath_promotions", "elasticpath_promotion_usages", "genesys_oauth_clients")


@pytest.fixture
def world() -> Iterator[World]:
    with Sandbox(now=NOW) as sandbox:
        yield World(sandbox)


def summaries(caplog: pytest.LogCaptureFixture) -> dict[str, tuple[int, int | None, int, int]]:
    """Return rows, expected rows, requests and vanished partitions of each stream's summary."""
    found = {}
    for record in caplog.records:
        if match := SUMMARY.fullmatch(record.getMessage()):
            rows, expected, requests, vanished = match.groups()
            counts = (int(rows), int(expected) if expected else None, int(requests), int(vanished or 0))
            found[record.name.rpartition(".")[2]] = counts
    return found


def told(world: World, caplog: pytest.LogCaptureFixture) -> tuple[Run, dict[str, tuple[int, int | None, int, int]]]:
    caplog.clear()
    caplog.set_level(logging.INFO)
    return run(world.config), summaries(caplog)


def test_every_stream_tells_how_many_rows_it_emitted_and_how_many_were_expected(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    done, said = told(world, caplog)
    assert set(said) == set(STREAMS)
    for stream, (rows, expected, _, vanished) in said.items():
        assert rows == len(done.rows(stream)) == len(world.truth(stream)) > 0
        assert expected == (rows if stream in COUNTED else None)
        assert vanished == 0


def test_every_stream_tells_how_many_requests_it_took(world: World, caplog: pytest.LogCaptureFixture) -> None:
    _, said = told(world, caplog)
    asked = len([seen for seen in world.sandbox.requests if not seen.operation.endswith(".token")])
    assert sum(requests for _, _, requests, _ in said.values()) == asked


def test_requests_that_were_repeated_are_counted(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.sandbox.fault("elasticpath.usages", "status", times=5, status=503)
    _, said = told(world, caplog)
    assert said["elasticpath_promotion_usages"][2] == world.sandbox.count("elasticpath.usages")


def test_a_list_that_does_not_add_up_is_read_once_more_and_then_good(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.sandbox.fault("genesys.clients", "shrinking_page", times=1, rows=1)
    done, said = told(world, caplog)
    clients = len(world.sandbox.genesys.clients)
    assert done.code == 0
    assert said["genesys_oauth_clients"][:3] == (clients, clients, 4)


@pytest.mark.parametrize(
    ("operation", "stream", "line"),
    [
        ("genesys.clients", "genesys_oauth_clients", "4 rows came, the vendor says 5, twice in a row"),
        ("elasticpath.promotions", "elasticpath_promotions", "5 rows came, the vendor says 6, twice in a row"),
        ("elasticpath.usages", "elasticpath_promotion_usages", " rows came, the vendor says "),
    ],
)
def test_a_difference_that_stays_is_named_after_it_was_read_again(
    world: World, caplog: pytest.LogCaptureFixture, operation: str, stream: str, line: str
) -> None:
    world.sandbox.fault(operation, "total_wrong", times=None, by=1)
    done, said = told(world, caplog)
    assert done.code == 1
    named = [failure for failure in done.failures if f": {stream}: " in failure]
    assert named
    assert all(line in failure for failure in named)
    rows, expected, _, _ = said[stream]
    assert expected is not None
    assert rows < expected
    assert rows == len(done.rows(stream))


def test_a_partition_that_failed_half_way_shows_in_the_summary(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.sandbox.fault("elasticpath.usages", "forbidden", times=None, after=1, where={"promotion_id": "promotion-5"})
    done, said = told(world, caplog)
    rows, expected, _, _ = said["elasticpath_promotion_usages"]
    assert done.code == 1
    assert expected == len(world.truth("elasticpath_promotion_usages"))
    assert rows < expected


def test_parents_that_vanished_are_counted_and_are_no_failure(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.sandbox.fault("elasticpath.usages", "not_found", times=None, where={"promotion_id": "promotion-2"})
    world.sandbox.fault("genesys.client_submit", "not_found", times=None, where={"client_id": "client-2"})
    gone = "cccccccc-0000-4000-8000-000000000004"
    world.sandbox.fault("pingone.usage_counts", "not_found", times=None, where={"rule_id": gone})
    done, said = told(world, caplog)
    assert done.code == 0
    assert said["elasticpath_promotion_usages"][3] == 1
    assert said["genesys_client_usage"][3] == WINDOWS
    assert said["pingone_issuance_rule_usage_counts"][3] == 1
    for name in ("promotion_id=promotion-2", "oauth_client_id=client-2", f"issuance_rule_id={gone}"):
        assert any(name in record.getMessage() and "vanished" in record.getMessage() for record in caplog.records)


WINDOWS = 3


def test_a_stream_that_could_not_be_read_at_all_tells_that_it_emitted_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.sandbox.fault("elasticpath.promotions", "forbidden", times=None)
    done, said = told(world, caplog)
    assert done.code == 1
    assert said["elasticpath_promotions"][0] == 0
    assert said["elasticpath_promotion_usages"][0] == 0
