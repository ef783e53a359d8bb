from __future__ import annotations

import pytest

from tests.rest.offsets_model import Tally, run

RUNS = 2000
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_deep_partitions_end_with_the_truth_whatever_is_slow_and_whatever_moves(part: int) -> None:
    tally = Tally()
    for seed in range(part * RUNS // PARTS, (part + 1) * RUNS // PARTS):
        try:
            run(seed, tally)
        except AssertionError as error:
            error.add_note(f"python -m tests.rest.offsets_model --seed {seed}")
            raise
    assert tally.runs == RUNS // PARTS
    assert tally.deep > tally.partitions / 2
    assert tally.full > tally.runs / 4
    assert tally.failed < tally.partitions / 4


@pytest.mark.parametrize("seed", [20262379])
def test_a_reading_that_was_passed_on_to_and_is_behind_again_is_read_ahead_within_bounds(seed: int) -> None:
    run(seed, Tally())
