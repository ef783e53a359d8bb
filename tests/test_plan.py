"""`--plan`: what a run would do is told beforehand, and it is what the run then does."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from tap_usage.sandbox import Sandbox
from tests.command import tap as command
from tests.command import written
from tests.elasticpath import only
from tests.planning import PLAN, Planned, Told, asked
from tests.running import run
from tests.truth import STREAMS


@pytest.fixture
def ready(sandbox: Sandbox) -> Sandbox:
    """Queries are complete when they are first asked for."""
    sandbox.genesys.polls_until_complete = 0
    return sandbox


def test_the_plan_of_all_streams_says_what_the_contract_says(
    ready: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Planned(capsys, ready.config)
    told = [name for vendor in plan.told["vendors"].values() for name in vendor["streams"]]
    assert (plan.code, sorted(told)) == (0, sorted(STREAMS))
    assert plan.stream("genesys_client_usage") == {
        "readable": None,
        "problem": None,
        "permission": None,
        "partitions": 6,
        "queries": 18,
        "requests": 36,
        "rows": None,
        "from": "2026-08-24",
        "to": "2026-11-22",
    }
    assert plan.stream("genesys_client_usage_aggregates") == plan.stream("genesys_client_usage")
    assert plan.stream("genesys_organization_usage_aggregates") == plan.stream("genesys_organization_usage")
    assert plan.stream("elasticpath_promotion_usages")["to"] == "2026-11-22T12:00:00.000Z"
    assert plan.told["requests"] == sum(vendor["requests"] for vendor in plan.told["vendors"].values())


def test_the_run_then_sends_about_what_was_planned(ready: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    state: Told = {}
    for _ in range(2):
        planned = Planned(capsys, ready.config, state).told["requests"]
        asked(ready)
        state = run(ready.config, state=state).state
        assert planned == pytest.approx(asked(ready).total(), rel=0.15)
        ready.advance(days=1)


def test_lists_are_read_and_of_everything_else_a_page(ready: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    ready.clear()
    environment = ready.pingone.add_environment()
    for _ in range(10):
        kind = ready.pingone.add_credential_type(environment)
        for _ in range(100):
            ready.pingone.add_issuance_rule(kind, {"issued": 1})
    for _ in range(2_000):
        ready.elasticpath.add_promotion()
    plan = Planned(capsys, ready.config, select=[name for name in STREAMS if name.startswith(("pingone", "elastic"))])
    sent = asked(ready)
    once = {name: sent.pop(name) for name in ("pingone.usage_counts", "elasticpath.usages")}
    assert set(once.values()) == {1}
    lists = [stream for vendor in plan.told["vendors"].values() for stream in vendor["streams"].values()]
    assert sent.total() == sum(stream["requests"] for stream in lists if stream["rows"])
    assert plan.stream("pingone_issuance_rule_usage_counts")["requests"] == 1_000
    assert plan.stream("elasticpath_promotion_usages")["requests"] == 2_000


@pytest.mark.parametrize("usages", [0, 1, 99, 100, 101, 199, 200, 350, 1_000])
def test_pages_by_offset_are_planned_to_the_request(
    ready: Sandbox, capsys: pytest.CaptureFixture[str], usages: int
) -> None:
    ready.elasticpath.add_usages(only(ready), usages, "2026-11-01T00:00:00Z", 1)
    plan = Planned(capsys, ready.config, select=["elasticpath_promotion_usages"])
    asked(ready)
    run(ready.config, select=["elasticpath_promotion_usages"])
    planned = plan.stream("elasticpath_promotion_usages")
    assert (planned["requests"], planned["rows"]) == (asked(ready)["elasticpath.usages"], usages)


def test_a_list_is_planned_for_the_streams_that_depend_on_it(
    ready: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Planned(capsys, ready.config, select=["genesys_client_usage"])
    assert set(plan.told["vendors"]) == {"genesys"}
    assert set(plan.told["vendors"]["genesys"]["streams"]) == {"genesys_oauth_clients", "genesys_client_usage"}


def test_no_query_is_submitted(ready: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    Planned(capsys, ready.config, select=[name for name in STREAMS if name.startswith("genesys")])
    assert set(asked(ready)) == {"genesys.clients"}


def test_a_query_that_an_earlier_run_submitted_is_not_planned_again(
    ready: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    select = ["genesys_organization_usage"]
    ready.genesys.polls_until_complete = 1_000
    state = run(ready.config | {"genesys_poll_timeout_seconds": 1}, select=select).state
    asked(ready)
    ready.genesys.polls_until_complete = 0
    plan = Planned(capsys, ready.config, state, select)
    run(ready.config, state=state, select=select)
    planned = plan.stream("genesys_organization_usage")
    assert (planned["queries"], planned["requests"]) == (0, asked(ready).total())


def test_the_minutes_are_those_at_the_limit_and_of_one_poll(ready: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    limits = {"genesys_requests_per_minute": 240, "genesys_poll_initial_seconds": 30}
    plan = Planned(capsys, ready.config | limits, select=["genesys_client_usage"])
    assert plan.told["requests"] == 38
    assert plan.told["minutes"] == round(38 / 240 + 0.5, 1)


def planned_by_command(sandbox: Sandbox, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return command("--config", written(folder / "config.json", sandbox.config), *options, cwd=folder)


def test_standard_output_has_the_plan_and_no_message(sandbox_of_today: Sandbox, tmp_path: Path) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    bookmark = {"replication_key_value": yesterday}
    state = written(tmp_path / "state.json", {"bookmarks": {"genesys_organization_usage": bookmark}})
    done = planned_by_command(sandbox_of_today, tmp_path, "--plan=json", "--state", state)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    jsonschema.validate(told, PLAN)
    assert told["vendors"]["genesys"]["streams"]["genesys_organization_usage"]["queries"] == 1


def test_a_person_gets_a_table(sandbox_of_today: Sandbox, tmp_path: Path) -> None:
    done = planned_by_command(sandbox_of_today, tmp_path, "--plan")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "issuance_rule_usage_counts" in line]
    assert line.split() == ["issuance_rule_usage_counts", "yes", "8", "0", "8"]
    assert "\x1b" not in done.stdout
    assert "{" not in done.stdout
