"""Lines come in order, in few writes, and STATE lines stay small beside the records."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from singer_sdk.singerlib import RecordMessage, StateMessage

from tap_usage import output
from tap_usage.output import BUFFER_BYTES, BufferedWriter, OutputLost, StateWriter
from tests.running import ImpatientClock

ROWS = [{"id": str(number), "text": "x" * 80} for number in range(100)]


class Pipe:
    """Stands in for the operating system's `write`: keeps what is written, write by write, or refuses it."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.refusals: list[OSError] = []
        self.most = 10**9

    def write(self, _file: int, lines: memoryview) -> int:
        if self.refusals:
            raise self.refusals.pop(0)
        self.writes.append(bytes(lines[: self.most]))
        return len(self.writes[-1])

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in b"".join(self.writes).splitlines()]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Pipe]:
    replaced = Pipe()
    with (tmp_path / "output").open("wb") as file:
        monkeypatch.setattr(output, "sys", SimpleNamespace(stdout=file, maxsize=sys.maxsize))
        monkeypatch.setattr(output, "os", SimpleNamespace(write=replaced.write, fstat=os.fstat, strerror=os.strerror))
        yield replaced


def test_records_wait_for_company(pipe: Pipe) -> None:
    writer = BufferedWriter()
    writer.write_records("s", ROWS[:2])
    assert pipe.writes == []
    writer.write_records("s", ROWS * (1 + BUFFER_BYTES // 10_000))
    assert len(pipe.writes) == 1
    assert [message["record"] for message in pipe.messages[:2]] == ROWS[:2]


def test_a_state_message_takes_everything_before_it_along(pipe: Pipe) -> None:
    writer = BufferedWriter()
    writer.write_records("s", ROWS[:3])
    writer.write_message(StateMessage(value={"bookmarks": {}}))
    assert [message["type"] for message in pipe.messages] == ["RECORD"] * 3 + ["STATE"]


def test_written_pages_look_like_the_messages_of_the_sdk(pipe: Pipe) -> None:
    writer = BufferedWriter()
    writer.write_records("s", [{"a": 1, "b": None}], version=7)
    writer.write_message(RecordMessage("s", {"a": 1, "b": None}, version=7, time_extracted=datetime.now(UTC)))
    writer.flush()
    one, other = pipe.messages
    assert one.pop("time_extracted")[:10] == other.pop("time_extracted")[:10]
    assert one == other == {"type": "RECORD", "stream": "s", "record": {"a": 1, "b": None}, "version": 7}


def test_rows_without_a_version_have_none(pipe: Pipe) -> None:
    writer = BufferedWriter()
    writer.write_records("s", [{"a": 1}])
    writer.flush()
    assert "version" not in pipe.messages[0]


def test_a_pipe_that_takes_a_part_only_gets_the_rest_too(pipe: Pipe) -> None:
    pipe.most = 1000
    writer = BufferedWriter()
    writer.write_records("s", ROWS)
    writer.flush()
    assert [message["record"] for message in pipe.messages] == ROWS
    assert len(pipe.writes) > 10


def test_an_output_that_is_full_for_the_moment_is_waited_for(pipe: Pipe) -> None:
    pipe.refusals = [BlockingIOError(errno.EAGAIN, "")] * 3
    writer = BufferedWriter()
    writer.write_records("s", ROWS)
    writer.flush()
    assert [message["record"] for message in pipe.messages] == ROWS


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (BrokenPipeError(errno.EPIPE, ""), "the target closed the pipe; look at its log"),
        (OSError(errno.ENOSPC, ""), "standard output cannot be written: No space left on device"),
        (OSError(errno.EBADF, ""), "standard output cannot be written: Bad file descriptor"),
    ],
)
def test_after_a_refusal_nothing_is_written_ever_again(pipe: Pipe, refusal: OSError, told: str) -> None:
    pipe.refusals = [refusal]
    writer = BufferedWriter()
    writer.write_records("s", ROWS[:1])
    with pytest.raises(OutputLost, match=told):
        writer.flush()
    with pytest.raises(OutputLost, match=told):
        writer.write_message(StateMessage(value={"bookmarks": {}}))
    with pytest.raises(OutputLost, match=told):
        writer.write_records("s", ROWS * (1 + BUFFER_BYTES // 10_000))
    assert pipe.writes == []


def test_a_lost_output_is_no_failure_of_a_stream() -> None:
    assert not issubclass(OutputLost, Exception)


def test_an_output_that_was_closed_before_the_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "sys", SimpleNamespace(stdout=None))
    with pytest.raises(OutputLost, match="standard output is closed"):
        BufferedWriter().flush()


@pytest.fixture
def full_pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, bytes]]:
    """A pipe that nobody reads and that takes no more, as standard output; what it holds."""
    reader, number = os.pipe()
    held = b"x" * fcntl.fcntl(number, fcntl.F_GETPIPE_SZ)
    os.write(number, held)
    with os.fdopen(reader, "rb"), os.fdopen(number, "wb") as file:
        monkeypatch.setattr(output, "sys", SimpleNamespace(stdout=file, maxsize=sys.maxsize))
        yield reader, held


