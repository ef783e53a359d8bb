from __future__ import annotations

import itertools
import math
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.rest.errors import (
    RULES,
    PagingError,
    ReadError,
    RequestError,
    Rule,
    Verdict,
    dig,
    judge,
    plain,
    retry_after,
    waits,
)
from tests.rest.virtual import NOW, VirtualClock

DATE = format_datetime(NOW, usegmt=True)
IN_90_SECONDS = "Sun, 22 Nov 2026 12:01:30 GMT"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (300, Verdict.FAIL),
        (302, Verdict.FAIL),
        (308, Verdict.FAIL),
        (400, Verdict.FAIL),
        (402, Verdict.FAIL),
        (403, Verdict.FAIL),
        (404, Verdict.FAIL),
        (405, Verdict.FAIL),
        (408, Verdict.RETRY),
        (409, Verdict.FAIL),
        (415, Verdict.FAIL),
        (422, Verdict.FAIL),
        (429, Verdict.RETRY),
        (499, Verdict.FAIL),
        (500, Verdict.RETRY),
        (502, Verdict.RETRY),
        (503, Verdict.RETRY),
        (504, Verdict.RETRY),
        (599, Verdict.RETRY),
        (600, Verdict.FAIL),
        (999, Verdict.FAIL),
    ],
)
def test_every_status_has_a_verdict_and_a_sentence(status: int, verdict: Verdict) -> None:
    rule = judge(status, (), ())
    assert rule.verdict is verdict
    assert len(rule.advice) > 20


def test_only_throttling_pauses_the_whole_vendor() -> None:
    assert [status for status in range(300, 600) if judge(status, (), ()).pause] == [429]


def test_a_vendors_row_comes_before_the_general_one() -> None:
    own = Rule((405,), Verdict.RETRY, "not entitled")
    assert judge(405, (), [own]) is own
    assert judge(404, (), [own]) in RULES


def test_a_row_with_a_text_is_only_for_answers_that_begin_with_it() -> None:
    own = Rule((400,), Verdict.RETRY, "throttled", text="rate limit exceeded")
    assert judge(400, ["invalid_request", "rate limit exceeded; wait"], [own]) is own
    assert judge(400, ["the rate limit exceeded"], [own]).verdict is Verdict.FAIL
    assert judge(400, [], [own]).verdict is Verdict.FAIL
    assert judge(401, ["rate limit exceeded"], [own]).verdict is Verdict.FAIL


def test_the_first_row_that_fits_counts() -> None:
    rows = [Rule((400,), Verdict.RETRY, "first", text="a"), Rule((400,), Verdict.FAIL, "second")]
    assert judge(400, iter(["b", "a"]), rows).advice == "first"
    assert judge(400, iter(["b"]), rows).advice == "second"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "  "}, None),
        ({"Retry-After": "30"}, 30.0),
        ({"Retry-After": " 30 "}, 30.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": IN_90_SECONDS}, 90.0),
        ({"Retry-After": IN_90_SECONDS, "Date": DATE}, 90.0),
        ({"Retry-After": "Sun, 22 Nov 2026 12:01:30 -0000", "Date": DATE}, 90.0),
        ({"Retry-After": "Sun Nov 22 12:01:30 2026", "Date": "Sun, 22 Nov 2026 12:00:00"}, 90.0),
        ({"Retry-After": "Sun, 22 Nov 2026 11:00:00 GMT", "Date": DATE}, 0.0),
        ({"Retry-After": IN_90_SECONDS, "Date": "yesterday"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "Infinity"}, None),
        ({"Retry-After": "1e999"}, None),
        ({"Retry-After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, VirtualClock()) == seconds


def test_a_date_is_read_against_the_clock_of_the_same_answer() -> None:
    two_hours_behind = {"Retry-After": "Sun, 22 Nov 2026 10:00:10 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}
    assert retry_after(two_hours_behind, VirtualClock()) == 10.0


@given(st.text() | st.floats().map(str) | st.integers().map(str), st.none() | st.text())
def test_no_retry_after_is_too_odd_to_be_read(text: str, date: str | None) -> None:
    headers = {"Retry-After": text} | ({} if date is None else {"Date": date})
    seconds = retry_after(headers, VirtualClock())
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


def test_waits_double_up_to_the_longest_and_are_never_under_half_a_step() -> None:
    steps = [1, 2, 4, 8, 16, 30, 30, 30]
    for wait, step in zip(waits(), steps, strict=False):
        assert step / 2 <= wait <= step
    assert all(3 / 2 <= wait <= 5 for wait in itertools.islice(waits(first=3, longest=5), 20))


def test_waits_are_spread() -> None:
    assert len({next(iter(waits())) for _ in range(20)}) > 15


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("not.found", "not.found"),
        ("invalid_client", "invalid_client"),
        (404, "404"),
        ("<b>Bad</b>\r\n\tGateway", "b Bad /b Gateway"),
        ("x" * 500, "x" * 80),
        ({"a": 1}, "'a': 1"),
        ("", ""),
    ],
)
def test_a_vendors_word_is_one_bounded_line_without_markup(value: object, told: str) -> None:
    assert plain(value) == told


@given(st.text())
def test_no_word_of_a_vendor_breaks_a_log_line(text: str) -> None:
    told = plain(text)
    assert len(told) <= 80
    assert len(told.splitlines()) <= 1
    assert not set('<>{}"\\\x1b\x00') & set(told)


BODY = {"a": [{"b": 1}, {"b": None}], "c": {"0": "zero"}, "d": 0}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.0.b", 1),
        ("a.1.b", None),
        ("a.2.b", None),
        ("a.-1.b", None),
        ("a.b", None),
        ("c.0", "zero"),
        ("d", 0),
        ("d.x", None),
        ("x.y.z", None),
    ],
)
def test_dotted_paths_lead_through_objects_and_lists(path: str, value: object) -> None:
    assert dig(BODY, path) == value


@pytest.mark.parametrize("body", [None, 5, "text", [], True])
def test_nothing_is_found_where_there_is_nothing(body: object) -> None:
    assert dig(body, "a.b") is None


def test_a_failure_is_one_line_that_says_what_where_how_often_and_what_to_do() -> None:
    error = RequestError("GET /v1/rows", 503, "run again later", code="down", correlation="c-1", tries=8)
    assert str(error) == "HTTP 503 down (correlation id c-1) on GET /v1/rows after 8 tries: run again later"


def test_a_failure_without_an_answer_has_no_status() -> None:
    error = RequestError("GET /v1/rows", None, "check the network", "connection refused")
    assert str(error) == "connection refused on GET /v1/rows: check the network"


def test_all_failures_of_reading_are_of_one_kind() -> None:
    assert issubclass(RequestError, ReadError)
    assert issubclass(PagingError, ReadError)
    assert not issubclass(ReadError, OSError)
