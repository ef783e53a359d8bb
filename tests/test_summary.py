"""What a run says of itself at its end: figures that are true, for people and for machines."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tap_usage import summary
from tap_usage.sandbox import Request, Sandbox
from tests import promised
from tests.command import TAP, environment, messages, started, tap, written
from tests.running import ImpatientTap, KeptLines, run
from tests.truth import STREAMS, TRUTH

USAGES = "elasticpath_promotion_usages"
CLIENTS = "genesys_client_usage"
DATED = {name for name, stream in promised.STREAMS.items() if "is_final" in stream.added}
WIDE = 160


def told(log: str) -> dict[str, Any]:
    """Return what the one line for machines says."""
    (line,) = [line for line in log.splitlines() if summary.PREFIX in line]
    said: dict[str, Any] = json.loads(line.partition(summary.PREFIX)[2])
    return said


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "tap-usage")
    return caplog


def line_of(log: pytest.LogCaptureFixture, stream: str) -> str:
    (line,) = [record.getMessage() for record in log.records if record.name == f"tap-usage.{stream}"][-1:]
    return line


def test_the_figures_of_a_first_run_are_what_the_vendors_hold(sandbox: Sandbox, log: pytest.LogCaptureFixture) -> None:
    done = run(sandbox.config)
    said = told(log.text)
    assert (said["exit_code"], said["ended_by"]) == (0, None)
    assert set(said["streams"]) == set(STREAMS)
    for name, stream in said["streams"].items():
        rows = done.rows(name)
        assert stream["rows"] == len(rows) == len(TRUTH[name](sandbox)), name
        assert stream["expected"] in {None, len(rows)}, name
        final = sum(row["is_final"] for row in rows) if name in DATED else None
        assert stream["final"] == final, name
        assert stream["not_final"] == (None if final is None else len(rows) - final), name
        bookmark = done.bookmark(name) if promised.STREAMS[name].replication_key else None
        assert (stream["up_to_before"], stream["up_to"]) == (None, bookmark), name
        assert (stream["failures"], stream["vanished"], stream["only_listed"]) == (0, 0, False), name
        assert stream["requests"] > 0, name
        assert stream["seconds"] >= 0, name
    logins = sum(request.operation.endswith(".token") for request in sandbox.requests)
    assert sum(stream["requests"] for stream in said["streams"].values()) == len(sandbox.requests) - logins


def test_a_second_run_tells_from_where_to_where_its_bookmarks_moved(
    sandbox: Sandbox, log: pytest.LogCaptureFixture
) -> None:
    first = run(sandbox.config)
    sandbox.advance(days=2)
    log.clear()
    second = run(sandbox.config, state=first.state)
    for name, stream in told(log.text)["streams"].items():
        if promised.STREAMS[name].replication_key:
            assert (stream["up_to_before"], stream["up_to"]) == (first.bookmark(name), second.bookmark(name))
        if name in DATED:
            assert stream["final"] == sum(row["is_final"] for row in second.rows(name))
            assert stream["final"] + stream["not_final"] == stream["rows"]
    moved = f", up to {second.bookmark(CLIENTS)} (before: {first.bookmark(CLIENTS)})"
    assert first.bookmark(CLIENTS) != second.bookmark(CLIENTS)
    assert line_of(log, CLIENTS).endswith(moved)


def test_a_bookmark_whose_rows_were_lost_with_their_file_has_not_moved(
    sandbox: Sandbox, log: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    files = {"encoding": {"format": "jsonl", "compression": "none"}, "storage": {"root": tmp_path.as_uri()}}
    done = run(
        sandbox.config,
        select=["demandbase_api_usage"],
        batch_config=files,
        stream_maps={"demandbase_api_usage": {"added": "int(api)"}},
    )
    stream = told(log.text)["streams"]["demandbase_api_usage"]
    assert (done.code, stream["failures"], stream["up_to"]) == (1, 1, None)
    assert not done.state.get("bookmarks", {}).get("demandbase_api_usage", {}).get("replication_key_value")


def test_what_failed_is_counted_and_its_lines_come_last(sandbox: Sandbox, log: pytest.LogCaptureFixture) -> None:
    sandbox.fault("elasticpath.usages", "forbidden", times=3)
    sandbox.fault("demandbase.usage", "credits_doubled", times=None)
    done = run(sandbox.config)
    said = told(log.text)
    assert said["exit_code"] == done.code == 1
    failed = {name: stream["failures"] for name, stream in said["streams"].items() if stream["failures"]}
    assert failed == {USAGES: 3, "demandbase_credits": 1}
    assert line_of(log, USAGES).endswith(", 3 failed")
    assert log.messages[-len(done.failures) :] == done.failures


def test_a_stream_whose_map_cannot_be_read_is_summed_up_too(sandbox: Sandbox, log: pytest.LogCaptureFixture) -> None:
    run(sandbox.config, stream_maps={"demandbase_credits": {"added": "1 +"}})
    stream = told(log.text)["streams"]["demandbase_credits"]
    assert (stream["rows"], stream["requests"], stream["failures"]) == (0, 0, 1)


def test_a_vendor_without_a_login_is_one_failure_of_each_stream(
    sandbox: Sandbox, log: pytest.LogCaptureFixture
) -> None:
    run(sandbox.config, demandbase_client_secret="wrong")  # noqa: S106 - no secret
    streams = told(log.text)["streams"]
    assert [streams[name]["failures"] for name in STREAMS if name.startswith("demandbase")] == [1, 1]
    assert "wrong" not in log.text


def test_what_has_vanished_is_counted(sandbox: Sandbox, log: pytest.LogCaptureFixture) -> None:
    gone = sandbox.elasticpath.promotions[0]["id"]
    sandbox.fault("elasticpath.usages", "not_found", times=None, where=lambda request: gone in request.path)
    done = run(sandbox.config)
    stream = told(log.text)["streams"][USAGES]
    assert (stream["vanished"], stream["failures"], stream["rows"]) == (1, 0, len(done.rows(USAGES)))
    assert ", 1 vanished, " in line_of(log, USAGES)


def test_a_stream_that_is_not_selected_is_told_of_only_if_it_was_listed_for_others(
    sandbox: Sandbox, log: pytest.LogCaptureFixture
) -> None:
    done = run(sandbox.config, select=[CLIENTS])
    streams = told(log.text)["streams"]
    assert set(streams) == {"genesys_oauth_clients", CLIENTS}
    parent = streams["genesys_oauth_clients"]
    assert (parent["rows"], parent["only_listed"]) == (0, True) == (done.counts["genesys_oauth_clients"], True)
    assert line_of(log, "genesys_oauth_clients").endswith(", only listed")


def test_a_bookmark_that_cannot_be_read_is_not_repeated(sandbox: Sandbox, log: pytest.LogCaptureFixture) -> None:
    state = {"bookmarks": {"demandbase_api_usage": {"replication_key_value": {"hunter2": 1}}}}
    run(sandbox.config, state=state)
    stream = told(log.text)["streams"]["demandbase_api_usage"]
    assert (stream["up_to_before"], stream["up_to"], stream["failures"]) == (None, None, 1)
    assert "hunter2" not in log.text


def test_a_fault_of_the_tap_is_summed_up_with_its_exit_code(sandbox: Sandbox, log: pytest.LogCaptureFixture) -> None:
    class Broken(KeptLines):
        def write_records(self, name: str, rows: Iterable[dict[str, Any]], version: int | None = None) -> None:
            super().write_records(name, rows, version)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ImpatientTap(config=sandbox.config, message_writer=Broken()).run()
    assert told(log.text)["exit_code"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_a_signal_ended_is_summed_up(
    sandbox_of_today: Sandbox, tmp_path: Path, number: signal.Signals
) -> None:
    arrived = threading.Event()

    def where(_request: Request) -> bool:
        arrived.set()
        return True

    sandbox_of_today.fault("elasticpath.usages", "slow", delay_seconds=30, times=None, where=where)
    config = {name: value for name, value in sandbox_of_today.config.items() if name.startswith("elasticpath")}
    with started("--config", written(tmp_path / "config.json", config), cwd=tmp_path) as process:
        assert arrived.wait(20)
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
    said = told(errors)
    assert (said["exit_code"], said["ended_by"]) == (process.returncode, number.name) == (128 + number, number.name)
    rows = [message["stream"] for message in messages(output) if message["type"] == "RECORD"]
    assert {name: stream["rows"] for name, stream in said["streams"].items()} == {
        name: rows.count(name) for name in STREAMS if name.startswith("elasticpath")
    }
    assert f"Ended by {number.name}" in errors.splitlines()[-1]


def test_a_run_whose_output_is_lost_is_summed_up(sandbox_of_today: Sandbox, tmp_path: Path) -> None:
    with (
        Path("/dev/full").open("w", encoding="utf-8") as full,
        subprocess.Popen(  # noqa: S603 - our own words
            [*TAP, "--config", written(tmp_path / "config.json", sandbox_of_today.config)],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        _, errors = process.communicate(timeout=60)
    said = told(errors)
    assert (said["exit_code"], said["ended_by"]) == (process.returncode, "lost output") == (1, "lost output")
    assert "Standard output cannot be written" in errors.splitlines()[-1]


def test_a_file_gets_lines_and_no_table(sandbox_of_today: Sandbox, tmp_path: Path) -> None:
    done = tap("--config", written(tmp_path / "config.json", sandbox_of_today.config), cwd=tmp_path)
    assert set(told(done.stderr)["streams"]) == set(STREAMS)
    assert "─" not in done.stderr
    for name in STREAMS:
        assert f"| {name}: {len(TRUTH[name](sandbox_of_today))} " in done.stderr


def on_a_terminal(folder: Path, config: dict[str, Any], **variables: str) -> str:
    """Return what a run shows on a terminal, and before its line ends."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, WIDE, 0, 0))
    command = [*TAP, "--config", written(folder / "config.json", config)]
    shown = b""
    with subprocess.Popen(  # noqa: S603 - our own words
        command,
        cwd=folder,
        env=environment(NO_COLOR="1", TERM="xterm", **variables),
        stdout=subprocess.DEVNULL,
        stderr=its,
    ):
        os.close(its)
        try:
            while read := os.read(ours, 65536):
                shown += read
        except OSError:  # how Linux tells that nobody holds the other end any more
            os.close(ours)
    return shown.decode()


def test_a_terminal_gets_a_table_and_the_failures_below_it(sandbox_of_today: Sandbox, tmp_path: Path) -> None:
    sandbox_of_today.fault("demandbase.usage", "credits_doubled", times=None)
    shown = on_a_terminal(tmp_path, sandbox_of_today.config)
    assert summary.PREFIX not in shown
    table, _, below = shown.partition("─" * 20)
    rows = {words[0]: words[1] for line in below.splitlines() if len(words := line.split()) > 1}
    assert {name: rows[name] for name in STREAMS} == {
        name: "0" if name == "demandbase_credits" else f"{len(TRUTH[name](sandbox_of_today)):,}" for name in STREAMS
    }
    assert "requests" in table
    assert " ERROR " in below.splitlines()[-1]


def test_a_quiet_terminal_gets_no_table(sandbox_of_today: Sandbox, tmp_path: Path) -> None:
    assert on_a_terminal(tmp_path, sandbox_of_today.config, LOGLEVEL="WARNING") == ""
