"""Bodies: one odd character hides no list, and nothing is taken for a list that is none."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_usage.rest.bodies import decode
from tap_usage.rest.errors import RequestError
from tap_usage.rest.pages.links import NextLink
from tap_usage.rest.pages.offsets import OffsetPages
from tap_usage.rest.pages.query import Page, Reading, Rows
from tap_usage.rest.pages.single import SinglePage
from tests.rest.faults import ROWS
from tests.rest.loopback import TOKEN, Loopback, Reply, connect, in_turn, reply
from tests.rest.virtual import about, drive
from tests.running import ImpatientClock

MARK = b"\xef\xbb\xbf"
EMOJI = "\\ud83d\\ude00"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (r"cut \ud83d", "cut \ufffd"),
        (r"\ud83d", "\ufffd"),
        (r"\ude00 first", "\ufffd first"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\\ud83d \ud83d", "\\ud83d \ufffd"),
    ],
)
def test_half_a_character_is_replaced_and_the_rest_is_kept(sent: str, text: str) -> None:
    body = decode(b'{"rows": [{"name": "%s", "id": 12345678901234567890, "x": 1.5}]}' % sent.encode())
    assert body.problem is None
    assert body.replaced
    assert body.value == {"rows": [{"name": text, "id": 12345678901234567890, "x": 1.5}]}
    msgspec.json.encode(body.value).decode("utf-8")


def test_half_a_character_as_bytes_is_replaced_too() -> None:
    assert decode(b'["a\xed\xa0\xbdb"]').value == ["a\ufffdb"]


@pytest.mark.parametrize("text", [EMOJI, r"\u00fc", r"\\ud83d", "ü"])
def test_whole_characters_are_left_alone(text: str) -> None:
    body = decode(f'["{text}"]'.encode())
    assert body.value == json.loads(f'["{text}"]')
    assert not body.replaced


def test_a_byte_order_mark_is_read_over() -> None:
    body = decode(MARK + b'{"rows": ["\xc3\xbc"]}')
    assert (body.value, body.problem, body.replaced) == ({"rows": ["ü"]}, None, False)


@pytest.mark.parametrize(
    "content", [b"", MARK, b"<xml/>", b'{"a": NaN}', b'["\xff"]', b"[1e999]", b'["a\nb"]', MARK + b"[" * 200_000]
)
def test_what_is_no_json_stays_none(content: bytes) -> None:
    assert decode(content).problem == "an answer that is not JSON"


@given(st.text(st.characters(exclude_categories=())) | st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_whatever_is_decoded_can_be_written_as_utf_8(value: object) -> None:
    body = decode(json.dumps([value]).encode())
    assert body.problem is None
    msgspec.json.encode(body.value).decode("utf-8")
    if isinstance(value, list):
        assert body.value == [value]


def test_what_was_replaced_is_told_once_per_vendor(caplog: pytest.LogCaptureFixture) -> None:
    with Loopback(lambda _: reply(rb'{"rows": [{"name": "cut \ud83d"}]}')) as server:
        connection = connect(server.origin)
        bodies = [connection.send(ROWS).body for _ in range(3)]
    assert bodies == [{"rows": [{"name": "cut \ufffd"}]}] * 3
    assert len(server.heard) == 3
    (told,) = caplog.messages
    assert told.startswith("vendor: ")
    assert "GET /rows" in told
    assert "U+FFFD" in told


NOTHING = reply(b'{"rows": []}')


@pytest.mark.parametrize("to", ["requests", "token requests"])
def test_an_answer_without_content_is_a_failure_at_once(to: str) -> None:
    clock, empty = ImpatientClock(), Reply([b"HTTP/1.1 204 No Content\r\n\r\n"])
    script, token = (empty, reply(TOKEN)) if to == "requests" else (NOTHING, empty)
    with (
        Loopback(lambda _: script, lambda _: token) as server,
        pytest.raises(RequestError, match="HTTP 204 an answer without content on "),
    ):
        connect(server.origin, clock).send(ROWS)
    assert clock.waits == []


def test_a_body_that_is_empty_by_mistake_is_asked_for_again() -> None:
    with Loopback(in_turn(reply(b""), NOTHING)) as server:
        assert connect(server.origin).send(ROWS).tries == 2


@pytest.mark.parametrize("body", [{"rows": None, "meta": {"total": 0}}, {"meta": {"total": 0}}])
def test_null_is_an_empty_list_where_the_total_is_0(body: object) -> None:
    assert Rows("rows").problem(body, ("meta.other", "meta.total")) is None


@pytest.mark.parametrize(
    "body",
    [
        {"rows": None},
        {"rows": None, "meta": {"total": 1}},
        {"rows": None, "meta": {"total": "0"}},
        {"rows": None, "meta": {"total": False}},
        {"rows": None, "meta": {"other": 5, "total": 0}},
        {"rows": "", "meta": {"total": 0}},
        {"rows": {}, "meta": {"total": 0}},
    ],
)
def test_null_is_no_list_otherwise(body: object) -> None:
    assert Rows("rows").problem(body, ("meta.other", "meta.total")) == "an answer without rows in `rows`"


PAGES = OffsetPages(limit_param="limit", offset_param="offset", totals=("total",))


@pytest.mark.parametrize(
    "reading",
    [
        NextLink("next", total="total").read(about(ROWS, "rows")),
        PAGES.read(about(ROWS, "rows")),
        SinglePage().read(about(ROWS, Rows("rows", beside=("total",)))),
    ],
    ids=["links", "offsets", "one page"],
)
def test_a_list_that_is_null_with_a_total_of_0_ends_its_reading_without_rows(reading: Reading) -> None:
    pages: list[Page] = drive(reading, lambda _: {"rows": None, "total": 0})
    assert reading.error is None
    assert not any(page.rows for page in pages)
