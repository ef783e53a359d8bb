"""Traps of Demandbase, numbered as in the table of the vendor's facts; `test_traps` counts them."""

from __future__ import annotations

import json
import locale
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest

from tap_usage.sandbox import Sandbox
from tap_usage.vendors.demandbase import expiry
from tests.clocks import shared_with
from tests.running import ImpatientTap, Run, run
from tests.truth import TRUTH, Row, bare, counted

USAGE = "demandbase_api_usage"
CREDITS = "demandbase_credits"
BOTH = [USAGE, CREDITS]


def is_whole(sandbox: Sandbox, done: Run) -> bool:
    return counted(bare(USAGE, done.rows(USAGE))) == counted(TRUTH[USAGE](sandbox))


def queries(sandbox: Sandbox) -> list[dict[str, str]]:
    return [seen.query for seen in sandbox.requests if seen.operation == "demandbase.usage"]


def rows_of(sandbox: Sandbox, **settings: Any) -> list[Row]:  # noqa: ANN401 - settings
    return run(sandbox.config, select=[USAGE], **settings).rows(USAGE)


def test_db26_every_request_asks_for_json(sandbox: Sandbox) -> None:
    run(sandbox.config, select=BOTH)
    assert {seen.request.headers["accept"] for seen in sandbox.requests} == {"application/json"}


@pytest.mark.parametrize("kind", ["usage_as_xml", "xml"])
def test_db26_xml_that_came_all_the_same_is_tried_again_and_then_a_failure(sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("demandbase.usage", kind, times=2)
    done = run(sandbox.config, select=[USAGE], max_concurrency=1)
    assert done.code == 0
    assert is_whole(sandbox, done)
    sandbox.fault("demandbase.usage", kind, times=None)
    done = run(sandbox.config, select=[USAGE], start_date="2026-11-01")
    assert done.code == 1
    assert "not JSON" in done.failures[0]
    assert done.bookmark(USAGE) is None


def test_db26_an_error_as_xml_is_told_by_its_status(sandbox: Sandbox) -> None:
    sandbox.demandbase.denied.add("demandbase.usage")
    sandbox.fault("demandbase.usage", "error_as_xml", times=None)
    done = run(sandbox.config, select=[CREDITS])
    assert done.code == 1
    assert "HTTP 403" in done.failures[0]


def test_db27_the_token_goes_in_a_header_of_its_own(sandbox: Sandbox) -> None:
    run(sandbox.config, select=BOTH)
    asked = [seen.request.headers for seen in sandbox.requests if seen.operation == "demandbase.usage"]
    assert {headers["accesstoken"] for headers in asked} == {"sandbox+demandbase/token000001=="}
    assert not [headers for headers in asked if "authorization" in headers]


def test_db28_the_token_request_has_the_vendors_own_words(sandbox: Sandbox) -> None:
    run(sandbox.config, select=[CREDITS])
    (token,) = [seen.request for seen in sandbox.requests if seen.operation == "demandbase.token"]
    assert parse_qs(token.body.decode()) == {
        "clientId": ["sandbox-demandbase-client"],
        "clientSecret": ["sandbox-demandbase-secret"],
        "grantType": ["cred"],
    }


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Tue, Jul 21, 2015 09:08:17 PM GMT", datetime(2015, 7, 21, 21, 8, 17, tzinfo=UTC)),
        ("Wed, Feb 03, 2027 12:00:01 AM GMT", datetime(2027, 2, 3, 0, 0, 1, tzinfo=UTC)),
        ("Wed, Feb 03, 2027 12:59:59 PM GMT", datetime(2027, 2, 3, 12, 59, 59, tzinfo=UTC)),
        ("Thu, Dec 31, 2026 11:59:59 AM GMT", datetime(2026, 12, 31, 11, 59, 59, tzinfo=UTC)),
    ],
)
def test_db29_the_expiry_has_twelve_hours_and_english_names(text: str, moment: datetime) -> None:
    assert expiry(text) == moment


@pytest.mark.parametrize("text", ["", "2027-02-03T00:00:00Z", "Mit, Okt 21, 2026 09:08:17 PM GMT", "Tue, Jul 21"])
def test_db29_another_expiry_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        expiry(text)


