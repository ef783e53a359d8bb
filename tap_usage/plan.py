"""What a run from the given state would do: the lists are read, of everything else a page at most."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Collection, Generator, Iterable
from typing import Any, TypeVar

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from tap_usage.reading import estimate
from tap_usage.reading.estimate import Estimate
from tap_usage.reading.executions import Executions
from tap_usage.reading.finding import remarks_on, said_of
from tap_usage.reading.preview import Preview
from tap_usage.reading.run import Run
from tap_usage.reading.sheet import Sheet
from tap_usage.rest.errors import ReadError
from tap_usage.rest.loop import Loop, Task
from tap_usage.rest.pages.polling import Execution
from tap_usage.rest.workers import Workers
from tap_usage.stream import UsageStream

Told = dict[str, Any]
T = TypeVar("T")

COLUMNS_OF_A_FILE = 120
DAY = len("2026-11-22")
WORDS = {True: "yes", False: "no", None: "?"}
COUNTS = ("partitions", "queries", "requests", "rows")

logger = logging.getLogger("tap-usage")


def made(streams: Iterable[UsageStream], needed: Collection[type[Sheet]], run: Run, loop: Loop) -> Told:
    """Find out what a run would do.

    Args:
        streams: all there are, parents before their children.
        needed: what is planned; what has failed before is told, too.
        run: a fresh one, with a copy of the state.
        loop: where they take turns.

    Raises:
        Stopped: when it is being ended.
    """
    chosen = [one for one in streams if type(one.sheet) in needed or run.failures.count(one.name)]
    planned = [_Planned(stream, run) for stream in chosen]
    for one in planned:
        one.workers.connection.hasten()
    loop.run([one.look() if type(one.sheet) in needed else one.login() for one in planned])
    vendors: dict[str, list[_Planned]] = {}
    for one in planned:
        vendors.setdefault(one.workers.connection.host.name, []).append(one)
    told = {name: _of_vendor(of_vendor) for name, of_vendor in vendors.items()}
    return {
        "vendors": told,
        "requests": sum(vendor["requests"] for vendor in told.values()),
        "minutes": max((vendor["minutes"] for vendor in told.values()), default=0.0),
    }


def tell(found: Told, form: str) -> None:
    """Write a plan to standard output, as `json` or `table`."""
    if form == "json":
        click.echo(json.dumps(found, indent=2))
        return
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, COLUMNS_OF_A_FILE)
    console.print(_table(found))


class _Planned:
    def __init__(self, stream: UsageStream, run: Run) -> None:
        self.sheet = stream.sheet
        self.workers = stream.workers
        self.estimate = Estimate()
        self._stream = stream
        self._run = run
        self._answered = False

    def login(self) -> Task:
        """Log in, and no more."""
        with contextlib.suppress(ReadError):
            while self.workers.started() is None:
                yield False

    def look(self) -> Task:
        """List what others depend on; look at one page of anything else, without submitting a query."""
        if self.sheet.children:
            yield from self._stream.listing()
            self.estimate = estimate.of_list(self._run.meters[self.sheet.name])
            self._answered = True
            return
        try:
            yield from self._reckon()
        except Exception as error:  # noqa: BLE001 - one stream must not end the others
            self._run.failed(self.sheet, "", error)

    def _reckon(self) -> Task:
        state = self._run.state_of(self.sheet.name, fresh=self._stream.is_fresh)
        preview = Preview(self.sheet, self._run, self.workers, state)
        units = yield from _result(preview.units())
        parent = self.sheet.parent
        if parent and not units and not self._run.listed[parent].complete:
            return
        seen = None
        if units and not self.sheet.results:
            seen = yield from _result(preview.peek(units[len(units) // 2]))
            self._answered = not seen.vanished
        usable = seen if seen and not seen.error else None
        now = self.workers.connection.first()
        self.estimate = estimate.of_units(self.sheet, units, usable, now, len(Executions(state)))

    @property
    def told(self) -> Told:
        """What is told of the stream."""
        problem, lacking = self._run.failures.of(self.sheet.name)
        found = self.estimate
        return {
            "readable": False if problem else self._answered or None,
            "problem": problem or None,
            "permission": lacking or None,
            **{name: getattr(found, name) for name in COUNTS},
            "from": found.start,
            "to": found.end,
        }

    @property
    def wait(self) -> float:
        """Seconds until the results of a query are asked for."""
        paging = self.sheet.paging
        return paging.initial if isinstance(paging, Execution) and self.estimate.requests else 0.0


def _of_vendor(planned: list[_Planned]) -> Told:
    workers = planned[0].workers
    connection = workers.connection
    ahead = connection.clock_difference
    difference = None if ahead is None else round(ahead.total_seconds(), 1) + 0.0  # which is never -0.0
    remarks = [*remarks_on(connection)]
    for remark in remarks:
        logger.warning("%s: %s", connection.host.name, remark)
    if connection.rate_limit and (told := said_of(connection.rate_limit)) not in remarks:
        logger.info("%s: %s", connection.host.name, told)
    requests = sum(one.estimate.requests or 0 for one in planned)
    return {
        "login": _login(workers),
        "clock_difference_seconds": difference,
        "requests": requests,
        "minutes": estimate.minutes(requests, connection.host.per_second, (one.wait for one in planned)),
        "streams": {one.sheet.name: one.told for one in planned},
    }


def _login(workers: Workers) -> str:
    try:
        workers.started()
    except ReadError as error:
        return str(error)
    return "ok"


def _result(steps: Generator[Any, None, T]) -> Generator[bool, None, T]:
    """Step what only waits, and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as over:
            result: T = over.value
            return result
        yield False


def _table(found: Told) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, collapse_padding=True)
    table.add_column("stream", overflow="fold")
    table.add_column("readable")
    for name in COUNTS:
        table.add_column(name, justify="right")
    table.add_column("from")
    table.add_column("to")
    for name, vendor in found["vendors"].items():
        ahead = vendor["clock_difference_seconds"]
        login = "login ok" if vendor["login"] == "ok" else "no login"
        clock = "" if ahead is None else f"clock {ahead:+,.1f} s"
        table.add_row(name, login, *_sums(vendor), clock, _time(vendor), style="bold")
        for stream, told in vendor["streams"].items():
            table.add_row(f"  {stream.removeprefix(name + '_')}", WORDS[told["readable"]], *_cells(told))
        table.add_section()
    table.add_row("all", "", *_sums(found), "", _time(found), style="bold")
    return table


def _cells(told: Told) -> Iterable[str]:
    yield from ("" if told[name] is None else f"{told[name]:,}" for name in COUNTS)
    yield from ((told[name] or "")[:DAY] for name in ("from", "to"))


def _sums(told: Told) -> tuple[str, ...]:
    return "", "", f"{told['requests']:,}", ""


def _time(told: Told) -> str:
    return f"{told['minutes']:,.1f} min"
