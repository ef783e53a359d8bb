"""What the demo says of the runs it made."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.run import sent
from tap_usage.sandbox import Sandbox
from tests.command import messages, tap, written
from tests.promised import STREAMS
from tests.warehouse.conftest import Both, require
from tests.warehouse.databases import ROOT, Database, done, program


def told(what: str, database: Database) -> str:
    script = ROOT / "demo" / "warehouse.py"
    return done([program(database.loader, "python"), script, what, database.driver, database.where, database.schema])


def test_rows_sent_are_those_of_the_log(sandbox_of_today: Sandbox, tmp_path: Path) -> None:
    run = tap("--config", written(tmp_path / "config.json", sandbox_of_today.config), cwd=tmp_path)
    log = tmp_path / "run.log"
    log.write_text("".join(f"{json.dumps({'event': line})}\n" for line in run.stderr.splitlines()), encoding="utf-8")
    rows = Counter(message["stream"] for message in messages(run.stdout) if message["type"] == "RECORD")
    assert sent(log) == rows != Counter()


def test_rows_held_are_those_of_the_loader_alone(built: Database) -> None:
    assert json.loads(told("counts", built)).keys() == STREAMS.keys()


def test_the_summary_is_the_same_in_both_databases(both: Both) -> None:
    duckdb, postgres = (told("summary", database) for database in both)
    assert "COMPANY_MATCH" in duckdb
    assert duckdb == postgres


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


HOLD = "from demo.postgres import postgres\nwith postgres() as port: print(port, flush=True); input()"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_postgresql_is_gone_however_its_process_ends(number: signal.Signals, place: Path) -> None:
    require("postgres")
    command, piped = [sys.executable, "-c", HOLD], subprocess.PIPE
    place.chmod(0o755)
    with subprocess.Popen(  # noqa: S603 - our own words
        command, cwd=ROOT, stdin=piped, stdout=piped, stderr=piped, text=True, env={**os.environ, "TMPDIR": str(place)}
    ) as holding:
        assert holding.stdout is not None
        port = int(holding.stdout.readline())
        socket.create_connection(("127.0.0.1", port)).close()
        holding.send_signal(number)
        holding.communicate()  # until what it started has closed the pipes, too
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