def test_db29_the_expiry_is_read_the_same_under_any_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "setlocale", None)
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert expiry("Wed, Oct 21, 2026 09:08:17 PM GMT") == datetime(2026, 10, 21, 21, 8, 17, tzinfo=UTC)


def test_db29_a_token_that_is_about_to_expire_is_renewed(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImpatientTap, "clock_class", shared_with(sandbox))

    def soon(body: Row) -> Row:
        body["accessTokenDetails"]["expirationTime"] = "Sun, Nov 22, 2026 12:10:00 PM GMT"
        return body

    sandbox.fault("demandbase.token", "edit", change=soon)
    sandbox.fault("demandbase.usage", "status", status=503, times=1, retry_after_seconds=900)
    done = run(sandbox.config, select=[USAGE], max_concurrency=1)
    assert done.code == 0
    assert sandbox.count("demandbase.token") == 2


def test_db30_the_secret_is_in_no_url_and_in_no_log(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    sandbox.fault("demandbase.token", "html", times=3)
    sandbox.fault("demandbase.usage", "unauthorized", times=None)
    done = run(sandbox.config, select=BOTH)
    assert done.code == 1
    assert not [seen for seen in sandbox.requests if "sandbox-demandbase" in json.dumps(seen.query)]
    written = caplog.text + json.dumps(done.messages) + "".join(done.failures)
    assert "sandbox-demandbase-secret" not in written
    assert "sandbox+demandbase/token" not in written


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [("day", "2026-11-01", "2026-11-22"), ("month", "2026-11", "2026-11"), ("year", "2026", "2026")],
)
def test_db31_dates_have_the_form_of_the_period(sandbox: Sandbox, period: str, start: str, end: str) -> None:
    done = run(sandbox.config, select=[USAGE], demandbase_period=period, start_date="2026-11-01")
    assert done.code == 0
    assert queries(sandbox) == [{"period": period, "start": start, "end": end}]


def test_db32_windows_neither_overlap_nor_leave_a_gap_though_their_end_is_inclusive(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[USAGE], demandbase_window_periods=7)
    assert is_whole(sandbox, done)
    asked = sorted((query["start"], query["end"]) for query in queries(sandbox))
    days = [day for start, end in asked for day in range(_number(start), _number(end) + 1)]
    assert days == list(range(_number("2026-08-24"), _number("2026-11-22") + 1))
    assert max(_number(end) - _number(start) for start, end in asked) == 6


def _number(day: str) -> int:
    return datetime.fromisoformat(day).toordinal()


@pytest.mark.parametrize(("period", "length"), [("day", 10), ("month", 7), ("year", 4)])
def test_db33_the_date_stays_text_and_the_first_day_stands_beside_it(
    sandbox: Sandbox, period: str, length: int
) -> None:
    rows = rows_of(sandbox, demandbase_period=period)
    assert rows
    for row in rows:
        assert len(row["date"]) == length
        assert row["period_start"] == (row["date"] + "-01-01")[:10]


def test_db34_the_period_is_a_part_of_the_key(sandbox: Sandbox) -> None:
    sandbox.demandbase.clear()
    sandbox.demandbase.add_usage("2026-01-01", 5, "NEWS_COUNT")
    runs = [rows_of(sandbox, demandbase_period=period, start_date="2026-01-01") for period in ("day", "month", "year")]
    assert len({row["usage_key"] for (row,) in runs}) == 3


def test_db34_another_period_reads_history_again(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[USAGE])
    second = run(sandbox.config, select=[USAGE], demandbase_period="month", state=first.state)
    assert {row["period"] for row in second.rows(USAGE)} == {"month"}
    assert min(row["date"] for row in second.rows(USAGE)) == "2026-08"


def test_db35_the_current_and_the_last_period_are_read_again_and_grow(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[USAGE])
    sandbox.advance(hours=20)
    second = run(sandbox.config, select=[USAGE], state=first.state)
    assert queries(sandbox)[-1] == {"period": "day", "start": "2026-11-21", "end": "2026-11-23"}
    before = {row["usage_key"]: row["transactions"] for row in first.rows(USAGE)}
    grown = [row for row in second.rows(USAGE) if row["transactions"] > before.get(row["usage_key"], 10**9)]
    assert {row["date"] for row in grown} >= {"2026-11-22"}


