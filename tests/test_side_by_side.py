"""All vendors and all streams at once: what holds for one alone holds for them together, and nobody waits for another.

What other tests run with all vendors: flattening and versions (test_sdk_features), schemas (test_streams), any STATE
line and signals after any row (test_resume), signals at any request (resilience/test_signals), ends after any line
(resilience/test_cuts).
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from singer_sdk.helpers._batch import SDKBatchMessage
from singer_sdk.singerlib.encoding.simple import Message

from tap_usage.sandbox import Request, Sandbox
from tests.conftest import NOW
from tests.running import ImpatientTap, KeptLines, Run, run, streams_in
from tests.test_resume import is_whole, prefixes, upsert
from tests.test_sdk_features import batches_in, rows_of
from tests.truth import STREAMS, TRUTH, Row
from tests.truth import is_whole as came_whole

VENDORS = tuple(dict.fromkeys(stream.partition("_")[0] for stream in STREAMS))
PARENTS = {
    "pingone_environments": "pingone.environments",
    "pingone_credential_types": "pingone.credential_types",
    "pingone_issuance_rules": "pingone.issuance_rules",
    "genesys_oauth_clients": "genesys.clients",
    "elasticpath_promotions": "elasticpath.promotions",
}
CHILDREN = [stream for stream in STREAMS if stream not in PARENTS]
ORGANIZATION = "genesys_organization_usage"
PATIENCE_SECONDS = 20.0


def of(vendor: str) -> set[str]:
    return {stream for stream in STREAMS if stream.startswith(vendor)}


def not_whole(sandbox: Sandbox, done: Run) -> set[str]:
    return {stream for stream in STREAMS if not came_whole(sandbox, done, stream)}


def unpacked(messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield messages, and the rows of files as RECORD messages."""
    for message in messages:
        if message["type"] == "BATCH":
            yield from ({"type": "RECORD", "stream": message["stream"], "record": row} for row in rows_of(message))
        else:
            yield message


def files_or_rows(kind: str, folder: Path) -> dict[str, Any]:
    return {"batch_config": batches_in(folder) | {"batch_size": 40}} if kind == "files" else {}


