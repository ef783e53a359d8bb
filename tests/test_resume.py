"""From any STATE line, however the run that printed it ended, the next run loses nothing and reads little again."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tap_usage.tap import IncompleteError
from tests.conftest import NOW
from tests.running import ImpatientTap, KeptLines, Run, run
from tests.truth import STREAMS, TRUTH, Row, bare, counted

USAGES = "elasticpath_promotion_usages"
ORGANIZATION = "genesys_organization_usage"
CLIENT = "genesys_client_usage"
KEYS = {
    "pingone_issuance_rule_usage_counts": ("issuance_rule_id", "observed_on"),
    "demandbase_credits": ("accountId", "observed_on"),
}
INCREMENTAL = (ORGANIZATION, CLIENT, "demandbase_api_usage", USAGES)


@pytest.fixture
def every_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a STATE line wherever one may stand."""
    monkeypatch.setattr("tap_usage.output.StateWriter.is_due", lambda *_, **__: True)


def key(stream: str, row: Row) -> tuple[Any, ...]:
    names = KEYS.get(stream) or (("usage_key",) if "usage_key" in row else ("id",))
    return tuple(row[name] for name in names)


def upsert(held: dict[str, dict[tuple[Any, ...], Row]], messages: list[dict[str, Any]]) -> None:
    """Do with messages what a target does that upserts by key."""
    for message in messages:
        if message["type"] == "RECORD":
            rows = held.setdefault(message["stream"], {})
            rows[key(message["stream"], message["record"])] = message["record"]


