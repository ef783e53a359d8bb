from __future__ import annotations

import pytest

from tests.simulation.figures import Figures
from tests.simulation.life import Life, WrongError
from tests.simulation.loader import Loader

LIVES = 300
PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
def test_a_tap_that_lives_through_anything_ends_with_what_the_vendors_had(part: int) -> None:
    figures = Figures()
    for seed in range(part, LIVES, PARTS):
        try:
            Life(seed, figures).live()
        except BaseException as error:
            error.add_note(f"python -m tests.simulation --seed {seed}")
            raise
    assert figures.lives == LIVES // PARTS
    assert figures.killed > figures.lives / 4
    assert figures.failed > figures.lives / 4
    assert figures.runs > 3 * figures.lives
    assert figures.judged > 10 * figures.lives
    assert len(figures.faults) > 20


def test_a_life_is_a_function_of_its_seed() -> None:
    stories: list[list[str]] = [[], [], []]
    for story, seed in zip(stories, (1, 1, 2), strict=True):
        Life(seed, Figures(), story.append).live()
    assert stories[0] == stories[1] != stories[2]
    assert len(stories[0]) > 20


def test_rows_that_are_lost_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Loader, "take_row", lambda *_: None)
    with pytest.raises(WrongError, match="is lost"):
        Life(1, Figures()).live()
