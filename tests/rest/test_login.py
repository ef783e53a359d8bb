from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.rest.errors import RequestError
from tap_usage.rest.login import LEEWAY_SECONDS, Fixed, Headers, Login, Refusals, Tokens
from tests.rest.virtual import VirtualClock

NAME = "Authorization"
KEY = {NAME: "Bearer key"}


def carried(login: Login) -> str:
    return login.headers()[NAME]


def refused(path: str) -> RequestError:
    return RequestError(f"GET {path}", 401, "check the key")


class Mint:
    """Hands out numbered tokens, or what it is told to raise first."""

    def __init__(self, lifetime: float | None = 3600.0, *failures: Exception) -> None:
        self.lifetime = lifetime
        self.failures = list(failures)
        self.fetched = 0

    def __call__(self) -> tuple[Headers, float | None]:
        self.fetched += 1
        if self.failures:
            raise self.failures.pop(0)
        return {NAME: f"token-{self.fetched}"}, self.lifetime


def test_a_token_is_fetched_once_and_kept() -> None:
    mint = Mint()
    login = Tokens(mint, VirtualClock())
    assert mint.fetched == 0
    assert [carried(login) for _ in range(3)] == ["token-1"] * 3


def test_all_workers_wait_for_the_one_that_fetches() -> None:
    asked, allowed = threading.Event(), threading.Event()
    mint = Mint()

    def fetch() -> tuple[Headers, float | None]:
        asked.set()
        assert allowed.wait(5)
        return mint()

    login = Tokens(fetch, VirtualClock())
    tokens: list[str] = []
    workers = [threading.Thread(target=lambda: tokens.append(carried(login))) for _ in range(16)]
    for worker in workers:
        worker.start()
    assert asked.wait(5)
    assert tokens == []
    allowed.set()
    for worker in workers:
        worker.join()
    assert tokens == ["token-1"] * 16


@pytest.mark.parametrize(
    ("lifetime", "good_for"),
    [(3600.0, 3600 - LEEWAY_SECONDS), (300.0, 240.0), (240.0, 180.0), (100.0, 75.0), (1.0, 0.75)],
)
def test_a_token_is_renewed_before_it_expires(lifetime: float, good_for: float) -> None:
    clock, mint = VirtualClock(), Mint(lifetime)
    login = Tokens(mint, clock)
    carried(login)
    clock.at += good_for - 0.1
    assert carried(login) == "token-1"
    clock.at += 0.2
    assert carried(login) == "token-2"


def test_a_token_without_a_lifetime_is_kept_until_it_is_refused() -> None:
    clock, mint = VirtualClock(), Mint(None)
    login = Tokens(mint, clock)
    carried(login)
    clock.at += 10**7
    assert carried(login) == "token-1"
    login.invalidate({NAME: "token-1"})
    assert carried(login) == "token-2"


def test_the_lifetime_counts_from_the_answer_not_from_the_question() -> None:
    clock = VirtualClock()

    def fetch() -> tuple[Headers, float | None]:
        clock.at += 500
        return {NAME: f"token-{clock.at}"}, 1000.0

    login = Tokens(fetch, clock)
    first = carried(login)
    clock.at += 900
    assert carried(login) == first


def test_only_the_refused_token_is_forgotten() -> None:
    mint = Mint()
    login = Tokens(mint, VirtualClock())
    refused = carried(login)
    login.invalidate({NAME: refused})
    renewed = carried(login)
    login.invalidate({NAME: refused})
    assert carried(login) == renewed == "token-2"


def test_many_refusals_of_one_token_fetch_one_new_token() -> None:
    mint = Mint()
    login = Tokens(mint, VirtualClock())
    refused = carried(login)
    start = threading.Barrier(8)
    tokens: list[str] = []

    def work() -> None:
        start.wait()
        login.invalidate({NAME: refused})
        tokens.append(carried(login))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert tokens == ["token-2"] * 8


def test_a_failed_fetch_is_told_and_leaves_the_next_one_free() -> None:
    login = Tokens(Mint(3600.0, RuntimeError("down")), VirtualClock())
    with pytest.raises(RuntimeError, match="down"):
        carried(login)
    assert carried(login) == "token-2"


@given(st.integers(1, 10**6), st.lists(st.floats(0, 10**5), max_size=30))
def test_no_worker_ever_gets_an_expired_token(lifetime: int, steps: list[float]) -> None:
    clock = VirtualClock()
    born: dict[str, float] = {}

    def fetch() -> tuple[Headers, float | None]:
        born[f"token-{len(born)}"] = clock.at
        return {NAME: f"token-{len(born) - 1}"}, float(lifetime)

    login = Tokens(fetch, clock)
    for step in steps:
        clock.at += step
        assert clock.at < born[carried(login)] + lifetime


def test_a_key_that_is_refused_first_is_refused_for_everything_with_the_same_error() -> None:
    login = Fixed(KEY)
    assert login.headers() == KEY
    with pytest.raises(RequestError) as first:
        login.may_try_again(KEY, refused("/a"), Refusals())
    with pytest.raises(RequestError) as in_flight:
        login.may_try_again(KEY, refused("/b"), Refusals())
    with pytest.raises(RequestError) as later:
        login.headers()
    assert first.value is in_flight.value is later.value
    assert (first.value.where, first.value.final) == ("GET /a", True)


def test_a_key_that_was_accepted_is_refused_for_one_request_only() -> None:
    login = Fixed(KEY)
    login.accepted()
    assert not login.may_try_again(KEY, refused("/a"), Refusals())
    assert login.headers() == KEY


def test_a_key_that_is_accepted_after_a_refusal_that_was_quicker_is_right() -> None:
    login = Fixed(KEY)
    with pytest.raises(RequestError):
        login.may_try_again(KEY, refused("/a"), Refusals())
    login.accepted()
    assert login.headers() == KEY
