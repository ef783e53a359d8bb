"""Lines come in order, in few writes, and STATE lines stay small beside the records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from singer_sdk.singerlib import RecordMessage, StateMessage

from tap_usage import output
from tap_usage.output import BUFFER_BYTES, BufferedWriter, StateWriter, TargetGone
from tap_usage.sandbox import Sandbox
from tests.running import ImpatientClock, KeptLines, run

ROWS = [{"id": str(number), "text": "x" * 80} for number in range(100)]


class Pipe:
    """Stands in for `sys.stdout`: keeps what is written, write by write."""

    def __init__(self) -> None:
        self.buffer = self
        self.writes: list[bytes] = []
        self.broken = False
        self.most = 10**9

    def write(self, lines: bytes) -> int:
        if self.broken:
            raise BrokenPipeError
        self.writes.append(bytes(lines[: self.most]))
        return len(self.writes[-1])

    def flush(self) -> None: ...

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in b"".join(self.writes).splitlines()]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    replaced = Pipe()
    monkeypatch.setattr(output, "sys", SimpleNamespace(stdout=replaced))
    return replaced


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


def test_a_target_that_is_gone_has_an_exception_of_its_own(pipe: Pipe) -> None:
    pipe.broken = True
    writer = BufferedWriter()
    writer.write_records("s", ROWS[:1])
    with pytest.raises(TargetGone):
        writer.flush()


@pytest.fixture
def clock() -> ImpatientClock:
    return ImpatientClock()


def types(lines: KeptLines) -> list[str]:
    lines.flush()
    return [message["type"] for message in lines.lines]


def test_a_state_line_waits_until_the_records_outweigh_it(clock: ImpatientClock) -> None:
    lines, state = KeptLines(), {"bookmarks": {"s": {"value": 1}}}
    states = StateWriter(lines, state, clock)
    lines.write_records("s", ROWS[:2])
    states.write()
    assert types(lines) == ["RECORD"] * 2
    lines.write_records("s", ROWS)
    states.write()
    assert types(lines)[-1] == "STATE"


def test_a_larger_state_waits_longer(clock: ImpatientClock) -> None:
    lines, state = KeptLines(), {"bookmarks": {"s": {"partitions": ["x" * 40] * 500}}}
    states = StateWriter(lines, state, clock)
    states.write(now=True)
    for number in range(20):
        lines.write_records("s", ROWS)
        state["bookmarks"]["s"]["partitions"].append(str(number))
        states.write()
    assert types(lines).count("STATE") == 1


def test_a_state_line_is_due_after_ten_seconds_however_few_records_there_are(clock: ImpatientClock) -> None:
    lines = KeptLines()
    states = StateWriter(lines, {"bookmarks": {}}, clock)
    clock.wait(9)
    states.write()
    assert types(lines) == []
    clock.wait(2)
    states.write()
    assert types(lines) == ["STATE"]


def test_a_hurry_has_the_state_out_after_a_second(clock: ImpatientClock) -> None:
    lines = KeptLines()
    states = StateWriter(lines, {"bookmarks": {}}, clock)
    states.hurry()
    states.write()
    assert types(lines) == []
    clock.wait(1.1)
    states.write()
    assert types(lines) == ["STATE"]


def test_a_state_that_has_not_changed_is_not_written_again(clock: ImpatientClock) -> None:
    lines = KeptLines()
    states = StateWriter(lines, {"bookmarks": {}}, clock)
    for _ in range(3):
        clock.wait(20)
        states.write()
        states.write(now=True)
    assert types(lines) == ["STATE"]


def test_the_last_line_is_a_state_though_it_has_not_changed(clock: ImpatientClock) -> None:
    lines = KeptLines()
    states = StateWriter(lines, {"bookmarks": {}}, clock)
    states.write(now=True)
    lines.write_records("s", ROWS[:1])
    states.write(now=True)
    assert types(lines) == ["STATE", "RECORD", "STATE"]


def test_a_state_line_is_of_the_moment_it_is_written(clock: ImpatientClock) -> None:
    lines, state = KeptLines(), {"bookmarks": {"s": 1}}
    states = StateWriter(lines, state, clock)
    states.write(now=True)
    state["bookmarks"]["s"] = 2
    states.write(now=True)
    lines.flush()
    assert [message["value"]["bookmarks"]["s"] for message in lines.lines] == [1, 2]


def test_records_do_not_stay_in_the_buffer_for_long(pipe: Pipe, clock: ImpatientClock) -> None:
    writer = BufferedWriter()
    states = StateWriter(writer, {"bookmarks": {}}, clock)
    writer.write_records("s", ROWS[:1])
    states.write()
    assert pipe.writes == []
    clock.wait(1.1)
    states.write()
    assert len(pipe.writes) == 1


def test_state_lines_of_a_run_with_many_partitions_stay_small_beside_its_records(sandbox: Sandbox) -> None:
    for _ in range(300):
        sandbox.elasticpath.add_usages(sandbox.elasticpath.add_promotion(), 5, "2026-11-01T00:00:00Z", 60)
    done = run(sandbox.config)
    told = {kind: sum(len(json.dumps(m)) for m in done.messages if m["type"] == kind) for kind in ("RECORD", "STATE")}
    assert told["STATE"] < told["RECORD"] / 10
    assert len(done.states) > 5


def test_every_write_ends_with_a_whole_line(pipe: Pipe) -> None:
    writer = BufferedWriter()
    for _ in range(30):
        writer.write_records("s", ROWS)
    writer.flush()
    assert len(pipe.writes) > 3
    assert all(lines.endswith(b"\n") for lines in pipe.writes)