def test_files_of_all_streams_fill_at_once_and_each_state_speaks_of_rows_in_files(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    first = run(sandbox.config | files_or_rows("files", tmp_path))
    assert (first.code, first.counts) == (0, Counter())
    files = [message["stream"] for message in first.messages if message["type"] == "BATCH"]
    assert len(list(groupby(files))) > len(set(files)) == len(STREAMS)
    for before, state in prefixes(first, most=8):
        held: dict[str, dict[tuple[Any, ...], Row]] = {}
        upsert(held, [*unpacked(before)])
        upsert(held, run(sandbox.config, state=state).messages)
        assert [stream for stream in STREAMS if not is_whole(sandbox, held, stream)] == []


class Ending(KeptLines):
    """Ends the run with a signal after so many files, while others are half full."""

    def __init__(self, files: int) -> None:
        super().__init__()
        self.files = files
        self.tap: ImpatientTap | None = None

    def write_message(self, message: Message) -> None:
        super().write_message(message)
        self.files -= isinstance(message, SDKBatchMessage)
        if self.files <= 0 and self.tap:
            self.tap.clock.stop(signal.SIGTERM)


@pytest.mark.parametrize("files", [1, 8, 20])
def test_a_signal_while_files_of_all_streams_fill_leaves_no_state_of_rows_in_none(
    sandbox: Sandbox, tmp_path: Path, files: int
) -> None:
    lines = Ending(files)
    config = sandbox.config | files_or_rows("files", tmp_path)
    tap = lines.tap = ImpatientTap(config=config, message_writer=lines)
    with pytest.raises(SystemExit):
        tap.run()
    lines.flush()
    held: dict[str, dict[tuple[Any, ...], Row]] = {}
    upsert(held, [*unpacked(lines.lines)])
    states = [message["value"] for message in lines.lines if message["type"] == "STATE"]
    upsert(held, run(sandbox.config, state=states[-1]).messages)
    assert [stream for stream in STREAMS if not is_whole(sandbox, held, stream)] == []


@pytest.mark.parametrize("kind", ["rows", "files"])
def test_a_signal_at_any_turn_of_the_loop_leaves_a_state_that_is_true(
    sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    config = sandbox.config | {"start_date": "2026-11-08", "elasticpath_page_size": 20}
    whole = run(config)
    truth: dict[str, dict[tuple[Any, ...], Row]] = {}
    upsert(truth, whole.messages)
    ended = 0
    most = turns_of(ImpatientTap(config=config | files_or_rows(kind, tmp_path), message_writer=KeptLines()))
    for turns in range(3, most, most // 12):
        lines = KeptLines()
        tap = ImpatientTap(config=config | files_or_rows(kind, tmp_path), message_writer=lines)
        stop_at(tap, turns)
        with contextlib.suppress(SystemExit):
            tap.run()
        lines.flush()
        ended += tap.clock.stopping is not None
        states = [message["value"] for message in lines.lines if message["type"] == "STATE"]
        rest = run(config, state=states[-1] if states else {})
        held: dict[str, dict[tuple[Any, ...], Row]] = {}
        upsert(held, [*unpacked(lines.lines), *rest.messages])
        assert held == truth, f"after {turns} turns"
        assert rest.state == whole.state, f"after {turns} turns"
    assert ended > 3


def turns_of(tap: ImpatientTap) -> int:
    """Return how many turns the loop takes for a whole run; a busy machine needs fewer."""
    turn, taken = tap.loop.turn, 0

    def counted() -> bool:
        nonlocal taken
        taken += 1
        return turn()

    tap.loop.turn = counted  # type: ignore[method-assign]
    tap.run()
    return taken


def stop_at(tap: ImpatientTap, turns: int) -> None:
    """Have the tap get a signal after so many turns of its loop."""
    turn, left = tap.loop.turn, iter(range(turns))

    def counted() -> bool:
        if next(left, None) is None:
            tap.clock.stop(signal.SIGTERM)
        return turn()

    tap.loop.turn = counted  # type: ignore[method-assign]


@pytest.mark.parametrize("kind", ["rows", "files"])
def test_the_state_of_a_dry_run_speaks_of_what_it_wrote(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    lines = KeptLines()
    ImpatientTap(config=sandbox.config | files_or_rows(kind, tmp_path), message_writer=lines).run_sync_dry_run()
    lines.flush()
    held: dict[str, dict[tuple[Any, ...], Row]] = {}
    upsert(held, [*unpacked(lines.lines)])
    assert {stream: len(rows) for stream, rows in held.items()} == dict.fromkeys(STREAMS, 1)
    state = [message["value"] for message in lines.lines if message["type"] == "STATE"][-1]
    upsert(held, run(sandbox.config, state=state).messages)
    assert [stream for stream in STREAMS if not is_whole(sandbox, held, stream)] == []


def test_maps_work_on_each_record_of_all_streams_at_once(sandbox: Sandbox) -> None:
    maps = {stream: {"made_for": f"'{stream}'"} for stream in STREAMS}
    done = run(sandbox.config, stream_maps=maps)
    assert done.code == 0
    for stream in STREAMS:
        assert {row.pop("made_for") for row in done.rows(stream)} == {stream}
    assert not_whole(sandbox, done) == set()


@pytest.mark.parametrize("kind", ["rows", "files"])
def test_maps_that_fail_for_all_parents_at_once_take_nothing_from_their_children(
    sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    config = sandbox.config | files_or_rows(kind, tmp_path)
    done = run(config, stream_maps={parent: {"x": "unknown"} for parent in PARENTS})
    assert {stream for line in done.failures for stream in streams_in(line)} == set(PARENTS)
    emitted = Run([*unpacked(done.messages)], done.code, done.failures)
    assert not_whole(sandbox, emitted) == set(PARENTS)


def test_children_of_all_vendors_without_their_parents_come_whole_and_each_parent_is_listed_once(
    sandbox: Sandbox,
) -> None:
    run(sandbox.config)
    usual = {operation: sandbox.count(operation) for operation in PARENTS.values()}
    sandbox.forget_requests()
    done = run(sandbox.config, select=CHILDREN)
    assert done.code == 0
    assert not_whole(sandbox, done) == set(PARENTS)
    assert set(done.counts) == set(CHILDREN)
    assert {operation: sandbox.count(operation) for operation in PARENTS.values()} == usual


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("kind", "details"), [("forbidden", {}), ("status", {"status": 503}), ("reset_before_body", {})]
)
def test_a_vendor_that_fails_takes_nothing_from_the_others_and_the_next_run_makes_up_for_it(
    sandbox: Sandbox, vendor: str, kind: str, details: dict[str, Any]
) -> None:
    sandbox.fault(f"{vendor}.*", kind, times=None, after=4, **details)
    first = run(sandbox.config)
    assert first.code == 1
    assert {stream for line in first.failures for stream in streams_in(line)} <= of(vendor)
    assert not_whole(sandbox, first) <= of(vendor)
    sandbox.clear_faults()
    held: dict[str, dict[tuple[Any, ...], Row]] = {}
    upsert(held, first.messages)
    second = run(sandbox.config, state=first.state)
    upsert(held, second.messages)
    assert second.code == 0
    assert [stream for stream in STREAMS if not is_whole(sandbox, held, stream)] == []


class Awaiting(KeptLines):
    """Tells when all rows of some streams were written.

    Attributes:
        came: is set then.
    """

    def __init__(self, sandbox: Sandbox, streams: Iterable[str]) -> None:
        super().__init__()
        self.came = threading.Event()
        self._left = Counter({stream: len(TRUTH[stream](sandbox)) for stream in streams})

    def write_records(self, stream: str, rows: Iterable[Row], version: int | None = None) -> None:
        rows = list(rows)
        super().write_records(stream, rows, version)
        self._left[stream] -= len(rows)
        if not +self._left:
            self.came.set()


def finished(config: dict[str, Any], lines: KeptLines) -> Run:
    tap = ImpatientTap(config=dict(config), message_writer=lines)
    tap.run()
    lines.flush()
    return Run(lines.lines, 0, tap.this_run.failures.lines)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("what", ["token", "*"], ids=["login", "first answer"])
def test_a_vendor_that_says_nothing_until_all_others_are_read_holds_none_of_them(
    sandbox: Sandbox, vendor: str, what: str
) -> None:
    lines = Awaiting(sandbox, set(STREAMS) - of(vendor))
    in_time: list[bool] = []

    def silent(_: Request) -> bool:
        in_time.append(lines.came.wait(PATIENCE_SECONDS))
        return False

    with Sandbox(now=NOW) as slow:  # has a lock of its own
        slow.fault(f"{vendor}.{what}", "slow", times=None, where=silent)
        own = {name: value for name, value in slow.config.items() if name.startswith(vendor)}
        done = finished(sandbox.config | own, lines)
    assert set(in_time) == {True}
    assert not_whole(sandbox, done) == set()


def test_a_query_that_runs_until_all_other_streams_are_read_holds_none_of_them(sandbox: Sandbox) -> None:
    lines = Awaiting(sandbox, set(STREAMS) - {ORGANIZATION})
    sandbox.fault(
        "genesys.organization_results",
        "query_status",
        times=None,
        word="Running",
        where=lambda _: not lines.came.is_set(),
    )
    done = finished(sandbox.config, lines)
    assert not_whole(sandbox, done) == set()
    last = [message["stream"] for message in done.messages if message["type"] == "RECORD"]
    assert set(last[: -len(done.rows(ORGANIZATION))]) == set(STREAMS) - {ORGANIZATION}
