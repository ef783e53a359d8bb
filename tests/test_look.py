"""`--test`: one look at each stream tells which can be read, with few requests."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from tap_usage.sandbox import Sandbox
from tests.command import tap
from tests.looking import Test, looks
from tests.promised import STREAMS
from tests.running import ImpatientTap, KeptLines

POLLS = {f"genesys.{whose}{family}_results" for whose in ("organization", "client") for family in ("", "_aggregates")}


@pytest.fixture(name="test")
def _test(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> Test:
    return looks(sandbox, capsys)


def test_all_is_well_in_one_request_for_each_stream(sandbox: Sandbox, test: Test) -> None:
    done = test()
    assert done.good
    assert done.lines == dict.fromkeys(STREAMS, "ok")
    sent = Counter(seen.operation for seen in sandbox.requests if seen.operation not in POLLS)
    assert set(sent.values()) == {1, 2}
    assert [operation for operation, count in sent.items() if count == 2] == ["demandbase.usage"]  # of two streams


def intervals(sandbox: Sandbox, operation: str = "genesys.organization_submit") -> list[str]:
    seen = [each.request for each in sandbox.requests if each.operation == operation]
    return [json.loads(request.body)["interval"] for request in seen]


def test_a_query_asks_for_one_day(sandbox: Sandbox, test: Test) -> None:
    test(start_date="2020-01-01")
    for operation in ("genesys.organization_submit", "genesys.organization_aggregates_submit"):
        assert intervals(sandbox, operation) == ["2026-11-21T00:00:00Z/2026-11-22T00:00:00Z"]


def test_a_query_asks_for_one_bucket_of_its_granularity(sandbox: Sandbox, test: Test) -> None:
    test(genesys_granularity="Month", demandbase_period="year")
    assert intervals(sandbox) == ["2026-11-01T00:00:00Z/2026-11-22T00:00:00Z"]


def test_a_thousand_rules_and_two_thousand_promotions_take_no_more(sandbox: Sandbox, test: Test) -> None:
    kind = next(iter(sandbox.pingone.issuance_rules))
    for _ in range(1000):
        sandbox.pingone.add_issuance_rule(kind, {"issued": 0})
    for _ in range(2000):
        sandbox.elasticpath.add_promotion()
    assert test().good
    sent = Counter(seen.operation.partition(".")[0] for seen in sandbox.requests if seen.operation not in POLLS)
    assert sent["pingone"] == 5
    assert sent["elasticpath"] == 3
    assert sandbox.count("pingone.usage_counts") == sandbox.count("elasticpath.usages") == 1


def test_a_query_that_runs_for_longer_than_a_minute_is_readable(sandbox: Sandbox, test: Test) -> None:
    sandbox.genesys.polls_until_complete = 10_000
    done = test(genesys_poll_initial_seconds=5, genesys_poll_max_seconds=60)
    assert done.good
    assert done.lines["genesys_client_usage"] == "ok  its query still runs after 60 s"
    assert done.waited < 70
    assert sandbox.count("genesys.organization_results") < 20


def test_a_query_that_fails_is_submitted_only_once(sandbox: Sandbox, test: Test) -> None:
    sandbox.fault("genesys.organization_results", "status", times=None, status=404)
    done = test()
    assert done.lines["genesys_organization_usage"].startswith("failed  the vendor has forgotten the query; ")
    assert sandbox.count("genesys.organization_submit") == 1


def test_parents_are_asked_until_there_is_something_to_try(sandbox: Sandbox, test: Test) -> None:
    rules = sandbox.pingone.issuance_rules
    for below in rules.values():
        below.clear()
    assert test().lines["pingone_issuance_rule_usage_counts"] == (
        "-  no issuance rule is listed below the first credential types"
    )
    sandbox.pingone.add_issuance_rule(sorted(rules)[1], {"issued": 1})
    assert test().lines["pingone_issuance_rule_usage_counts"] == "ok"
    assert sandbox.count("pingone.issuance_rules") == 4


def test_a_look_that_is_ended_tells_what_it_knows(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.genesys.polls_until_complete = 10_000
    tried = ImpatientTap(config=sandbox.config, message_writer=KeptLines())
    turn, left = tried.loop.turn, iter(range(300))

    def counted() -> bool:
        if next(left, None) is None:
            tried.clock.stop(signal.SIGINT)
        return turn()

    monkeypatch.setattr(tried.loop, "turn", counted)
    with pytest.raises(SystemExit) as ended:
        tried.look()
    assert ended.value.code == 130
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().err.splitlines())
    assert told["genesys_organization_usage"] == told["genesys_client_usage"] == "-   the look at it was ended"


def test_the_command_tells_a_line_for_each_stream_at_any_level_and_exits_by_them(
    sandbox_of_today: Sandbox, tmp_path: Path
) -> None:
    variables = {f"TAP_USAGE_{name.upper()}": str(value) for name, value in sandbox_of_today.config.items()}
    for secret, code in ((sandbox_of_today.genesys.client_secret, 0), ("wrong", 1)):
        variables["TAP_USAGE_GENESYS_CLIENT_SECRET"] = secret
        done = tap("--config=ENV", "--test", cwd=tmp_path, LOGLEVEL="WARNING", **variables)
        assert (done.returncode, done.stdout) == (code, "")
        assert {line.split()[0] for line in done.stderr.splitlines()} == set(STREAMS)
        columns = {len(line) - len(line.split(maxsplit=1)[1]) for line in done.stderr.splitlines()}
        assert len(columns) == 1
