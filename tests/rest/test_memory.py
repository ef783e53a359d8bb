from __future__ import annotations

from tap_usage.rest.memory import MOST_BYTES, OTHERS_BYTES, Memory

QUARTER = OTHERS_BYTES // 4


def test_answers_are_taken_to_be_as_large_as_their_requests_say_until_one_with_rows_came() -> None:
    memory = Memory()
    for _ in range(4):
        assert memory.has_room(QUARTER, first=False)
        assert memory.expect(QUARTER) == QUARTER
    assert not memory.has_room(QUARTER, first=False)


def test_answers_are_taken_to_be_as_large_as_the_largest_with_rows_that_came() -> None:
    memory = Memory()
    memory.learn(OTHERS_BYTES // 2)
    memory.learn(10)
    assert memory.expect(QUARTER) == OTHERS_BYTES // 2
    assert memory.has_room(1, first=False)
    assert memory.expect(1) == OTHERS_BYTES // 2
    assert not memory.has_room(1, first=False)


def test_room_that_was_kept_is_free_when_the_answer_came() -> None:
    memory = Memory()
    expected = memory.expect(OTHERS_BYTES)
    assert not memory.has_room(1, first=False)
    memory.came(expected)
    assert memory.has_room(OTHERS_BYTES, first=False)


def test_what_waits_takes_room() -> None:
    memory = Memory()
    memory.held = OTHERS_BYTES
    assert not memory.has_room(1, first=False)
    memory.held -= 1
    assert memory.has_room(1, first=False)


def test_a_part_is_kept_free_for_the_reading_that_is_given() -> None:
    memory = Memory()
    memory.held = OTHERS_BYTES
    assert not memory.has_room(1, first=False)
    assert memory.has_room(MOST_BYTES - OTHERS_BYTES, first=True)
    assert not memory.has_room(MOST_BYTES - OTHERS_BYTES + 1, first=True)


def test_an_answer_without_rows_needs_no_room() -> None:
    memory = Memory()
    memory.held = MOST_BYTES * 2
    assert memory.has_room(0, first=False)
    assert memory.expect(0) == 0
