"""`--plan` names what cannot be read, soon and each by its name, and plans the rest."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tap_usage.sandbox import Sandbox
from tests.looking import hide_hosts, set_dead_proxy, use_up
from tests.planning import Planned


def test_a_missing_permission_is_named_and_the_rest_is_planned(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.genesys.denied |= {"genesys.clients"}
    plan = Planned(capsys, sandbox.config)
    refused, child = plan.stream("genesys_oauth_clients"), plan.stream("genesys_client_usage")
    assert (plan.code, refused["readable"], refused["permission"]) == (1, False, "oauth:client:view")
    assert "403" in refused["problem"]
    assert (child["readable"], child["partitions"], child["requests"]) == (False, None, None)
    assert plan.stream("genesys_organization_usage")["queries"] == 3
    assert any("needs oauth:client:view" in line for line in plan.lines)


@pytest.mark.parametrize(
    ("operation", "stream"),
    [
        ("pingone.usage_counts", "pingone_issuance_rule_usage_counts"),
        ("elasticpath.usages", "elasticpath_promotion_usages"),
        ("demandbase.usage", "demandbase_credits"),
    ],
)
def test_a_refused_page_makes_its_stream_unreadable(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], operation: str, stream: str
) -> None:
    sandbox.fault(operation, "status", times=None, status=403)
    plan = Planned(capsys, sandbox.config)
    told = plan.stream(stream)
    assert (plan.code, told["readable"], told["requests"]) == (1, False, None)
    assert told["partitions"]


def test_a_wrong_secret_is_the_vendors_and_the_others_are_planned(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Planned(capsys, sandbox.config | {"genesys_client_secret": "wrong"})
    vendors = plan.told["vendors"]
    assert plan.code == 1
    assert "check client id, secret and genesys_region" in vendors["genesys"]["login"]
    assert {stream["readable"] for stream in vendors["genesys"]["streams"].values()} == {False}
    assert (vendors["genesys"]["requests"], vendors["genesys"]["clock_difference_seconds"]) == (0, None)
    assert {vendor["login"] for name, vendor in vendors.items() if name != "genesys"} == {"ok"}


def test_a_login_that_is_forbidden_is_no_missing_permission(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.fault("genesys.token", "forbidden", times=None)
    plan = Planned(capsys, sandbox.config, select=["genesys_oauth_clients"])
    assert "HTTP 403" in plan.told["vendors"]["genesys"]["login"]
    assert plan.stream("genesys_oauth_clients")["permission"] is None


def test_a_vendor_that_is_not_there_is_named_soon(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    sandbox.close_listener("demandbase api")
    plan = Planned(capsys, sandbox.config)
    assert "connection refused" in plan.stream("demandbase_credits")["problem"]
    assert plan.waited < 10


def test_the_difference_of_the_clocks_is_told(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    plan = Planned(capsys, sandbox.config, select=["demandbase_credits"], ahead=timedelta(hours=1))
    assert plan.told["vendors"]["demandbase"]["clock_difference_seconds"] == pytest.approx(3600, abs=2)
    assert "the vendor's clock is 1:00:00 ahead" in caplog.text


def test_a_rate_limit_that_is_nearly_used_up_is_told(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    use_up(sandbox, 280)
    plan = Planned(capsys, sandbox.config, select=["genesys_oauth_clients"])
    assert plan.code == 0
    assert "of 300 requests of the vendor's rate limit are used" in caplog.text


def test_what_the_vendor_said_of_its_rate_limit_is_told(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "tap-usage"):
        Planned(capsys, sandbox.config, select=["genesys_oauth_clients"])
    (line,) = [record for record in caplog.records if "rate limit" in record.getMessage()]
    assert line.levelname == "INFO"
    assert line.getMessage().startswith("genesys: 2 of 300 requests of the vendor's rate limit are used")


def test_a_wrong_region_is_the_vendors(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_hosts(monkeypatch, "pure.clod")
    of_sandbox = {name: value for name, value in sandbox.config.items() if not name.startswith("genesys_")}
    client = {"genesys_client_id": "id", "genesys_client_secret": "secret", "genesys_region": "usw2.pure.clod"}
    plan = Planned(capsys, of_sandbox | client)
    assert "host name not found on POST /oauth/token" in plan.told["vendors"]["genesys"]["login"]
    assert "check the region" in plan.told["vendors"]["genesys"]["login"]
    assert plan.code == 1
    assert plan.waited < 10


def test_no_entitlement(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    sandbox.fault("demandbase.usage", "method_not_allowed", times=None)
    plan = Planned(capsys, sandbox.config)
    assert plan.code == 1
    assert "405" in plan.stream("demandbase_credits")["problem"]
    assert "not entitled to this API" in plan.stream("demandbase_credits")["problem"]


def test_a_dead_proxy(sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    place = set_dead_proxy(monkeypatch)
    plan = Planned(capsys, sandbox.config | {"elasticpath_api_url": "http://api.invalid"})
    assert f"through the proxy {place}: check the proxy" in plan.told["vendors"]["elasticpath"]["login"]
    assert plan.code == 1
    assert plan.waited < 10


def test_a_bad_file_of_certificates(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "corporate.pem"))
    plan = Planned(capsys, sandbox.config | {"elasticpath_api_url": "https://127.0.0.1:1"})
    assert "REQUESTS_CA_BUNDLE names " in plan.told["vendors"]["elasticpath"]["login"]
    assert plan.code == 1


def test_clocks_days_apart_are_the_failure_of_a_login(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Planned(capsys, sandbox.config, select=["demandbase_credits"], ahead=timedelta(days=3))
    assert "the vendor's clock says" in plan.told["vendors"]["demandbase"]["login"]


def test_a_state_that_cannot_be_read_is_the_problem_of_its_stream(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"bookmarks": {"demandbase_api_usage": {"replication_key_value": "yesterday"}}}
    plan = Planned(capsys, sandbox.config, state, select=["demandbase_api_usage", "demandbase_credits"])
    assert "the bookmark in the given state cannot be read" in plan.stream("demandbase_api_usage")["problem"]
    assert (plan.code, plan.stream("demandbase_credits")["readable"]) == (1, True)


def test_a_stream_map_that_cannot_be_read_is_the_problem_of_its_stream(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = {"stream_maps": {"demandbase_credits": {"twice": "2 *"}}}
    plan = Planned(capsys, sandbox.config | maps, select=["demandbase_credits"])
    assert (plan.code, plan.told["vendors"]["demandbase"]["login"]) == (1, "ok")
    assert "twice" in plan.stream("demandbase_credits")["problem"]
