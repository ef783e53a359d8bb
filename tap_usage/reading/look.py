"""One look at each stream: can it be read, and if not, why? Nothing is written, and little is asked for."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from tap_usage.reading.extraction import Extraction, UnlistedError
from tap_usage.reading.finding import Finding, refused, remarks_on
from tap_usage.reading.run import Run
from tap_usage.reading.sheet import Context, Sheet, Unit
from tap_usage.reading.windows import Calendar
from tap_usage.rest import fanout
from tap_usage.rest.connection import Connection
from tap_usage.rest.loop import Task
from tap_usage.rest.pages.page_by_page import PageByPage
from tap_usage.rest.pages.polling import Execution, StillRunsError
from tap_usage.rest.pages.query import NOT_FOUND, Reading, Row
from tap_usage.rest.workers import Workers

LISTS_TRIED = 10
QUERY_SECONDS = 60.0
POLLS = (1.0, 5.0)


@dataclass
class Trial(Run):
    """A run that writes nothing and remembers the first error of each stream."""

    errors: dict[str, Exception] = field(default_factory=dict)

    def failed(self, sheet: Sheet, where: str, error: Exception) -> None:
        """Note a failure."""
        super().failed(sheet, where, error)
        self.errors.setdefault(sheet.name, error)


class Look:
    """A look at some streams, all side by side.

    Args:
        streams: sheets, parents before their children, each with the workers of its vendor.
    """

    def __init__(self, streams: Iterable[tuple[Sheet, Workers]]) -> None:
        self._run = Trial()
        self._looks = [_Pass(sheet, self._run, workers) for sheet, workers in streams]

    def tasks(self) -> list[Task]:
        """Return what has to be done, for a loop."""
        return [self._task(each) for each in self._looks]

    def _task(self, look: _Pass) -> Task:
        look.workers.connection.hasten()
        for rows in look.pages():
            yield bool(rows)
        look.over = True

    @property
    def findings(self) -> list[Finding]:
        """What was found, in the order of the streams; remarks on a vendor stand with its first stream."""
        told: set[Connection] = set()
        found = []
        for look in self._looks:
            connection = look.workers.connection
            remarks = () if connection in told else tuple(remarks_on(connection))
            told.add(connection)
            found.append(replace(self._finding(look), remarks=remarks))
        return found

    def _finding(self, look: _Pass) -> Finding:
        name = look.sheet.name
        meter, error = self._run.meters[name], self._run.errors.get(name)
        if error and not isinstance(error, UnlistedError | StillRunsError):
            return refused(look.sheet, error)
        if 0 < meter.over == meter.vanished:
            what = f"nothing is there, in {meter.over:,} of {look.known:,} tried"
            return Finding(name, None, str(NOT_FOUND), what)
        if why := self._untried(look):
            return Finding(name, None, "-", why)
        runs = f"its query still runs after {QUERY_SECONDS:.0f} s" if error else ""
        return Finding(name, readable=True, status="ok", problem=runs)

    def _untried(self, look: _Pass) -> str:
        """Return why a stream was not tried; "" if it was."""
        sheet, meter, error = look.sheet, self._run.meters[look.sheet.name], self._run.errors.get(look.sheet.name)
        if isinstance(error, UnlistedError):
            return str(error)
        if not look.over:
            return "the look at it was ended"
        if meter.over or not sheet.parent:
            return ""
        above = sheet.parent.parent
        where = f"below the first {_rows_of(above)}" if above else "to try it on"
        return f"no {_rows_of(sheet.parent).removesuffix('s')} is listed {where}"


class _Pass(Extraction):
    """An extraction that ends as soon as the stream was seen to be readable.

    Of a stream that others depend on it reads until there is something to try them on.
    """

    def __init__(self, sheet: Sheet, run: Run, workers: Workers) -> None:
        sheet = type(sheet)(sheet.config)
        if isinstance(sheet.paging, Execution):
            sheet.paging = _soon(sheet.paging)
        super().__init__(sheet, run, workers, {})
        self.sheet = sheet
        self.workers = workers
        self.known = 0
        self.over = False
        self._found = False

    def _partitions(self) -> Generator[list[Row], None, tuple[Sequence[tuple[str, Context]], bool]]:
        contexts, complete = yield from super()._partitions()
        self.known = len(contexts)
        return contexts[: LISTS_TRIED if self.sheet.children else 1], complete

    def _calendar(self, today: date) -> Calendar:
        calendar = super()._calendar(today)
        return replace(calendar, start_date=calendar.last.start, span=1)

    def _events(self, readings: Iterable[tuple[Unit, Reading]]) -> Iterator[fanout.Event[Unit] | None]:
        for unit, reading in readings:
            for event in super()._events([(unit, reading)]):
                yield event
                if self._found:
                    break
            if self._found:
                yield fanout.Event(unit, reading)
                return

    def _children_of(self, rows: list[Row], unit: Unit) -> list[tuple[str, Context]]:
        found = super()._children_of(rows, unit)
        self._found |= bool(found)
        return found

    def _listed(self, found: list[tuple[str, Context]], names: Collection[str], *, complete: bool) -> None:
        super()._listed(found, names, complete=complete and self.known <= LISTS_TRIED and not self._found)
        if found:
            kind = type(self.sheet)
            self._run.listed[kind] = replace(self._run.listed[kind], complete=True)

    def _refuse_nothing_everywhere(self, partitions: int) -> None:
        if partitions == self.known:
            super()._refuse_nothing_everywhere(partitions)

    def _reading(self, unit: Unit, calendar: Calendar | None) -> Reading:
        return PageByPage(super()._reading(unit, calendar), first=not self.sheet.children)


def _soon(paging: Execution) -> Execution:
    """Return it with little patience: a look waits for one small query, once."""
    initial, longest = (min(given, most) for given, most in zip((paging.initial, paging.longest), POLLS, strict=True))
    return replace(paging, initial=initial, longest=longest, timeout=min(paging.timeout, QUERY_SECONDS), resubmits=0)


def _rows_of(parent: type[Sheet]) -> str:
    """Return what the rows of a list are called."""
    return parent.name.partition("_")[2].replace("_", " ")
