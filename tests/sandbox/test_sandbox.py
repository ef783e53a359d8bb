import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from tap_usage.sandbox import ORIGINS, Sandbox
from tap_usage.sandbox.server import PATIENCE_SECONDS
from tests.sandbox.client import Client

ENVIRONMENTS = "/v1/environments"
COMMAND = [sys.executable, "-m", "tap_usage.sandbox"]


def everything(sandbox: Sandbox) -> list[str]:
    """Return answers of every vendor, without the ports that differ from one sandbox to the next."""
    client = Client(sandbox)
    with client.session:
        path = "/v2/rule-promotions/" + sandbox.elasticpath.promotions[2]["id"] + "/usages"
        day = {"interval": "2026-11-01/2026-11-22", "granularity": "Day", "groupBy": ["UserId", "TemplateUri"]}
        answers = [
            client.login("pingone").text,
            client.get("pingone", ENVIRONMENTS).text,
            client.get("genesys", "/api/v2/oauth/clients").text,
            json.dumps(client.finished(client.post("genesys", "/api/v2/usage/query", day))),
            client.get(
                "demandbase", "/api/v1/admin/usage", {"period": "day", "start": "2026-11-01", "end": "2026-11-22"}
            ).text,
            client.get("elasticpath", "/v2/rule-promotions").text,
            client.get("elasticpath", path, {"page[limit]": 100}).text,
        ]
    for number, origin in enumerate(ORIGINS):
        answers = [answer.replace(sandbox.url(origin), f"origin {number}") for answer in answers]
    return answers


def sandbox_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]


def test_the_same_seed_and_time_give_the_same_answers() -> None:
    answers = []
    for seed in (7, 7, 8):
        with Sandbox(now="2026-11-22T12:00:00Z", seed=seed) as sandbox:
            answers.append(everything(sandbox))
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]


def test_the_config_names_seven_origins_and_fake_credentials(sandbox: Sandbox) -> None:
    urls = [value for name, value in sandbox.config.items() if name.endswith("_url")]
    assert len(set(urls)) == len(ORIGINS) == 7
    assert set(sandbox.config) == {
        "pingone_environment_id",
        *(f"{vendor}_client_{part}" for vendor in sandbox.vendors for part in ("id", "secret")),
        *(f"{vendor}_api_url" for vendor in sandbox.vendors),
        "pingone_auth_url",
        "genesys_login_url",
        "demandbase_login_url",
        "pingone_requests_per_second",
        "genesys_requests_per_minute",
        "genesys_poll_initial_seconds",
        "genesys_poll_max_seconds",
        "elasticpath_requests_per_second",
    }


def test_the_date_of_answers_is_the_sandbox_clocks(client: Client, sandbox: Sandbox) -> None:
    sandbox.advance(seconds=90)
    assert client.login("genesys").headers["Date"] == "Sun, 22 Nov 2026 12:01:30 GMT"


def test_the_clock_cannot_go_back(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="back"):
        sandbox.advance(seconds=-1)


@pytest.mark.parametrize(
    ("vendor", "path", "hours"),
    [
        ("pingone", ENVIRONMENTS, 1),
        ("genesys", "/api/v2/oauth/clients", 24),
        ("elasticpath", "/v2/rule-promotions", 1),
        ("demandbase", "/api/v1/admin/usage?period=year&start=2026&end=2026", 365 * 24),
    ],
)
def test_tokens_expire_by_the_sandbox_clock_or_on_demand(
    client: Client, sandbox: Sandbox, vendor: str, path: str, hours: int
) -> None:
    sandbox.advance(seconds=0)
    assert client.get(vendor, path).status_code == 200
    sandbox.advance(hours=hours, seconds=-1)
    assert client.get(vendor, path).status_code == 200
    sandbox.advance(seconds=1)
    assert client.get(vendor, path).status_code == 401
    client.expire()
    assert client.get(vendor, path).status_code == 200
    sandbox.expire_tokens(vendor)
    assert client.get(vendor, path).status_code == 401


@pytest.mark.parametrize("vendor", ["pingone", "genesys", "demandbase", "elasticpath"])
def test_an_operation_can_be_denied(client: Client, sandbox: Sandbox, vendor: str) -> None:
    paths = {
        "pingone": (ENVIRONMENTS, "pingone.environments"),
        "genesys": ("/api/v2/oauth/clients", "genesys.clients"),
        "demandbase": ("/api/v1/admin/usage", "demandbase.usage"),
        "elasticpath": ("/v2/rule-promotions", "elasticpath.promotions"),
    }
    path, operation = paths[vendor]
    sandbox.vendors[vendor].denied.add(operation)
    assert client.get(vendor, path).status_code == 403


def test_requests_are_logged_with_what_they_got(client: Client, sandbox: Sandbox) -> None:
    client.get("pingone", ENVIRONMENTS, {"limit": 1})
    client.get("pingone", "/v1/nothing", headers={"X-Probe": "yes"})
    token, listed, unknown = sandbox.requests
    assert (token.operation, token.status, token.authorization_ok) == ("pingone.token", 200, True)
    assert (listed.operation, listed.query, listed.authorization_ok) == ("pingone.environments", {"limit": "1"}, True)
    assert (unknown.operation, unknown.status, unknown.authorization_ok) == ("", 404, False)
    assert unknown.request.headers["x-probe"] == "yes"
    assert token.at < listed.at < unknown.at
    assert sandbox.count("pingone.environments") == sandbox.count("pingone.environments", status=200) == 1
    assert sandbox.count("pingone.environments", status=500) == 0
    sandbox.forget_requests()
    assert sandbox.requests == []


