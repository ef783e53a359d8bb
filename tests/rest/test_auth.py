from __future__ import annotations

import base64
import threading
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.rest.auth import LEEWAY_SECONDS, TokenAuth, TokenRequest
from tests.rest.virtual import NOW, VirtualClock

MARKER = "marker-secret"


def twelve_hours(text: str) -> datetime:
    """Read `Nov 22, 2026 09:08:17 PM`."""
    return datetime.strptime(text, "%b %d, %Y %I:%M:%S %p").replace(tzinfo=UTC)


REQUEST = TokenRequest("http://127.0.0.1/token", {"client_secret": MARKER}, basic=("client", MARKER))
WITH_EXPIRY = TokenRequest(
    "http://127.0.0.1/token",
    {},
    token="details.accessToken",  # noqa: S106 - the name of a field
    expiry=("details.until", twelve_hours),
)


class Mint:
    """Hands out numbered tokens, or what it is told to raise first."""

    def __init__(self, lifetime: float | None = 3600.0, *failures: Exception) -> None:
        self.lifetime = lifetime
        self.failures = list(failures)
        self.fetched = 0

    def __call__(self) -> tuple[str, float | None]:
        self.fetched += 1
        if self.failures:
            raise self.failures.pop(0)
        return f"token-{self.fetched}", self.lifetime


def test_a_token_is_fetched_once_and_kept() -> None:
    mint = Mint()
    auth = TokenAuth(mint, VirtualClock())
    assert mint.fetched == 0
    assert [auth.token() for _ in range(3)] == ["token-1"] * 3


def test_all_workers_wait_for_the_one_that_fetches() -> None:
    asked, allowed = threading.Event(), threading.Event()
    mint = Mint()

    def fetch() -> tuple[str, float | None]:
        asked.set()
        assert allowed.wait(5)
        return mint()

    auth = TokenAuth(fetch, VirtualClock())
    tokens: list[str] = []
    workers = [threading.Thread(target=lambda: tokens.append(auth.token())) for _ in range(16)]
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
    auth = TokenAuth(mint, clock)
    auth.token()
    clock.at += good_for - 0.1
    assert auth.token() == "token-1"
    clock.at += 0.2
    assert auth.token() == "token-2"


def test_a_token_without_a_lifetime_is_kept_until_it_is_refused() -> None:
    clock, mint = VirtualClock(), Mint(None)
    auth = TokenAuth(mint, clock)
    auth.token()
    clock.at += 10**7
    assert auth.token() == "token-1"
    auth.invalidate("token-1")
    assert auth.token() == "token-2"


def test_the_lifetime_counts_from_the_answer_not_from_the_question() -> None:
    clock = VirtualClock()

    def fetch() -> tuple[str, float | None]:
        clock.at += 500
        return f"token-{clock.at}", 1000.0

    auth = TokenAuth(fetch, clock)
    first = auth.token()
    clock.at += 900
    assert auth.token() == first


def test_only_the_refused_token_is_forgotten() -> None:
    mint = Mint()
    auth = TokenAuth(mint, VirtualClock())
    refused = auth.token()
    auth.invalidate(refused)
    renewed = auth.token()
    auth.invalidate(refused)
    assert auth.token() == renewed == "token-2"


def test_many_refusals_of_one_token_fetch_one_new_token() -> None:
    mint = Mint()
    auth = TokenAuth(mint, VirtualClock())
    refused = auth.token()
    start = threading.Barrier(8)
    tokens: list[str] = []

    def work() -> None:
        start.wait()
        auth.invalidate(refused)
        tokens.append(auth.token())

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert tokens == ["token-2"] * 8


def test_a_failed_fetch_is_told_and_leaves_the_next_one_free() -> None:
    auth = TokenAuth(Mint(3600.0, RuntimeError("down")), VirtualClock())
    with pytest.raises(RuntimeError, match="down"):
        auth.token()
    assert auth.token() == "token-2"


@pytest.mark.parametrize(
    ("header", "scheme", "expected"),
    [("Authorization", "Bearer ", {"Authorization": "Bearer t+/="}), ("accessToken", "", {"accessToken": "t+/="})],
)
def test_a_token_goes_where_the_vendor_wants_it(header: str, scheme: str, expected: dict[str, str]) -> None:
    assert TokenAuth(Mint(), VirtualClock(), header, scheme).header("t+/=") == expected


