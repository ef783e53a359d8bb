"""No secret, token, customer or body shows anywhere but in records, whatever goes wrong and however much is logged."""

from __future__ import annotations

import base64
import json
import logging
import signal
import socket
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.resilience.frugal import PEAK
from tests.resilience.process import QUICK, Process
from tests.resilience.violence import at_request
from tests.resilience.world import World
from tests.running import Run, run, streams_in

VENDORS = ("pingone", "genesys", "demandbase", "elasticpath")
DEBUG = {"LOGLEVEL": "DEBUG", "TAP_USAGE_LOGLEVEL": "DEBUG"}
BODY = {
    "error": "marker-body of customer@marker-mail.example",
    "code": "marker-body <b>",
    "id": "customer@marker-mail.example",
    "contextId": "marker-body\ncustomer@marker-mail.example",
    "diagnosticCode": {"marker-body": "marker-body"},
    "errorNumber": ["marker-body"],
    "error_description": "marker-body",
    "message": "marker-body for customer@marker-mail.example",
    "detail": "marker-body",
    "errors": [{"title": "marker-body!", "detail": "marker-body", "request_id": "customer@marker-mail.example"}],
}
TOKENS = ("sandbox-genesys-token-", "sandbox-elasticpath-token-", "demandbase/token", ".sandbox0", "Bearer ey")
MARKS = ("marker-secret", "marker-body", "marker-mail", "marker-query", "sandbox-secret-of-another-client", *TOKENS)


@pytest.fixture
def world() -> Iterator[World]:
    """All four vendors with secrets and customers that are easy to find."""
    with Sandbox(now=NOW) as sandbox:
        for name in VENDORS:
            vendor: Any = sandbox.vendors[name]
            vendor.client_secret = f"marker-secret-{name}"
        world = World(sandbox)
        for usages in sandbox.elasticpath.usages.values():
            for usage in usages:
                usage["customer_email"] = "customer@marker-mail.example"
        yield world


def secrets_of(world: World) -> tuple[str, ...]:
    """Return the marks, and what HTTP Basic makes of the credentials."""
    pairs = [(vendor.client_id, vendor.client_secret) for vendor in world.sandbox.vendors.values()]
    return (*MARKS, *(base64.b64encode(f"{user}:{secret}".encode()).decode() for user, secret in pairs))


def check(world: World, told: str, *, allowed: tuple[str, ...] = ()) -> None:
    found = [mark for mark in secrets_of(world) if mark in told and mark not in allowed]
    assert not found, [line for line in told.splitlines() if any(mark in line for mark in found)][:3]


def check_messages(world: World, messages: list[dict[str, Any]]) -> None:
    """Check that rows hold nothing but what the vendor's rows hold, and everything else nothing at all."""
    rows = [message for message in messages if message["type"] == "RECORD"]
    check(world, json.dumps(rows), allowed=("marker-mail",))
    check(world, json.dumps([message for message in messages if message["type"] != "RECORD"]))
    assert all("secret" not in row["record"] for row in rows)


FAULTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "nothing": ("*.token", "slow", {}),
    "tokens refused": ("*.token", "status", {"status": 401, "body": BODY}),
    "tokens throttled": ("*.token", "status", {"status": 400, "body": BODY | {"error": "invalid_request"}}),
    "tokens malformed": ("*.token", "token_missing", {}),
    "tokens as HTML": ("*.token", "status", {"status": 200, "body": "<html>marker-body"}),
    "everything refused": ("*", "status", {"status": 403, "body": BODY}),
    "everything unauthorized": ("*", "status", {"status": 401, "body": BODY}),
    "everything failing": ("*", "status", {"status": 500, "body": BODY}),
    "bodies truncated": ("*", "truncated_json", {}),
    "bodies broken off": ("*", "reset_mid_body", {}),
    "odd words": ("*_results", "query_status", {"word": "marker\nword"}),
    "links elsewhere": ("*", "next_elsewhere", {"url": "http://127.0.0.1:9/x?token=marker-query"}),
    "redirects": ("*", "redirect", {"location": "http://127.0.0.1:9/x?token=marker-query"}),
    "nesting bombs": ("*", "deep_json", {}),
}


