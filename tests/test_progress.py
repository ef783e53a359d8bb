"""Whatever happens to runs, nothing is lost: simulated vendors, failures, interruptions, filters and bounds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tap_usage.progress import Bookmarked, FullTable, Ordered, Unit, Windowed, context_key
from tap_usage.rest.connection import Answer
from tap_usage.rest.errors import ContradictionError
from tap_usage.rest.paging import Ask, Page, Reading
from tap_usage.state import Bookmarks, instant, utc_text
from tap_usage.windows import Calendar

PROMOTIONS = ("p1", "p2", "p3", "p4")
EPOCH = datetime(2026, 11, 1, tzinfo=UTC)
FIRST_DAY = date(2026, 10, 1)
PAGE = 2


@dataclass(frozen=True)
class Attempt:
    """One run.

    Attributes:
        scope: what a filter setting chose, None for all.
        failing: partitions that fail, after so many pages or windows.
        stop: steps after which the run is killed, None for never.
        unlisted: partitions that are missing in a list that could not be read completely.
        end: `end_date` as an offset back from now (minutes or days), None for none.
    """

    scope: frozenset[str] | None = None
    failing: frozenset[tuple[str, int]] = frozenset()
    stop: int | None = None
    unlisted: frozenset[str] = frozenset()
    end: int | None = None

    def sees(self, partitions: Iterable[str]) -> list[str]:
        """Return the partitions that a run knows of."""
        chosen = [partition for partition in partitions if self.scope is None or partition in self.scope]
        return [partition for partition in chosen if partition not in self.unlisted]


class Killed(Exception):  # noqa: N818 - not an error
    """The run was ended."""


class Done(Reading):
    """A reading that is over, well or badly."""

    def __init__(self, *, failed: bool) -> None:
        super().__init__()
        self.error = ValueError() if failed else None

    def next_ask(self) -> Ask | None:
        return None

    def take(self, ask: Ask, answer: Answer) -> None:
        raise NotImplementedError


@dataclass
class Steps:
    """Counts down to the end of a run."""

    left: int | None

    def step(self) -> None:
        if self.left == 0:
            raise Killed
        if self.left is not None:
            self.left -= 1


def contexts_of(chosen: list[str]) -> list[tuple[str, dict[str, str]]]:
    return [(partition, {"promotion_id": partition}) for partition in sorted(chosen)]


@dataclass
class Shop:
    """A vendor with rows in an order, and what a target holds of them.

    Attributes:
        now: minutes since `EPOCH`.
        rows: minutes of the rows, by partition.
        state: the tap's state of the stream.
        held: what was emitted.
    """

    now: int = 0
    rows: dict[str, list[int]] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    held: set[tuple[str, int]] = field(default_factory=set)

    def grow(self, minutes: int, partitions: list[str]) -> None:
        self.now += minutes
        for partition in partitions:
            self.rows.setdefault(partition, []).append(self.now)

    def run(self, attempt: Attempt, lookback: int) -> None:
        state = json.loads(json.dumps(self.state))
        self.state = state
        end = EPOCH + timedelta(minutes=self.now - attempt.end) if attempt.end is not None else None
        bookmarks = Bookmarks(state, "used_on", "promotion_id", attempt.scope)
        now = EPOCH + timedelta(minutes=self.now)
        whole = not attempt.unlisted
        progress = Ordered(bookmarks, now, timedelta(minutes=lookback), None, end, whole=whole)
        known = attempt.sees(self.rows)
        steps = Steps(attempt.stop)
        try:
            again = True
            while again:
                for unit in progress.units(contexts_of(known)):
                    self._read(progress, unit, dict(attempt.failing), end, steps)
                again = progress.end(set(known), complete=whole)
        except Killed:
            return

    def _read(self, progress: Ordered, unit: Unit, failing: dict[str, int], end: datetime | None, steps: Steps) -> None:
        start = instant(unit.start) if unit.start else EPOCH - timedelta(days=1)
        minutes = [
            minute
            for minute in sorted(self.rows[unit.partition])
            if start <= EPOCH + timedelta(minutes=minute) and (not end or EPOCH + timedelta(minutes=minute) < end)
        ]
        for number, at in enumerate(range(0, max(1, len(minutes)), PAGE)):
            steps.step()
            if failing.get(unit.partition) == number:
                progress.done(unit, Done(failed=True))
                return
            page = minutes[at : at + PAGE]
            self.held |= {(unit.partition, minute) for minute in page}
            self.grow(1, [unit.partition])
            mark = utc_text(EPOCH + timedelta(minutes=page[-1])) if page else None
            progress.page(unit, Page([], None, EPOCH, mark))
        steps.step()
        progress.done(unit, Done(failed=False))


failures = st.frozensets(st.tuples(st.sampled_from(PROMOTIONS), st.integers(0, 2)), max_size=2)
scopes = st.none() | st.frozensets(st.sampled_from(PROMOTIONS), min_size=1, max_size=3)
attempts = st.builds(
    Attempt,
    scope=scopes,
    failing=failures,
    stop=st.none() | st.integers(0, 12),
    unlisted=st.just(frozenset()) | st.frozensets(st.sampled_from(PROMOTIONS), max_size=2),
    end=st.none() | st.integers(0, 200),
)
growth = st.tuples(st.integers(1, 90), st.lists(st.sampled_from(PROMOTIONS), max_size=4))


@settings(max_examples=600, deadline=None)
@given(st.lists(growth | attempts, max_size=12), st.sampled_from([0, 10]))
def test_rows_in_an_order_are_never_lost(story: list[Any], lookback: int) -> None:
    shop = Shop()
    for step in story:
        if isinstance(step, Attempt):
            shop.run(step, lookback)
        else:
            shop.grow(*step)
    for _ in range(2):
        truth = {(partition, minute) for partition, minutes in shop.rows.items() for minute in minutes}
        shop.run(Attempt(), lookback)
    assert truth <= shop.held
    assert set(shop.state) <= {"replication_key", "replication_key_value"}


@dataclass
class Ledger:
    """A vendor whose days change for a while after they ended, and the versions that a target holds.

    Attributes:
        today: days since `FIRST_DAY`.
        clients: first day of each partition.
    """

    lookback: int
    span: int
    today: int = 3
    clients: dict[str, int] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    held: dict[tuple[str, int], int] = field(default_factory=dict)

    def grow(self, days: int, clients: list[str]) -> None:
        self.today += days
        for client in clients:
            self.clients.setdefault(client, self.today)

    def version(self, day: int) -> int:
        return min(self.today - day - 1, self.lookback)

    def truth(self) -> dict[tuple[str, int], int]:
        return {
            (client, day): self.version(day)
            for client, first in self.clients.items()
            for day in range(first, self.today)
        }

    def run(self, attempt: Attempt) -> None:
        self.state = json.loads(json.dumps(self.state))
        today = FIRST_DAY + timedelta(days=self.today)
        end = today - timedelta(days=attempt.end % 8) if attempt.end is not None else None
        calendar = Calendar("day", self.span, "day", self.lookback, today, False, FIRST_DAY, end)  # noqa: FBT003
        bookmarks = Bookmarks(self.state, "date", "promotion_id", attempt.scope)
        whole = not attempt.unlisted
        progress = Windowed(bookmarks, calendar, with_time=bool(self.span % 2), whole=whole)
        known = attempt.sees(self.clients)
        steps = Steps(attempt.stop)
        try:
            again = True
            while again:
                windows: dict[str, int] = {}
                for unit in progress.units(contexts_of(known)):
                    steps.step()
                    number = windows[unit.partition] = windows.get(unit.partition, -1) + 1
                    failed = (unit.partition, number) in attempt.failing
                    if not failed:
                        self._emit(unit)
                    progress.done(unit, Done(failed=failed))
                again = progress.end(set(known), complete=whole)
        except Killed:
            return

    def _emit(self, unit: Unit) -> None:
        assert unit.window
        days = range((unit.window.start - FIRST_DAY).days, (unit.window.end - FIRST_DAY).days)
        first = self.clients[unit.partition]
        self.held |= {(unit.partition, day): self.version(day) for day in days if day >= first}


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.lists(st.sampled_from(PROMOTIONS), max_size=2)) | attempts, max_size=12),
    st.integers(0, 3),
    st.integers(1, 4),
)
def test_days_are_read_until_they_are_final_and_never_lost(story: list[Any], lookback: int, span: int) -> None:
    ledger = Ledger(lookback, span)
    ledger.grow(0, ["p1"])
    for step in story:
        if isinstance(step, Attempt):
            ledger.run(step)
        else:
            ledger.grow(*step)
    ledger.run(Attempt())
    assert ledger.held == ledger.truth()
    assert set(ledger.state) == {"replication_key", "replication_key_value"} or not ledger.truth()


def test_a_full_table_is_read_from_no_value_every_time() -> None:
    progress = FullTable()
    units = list(progress.units([("a", {"x": "a"}), ("b", {"x": "b"})]))
    assert units == [Unit("a", {"x": "a"}), Unit("b", {"x": "b"})]
    assert progress.end({"a", "b"}, complete=True) is False


def test_the_id_of_a_partition_is_the_last_of_its_context() -> None:
    assert context_key({"environment_id": "e", "credential_type_id": "t"}) == "t"
    assert context_key({}) == ""


def ordered(
    state: dict[str, Any], now: datetime = EPOCH, end: datetime | None = None, *, whole: bool = True
) -> Ordered:
    marks = Bookmarks(state, "used_on", "promotion_id")
    return Ordered(marks, now, timedelta(minutes=10), None, end, whole=whole)


def started(progress: Bookmarked, *partitions: str) -> dict[str, str | None]:
    return {unit.partition: unit.start for unit in progress.units(contexts_of(list(partitions)))}


def test_a_run_begins_a_lookback_before_the_bookmark() -> None:
    state = {"replication_key_value": "2026-10-31T12:00:00.000Z"}
    assert started(ordered(state), "p1") == {"p1": "2026-10-31T11:50:00.000Z"}


def test_an_interrupted_run_goes_on_behind_the_last_partition_it_finished() -> None:
    state: dict[str, Any] = {}
    first = ordered(state)
    one, _ = first.units(contexts_of(["p1", "p2"]))
    first.done(one, Done(failed=False))
    assert started(ordered(json.loads(json.dumps(state))), "p1", "p2") == {"p2": None}


def test_a_partition_that_failed_in_an_interrupted_run_is_read_by_the_next_one() -> None:
    state: dict[str, Any] = {}
    first = ordered(state)
    one, two, _ = first.units(contexts_of(["p1", "p2", "p3"]))
    first.done(one, Done(failed=True))
    first.done(two, Done(failed=False))
    assert set(started(ordered(json.loads(json.dumps(state))), "p1", "p2", "p3")) == {"p1", "p3"}


def test_an_interrupted_run_of_long_ago_is_finished_and_then_all_is_read_once_more() -> None:
    state: dict[str, Any] = {}
    first = ordered(state)
    one, _ = first.units(contexts_of(["p1", "p2"]))
    first.done(one, Done(failed=False))
    later = ordered(json.loads(json.dumps(state)), EPOCH + timedelta(hours=2))
    for unit in later.units(contexts_of(["p1", "p2"])):
        later.done(unit, Done(failed=False))
    assert later.end({"p1", "p2"}, complete=True) is True
    assert set(started(later, "p1", "p2")) == {"p1", "p2"}


def test_marks_of_a_partition_that_contradicted_itself_are_taken_back() -> None:
    state: dict[str, Any] = {"replication_key_value": "2026-10-01T00:00:00.000Z"}
    progress = ordered(state)
    (unit,) = progress.units(contexts_of(["p1"]))
    progress.page(unit, Page([], None, EPOCH, "2026-10-31T00:00:00.000Z"))
    reading = Done(failed=False)
    reading.error = ContradictionError("rows do not come in their order")
    progress.done(unit, reading)
    progress.end({"p1"}, complete=True)
    assert started(ordered(json.loads(json.dumps(state))), "p1") == {"p1": "2026-09-30T23:50:00.000Z"}


def test_an_interrupted_run_of_an_earlier_day_is_finished_and_then_all_is_read_once_more() -> None:
    ledger = Ledger(lookback=0, span=30, clients={"p1": 0, "p2": 0})
    ledger.run(Attempt(stop=1))
    ledger.grow(1, [])
    ledger.run(Attempt())
    assert ledger.held == ledger.truth()


def test_an_earlier_end_date_does_not_make_a_failed_partition_complete() -> None:
    state: dict[str, Any] = {
        "replication_key_value": "2026-10-31T12:00:00.000Z",
        "partitions": [{"context": {"promotion_id": "p1"}, "replication_key_value": None}],
    }
    bounded = ordered(state, end=datetime(2026, 10, 1, tzinfo=UTC))
    for unit in bounded.units(contexts_of(["p1", "p2"])):
        if unit.partition == "p1":
            bounded.page(unit, Page([], None, EPOCH, "2026-09-30T00:00:00.000Z"))
        bounded.done(unit, Done(failed=False))
    bounded.end({"p1", "p2"}, complete=True)
    assert started(ordered(json.loads(json.dumps(state))), "p1", "p2") == {
        "p1": "2026-09-29T23:50:00.000Z",
        "p2": "2026-10-31T11:50:00.000Z",
    }


def test_a_run_over_an_incomplete_list_that_is_killed_does_not_pass_over_those_it_did_not_know() -> None:
    state: dict[str, Any] = {}
    first = ordered(state, whole=False)
    for unit in first.units(contexts_of(["p2", "p3"])):
        first.page(unit, Page([], None, EPOCH, "2026-10-31T00:00:00.000Z"))
        first.done(unit, Done(failed=False))
    assert "pass" not in state
    assert started(ordered(json.loads(json.dumps(state))), "p1", "p2") == {"p1": None, "p2": None}


def test_an_earlier_end_date_does_not_go_on_with_an_interrupted_run() -> None:
    state: dict[str, Any] = {}
    first = ordered(state)
    one, _ = first.units(contexts_of(["p1", "p2"]))
    first.page(one, Page([], None, EPOCH, "2026-10-31T00:00:00.000Z"))
    first.done(one, Done(failed=False))
    state = json.loads(json.dumps(state))
    bounded = ordered(state, end=datetime(2026, 10, 1, tzinfo=UTC))
    for unit in bounded.units(contexts_of(["p2"])):
        bounded.done(unit, Done(failed=False))
    bounded.end({"p1", "p2"}, complete=True)
    assert started(ordered(json.loads(json.dumps(state))), "p2") == {"p2": None}
