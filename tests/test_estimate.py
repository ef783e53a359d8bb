"""How many requests readings take, reckoned from the first answer of one of them."""

from __future__ import annotations

import pytest

from tap_usage.reading import estimate
from tap_usage.rest.pages.query import Ask, Reading
from tap_usage.rest.request import Answer


class Begun(Reading):
    """A reading that has taken an answer of so many rows."""

    def __init__(self, received: int, expected: int | None, *, finished: bool = False) -> None:
        super().__init__()
        self.received, self.expected, self.finished = received, expected, finished

    def next_ask(self) -> Ask | None:
        raise NotImplementedError

    def take(self, ask: Ask, answer: Answer) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(("total", "requests"), [(100, 2), (101, 2), (198, 2), (199, 3), (297, 3), (298, 4)])
def test_pages_share_a_row_and_a_full_one_is_not_the_last(total: int, requests: int) -> None:
    assert estimate.pages(Begun(100, total), overlap=1) == requests


@pytest.mark.parametrize(("total", "requests"), [(51, 2), (100, 2), (101, 3)])
def test_linked_pages_share_nothing(total: int, requests: int) -> None:
    assert estimate.pages(Begun(50, total), overlap=0) == requests


@pytest.mark.parametrize("overlap", [0, 1])
def test_a_reading_that_is_over_took_one_request(overlap: int) -> None:
    assert estimate.pages(Begun(100, 100, finished=True), overlap) == 1


@pytest.mark.parametrize("overlap", [0, 1])
def test_without_a_total_nobody_knows_how_many_pages_follow(overlap: int) -> None:
    assert estimate.pages(Begun(100, None), overlap) is None


def test_a_page_of_nothing_but_the_shared_row_counts_as_one_row_more() -> None:
    assert estimate.pages(Begun(1, 3), overlap=1) == 4


def test_minutes_are_those_at_the_limit_and_the_longest_wait() -> None:
    assert estimate.minutes(240, 4.0, [5.0, 30.0]) == 1.5
    assert estimate.minutes(240, 0.0, []) == 0.0