@pytest.fixture
def talkative() -> Iterator[None]:
    """Have every logger there is tell everything."""
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.mark.usefixtures("talkative")
@pytest.mark.parametrize("name", FAULTS)
def test_a_run_at_debug_level_tells_no_secret(world: World, caplog: pytest.LogCaptureFixture, name: str) -> None:
    operation, kind, details = FAULTS[name]
    world.sandbox.fault(operation, kind, times=None, **details)
    caplog.set_level(logging.DEBUG)
    done = run(world.config, max_retries=2)
    assert done.code == (name != "nothing")
    assert len(caplog.records) > 10
    records = [(record.getMessage(), repr(record.__dict__)) for record in caplog.records]
    check(world, "\n".join([*done.failures, caplog.text, *map(str, records)]))
    check_messages(world, done.messages)


@pytest.mark.parametrize("name", ["nothing", "everything refused", "tokens refused", "redirects"])
def test_a_process_at_debug_level_tells_no_secret(world: World, name: str) -> None:
    operation, kind, details = FAULTS[name]
    world.sandbox.fault(operation, kind, times=None, **details)
    with Process(world.config | {"max_retries": 2}, module=QUICK, environment=DEBUG) as process:
        assert process.wait() == (name != "nothing")
        check(world, "\n".join(process.errors))
        check_messages(world, process.messages)