def test_a_target_that_does_not_read_holds_a_signal_up_for_three_seconds_only(full_pipe: tuple[int, bytes]) -> None:
    clock = ImpatientClock()
    writer = BufferedWriter(clock)
    writer.write_records("s", ROWS[:1])
    threading.Timer(0.1, clock.stop).start()
    began = time.monotonic()
    with pytest.raises(OutputLost, match="the target does not read"):
        writer.flush()
    assert 3.0 <= time.monotonic() - began < 4.0
    reader, held = full_pipe
    assert os.read(reader, len(held) + 1) == held


def test_a_target_that_reads_again_gets_everything(full_pipe: tuple[int, bytes]) -> None:
    reader, held = full_pipe
    came = bytearray()

    def read() -> None:
        while b"END" not in came:
            came.extend(os.read(reader, 10_000))

    thread = threading.Timer(0.3, read)
    thread.start()
    writer = BufferedWriter()
    writer.write_records("s", ROWS * 10)
    writer.write(b'"END"\n')
    writer.flush()
    thread.join()
    assert [json.loads(line)["record"] for line in came[len(held) :].splitlines()[:-1]] == ROWS * 10


def test_a_target_that_goes_away_after_the_last_line_did_not_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, number = os.pipe()
    with os.fdopen(number, "wb") as file:
        monkeypatch.setattr(output, "sys", SimpleNamespace(stdout=file, maxsize=sys.maxsize))
        writer = BufferedWriter()
        writer.write_records("s", ROWS[:1])
        writer.flush()
        assert writer.was_taken(0.01)
        threading.Timer(0.1, os.close, [reader]).start()
        assert not writer.was_taken(10.0)


@pytest.fixture
def clock() -> ImpatientClock:
    return ImpatientClock()


def test_records_do_not_stay_in_the_buffer_for_long(pipe: Pipe, clock: ImpatientClock) -> None:
    writer = BufferedWriter()
    states = StateWriter(writer, {"bookmarks": {}}, clock)
    writer.write_records("s", ROWS[:1])
    states.write()
    assert pipe.writes == []
    clock.wait(1.1)
    states.write()
    assert len(pipe.writes) == 1


def test_every_write_ends_with_a_whole_line(pipe: Pipe) -> None:
    writer = BufferedWriter()
    for _ in range(120):
        writer.write_records("s", ROWS)
    writer.flush()
    assert len(pipe.writes) > 3
    assert all(lines.endswith(b"\n") for lines in pipe.writes)


def test_while_a_pipe_is_full_it_is_told_since_when_and_something_else_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    writer = BufferedWriter(ImpatientClock())
    came = bytearray()
    full: list[float | None] = []

    def meanwhile() -> None:
        full.append(writer.full_since)
        if len(full) > 1:
            came.extend(os.read(reading, 1 << 20))

    writer.meanwhile(meanwhile)
    with os.fdopen(writing, "wb") as file, os.fdopen(reading, "rb"):
        monkeypatch.setattr(output, "sys", SimpleNamespace(stdout=file, maxsize=sys.maxsize))
        writer.write_records("s", ROWS * 20)
        writer.flush()
        os.set_blocking(reading, False)
        came += os.read(reading, 1 << 20)
    assert len(came.splitlines()) == len(ROWS) * 20
    assert full[0] is not None
    assert full[0] == full[1]
    assert writer.full_since is None
