"""When a STATE line is due: after what it covers, seldom enough to cost little, soon enough to lose little."""

from __future__ import annotations

import json

import pytest
from singer_sdk.singerlib import StateMessage

from tap_usage.output import StateWriter
from tap_usage.sandbox import Sandbox
from tests.running import ImpatientClock, KeptLines, run

ROWS = [{"id": str(number), "text": "x" * 80} for number in range(100)]


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


def in_all(lines: KeptLines, kind: str) -> int:
    lines.flush()
    told = [json.dumps(message, separators=(",", ":")) for message in lines.lines if message["type"] == kind]
    return sum(len(line) + 1 for line in told)


@pytest.mark.parametrize("size", [2_000, 20_000, 90_000, 500_000])
@pytest.mark.parametrize("rows", [0, 1, 100])
@pytest.mark.parametrize("pace", [0.01, 1.0, 120.0])
def test_state_lines_of_a_run_keep_within_their_credit_whatever_the_pace(
    clock: ImpatientClock, size: int, rows: int, pace: float
) -> None:
    lines, state = KeptLines(), {"bookmarks": {"s": "x" * size, "n": 0}}
    lines.write_message(StateMessage(value=state))
    states = StateWriter(lines, state, clock)
    for number in range(1, 300):
        lines.write_records("s", ROWS[:rows])
        clock.wait(pace)
        state["bookmarks"]["n"] = number
        states.write(now=not number % 10)
    states.write(last=True)
    lines.flush()
    assert lines.lines[-1] == {"type": "STATE", "value": state}
    longest = max(len(json.dumps(message)) for message in lines.lines if message["type"] == "STATE")
    assert in_all(lines, "STATE") <= in_all(lines, "RECORD") / 10 + 200_000 + 2 * longest


def test_a_slow_run_without_records_has_state_lines_to_its_end(clock: ImpatientClock) -> None:
    lines, state = KeptLines(), {"bookmarks": {"s": "x" * 2_000, "n": 0}}
    states = StateWriter(lines, state, clock)
    seen = []
    for hour in range(6):
        for number in range(360):
            clock.wait(10)
            state["bookmarks"]["n"] = hour * 360 + number
            states.write()
        seen.append(types(lines).count("STATE"))
    assert seen == sorted(set(seen))


def test_a_state_that_is_too_large_for_its_credit_is_not_even_encoded(clock: ImpatientClock) -> None:
    class Counted:
        asked = 0

        def __str__(self) -> str:
            self.asked += 1
            return "x" * 300_000

    lines, ids = KeptLines(), Counted()
    states = StateWriter(lines, {"bookmarks": {"s": ids}}, clock)
    for _ in range(50):
        lines.write_records("s", ROWS)
        clock.wait(60)
        states.write()
    assert types(lines).count("STATE") == 0
    assert ids.asked == 1
    states.write(last=True)
    assert types(lines)[-1] == "STATE"


def test_values_of_the_state_may_make_their_text_when_they_are_written(clock: ImpatientClock) -> None:
    class Ids:
        def __str__(self) -> str:
            return "abc"

    lines, state = KeptLines(), {"bookmarks": {"s": {"covered": Ids()}}}
    StateWriter(lines, state, clock).write(now=True)
    lines.write_message(StateMessage(value=state))
    lines.flush()
    assert [message["value"]["bookmarks"]["s"]["covered"] for message in lines.lines] == ["abc", "abc"]


def test_a_hurry_does_not_ask_what_it_costs(clock: ImpatientClock) -> None:
    lines = KeptLines()
    states = StateWriter(lines, {"bookmarks": {"s": "x" * 300_000}}, clock)
    states.hurry()
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


def test_state_lines_of_a_run_with_many_partitions_stay_small_beside_its_records(sandbox: Sandbox) -> None:
    for _ in range(300):
        sandbox.elasticpath.add_usages(sandbox.elasticpath.add_promotion(), 5, "2026-11-01T00:00:00Z", 60)
    done = run(sandbox.config)
    told = {kind: sum(len(json.dumps(m)) for m in done.messages if m["type"] == kind) for kind in ("RECORD", "STATE")}
    assert told["STATE"] < told["RECORD"] / 10
    assert len(done.states) > 5