def test_db36_periods_without_traffic_are_neither_filled_nor_missed(sandbox: Sandbox) -> None:
    sandbox.demandbase.clear()
    sandbox.demandbase.add_usage("2026-11-02", 5, "NEWS_COUNT")
    done = run(sandbox.config, select=[USAGE])
    assert [row["date"] for row in done.rows(USAGE)] == ["2026-11-02"]
    assert (done.code, done.bookmark(USAGE)) == (0, "2026-11-22")


def test_db36_an_answer_without_the_list_of_rows_is_an_empty_one(sandbox: Sandbox) -> None:
    sandbox.fault("demandbase.usage", "usage_missing", times=None)
    done = run(sandbox.config, select=[USAGE])
    assert (done.code, done.rows(USAGE)) == (0, [])


def test_db37_credits_come_once_a_run_however_many_windows_there_are(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=BOTH, demandbase_window_periods=5)
    assert len(queries(sandbox)) > 15
    assert len(done.rows(CREDITS)) == 1
    assert not [row for row in done.rows(USAGE) if "consumedCredits" in row]


def test_db38_rows_without_an_api_have_keys_and_stay_apart(sandbox: Sandbox) -> None:
    done = run(sandbox.config, select=[USAGE])
    nameless = [row for row in done.rows(USAGE) if row.get("api") is None]
    shared = {row["date"] for row in nameless}
    assert len(nameless) > len(shared) > 0
    assert len({row["usage_key"] for row in nameless}) == len(nameless)
    again = run(sandbox.config, select=[USAGE])
    assert [row["usage_key"] for row in again.rows(USAGE)] == [row["usage_key"] for row in done.rows(USAGE)]


@pytest.mark.parametrize("kind", ["rows_nameless", "duplicated_rows"])
def test_db38_a_target_ends_with_as_many_rows_as_the_vendor_sent(sandbox: Sandbox, kind: str) -> None:
    whole = rows_of(sandbox)
    sandbox.fault("demandbase.usage", kind, times=None)
    rows = rows_of(sandbox)
    assert len(rows) == len(whole) * (2 if kind == "duplicated_rows" else 1)
    assert len({row["usage_key"] for row in rows}) == len(rows)


def test_db39_details_stay_a_list_of_texts(sandbox: Sandbox) -> None:
    (row,) = [row for row in rows_of(sandbox) if "details" in row]
    assert row["details"] == [{"type": "matchRate", "value": "74.0"}]


def test_db40_a_429_waits_for_the_lockout_to_end_and_asks_for_no_new_token(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImpatientTap, "clock_class", shared_with(sandbox))
    sandbox.fault("demandbase.usage", "throttled", times=1)
    done = run(sandbox.config, select=BOTH)
    assert done.code == 0
    settled = [row for row in TRUTH[USAGE](sandbox) if row["date"] < "2026-11-21"]
    assert counted(bare(USAGE, (row for row in done.rows(USAGE) if row["is_final"]))) == counted(settled)
    assert sandbox.count("demandbase.token") == 1
    assert max(done.waits) == pytest.approx(300, abs=1)
    assert sandbox.count("demandbase.usage", status=429) <= 4


@pytest.mark.parametrize(("asked", "waited"), [(20, 300), (450, 450)])
def test_db40_the_longer_of_retry_after_and_the_throttle_wait_counts(sandbox: Sandbox, asked: int, waited: int) -> None:
    sandbox.fault("demandbase.usage", "status", status=429, retry_after_seconds=asked)
    done = run(sandbox.config, select=[CREDITS])
    assert done.code == 0
    assert max(done.waits) == pytest.approx(waited, abs=1)


def test_db41_a_405_is_told_as_a_missing_entitlement_and_not_tried_again(sandbox: Sandbox) -> None:
    sandbox.fault("demandbase.usage", "method_not_allowed", times=None)
    done = run(sandbox.config, select=[CREDITS])
    (line,) = done.failures
    assert "not entitled" in line
    assert (done.code, sandbox.count("demandbase.usage")) == (1, 1)


def test_rows_of_other_periods_are_left_out(sandbox: Sandbox) -> None:
    sandbox.fault("demandbase.usage", "rows_outside", times=None, date="2026-01-01")
    done = run(sandbox.config, select=[USAGE])
    assert is_whole(sandbox, done)
