"""One look at each stream: can it be read, and if not, why? Nothing is written, and little is asked for."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from tap_usage.reading.extraction import Extraction, UnlistedError
from tap_usage.reading.failures import FORBIDDEN, text_of
from tap_usage.reading.run import Run
from tap_usage.reading.sheet import Context, Sheet, Unit
from tap_usage.reading.windows import Calendar
from tap_usage.rest import fanout
from tap_usage.rest.connection import Connection
from tap_usage.rest.errors import RequestError
from tap_usage.rest.loop import Task
from tap_usage.rest.pages.polling import Execution, StillRunsError
from tap_usage.rest.pages.query import NOT_FOUND, Ask, Reading, Row
from tap_usage.rest.request import Answer
from tap_usage.rest.workers import Workers

LISTS_TRIED = 10
QUERY_SECONDS = 60.0
POLLS = (1.0, 5.0)
A_MINUTE = timedelta(minutes=1)
NEARLY = 0.8


@dataclass(frozen=True)
class Finding:
    """What a look at a stream found.

    Attributes:
        stream: its name.
        readable: whether it can be read, None if that could not be tried.
        status: `ok`, the HTTP status of a refusal, `failed`, or `-`.
        problem: why it cannot be read, or was not tried; "" if nothing is wrong.
        permission: what the credentials lack, "" if that is not it.
        rows: that the vendor says there are in all of it, None if it does not say.
        remarks: what is no failure but good to know.
    """

    stream: str
    readable: bool | None
    status: str
    problem: str = ""
    permission: str = ""
    rows: int | None = None
    remarks: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """All of it for a person."""
        return "; ".join(filter(None, (f"needs {self.permission}" if self.permission else self.problem, *self.remarks)))


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a line for each finding, in columns."""
    name = max((len(finding.stream) for finding in findings), default=0)
    status = max((len(finding.status) for finding in findings), default=0)
    for finding in findings:
        yield f"{finding.stream:{name}}  {finding.status:{status}}  {finding.told}".rstrip()


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
        whole_lists: what others depend on is listed to its end, not only until there is something to try them on.
        queries: what takes a query that runs at the vendor is tried too.

    Attributes:
        run: what was listed, what failed, and the meters.
    """

    def __init__(
        self, streams: Iterable[tuple[Sheet, Workers]], *, whole_lists: bool = False, queries: bool = True
    ) -> None:
        self.run = Trial()
        self._queries = queries
        self._looks = {sheet.name: _Pass(sheet, self.run, workers, whole=whole_lists) for sheet, workers in streams}

    def tasks(self) -> list[Task]:
        """Return what has to be done, for a loop."""
        return [self._task(each) for each in self._looks.values() if self._queries or not each.sheet.results]

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
        for look in self._looks.values():
            connection = look.workers.connection
            remarks = () if connection in told else tuple(_remarks(connection))
            told.add(connection)
            found.append(replace(self._finding(look), remarks=remarks))
        return found

    def _finding(self, look: _Pass) -> Finding:
        sheet, name = look.sheet, look.sheet.name
        meter, error = self.run.meters[name], self.run.errors.get(name)
        if error and not isinstance(error, UnlistedError | StillRunsError):
            return _failure(look, error)
        if 0 < meter.over == meter.vanished:
            what = f"nothing is there, in {meter.over:,} of {look.known:,} tried"
            return Finding(name, None, str(NOT_FOUND), what)
        if why := self._untried(look):
            return Finding(name, None, "-", why)
        runs = f"its query still runs after {QUERY_SECONDS:.0f} s" if error else ""
        rows = meter.expected if meter.over == look.known and not sheet.windows else None
        return Finding(name, readable=True, status="ok", problem=runs, rows=rows)

    def _untried(self, look: _Pass) -> str:
        """Return why a stream was not tried; "" if it was."""
        sheet, meter, error = look.sheet, self.run.meters[look.sheet.name], self.run.errors.get(look.sheet.name)
        if isinstance(error, UnlistedError):
            return str(error)
        if sheet.results and not self._queries:
            return "takes a query, which was not submitted"
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

    def __init__(self, sheet: Sheet, run: Run, workers: Workers, *, whole: bool) -> None:
        sheet = type(sheet)(sheet.config)
        if isinstance(sheet.paging, Execution):
            sheet.paging = _soon(sheet.paging)
        super().__init__(sheet, run, workers, {})
        self.sheet = sheet
        self.workers = workers
        self.known = 0
        self.over = False
        self._whole = whole and bool(sheet.children)
        self._found = False

    def _partitions(self) -> Generator[list[Row], None, tuple[Sequence[tuple[str, Context]], bool]]:
        contexts, complete = yield from super()._partitions()
        self.known = len(contexts)
        if self._whole:
            return contexts, complete
        return contexts[: LISTS_TRIED if self.sheet.children else 1], complete

    def _calendar(self, today: date) -> Calendar:
        calendar = super()._calendar(today)
        return replace(calendar, start_date=calendar.last.start, span=1)

    def _events(self, readings: Iterable[tuple[Unit, Reading]]) -> Iterator[fanout.Event[Unit] | None]:
        if self._whole:
            yield from super()._events(readings)
            return
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
        self._found |= bool(found) and not self._whole
        return found

    def _listed(self, found: list[tuple[str, Context]], names: Collection[str], *, complete: bool) -> None:
        tried_all = self._whole or self.known <= LISTS_TRIED
        super()._listed(found, names, complete=complete and tried_all and not self._found)
        if found:
            kind = type(self.sheet)
            self._run.listed[kind] = replace(self._run.listed[kind], complete=True)

    def _refuse_nothing_everywhere(self, partitions: int) -> None:
        if partitions == self.known:
            super()._refuse_nothing_everywhere(partitions)

    def _reading(self, unit: Unit, calendar: Calendar | None) -> Reading:
        reading = super()._reading(unit, calendar)
        return reading if self._whole else _PageByPage(reading, first=not self.sheet.children)


class _PageByPage(Reading):
    """A reading that sends nothing before its last page was given.

    Args:
        reading: what is read.
        first: with its first page it is over.
    """

    def __init__(self, reading: Reading, *, first: bool) -> None:
        super().__init__()
        self._reading = reading
        self._first = first

    def next_ask(self) -> Ask | None:
        return None if self.pages else self._reading.next_ask()

    def take(self, ask: Ask, answer: Answer) -> None:
        self._reading.take(ask, answer)
        self._follow()

    def fail(self, ask: Ask, error: Exception) -> None:
        self._reading.fail(ask, error)
        self._follow()

    def _follow(self) -> None:
        reading = self._reading
        self.pages.extend(reading.pages)
        reading.pages.clear()
        self.vanished, self.expected, self.received = reading.vanished, reading.expected, reading.received
        if reading.finished or (self._first and self.pages):
            self.end(reading.error)


def _soon(paging: Execution) -> Execution:
    """Return it with little patience: a look waits for one small query, once."""
    initial, longest = (min(given, most) for given, most in zip((paging.initial, paging.longest), POLLS, strict=True))
    return replace(paging, initial=initial, longest=longest, timeout=min(paging.timeout, QUERY_SECONDS), resubmits=0)


def _failure(look: _Pass, error: Exception) -> Finding:
    sheet = look.sheet
    text = text_of(error)
    status = error.status if isinstance(error, RequestError) else None
    if status is None:
        return Finding(sheet.name, readable=False, status="failed", problem=text)
    lacks = status == FORBIDDEN and not _is_login(look.workers)
    return Finding(
        sheet.name,
        readable=False,
        status=str(status),
        problem=text.removeprefix(f"HTTP {status} "),
        permission=sheet.permission if lacks else "",
    )


def _is_login(workers: Workers) -> bool:
    """Return whether the login failed, and with it all streams."""
    with suppress(Exception):
        workers.started()
        return False
    return True


def _remarks(connection: Connection) -> Iterator[str]:
    difference, standing = connection.clock_difference, connection.standing
    if difference is not None and abs(difference) >= A_MINUTE:
        apart = timedelta(minutes=round(abs(difference) / A_MINUTE))
        yield f"the vendor's clock is {apart} {'ahead' if difference > timedelta() else 'behind'}"
    if standing and standing.used >= standing.allowed * NEARLY:
        yield (
            f"{standing.used:,} of {standing.allowed:,} requests of the vendor's rate limit are used, "
            f"it begins anew in {standing.reset:.0f} s"
        )


def _rows_of(parent: type[Sheet]) -> str:
    """Return what the rows of a list are called."""
    return parent.name.partition("_")[2].replace("_", " ")