def test_requests_in_flight_are_counted_per_vendor(client: Client, sandbox: Sandbox) -> None:
    headers, url = client.headers("elasticpath"), sandbox.url("elasticpath") + "/v2/rule-promotions"
    together = threading.Barrier(4)
    sandbox.latency_seconds = 0.2

    def ask(_number: int) -> int:
        together.wait(10)
        return requests.get(url, headers=headers, timeout=10).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [200] * 4
    assert max(seen.in_flight for seen in sandbox.requests) == 4
    sandbox.latency_seconds = 0
    assert client.get("elasticpath", "/v2/rule-promotions").status_code == 200
    assert sandbox.requests[-1].in_flight == 1


def test_many_threads_are_served_at_once(client: Client, sandbox: Sandbox) -> None:
    headers, url = client.headers("pingone"), sandbox.url("pingone api") + ENVIRONMENTS

    def ask(_number: int) -> set[int]:
        with requests.Session() as session:
            return {session.get(url, headers=headers, timeout=10).status_code for _ in range(25)}

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == [{200}] * 16
    assert sandbox.count("pingone.environments", status=200) == 400


def test_a_closed_listener_refuses_connections_until_it_is_opened_again(client: Client, sandbox: Sandbox) -> None:
    client.headers("genesys")
    sandbox.close_listener("genesys api")
    with pytest.raises(requests.ConnectionError):
        client.get("genesys", "/api/v2/oauth/clients")
    assert client.login("genesys").status_code == 200
    sandbox.open_listener("genesys api")
    assert client.get("genesys", "/api/v2/oauth/clients").status_code == 200


def test_leaving_the_sandbox_leaves_no_thread_even_with_open_connections() -> None:
    before = sandbox_threads()
    with Sandbox() as sandbox:
        client = Client(sandbox)
        with client.session:
            client.headers("pingone")
            sandbox.fault("pingone.environments", "drip", interval_seconds=30)
            dripping = client.get("pingone", ENVIRONMENTS, stream=True)
            sandbox.latency_seconds = 60
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(client.login, "genesys")
                while not sandbox.count("genesys.token"):
                    pass
                sandbox.stop()
                with pytest.raises(requests.ConnectionError):
                    waiting.result(10)
            dripping.close()
    assert sandbox_threads() == before


def test_idle_connections_do_not_hold_up_the_end() -> None:
    with Sandbox() as sandbox, ExitStack() as idle:
        for _ in range(8):
            session = idle.enter_context(requests.Session())
            session.get(sandbox.url("genesys api") + "/__sandbox__/health", timeout=10)
        before = time.monotonic()
        sandbox.stop()
        assert time.monotonic() - before < 8 * PATIENCE_SECONDS / 2


def test_a_defect_of_the_sandbox_is_raised_when_it_is_left() -> None:
    def broken(_body: dict[str, Any]) -> object:
        raise LookupError("broken on purpose")

    def leave() -> None:
        with Sandbox() as sandbox:
            client = Client(sandbox)
            with client.session:
                sandbox.fault("genesys.token", "edit", change=broken)
                assert client.login("genesys").status_code == 500

    with pytest.raises(LookupError, match="on purpose"):
        leave()


def test_the_controls_work_over_http_and_are_not_counted(client: Client, sandbox: Sandbox) -> None:
    assert client.control("GET", "health").json() == {"status": "ok", "now": "2026-11-22T12:00:00.000Z"}
    assert client.control("POST", "clock", {"advance_seconds": 86400}).json()["now"] == "2026-11-23T12:00:00.000Z"
    fault = {"operation": "pingone.token", "kind": "status", "status": 503, "times": 2, "where": {"method": "POST"}}
    assert client.control("POST", "faults", fault).status_code == 200
    assert client.login("pingone").status_code == 503
    assert client.control("DELETE", "faults").status_code == 200
    assert client.login("pingone").status_code == 200
    counts = client.control("GET", "requests").json()
    assert counts == {"total": 2, "operations": {"pingone.token": {"503": 1, "200": 1}}}
    assert client.control("DELETE", "requests").json()["total"] == 0
    truth = client.control("GET", "truth").json()
    assert truth["elasticpath"]["promotion_usages"] == len(sandbox.elasticpath.all_usages())
    assert truth["pingone"]["issuance_rules"] == 8
    assert client.control("POST", "faults", fault | {"kind": "unknown"}).status_code == 400
    assert client.control("POST", "clock", {"by": 5}).status_code == 400
    assert client.control("GET", "clock").status_code == 404


def start(*arguments: str) -> tuple["subprocess.Popen[str]", dict[str, Any]]:
    """Run the command and return it with the settings it prints."""
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout
    text = ""
    while not text.endswith("}\n"):
        text += process.stdout.readline()
    return process, json.loads(text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_a_config_and_serves_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "config.json"
    process, config = start("--port", "0", "--now", "2026-11-22T12:00:00Z", "--config-out", str(file))
    with process:
        assert json.loads(file.read_text()) == config
        answer = requests.get(config["genesys_api_url"] + "/__sandbox__/health", timeout=10)
        assert answer.json()["now"] == "2026-11-22T12:00:00.000Z"
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


def test_the_command_can_be_stopped_over_http_and_a_used_port_is_one_line() -> None:
    process, config = start("--port", "0")
    with process:
        port = config["elasticpath_api_url"].rpartition(":")[2]
        second = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr == f"sandbox: cannot listen on 127.0.0.1:{port}: Address already in use\n"
        answer = requests.post(config["pingone_auth_url"] + "/__sandbox__/stop", timeout=10)
        assert answer.json() == {"status": "stopping"}
        assert process.wait(10) == 0
        process.communicate()