def test_a_defect_tells_no_secret(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("customer@marker-mail.example marker-secret")

    caplog.set_level(logging.INFO)
    monkeypatch.setattr("tap_usage.reading.shaping.Shaping.shape", broken)
    done = run(world.config, select=["demandbase_credits"])
    assert done.code == 1
    assert "unexpected RuntimeError, please report it" in done.failures[0]
    check(
        world,
        "\n".join(
            [*done.failures, *(record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG)]
        ),
    )


BAD: dict[str, dict[str, Any]] = {
    "an unknown setting": {"marker_setting": "marker-secret"},
    "a secret of a wrong type": {"genesys_client_secret": ["marker-secret"]},
    "a secret in another setting": {"pingone_region": "marker-secret"},
    "a secret in a URL": {"elasticpath_api_url": "http://user:marker-secret@127.0.0.1:9"},
    "a secret in a query": {"genesys_api_url": "http://127.0.0.1:9/?key=marker-query"},
    "a secret with a line break": {"genesys_client_secret": "marker-secret\nmarker-secret"},
    "a secret as a date": {"start_date": "marker-secret"},
    "a secret as a number": {"max_retries": "marker-secret"},
    "half a vendor": {"pingone_environment_id": None},
}


@pytest.mark.parametrize("name", BAD)
def test_bad_settings_are_refused_without_quoting_them(world: World, name: str) -> None:
    config = {setting: value for setting, value in (world.config | BAD[name]).items() if value is not None}
    with pytest.raises(ConfigValidationError) as caught:
        run(config)
    told = "".join(traceback.format_exception_only(caught.value)) + "\n".join(caught.value.errors)
    check(world, told)
    assert world.sandbox.requests == []


@pytest.mark.parametrize("name", ["a secret of a wrong type", "a secret in a URL", "half a vendor"])
def test_a_process_with_bad_settings_at_debug_level_tells_no_secret(world: World, name: str) -> None:
    config = {setting: value for setting, value in (world.config | BAD[name]).items() if value is not None}
    with Process(config, environment=DEBUG) as process:
        assert process.wait() == 1
        check(world, "\n".join([*process.errors, *map(str, process.lines)]))
        assert not any("Traceback" in line for line in process.errors)


def test_secrets_from_the_environment_are_not_told_either(world: World, tmp_path: Any) -> None:  # noqa: ANN401 - a path
    environment = {f"TAP_USAGE_{name.upper()}": str(value) for name, value in world.config.items()}
    (tmp_path / "unused").touch()
    with Process({}, environment=DEBUG | environment | {"TAP_USAGE_MAX_RETRIES": "marker-secret"}) as process:
        assert process.wait() == 1
        check(world, "\n".join(process.errors))


def test_a_process_that_is_ended_by_a_signal_tells_no_secret(world: World) -> None:
    came = at_request(world.sandbox, 30, lambda: process.news())  # noqa: PLW0108 - made below
    with Process(world.config, environment=DEBUG) as process:
        assert process.reach(came)
        process.send(signal.SIGTERM)
        assert process.wait() == 143
        check(world, "\n".join(process.errors))
        check_messages(world, process.messages)


def credentials(world: World, vendor: str) -> tuple[str, ...]:
    token = {"pingone": ".sandbox0", "genesys": "sandbox-genesys-token", "demandbase": "demandbase/token"}
    mine: Any = world.sandbox.vendors[vendor]
    basic = base64.b64encode(f"{mine.client_id}:{mine.client_secret}".encode()).decode()
    return (token.get(vendor, "sandbox-elasticpath-token"), f"marker-secret-{vendor}", basic)


@pytest.mark.parametrize("kind", ["nothing", "next_elsewhere", "redirect"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_credentials_of_a_vendor_go_to_no_other_origin(world: World, vendor: str, kind: str) -> None:
    other = world.sandbox.url("demandbase api" if vendor != "demandbase" else "genesys api")
    details: dict[str, Any] = {"url": other} if kind == "next_elsewhere" else {"location": f"{other}/stolen"}
    if kind != "nothing" and (vendor, kind) != ("demandbase", "next_elsewhere"):
        world.sandbox.fault(f"{vendor}.*", kind, times=None, **details)
    run(world.config, max_retries=2)
    assert world.sandbox.requests
    assert not any("stolen" in seen.path for seen in world.sandbox.requests)
    for seen in world.sandbox.requests:
        sent = f"{seen.path} {seen.query} {dict(seen.request.headers)} {seen.request.body!r}"
        for name in VENDORS:
            assert seen.origin.startswith(name) or not any(mark in sent for mark in credentials(world, name))
        login = seen.operation.endswith(".token")
        assert login == ("marker-secret" in sent or any(credentials(world, name)[2] in sent for name in VENDORS))
        assert not any(mark in seen.path or mark in str(seen.query) for mark in secrets_of(world))


def test_nothing_is_sent_to_a_server_that_cannot_prove_who_it_is(world: World) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        thread = threading.Thread(target=listen)
        thread.start()
        done = run(world.config, elasticpath_api_url=f"https://127.0.0.1:{server.getsockname()[1]}")
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert done.code == 1
    (line,) = done.failures
    assert streams_in(line) == ["elasticpath_promotions", "elasticpath_promotion_usages"]
    assert "TLS failure on POST" in line
    assert heard
    assert not any(b"marker" in each or b"client" in each for each in heard)


def failing(done: Run, vendor: str) -> bool:
    return bool(done.failures) and all(line.startswith(f"{vendor}: ") for line in done.failures)


def test_a_nesting_bomb_is_a_named_failure(world: World) -> None:
    world.sandbox.fault("demandbase.usage", "deep_json", times=None, depth=5_000_000)
    done = run(world.config, max_retries=2)
    assert done.code == 1
    assert failing(done, "demandbase")
    assert "an answer that is not JSON" in done.failures[0]
    assert done.rows("pingone_environments")


def test_an_answer_beyond_all_bounds_is_a_named_failure_that_takes_little_memory(world: World) -> None:
    world.sandbox.fault("demandbase.usage", "huge", times=None, size=400_000_000)
    with Process(world.config | {"max_retries": 2}, module="tests.resilience.frugal") as process:
        assert process.wait() == 1
        assert "answer of more than 64 MiB" in process.said[-1]
    (peak,) = (int(line.removeprefix(PEAK)) for line in process.errors if line.startswith(PEAK))
    assert peak < 350_000
