"""The command line: what it prints, what it exits with, and that nothing a user can cause ends in a traceback."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tap_usage.tap import TapUsage
from tests import declared, promised
from tests.command import TAP, complaints, environment, messages, started, tap, written
from tests.running import ImpatientTap, KeptLines, streams_in
from tests.truth import STREAMS, TRUTH

SETTINGS = TapUsage.config_jsonschema["properties"]
ONE_VENDOR = dict.fromkeys(promised.required("elasticpath"), "good")


@pytest.fixture
def sandbox(sandbox_of_today: Sandbox) -> Sandbox:
    return sandbox_of_today


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> str:
    return written(tmp_path / "config.json", sandbox.config)


def test_version_names_the_tap_and_its_sdk(tmp_path: Path) -> None:
    done = tap("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert re.fullmatch(r"tap-usage v\d+\.\d+\.\d+, Meltano SDK v0\.5\d\.\d+\n", done.stdout)


@pytest.mark.parametrize("form", ["json", "markdown"])
def test_about_tells_of_every_setting(tmp_path: Path, form: str) -> None:
    done = tap("--about", f"--format={form}", cwd=tmp_path)
    assert done.returncode == 0
    assert [name for name in SETTINGS if name not in done.stdout] == []
    if form == "json":
        told = json.loads(done.stdout)["settings"]["properties"]
        for name, setting in promised.SETTINGS.items():
            assert told[name].get("secret", False) is setting.secret, name


def test_discover_without_settings_lists_every_stream(tmp_path: Path) -> None:
    done = tap("--discover", cwd=tmp_path)
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    assert {entry["tap_stream_id"] for entry in json.loads(done.stdout)["streams"]} == set(declared.EVERY_STREAM)


def test_discover_with_one_vendor_lists_its_streams_without_a_request(tmp_path: Path) -> None:
    done = tap("--config", written(tmp_path / "one.json", ONE_VENDOR), "--discover", cwd=tmp_path)
    assert done.returncode == 0
    assert {entry["tap_stream_id"] for entry in json.loads(done.stdout)["streams"]} == {
        "elasticpath_promotions",
        "elasticpath_promotion_usages",
    }


def test_a_run_writes_singer_messages_and_nothing_else_to_standard_output(
    sandbox: Sandbox, config: str, tmp_path: Path
) -> None:
    done = tap("--config", config, cwd=tmp_path)
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    told = messages(done.stdout)
    assert {message["type"] for message in told} == {"SCHEMA", "RECORD", "STATE"}
    rows = Counter(message["stream"] for message in told if message["type"] == "RECORD")
    assert rows == {stream: len(TRUTH[stream](sandbox)) for stream in STREAMS}
    assert told[-1]["type"] == "STATE"


def test_a_run_ends_with_one_line_for_each_stream(sandbox: Sandbox, config: str, tmp_path: Path) -> None:
    done = tap("--config", config, cwd=tmp_path)
    summaries = done.stderr.splitlines()[-len(STREAMS) :]
    for stream in STREAMS:
        (summary,) = [line for line in summaries if f".{stream} " in line]
        found = re.search(r"(\d+)( of (\d+))? rows, (\d+) requests, [\d.]+ s", summary)
        assert found, summary
        assert int(found[1]) == len(TRUTH[stream](sandbox))
        assert found[3] in {None, found[1]}
        assert int(found[4]) > 0


def test_the_summary_of_a_run_that_was_ended_tells_the_requests_it_made(sandbox: Sandbox) -> None:
    stream = "elasticpath_promotion_usages"

    class Interrupted(KeptLines):
        def write_records(self, name: str, rows: Iterable[dict[str, Any]], version: int | None = None) -> None:
            super().write_records(name, rows, version)
            if name == stream:
                tap.clock.stop()

    sandbox.elasticpath.clear()
    sandbox.elasticpath.add_usages(sandbox.elasticpath.add_promotion(), 2000, "2026-11-01T00:00:00Z", 60)
    tap = ImpatientTap(config={**sandbox.config, "max_concurrency": 1}, message_writer=Interrupted())
    with pytest.raises(SystemExit):
        tap.run()
    meter = tap.this_run.meters[stream]
    assert meter.rows < 2000
    assert 1 <= meter.sent.count <= sandbox.count("elasticpath.usages") + 1


def test_a_second_run_takes_the_last_state_line(config: str, tmp_path: Path) -> None:
    first = messages(tap("--config", config, cwd=tmp_path).stdout)
    state = written(tmp_path / "state.json", first[-1]["value"])
    done = tap("--config", config, "--state", state, cwd=tmp_path)
    assert done.returncode == 0
    second = messages(done.stdout)
    marks = {stream: mark for stream, mark in first[-1]["value"]["bookmarks"].items() if mark}
    assert second[0] == {"type": "STATE", "value": {"bookmarks": marks}}
    assert second[-1] == first[-1]
    assert len(second) < len(first) / 5


def test_a_catalog_selects_streams(config: str, tmp_path: Path) -> None:
    catalog = json.loads(tap("--config", config, "--discover", cwd=tmp_path).stdout)
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] != "demandbase_credits":
            entry["metadata"][-1]["metadata"]["selected"] = False
    done = tap("--config", config, "--catalog", written(tmp_path / "catalog.json", catalog), cwd=tmp_path)
    assert {message.get("stream") for message in messages(done.stdout)} == {"demandbase_credits", None}


def test_what_failed_is_named_in_the_last_lines_and_the_rest_was_read(
    sandbox: Sandbox, config: str, tmp_path: Path
) -> None:
    sandbox.fault("elasticpath.promotions", "forbidden", times=None)
    sandbox.fault("genesys.token", "status", times=None, status=400, body={"error": "invalid_client"})
    done = tap("--config", config, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    told = [line.partition(" | ERROR ")[2] for line in done.stderr.splitlines() if " | ERROR " in line]
    assert done.stderr.splitlines()[-1].endswith(told[-1])
    for stream in STREAMS:
        named = [line for line in told if stream in streams_in(line)]
        assert bool(named) is stream.startswith(("elasticpath", "genesys")), stream
        assert not [line for line in named if "HTTP 4" not in line and "see there" not in line]
    assert sum("| genesys: " in line for line in told) == 1
    assert sandbox.count("genesys.token") == 1
    rows = Counter(message["stream"] for message in messages(done.stdout) if message["type"] == "RECORD")
    whole = [stream for stream in STREAMS if stream.startswith(("pingone", "demandbase"))]
    assert rows == {stream: len(TRUTH[stream](sandbox)) for stream in whole}


def test_test_schema_writes_the_schemas_without_a_request(sandbox: Sandbox, config: str, tmp_path: Path) -> None:
    done = tap("--config", config, "--test=schema", cwd=tmp_path)
    assert done.returncode == 0
    told = messages(done.stdout)
    assert [message["type"] for message in told] == ["SCHEMA"] * len(STREAMS)
    assert {message["stream"] for message in told} == set(STREAMS)
    assert sandbox.requests == []


def test_the_log_holds_no_secret_token_body_or_query_string_at_any_level(
    sandbox: Sandbox, config: str, tmp_path: Path
) -> None:
    sandbox.fault("*", "status", times=1, after=9, status=500, body="marker-of-a-body")
    sandbox.fault("elasticpath.usages", "unauthorized", times=1)
    done = tap("--config", config, cwd=tmp_path, TAP_USAGE_LOGLEVEL="DEBUG", LOGLEVEL="DEBUG")
    assert done.returncode == 0
    for secret in ("-secret", "sandbox+demandbase/token", "sandbox-genesys-token", "sandbox-elasticpath-token"):
        assert secret not in done.stderr
    assert ".sandbox0" not in done.stderr
    assert "marker-of-a-body" not in done.stderr
    assert not re.search(r"\?[a-z]+[\[=]", done.stderr)


def test_a_target_that_closes_the_pipe_ends_the_run_with_one_line_and_code_1(config: str, tmp_path: Path) -> None:
    process = started("--config", config, cwd=tmp_path)
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    log = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=20) == 1
    assert [line.rpartition(" | ")[2] for line in complaints(log)] == ["The target closed the pipe; look at its log"]


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no full device")
@pytest.mark.parametrize("arguments", [(), ("--discover",), ("--about",), ("--version",)])
def test_an_output_that_takes_nothing_is_one_line_and_code_1(
    config: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    process = started("--config", config, *arguments, cwd=tmp_path, output=FULL)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 1
    told = [line.rpartition(" | ")[2] for line in complaints(log)]
    assert told == ["Standard output cannot be written: No space left on device"]


def test_an_output_that_was_closed_before_the_run_is_told_before_any_request(
    sandbox: Sandbox, config: str, tmp_path: Path
) -> None:
    shell = subprocess.run(  # noqa: S603 - our own words
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *TAP, "--config", config],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=20,
    )
    assert shell.returncode == 1
    assert [line.rpartition(" | ")[2] for line in complaints(shell.stderr)] == ["Standard output is closed"]
    assert sandbox.requests == []
