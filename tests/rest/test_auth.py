from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.rest.auth import Auth, Basic, ClientCredentials, Key
from tap_usage.rest.errors import Verdict, judge
from tap_usage.rest.login import Headers
from tap_usage.rest.request import Answer
from tests.rest.virtual import NOW, VirtualClock

MARKER = "marker-secret"


def twelve_hours(text: str) -> datetime:
    """Read `Nov 22, 2026 09:08:17 PM`."""
    return datetime.strptime(text, "%b %d, %Y %I:%M:%S %p").replace(tzinfo=UTC)


REQUEST = ClientCredentials("http://127.0.0.1/token", {"client_secret": MARKER}, basic=("client", MARKER))
WITH_EXPIRY = ClientCredentials(
    "http://127.0.0.1/token",
    {},
    token="details.accessToken",  # noqa: S106 - the name of a field
    expiry=("details.until", twelve_hours),
)


def carried(auth: Auth) -> Headers:
    """Return what a request carries; a token is `t+/=`."""

    def post(*_: object) -> Answer:
        return Answer(200, {"access_token": "t+/="}, NOW)

    return auth.open(post, VirtualClock()).headers()


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (ClientCredentials("https://login.example.com/token", {}), {"Authorization": "Bearer t+/="}),
        (
            ClientCredentials("https://login.example.com/token", {}, header="accessToken", scheme=""),
            {"accessToken": "t+/="},
        ),
        (Key("k+/="), {"Authorization": "Bearer k+/="}),
        (Key("k+/=", header="X-Api-Key", scheme=""), {"X-Api-Key": "k+/="}),
        (Basic("Aladdin", "open sesame"), {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}),
        (Basic("test", "123£"), {"Authorization": "Basic dGVzdDoxMjPCow=="}),
    ],
    ids=repr,
)
def test_a_login_goes_where_the_vendor_wants_it(auth: Auth, expected: Headers) -> None:
    assert carried(auth) == expected


@pytest.mark.parametrize(
    ("key", "sent"),
    [("k\n", b"k?"), ("k\r\nX: y", b"k??X: y"), ("k\x00", b"k?"), ("é“", "é“".encode()), ("half \ud83d", b"half ?")],
)
def test_a_key_never_ends_its_header(key: str, sent: bytes) -> None:
    assert carried(Key(key, scheme=""))["Authorization"].encode("latin-1") == sent


@pytest.mark.parametrize(
    "auth",
    [
        Key(None),
        Basic(None, None),
        ClientCredentials("https://login.example.com/token", {"secret": None}, basic=(None, None)),
    ],
)
def test_a_login_may_be_missing_where_nothing_is_sent(auth: Auth) -> None:
    assert "None" not in str(carried(auth))


@pytest.mark.parametrize(
    ("auth", "advice"),
    [
        (Key("k"), "check the key"),
        (Basic("u", "p"), "check the user name and the password"),
        (
            ClientCredentials("https://login.example.com/token", {}),
            "check the client id, the client secret and the region",
        ),
    ],
)
def test_a_refusal_names_what_the_scheme_has(auth: Auth, advice: str) -> None:
    rule = judge(401, [], [auth.refusal])
    assert (rule.advice, rule.verdict) == (advice, Verdict.LOGIN)


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
    request = ClientCredentials("http://127.0.0.1/token", {"client_secret": secret}, basic=("client", secret))
    sent = secret.encode(errors="replace")
    assert parse_qsl(request.body) == [("client_secret", sent.decode())]
    assert base64.b64decode(request.form_headers["Authorization"].removeprefix("Basic ")) == b"client:" + sent


@pytest.mark.parametrize("auth", [REQUEST, Key(MARKER), Basic(MARKER, MARKER)])
def test_no_secret_shows_in_what_a_login_prints(auth: Auth) -> None:
    assert MARKER not in repr(auth)


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
def test_no_answer_is_too_odd_to_be_judged(value: object, request: ClientCredentials) -> None:
    for body in (
        value,
        {"expires_in": value, "access_token": value},
        {"details": {"until": value, "accessToken": value}},
    ):
        seconds = request.seconds(body, NOW)
        assert seconds is None or seconds > 0
        assert request.problem(body) is None or isinstance(request.problem(body), str)