def prefixes(done: Run, most: int = 10**9) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Yield what a target has at each STATE line (at `most` of them, evenly spread), and that state."""
    places = [place for place, message in enumerate(done.messages) if message["type"] == "STATE"]
    for place in places[:: max(1, len(places) // most)]:
        yield done.messages[:place], done.messages[place]["value"]


def is_whole(sandbox: Sandbox, held: dict[str, dict[tuple[Any, ...], Row]], stream: str) -> bool:
    return counted(bare(stream, held.get(stream, {}).values())) == counted(TRUTH[stream](sandbox))


@pytest.mark.usefixtures("every_state")
def test_a_run_from_any_state_line_completes_what_was_there(sandbox: Sandbox) -> None:
    first = run(sandbox.config)
    assert len(first.states) > 60
    for before, state in prefixes(first, most=6):
        held: dict[str, dict[tuple[Any, ...], Row]] = {}
        upsert(held, before)
        second = run(sandbox.config, state=state)
        upsert(held, second.messages)
        assert second.code == 0
        assert [stream for stream in STREAMS if not is_whole(sandbox, held, stream)] == []


@pytest.mark.usefixtures("every_state")
def test_a_run_from_any_state_line_of_a_run_with_failures_completes_what_was_there(sandbox: Sandbox) -> None:
    broken = [promotion["id"] for promotion in sandbox.elasticpath.promotions[1:7:2]]
    for promotion in broken:
        sandbox.fault("elasticpath.usages", "forbidden", times=None, after=1, where={"promotion_id": promotion})
    sandbox.fault("genesys.client_submit", "forbidden", times=3, after=4)
    sandbox.fault("genesys.organization_submit", "forbidden", times=1, after=1)
    sandbox.fault("demandbase.usage", "forbidden", times=1, after=1)
    first = run(sandbox.config, select=list(INCREMENTAL), elasticpath_page_size=20)
    assert (first.code, len(first.failures)) == (1, 4)
    sandbox.clear_faults()
    for before, state in prefixes(first, most=6):
        held: dict[str, dict[tuple[Any, ...], Row]] = {}
        upsert(held, before)
        second = run(sandbox.config, select=list(INCREMENTAL), state=state)
        upsert(held, second.messages)
        assert second.code == 0
        assert [stream for stream in INCREMENTAL if not is_whole(sandbox, held, stream)] == []


@pytest.mark.usefixtures("every_state")
def test_a_run_from_any_state_line_of_a_run_over_an_incomplete_list_completes_what_was_there(sandbox: Sandbox) -> None:
    sandbox.elasticpath.promotions.sort(key=lambda promotion: promotion["id"], reverse=True)
    sandbox.fault(
        "elasticpath.promotions", "forbidden", times=None, where=lambda request: request.query["page[offset]"] != "0"
    )
    first = run(sandbox.config, select=[USAGES], elasticpath_page_size=5)
    assert first.code == 1
    assert len({row["promotion_id"] for row in first.rows(USAGES)}) == 5
    sandbox.clear_faults()
    for before, state in prefixes(first, most=5):
        held: dict[str, dict[tuple[Any, ...], Row]] = {}
        upsert(held, before)
        upsert(held, run(sandbox.config, select=[USAGES], state=state).messages)
        assert is_whole(sandbox, held, USAGES)


@pytest.mark.usefixtures("every_state")
def test_the_same_holds_for_windows_of_clients_of_which_the_list_broke_off(sandbox: Sandbox) -> None:
    sandbox.genesys.clients.reverse()
    sandbox.fault("genesys.clients", "forbidden", times=None, where=lambda request: "pageNumber" in request.query)
    first = run(sandbox.config, select=[CLIENT])
    assert first.code == 1
    assert len({row["oauth_client_id"] for row in first.rows(CLIENT)}) == 4
    sandbox.clear_faults()
    for before, state in prefixes(first, most=5):
        held: dict[str, dict[tuple[Any, ...], Row]] = {}
        upsert(held, before)
        upsert(held, run(sandbox.config, select=[CLIENT], state=state).messages)
        assert is_whole(sandbox, held, CLIENT)


@pytest.mark.usefixtures("every_state")
def test_a_resumed_run_reads_only_rows_of_equal_time_again(sandbox: Sandbox) -> None:
    sandbox.elasticpath.clear()
    for _ in range(8):
        sandbox.elasticpath.add_usages(sandbox.elasticpath.add_promotion(), 23, "2026-11-01T00:00:00Z", 3600)
    config = {**sandbox.config, "elasticpath_lookback_minutes": 0, "elasticpath_page_size": 5, "max_concurrency": 2}
    first = run(config, select=[USAGES])
    for before, state in prefixes(first, most=8):
        seen = {message["record"]["id"] for message in before if message["type"] == "RECORD"}
        second = run(config, select=[USAGES], state=state)
        again = [row for row in second.rows(USAGES) if row["id"] in seen]
        assert len(seen) + len(second.rows(USAGES)) - len(again) == 8 * 23
        assert len(again) <= 8 if state == first.state else len(again) <= 3


@pytest.mark.usefixtures("every_state")
def test_a_resumed_run_reads_at_most_the_windows_in_flight_again(sandbox: Sandbox) -> None:
    config = {**sandbox.config, "genesys_lookback_days": 0, "genesys_window_days": 9, "max_concurrency": 2}
    first = run(config, select=[CLIENT])
    for before, state in prefixes(first, most=8):
        seen = {message["record"]["usage_key"] for message in before if message["type"] == "RECORD"}
        second = run(config, select=[CLIENT], state=state)
        again = {(row["oauth_client_id"], row["date"]) for row in second.rows(CLIENT) if row["usage_key"] in seen}
        assert len(again) <= 3 * 9


@pytest.mark.usefixtures("every_state")
def test_states_never_speak_of_records_that_come_after_them(sandbox: Sandbox) -> None:
    first = run(sandbox.config, select=[USAGES])
    for before, state in prefixes(first):
        of_stream = state["bookmarks"].get(USAGES, {})
        read = Counter(message["record"]["promotion_id"] for message in before if message["type"] == "RECORD")
        after = of_stream.get("pass", {}).get("after", "")
        truth = Counter(promotion for promotion, _ in sandbox.elasticpath.all_usages() if promotion <= after)
        assert all(read[promotion] == rows for promotion, rows in truth.items())


class Stopping(KeptLines):
    """Ends the run with a signal after so many rows."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows
        self.tap: ImpatientTap | None = None

    def write_records(self, stream: str, rows: Iterable[Row], version: int | None = None) -> None:
        rows = list(rows)
        super().write_records(stream, rows, version)
        self.rows -= len(rows)
        if self.rows <= 0 and self.tap:
            self.tap.clock.stop(signal.SIGTERM)