@pytest.mark.parametrize("body", [{"access_token": "a.b-c"}, {"access_token": "AB+/=="}])
def test_a_token_is_usable_when_it_can_stand_in_a_header(body: object) -> None:
    assert REQUEST.problem(body) is None


@pytest.mark.parametrize(
    "token",
    [None, "", 5, True, [MARKER], {"a": MARKER}, f"{MARKER} x", f"{MARKER}\r\nX: y", f"{MARKER}\x00", f"{MARKER}é"],
)
def test_a_malformed_token_is_refused_and_never_quoted(token: object) -> None:
    problem = REQUEST.problem({"access_token": token})
    assert problem
    assert "access_token" in problem
    assert MARKER not in problem


@pytest.mark.parametrize("body", [None, [], "text", 5, {}, {"data": {"access_token": "t"}}, {"error": MARKER}])
def test_an_answer_of_another_shape_holds_no_token(body: object) -> None:
    problem = REQUEST.problem(body)
    assert problem
    assert MARKER not in problem


def test_a_token_may_stand_deeper() -> None:
    assert WITH_EXPIRY.problem({"details": {"accessToken": "t"}}) is None
    assert WITH_EXPIRY.problem({"accessToken": "t"}) is not None


@pytest.mark.parametrize("secret", ["a\u2013b", "\u201ca\u201d", "ü", "half \ud83d", "byte \udcff"])
def test_a_secret_may_hold_any_character(secret: str) -> None:
    request = TokenRequest("http://127.0.0.1/token", {"client_secret": secret}, basic=("client", secret))
    sent = secret.encode(errors="replace")
    assert parse_qsl(request.body) == [("client_secret", sent.decode())]
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"client:" + sent


def test_no_secret_shows_in_a_printed_request() -> None:
    assert MARKER not in repr(REQUEST)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"expires_in": 3600}, 3600.0),
        ({"expires_in": "3600"}, 3600.0),
        ({"expires_in": 0.5}, 0.5),
        ({"expires_in": 0}, None),
        ({"expires_in": -1}, None),
        ({"expires_in": None}, None),
        ({"expires_in": "soon"}, None),
        ({"expires_in": [3600]}, None),
        ({"expires_in": float("nan")}, None),
        ({"expires_in": 10**400}, None),
        ({}, None),
    ],
)
def test_a_lifetime_is_a_positive_number_or_unknown(body: object, seconds: float | None) -> None:
    assert REQUEST.seconds(body, NOW) == seconds


@pytest.mark.parametrize(
    ("until", "seconds"),
    [
        ("Nov 22, 2026 09:00:00 PM", 9 * 3600.0),
        ("Nov 22, 2026 12:30:00 PM", 1800.0),
        ("Nov 23, 2026 12:00:00 AM", 12 * 3600.0),
        ("Nov 22, 2026 09:00:00 AM", None),
        ("Nov 22, 2026 12:00:00 PM", None),
        ("2026-11-22T21:00:00Z", None),
        ("", None),
        (None, None),
        (1795640897, None),
        ({"at": "Nov 22"}, None),
    ],
)
def test_an_expiry_with_a_clock_of_twelve_hours_is_a_lifetime(until: object, seconds: float | None) -> None:
    assert WITH_EXPIRY.seconds({"details": {"until": until}}, NOW) == seconds


@pytest.mark.parametrize("body", [None, [], "text", {}, {"details": None}])
def test_an_answer_without_an_expiry_has_no_lifetime(body: object) -> None:
    assert WITH_EXPIRY.seconds(body, NOW) is None


ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(ANY_JSON, st.sampled_from([REQUEST, WITH_EXPIRY]))
def test_no_answer_is_too_odd_to_be_judged(value: object, request: TokenRequest) -> None:
    for body in (
        value,
        {"expires_in": value, "access_token": value},
        {"details": {"until": value, "accessToken": value}},
    ):
        seconds = request.seconds(body, NOW)
        assert seconds is None or seconds > 0
        assert request.problem(body) is None or isinstance(request.problem(body), str)


@given(st.integers(1, 10**6), st.lists(st.floats(0, 10**5), max_size=30))
def test_no_worker_ever_gets_an_expired_token(lifetime: int, steps: list[float]) -> None:
    clock = VirtualClock()
    born: dict[str, float] = {}

    def fetch() -> tuple[str, float | None]:
        born[f"token-{len(born)}"] = clock.at
        return f"token-{len(born) - 1}", float(lifetime)

    auth = TokenAuth(fetch, clock)
    for step in steps:
        clock.at += step
        assert clock.at < born[auth.token()] + lifetime
