"""What cannot be read is named at the end; everything else is complete, and the next run makes up for it exactly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.resilience.process import QUICK, ROOT, Process
from tests.resilience.target import Target
from tests.resilience.trials import run
from tests.resilience.world import World
from tests.running import Run
from tests.running import run as read
from tests.truth import STREAMS

INCREMENTAL = (
    "genesys_organization_usage",
    "genesys_client_usage",
    "demandbase_api_usage",
    "elasticpath_promotion_usages",
)


def of_client(request: Any) -> bool:  # noqa: ANN401 - a request of the sandbox
    return bool(request.values.get("client_id") == "client-2")


# operation, details, where; streams that fail; what the last line names
CASES: dict[str, tuple[str, dict[str, Any], Any, set[str], tuple[str, ...]]] = {
    "a promotion": (
        "elasticpath.usages",
        {"status": 403},
        {"promotion_id": "promotion-3"},
        {"elasticpath_promotion_usages"},
        ("elasticpath: elasticpath_promotion_usages: promotion_id=promotion-3: HTTP 403", "Forbidden", "permission"),
    ),
    "a client": (
        "genesys.client_submit",
        {"status": 500, "code": "internal.server.error"},
        of_client,
        {"genesys_client_usage"},
        (
            "genesys: genesys_client_usage: 3 of 12 queries (oauth_client_id=client-2 2026-11-",
            "HTTP 500",
            "internal.server.error",
            "(correlation id 99999999-0000-4000-8000-",
            "after 2 tries",
            "run again later",
        ),
    ),
    "a window": (
        "genesys.organization_submit",
        {"status": 400, "code": "bad.request"},
        lambda request: b"/2026-11-18" in request.body,
        {"genesys_organization_usage"},
        ("genesys: genesys_organization_usage: 2026-11-13/2026-11-18: HTTP 400 bad.request (correlation id",),
    ),
    "a rule": (
        "pingone.usage_counts",
        {"status": 403},
        {"rule_id": "cccccccc-0000-4000-8000-000000000004"},
        {"pingone_issuance_rule_usage_counts"},
        (
            "pingone: pingone_issuance_rule_usage_counts: environment_id=",
            "issuance_rule_id=cccccccc-0000-4000-8000-000000000004: HTTP 403 ACCESS_FAILED INSUFFICIENT_PERMISSIONS",
            "(correlation id 00000000-0000-4000-8000-00000000e770)",
        ),
    ),
    "a period": (
        "demandbase.usage",
        {"status": 405},
        {"start": "2026-11-13"},
        {"demandbase_api_usage"},
        (
            "demandbase: demandbase_api_usage: 2026-11-13/2026-11-18: HTTP 405 405-1 ClientError",
            "(correlation id 00000000-sandbox) on GET /api/v1/admin/usage",
            "not entitled",
        ),
    ),
    "a list of promotions": (
        "elasticpath.promotions",
        {"status": 503},
        None,
        {"elasticpath_promotions", "elasticpath_promotion_usages"},
        ("elasticpath_promotion_usages: elasticpath_promotions could not be listed completely",),
    ),
    "a vendor": (
        "genesys.token",
        {"status": 400, "code": "invalid_client"},
        None,
        {stream for stream in STREAMS if stream.startswith("genesys")},
        (
            "genesys: genesys_oauth_clients, genesys_organization_usage, genesys_client_usage, ",
            ": HTTP 400 invalid_client on POST /oauth/token at http://",
            ": check client id",
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_fails_leaves_the_others_complete_and_comes_with_the_next_run(sandbox: Sandbox, name: str) -> None:
    operation, details, where, failing, words = CASES[name]
    world, target, whole = World(sandbox), Target(), Target()
    assert run(world.config, whole) == 0
    sandbox.fault(operation, "status", times=None, where=where, **details)
    with Process(world.config | {"max_retries": 3}, module=QUICK) as process:
        assert process.wait() == 1
        target.begin()
        for message in process.messages:
            target.take(message)
        target.end()
    failures = [line for line in process.said if not line.endswith(" s")]
    assert process.errors[-len(failures) :] == [line for line in process.errors if " | ERROR" in line]
    assert {stream for line in failures for stream in line.split(": ")[1].split(", ")} == failing
    assert any(all(word in line for word in words) for line in failures), failures
    assert not any("Traceback" in line for line in process.errors)
    for stream in set(STREAMS) - failing:
        assert target.rows[stream].keys() == whole.rows[stream].keys()
    marks, true_marks = bookmarks(target), bookmarks(whole)
    for stream in set(INCREMENTAL) - failing:
        assert marks[stream] == true_marks[stream]
    for stream in failing & set(INCREMENTAL):
        assert marks[stream] != true_marks[stream]
    sandbox.clear_faults()
    assert run(world.config, target) == 0
    assert bookmarks(target) == true_marks
    figures = world.compare(target)
    assert (figures.lost, figures.doubled) == (0, 0)


def bookmarks(target: Target) -> dict[str, Any]:
    """Return what the state says of the incremental streams, executions that are still remembered apart."""
    found = target.state["bookmarks"]
    return {stream: {k: v for k, v in found.get(stream, {}).items() if k != "executions"} for stream in INCREMENTAL}


def test_a_partition_that_failed_is_not_covered_and_the_next_run_reads_no_more_than_that(
    sandbox: Sandbox,
) -> None:
    world, target = World(sandbox), Target()
    sandbox.fault("elasticpath.usages", "forbidden", times=None, where={"promotion_id": "promotion-3"})
    assert run(world.config, target) == 1
    assert part(target)["older"] == []
    covered = len(part(target)["covered"])
    sandbox.clear_faults()
    assert run(world.config, target) == 0
    again = {row["promotion_id"] for row in target.again["elasticpath_promotion_usages"]}
    assert "promotion-3" not in again
    assert {row["promotion_id"] for row in target.held("elasticpath_promotion_usages")} >= {"promotion-3"}
    lookback = [row for row in target.again["elasticpath_promotion_usages"] if row["used_on"] < "2026-11-20T11:50"]
    assert lookback == []
    assert len(part(target)["covered"]) == covered + 8


def test_one_vendor_that_cannot_be_reached_leaves_the_others_alone(sandbox: Sandbox) -> None:
    world = World(sandbox)
    whole = read(world.config)
    sandbox.close_listener("elasticpath")
    done = read(world.config, max_retries=2)
    assert done.code == 1
    assert all("connection refused" in line or "could not be listed" in line for line in done.failures)
    assert {line.split(":")[0] for line in done.failures} == {"elasticpath"}
    for stream in STREAMS:
        assert len(done.rows(stream)) == (0 if stream.startswith("elasticpath") else len(whole.rows(stream)))


def test_pages_before_the_one_that_fails_stand_and_are_not_read_again(sandbox: Sandbox) -> None:
    world = World(sandbox)
    promotion = {"promotion_id": "promotion-5"}
    sandbox.fault("elasticpath.usages", "forbidden", times=None, after=2, where=promotion)
    first = run_one(world, {})
    assert first.code == 1
    assert len(first.rows("elasticpath_promotion_usages")) > 0
    sandbox.clear_faults()
    second = run_one(world, first.state)
    ids = [row["id"] for each in (first, second) for row in each.rows("elasticpath_promotion_usages")]
    assert second.code == 0
    truth = [row["id"] for row in world.truth("elasticpath_promotion_usages") if row["promotion_id"] == "promotion-5"]
    assert set(ids) == set(truth)
    assert len(ids) - len(set(ids)) <= 1


def test_a_partition_that_failed_before_the_run_was_killed_is_read_by_the_next_one(sandbox: Sandbox) -> None:
    world, target = World(sandbox), Target()
    sandbox.fault("elasticpath.usages", "forbidden", times=None, where={"promotion_id": "promotion-2"})
    for lines in range(40, 200, 5):
        target = Target()
        run(world.config, target, lines=lines, loaded=False)
        if len(part(target).get("covered", "")) >= 3 * 8:
            break
    assert part(target)["pass"]["began"]
    sandbox.clear_faults()
    assert run(world.config, target) == 0
    assert "promotion-2" in {row["promotion_id"] for row in target.held("elasticpath_promotion_usages")}


def part(target: Target) -> dict[str, Any]:
    found: dict[str, Any] = target.state.get("bookmarks", {}).get("elasticpath_promotion_usages", {})
    return found


def run_one(world: World, state: dict[str, Any]) -> Run:
    config = world.config | {"elasticpath_promotion_ids": ["promotion-5"], "max_concurrency": 1}
    return read(config, state=state, select=["elasticpath_promotion_usages"])


@pytest.mark.parametrize("lines", [0, 1, 100])
def test_a_target_that_goes_away_ends_the_run_quietly_and_not_with_success(
    sandbox: Sandbox,
    lines: int,
    tmp_path: Any,  # noqa: ANN401 - a path
) -> None:
    config = tmp_path / "config.json"
    world = World(sandbox)
    sandbox.elasticpath.add_usages("promotion-1", 3000, "2026-11-10T00:00:00Z", 60)
    config.write_text(json.dumps(world.config))
    command = [sys.executable, "-m", "tests.here", "--config", str(config)]
    with subprocess.Popen(  # noqa: S603 - the tap itself
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        for _ in range(lines):
            assert process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 1
    assert "The target closed the pipe" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors
