"""Two vendors that need one sheet and their schemas each: what they hold comes, once, in the right types."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.running import run
from tests.toys.conftest import NOW
from tests.toys.house import SHEETS, Workshop
from tests.toys.servers import DAY, OpenAI, Row, Toy, Twilio, days_of, seconds
from tests.truth import STREAMS

TOKENS = "openai_completions_usage"
ACCOUNTS = "twilio_accounts"
RECORDS = "twilio_usage_records"
TODAY = NOW.date()
FIRST = TODAY - timedelta(days=90)

pytestmark = pytest.mark.usefixtures("toys")


def openai_config(toy: Toy, **more: object) -> dict[str, Any]:
    return {"openai_api_url": toy.url, "openai_admin_key": OpenAI.KEY, **more}


def twilio_config(toy: Toy, **more: object) -> dict[str, Any]:
    account = {"twilio_account_sid": Twilio.SID, "twilio_auth_token": Twilio.TOKEN}
    return {"twilio_api_url": toy.url, **account, **more}


def tokens(toy: OpenAI, first: date = FIRST, after: date = TODAY) -> list[Row]:
    """What the vendor holds, as rows of the stream without their keys."""
    return [
        {"start_time": seconds(day), "end_time": seconds(day + DAY), "date": day.isoformat(), **row}
        | {"is_final": day < TODAY - timedelta(days=2)}
        for day in days_of(first, after)
        for row in toy.results(day)
    ]


def records(toy: Twilio, sids: tuple[str, ...], first: date = FIRST, after: date = TODAY) -> list[Row]:
    return [
        row
        | {"count": int(row["count"]), "usage": float(row["usage"]), "price": float(row["price"] or 0) or None}
        | {"is_final": day < TODAY - timedelta(days=3)}
        for sid in sids
        for day in days_of(first, after)
        for row in toy.records(sid, day)
    ]


def bare(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "usage_key"} for row in rows]


def keys(rows: list[Row]) -> list[str]:
    return [row["usage_key"] for row in rows]


def test_rows_inside_buckets_come_with_fields_of_their_bucket(openai: OpenAI) -> None:
    done = run(openai_config(openai))
    assert done.code == 0, done.failures
    assert bare(done.rows(TOKENS)) == tokens(openai)
    assert done.bookmark(TOKENS) == (TODAY - DAY).isoformat()
    assert {query["bucket_width"] for _, query in openai.requests} == {"1d"}


def test_keys_are_unique_and_the_same_however_a_list_is_cut_into_pages(
    openai: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = keys(run(openai_config(openai)).rows(TOKENS))
    monkeypatch.setattr(OpenAI, "MOST_ROWS", 1000)
    whole = keys(run(openai_config(openai)).rows(TOKENS))
    assert len(set(cut)) == len(cut)
    assert cut == whole


def test_a_later_run_reads_from_the_bookmark_less_the_lookback(openai: OpenAI) -> None:
    first = run(openai_config(openai))
    openai.now += 3 * DAY
    second = run(openai_config(openai), state=first.state)
    read_again = (TODAY - 2 * DAY).isoformat()
    assert min(row["date"] for row in second.rows(TOKENS)) >= read_again
    assert {key for key in keys(first.rows(TOKENS)) if key in set(keys(second.rows(TOKENS)))} == {
        row["usage_key"] for row in first.rows(TOKENS) if row["date"] >= read_again
    }
    assert second.bookmark(TOKENS) == (TODAY + 2 * DAY).isoformat()


def test_an_end_date_bounds_both(openai: OpenAI, twilio: Twilio) -> None:
    end = TODAY - 40 * DAY
    done = run(openai_config(openai, end_date=end.isoformat()) | twilio_config(twilio))
    assert done.code == 0, done.failures
    assert {row["date"] for row in done.rows(TOKENS)} == {row["date"] for row in tokens(openai, after=end)}
    assert max(row["start_date"] for row in done.rows(RECORDS)) == (end - DAY).isoformat()
    assert max(query["EndDate"] for _, query in twilio.requests if "EndDate" in query) == (end - DAY).isoformat()


def test_sub_accounts_are_partitions_and_numbers_are_numbers(twilio: Twilio) -> None:
    done = run(twilio_config(twilio))
    assert done.code == 0, done.failures
    assert done.rows(ACCOUNTS) == twilio.accounts
    assert done.rows(RECORDS) == records(twilio, ("AC0", "AC1", "AC3"))
    assert {type(row["count"]) for row in done.rows(RECORDS)} == {int}
    assert done.bookmark(RECORDS) == (TODAY - DAY).isoformat()


def test_a_later_run_reads_each_partition_from_the_bookmark_less_the_lookback(twilio: Twilio) -> None:
    first = run(twilio_config(twilio))
    again = run(twilio_config(twilio), state=first.state)
    assert {row["start_date"] for row in again.rows(RECORDS)} == {
        (TODAY - days * DAY).isoformat() for days in (1, 2, 3)
    }
    assert again.state == first.state


def test_a_filter_names_the_field_that_tells_the_partitions_apart(twilio: Twilio) -> None:
    done = run(twilio_config(twilio, twilio_account_sids=["AC1", "ac3"]))
    assert [row["sid"] for row in done.rows(ACCOUNTS)] == ["AC1"]
    assert {row["account_sid"] for row in done.rows(RECORDS)} == {"AC1"}


def test_a_wrong_key_is_one_request_and_one_line(openai: OpenAI) -> None:
    done = run(openai_config(openai, openai_admin_key="wrong"))
    assert done.code == 1
    assert len(openai.requests) == 1
    (line,) = done.failures
    assert line.startswith(f"openai: {TOKENS}: 3 of 3 queries")
    assert "HTTP 401 invalid_api_key on GET /v1/organization/usage/completions" in line
    assert line.endswith("check the key")


def test_a_wrong_password_is_one_request_and_one_line_for_parent_and_child(twilio: Twilio) -> None:
    done = run(twilio_config(twilio, twilio_auth_token="wrong"))  # noqa: S106 - no real one
    assert done.code == 1
    assert len(twilio.requests) == 1
    (line,) = done.failures
    assert line.startswith(f"twilio: {ACCOUNTS}, {RECORDS}: HTTP 401 20003 on GET /2010-04-01/Accounts.json")
    assert line.endswith("check the user name and the password")


def test_requests_keep_to_the_rate(twilio: Twilio) -> None:
    done = run(twilio_config(twilio, twilio_requests_per_second=2, max_concurrency=1))
    assert sum(done.waits) == pytest.approx((len(twilio.requests) - 5) / 2, abs=2.5)


@pytest.mark.parametrize("hours", [-5, 5, 23])
def test_a_clock_that_is_wrong_by_hours_bookmarks_no_day_that_is_not_over(
    openai: OpenAI, twilio: Twilio, hours: int
) -> None:
    for toy in (openai, twilio):
        toy.now = datetime(2026, 11, 22, 23 if hours > 0 else 3, 30, tzinfo=UTC)
        toy.ahead = timedelta(hours=hours)
    config = openai_config(openai, openai_lookback_days=0) | twilio_config(twilio, twilio_lookback_days=0)
    done = run(config)
    assert done.code == 0, done.failures
    over = TODAY - (DAY if hours > 0 else 2 * DAY)
    assert done.bookmark(TOKENS) == over.isoformat()
    assert not [row for row in done.rows(TOKENS) if row["is_final"] and row["date"] >= TODAY.isoformat()]
    last = max(row["start_date"] for row in done.rows(RECORDS))  # its parent's list has told the time
    assert done.bookmark(RECORDS) == last == (TODAY - DAY).isoformat()


def test_a_day_that_is_empty_because_it_is_not_over_is_read_again(
    openai: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    openai.now = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    openai.ahead = timedelta(hours=5)
    monkeypatch.setattr(OpenAI, "results", lambda *_: [])
    done = run(openai_config(openai, openai_lookback_days=0, openai_window_days=1))
    assert (done.code, done.counts.total()) == (0, 0)
    assert done.bookmark(TOKENS) == (TODAY - DAY).isoformat()


def test_shipped_vendors_and_toys_run_side_by_side(
    sandbox: Sandbox, openai: OpenAI, twilio: Twilio, workshop: Workshop
) -> None:
    openai.now = twilio.now = sandbox.clock.now()
    alone = run(openai_config(openai)).counts + run(twilio_config(twilio)).counts
    workshop.install([workshop.vendor(sheet) for sheet in SHEETS.values()], shipped=True)
    shipped = run(sandbox.config).counts
    done = run(sandbox.config | openai_config(openai) | twilio_config(twilio))
    assert done.code == 0, done.failures
    assert set(done.counts) == {*STREAMS, TOKENS, ACCOUNTS, RECORDS}
    assert done.counts == alone + shipped