def stopped(sandbox: Sandbox, rows: int, state: dict[str, Any]) -> Run:
    lines = Stopping(rows)
    tap = ImpatientTap(config=dict(sandbox.config), state=json.loads(json.dumps(state)), message_writer=lines)
    lines.tap = tap
    code = 0
    try:
        tap.run()
    except SystemExit as ended:
        code = int(str(ended.code))
    except IncompleteError:
        code = 1
    lines.flush()
    return Run(lines.lines, code, tap.this_run.failures.lines)


@pytest.mark.parametrize("rows", [1, 500, 1200])
def test_runs_that_are_ended_again_and_again_get_through(sandbox: Sandbox, rows: int) -> None:
    held: dict[str, dict[tuple[Any, ...], Row]] = {}
    state: dict[str, Any] = {}
    codes = []
    for _ in range(12):
        done = stopped(sandbox, rows, state)
        codes.append(done.code)
        assert done.messages[-1]["type"] == "STATE"
        upsert(held, done.messages)
        state = done.state
    assert 128 + signal.SIGTERM in codes
    upsert(held, run(sandbox.config, state=state).messages)
    assert [stream for stream in STREAMS if not is_whole(sandbox, held, stream)] == []


def test_a_submitted_execution_stands_in_a_state_line_before_it_is_over(sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 0
    waits: dict[str, Any] = {"genesys_poll_initial_seconds": 5, "genesys_poll_max_seconds": 60}
    done = run(sandbox.config, select=[ORGANIZATION], start_date="2026-11-15", **waits)
    assert 4 < sum(done.waits) < 6
    waiting = [state for state in done.states if state["bookmarks"].get(ORGANIZATION, {}).get("executions")]
    assert len(waiting) == 1
    first_row = next(place for place, message in enumerate(done.messages) if message["type"] == "RECORD")
    assert done.messages.index({"type": "STATE", "value": waiting[0]}) < first_row
    assert done.state["bookmarks"][ORGANIZATION]["executions"] == []


def test_an_execution_that_is_submitted_anew_stands_in_a_state_line_within_seconds_too(sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 0
    sandbox.fault("genesys.organization_results", "query_status", word="Failed")
    waits: dict[str, Any] = {"genesys_poll_initial_seconds": 4, "genesys_poll_max_seconds": 60}
    done = run(sandbox.config, select=[ORGANIZATION], start_date="2026-11-15", **waits)
    assert 7 < sum(done.waits) < 9
    types = [message["type"] for message in done.messages]
    states = [message["value"] for message in done.messages[: types.index("RECORD")] if message["type"] == "STATE"]
    told = [state["bookmarks"][ORGANIZATION].get("executions", []) for state in states]
    assert len({execution["execution_id"] for executions in told for execution in executions}) == 2


def test_a_run_from_that_line_polls_the_execution_and_submits_none(sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 20
    config = {**sandbox.config, "genesys_poll_initial_seconds": 5}
    first = run(config, select=[ORGANIZATION], start_date="2026-11-15")
    state = next(state for state in first.states if state["bookmarks"].get(ORGANIZATION, {}).get("executions"))
    sandbox.forget_requests()
    second = run(config, select=[ORGANIZATION], state=state, start_date="2026-11-15")
    assert sandbox.count("genesys.organization_submit") == 0
    assert counted(second.rows(ORGANIZATION)) == counted(first.rows(ORGANIZATION))


def test_an_execution_of_another_host_or_query_is_not_polled(sandbox: Sandbox) -> None:
    sandbox.genesys.polls_until_complete = 10**9
    config = {**sandbox.config, "genesys_poll_timeout_seconds": 20, "start_date": "2026-11-15"}
    first = run(config, select=[ORGANIZATION])
    sandbox.genesys.polls_until_complete = 0
    with Sandbox(now=NOW) as other:
        done = run({**other.config, "start_date": "2026-11-15"}, select=[ORGANIZATION], state=first.state)
        assert (done.code, other.count("genesys.organization_submit")) == (0, 1)
    sandbox.forget_requests()
    again = run(config, select=[ORGANIZATION], state=first.state, genesys_group_by=["HttpMethod"])
    assert (again.code, sandbox.count("genesys.organization_submit")) == (0, 1)
