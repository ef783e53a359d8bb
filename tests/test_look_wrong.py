"""`--test` names what is wrong in the line of each stream that it concerns, within ten seconds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tap_usage.sandbox import Sandbox
from tests.looking import Test, hide_hosts, looks, set_dead_proxy, use_up
from tests.rest.loopback import free_port
from tests.running import ImpatientTap


@pytest.fixture(name="test")
def _test(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> Test:
    return looks(sandbox, capsys)


SECRETS = {"pingone": "401", "genesys": "400", "demandbase": "401", "elasticpath": "401"}


@pytest.mark.parametrize("vendor", SECRETS)
def test_a_wrong_secret(sandbox: Sandbox, test: Test, vendor: str) -> None:
    done = test(**{f"{vendor}_client_secret": "wrong"})
    (line,) = done.of(vendor)
    assert line.startswith(SECRETS[vendor])
    assert "client" in line
    assert "secret" in line
    assert "needs" not in line
    assert not done.good
    assert done.waited < 10
    assert sandbox.count(f"{vendor}.token") == 1
    assert {line for stream, line in done.lines.items() if not stream.startswith(vendor)} == {"ok"}


def test_a_wrong_region(test: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_hosts(monkeypatch, "pure.clod")
    done = test(genesys_region="usw2.pure.clod", genesys_api_url=None, genesys_login_url=None)
    (line,) = done.of("genesys")
    assert line == (
        "failed  host name not found on POST /oauth/token at https://login.usw2.pure.clod: "
        "check the region, the URL settings and the network"
    )
    assert not done.good
    assert done.waited < 10


REFUSED = {
    "genesys_oauth_clients": ("genesys.clients", "403  needs oauth:client:view"),
    "genesys_organization_usage": (
        "genesys.organization_submit",
        "403  needs oauth:client:view or usage:organization:view",
    ),
    "genesys_client_usage": ("genesys.client_submit", "403  needs oauth:client:view or usage:client:view"),
    "genesys_client_usage_summary": ("genesys.client_summary", "403  needs oauth:client:view or usage:client:view"),
    "pingone_environments": ("pingone.environments", "403  needs orgmgt:read:environment, by an administrator role"),
    "pingone_issuance_rule_usage_counts": ("pingone.usage_counts", "403  needs an administrator role of the worker"),
    "elasticpath_promotion_usages": ("elasticpath.usages", "403  Forbidden"),
}


@pytest.mark.parametrize("stream", REFUSED)
def test_a_missing_permission_is_named_with_its_stream(sandbox: Sandbox, test: Test, stream: str) -> None:
    operation, told = REFUSED[stream]
    sandbox.vendor(operation.partition(".")[0]).denied.add(operation)
    done = test()
    assert done.lines[stream].startswith(told)
    assert not done.good
    assert all(line == "ok" or line.startswith("- ") for name, line in done.lines.items() if name != stream)


def test_a_login_that_is_forbidden_is_no_missing_permission(sandbox: Sandbox, test: Test) -> None:
    sandbox.fault("genesys.token", "forbidden", times=None)
    (line,) = test().of("genesys")
    assert line.startswith("403  ")
    assert "needs" not in line
    assert "on POST /oauth/token at " in line


def test_one_part_of_a_list_that_is_refused_is_told_and_what_is_below_the_others_is_tried(
    sandbox: Sandbox, test: Test
) -> None:
    first = min(each["id"] for each in sandbox.pingone.environments)
    sandbox.fault("pingone.credential_types", "forbidden", times=None, where={"environment_id": first})
    done = test()
    assert done.lines["pingone_credential_types"].startswith("403  needs an administrator role")
    assert done.lines["pingone_issuance_rule_usage_counts"] == "ok"


def test_what_is_below_a_list_that_is_refused_was_not_tried(sandbox: Sandbox, test: Test) -> None:
    sandbox.genesys.denied.add("genesys.clients")
    done = test()
    assert done.lines["genesys_client_usage"] == "-  genesys_oauth_clients could not be listed completely, see there"
    assert done.lines["genesys_organization_usage"] == "ok"


def test_an_empty_list_leaves_nothing_to_try(sandbox: Sandbox, test: Test) -> None:
    sandbox.elasticpath.promotions.clear()
    done = test()
    assert done.good
    assert done.lines["elasticpath_promotions"] == "ok"
    assert done.lines["elasticpath_promotion_usages"] == "-  no promotion is listed to try it on"


def test_no_entitlement(sandbox: Sandbox, test: Test) -> None:
    sandbox.fault("demandbase.usage", "method_not_allowed", times=None)
    done = test()
    (line,) = done.of("demandbase")
    assert line.startswith("405  ")
    assert line.endswith("the account is not entitled to this API; ask Demandbase")
    assert not done.good


def test_a_dead_proxy(test: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    place = set_dead_proxy(monkeypatch)
    done = test(elasticpath_api_url="http://api.invalid")
    (line,) = done.of("elasticpath")
    assert line.startswith("failed  proxy failed: connection refused on POST /oauth/access_token at http://api.invalid")
    assert f"through the proxy {place}: check the proxy in https_proxy" in line
    assert done.waited < 10


def test_a_bad_file_of_certificates(test: Test, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "corporate.pem"))
    done = test(elasticpath_api_url=f"https://127.0.0.1:{free_port()}")
    (line,) = done.of("elasticpath")
    assert line.startswith("failed  nothing was sent on POST /oauth/access_token")
    assert "REQUESTS_CA_BUNDLE names " in line
    assert "corporate.pem" in line
    assert done.waited < 10


@pytest.mark.parametrize(("off", "told"), [(-3600, "1:00:00 ahead"), (3600, "1:00:00 behind")])
def test_a_clock_that_is_an_hour_off_is_told_and_no_failure(
    sandbox: Sandbox, test: Test, monkeypatch: pytest.MonkeyPatch, off: int, told: str
) -> None:
    class OddClock(ImpatientTap.clock_class):  # type: ignore[misc]
        def now(self) -> datetime:
            return sandbox.clock.now() + timedelta(seconds=off)

    monkeypatch.setattr(ImpatientTap, "clock_class", OddClock)
    done = test()
    assert done.good
    for first in ("pingone_environments", "genesys_oauth_clients", "demandbase_api_usage", "elasticpath_promotions"):
        assert done.lines[first].startswith(f"ok  the vendor's clock is {told}")


def test_a_rate_limit_that_is_nearly_used_up_is_told(sandbox: Sandbox, test: Test) -> None:
    use_up(sandbox, 270)
    done = test()
    assert done.good
    told = r"ok  2[89]\d of 300 requests of the vendor's rate limit are used, it begins anew in 60 s"
    assert re.fullmatch(told, done.lines["genesys_oauth_clients"])
    assert done.waited < 10


def test_a_rate_limit_that_is_used_up_is_not_waited_for(sandbox: Sandbox, test: Test) -> None:
    sandbox.genesys.requests_per_minute = 2
    done = test()
    assert not done.good
    assert any("rate limit" in line or line.startswith("429") for line in done.of("genesys"))
    assert done.waited < 10


def test_an_account_that_is_throttled_is_not_waited_for(sandbox: Sandbox, test: Test) -> None:
    sandbox.fault("demandbase.usage", "throttled", times=None)
    done = test()
    assert "429" in {line[:3] for line in done.of("demandbase")}
    assert done.waited < 10
