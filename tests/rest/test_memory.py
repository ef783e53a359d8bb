from __future__ import annotations

from tap_usage.rest.memory import AHEAD_BYTES, MOST_BYTES, SHARE_BYTES, Memory, Share

THIRD = SHARE_BYTES // 3


def test_answers_are_taken_to_be_as_large_as_their_requests_say_until_one_with_rows_came() -> None:
    share = Share(Memory())
    for _ in range(3):
        assert share.has_room(THIRD, first=False)
        assert share.size(THIRD) == THIRD
        share.take(THIRD)
    assert not share.has_room(THIRD, first=False)


def test_answers_are_taken_to_be_as_large_as_the_largest_of_the_stream_that_came() -> None:
    memory = Memory()
    share, other = Share(memory), Share(memory)
    share.learn(SHARE_BYTES // 2)
    share.learn(10)
    assert share.size(1) == SHARE_BYTES // 2
    assert other.size(1) == 1
    share.take(SHARE_BYTES // 2 + 1)
    assert not share.has_room(1, first=False)
    assert other.has_room(1, first=False)


def test_a_stream_reads_one_answer_ahead_however_large_if_the_run_has_room_for_it() -> None:
    share = Share(Memory())
    assert share.has_room(AHEAD_BYTES, first=False)
    assert not share.has_room(AHEAD_BYTES + 1, first=False)


def test_what_one_stream_takes_is_taken_from_the_run() -> None:
    memory = Memory()
    Share(memory).take(AHEAD_BYTES)
    assert not Share(memory).has_room(1, first=False)


def test_room_that_was_given_back_is_free_and_told() -> None:
    memory = Memory()
    share = Share(memory)
    share.take(AHEAD_BYTES)
    before = memory.freed
    share.take(-1)
    assert memory.freed > before
    assert Share(memory).has_room(1, first=False)
    share.release()
    assert memory.taken == 0


def test_a_part_is_kept_free_for_the_readings_that_are_given() -> None:
    memory = Memory()
    Share(memory).take(AHEAD_BYTES)
    share = Share(memory)
    assert not share.has_room(1, first=False)
    assert share.has_room(MOST_BYTES - AHEAD_BYTES, first=True)
    assert not share.has_room(MOST_BYTES - AHEAD_BYTES + 1, first=True)


def test_an_answer_without_rows_needs_no_room() -> None:
    memory = Memory()
    Share(memory).take(MOST_BYTES * 2)
    assert Share(memory).has_room(0, first=False)
    assert Share(memory).size(0) == 0
