"""A stream as a data sheet: what a vendor says about one endpoint. A sheet that cannot be true is refused when made."""

from __future__ import annotations

import difflib
import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from inspect import get_annotations
from typing import Any, ClassVar

from tap_usage import schema
from tap_usage.reading.facts import Config, Grouping, Setting, Windows, days, unix
from tap_usage.reading.failures import Subject
from tap_usage.reading.snapshots import Counters
from tap_usage.reading.tenancy import Tenancy
from tap_usage.reading.windows import UNITS, Calendar, Window
from tap_usage.rest.errors import ReadError
from tap_usage.rest.pages.query import Paging, Rows
from tap_usage.rest.request import Json, Request
from tap_usage.times import instant

__all__ = ["Config", "Context", "Grouping", "Setting", "Sheet", "SheetError", "Unit", "Windows", "days", "unix"]

Context = Mapping[str, str]


class SheetError(ReadError):
    """A data sheet says what cannot be true. The text is a line for its author."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What one reading is for.

    Attributes:
        partition: its id, "" in a stream without partitions.
        context: context fields, for the path and the rows.
        window: the days it covers, if it covers days.
        start: value of the order to read from, None for everything.
        last: no further unit of this partition comes.
        keyed: how often each `usage_key` came so far.
    """

    partition: str
    context: Context
    window: Window | None = None
    start: str | None = None
    last: bool = True
    keyed: Counter[str] = field(default_factory=Counter, compare=False)


class Sheet:
    """One endpoint of a vendor.

    A subclass says `name path paging primary_keys replication_key`, then what deviates. Made with the settings of a
    run, it answers what follows from both.

    Args:
        config: all settings, with their defaults.

    Attributes:
        name: of the stream: the vendor, an underscore, what the rows are.
        path: below the vendor's URL, with `{field}` for fields of the context.
        params: constant query parameters; a `Setting` stands for its value.
        paging: how the answer goes on.
        rows: path of the rows in an answer, `*` goes through a list; "" when the answer itself is the only row.
        beside: names of which one must be there when the rows are missing.
        envelope: paths of outer fields that every row carries, by their last names.
        results: path of the results of a query, with `{execution_id}` and the placeholders of `path`.
        tuning: fields of `paging` that settings determine.
        permission: what the credentials must be allowed to, for the line of a refusal.

        primary_keys, replication_key: fields of the row.
        key_fields: dimensions of `usage_key`, for rows without a key of their own.
        constants: field to add → setting.
        flat: field to add → path in the row of what it repeats; null where nothing is there.
        fields_if: field → setting and value: only if the setting has or lists the value, the field is there.
        grouping: what rows are grouped by: they carry `grouped_by`, and the dimensions are part of `usage_key`.
        blanks: fields in which nothing may be written as `""` or `{}`, or left out; null stands for all of them.
        numbers: fields in which the vendor writes numbers as text.
        secrets: fields that never leave the tap.
        promised: fields that the vendor sends in every row.

        parent: the sheet whose rows are this one's partitions.
        children: for a parent: context field → field of its rows.
        barren: field and values of rows whose children are not asked for.
        inhabited: below one parent at least there is something: 404 below all of them is a failure.
        ambiguous: HTTP statuses with which the vendor may also mean that the parent is gone.
        only: setting that lists the ids to read: values of the field in `children`.
        exists_if: setting and its values with which there is such a stream; `("", ())` for always.

        windows: for streams that are read by days or periods.
        lookback: setting with the minutes that are read again before a bookmark, for streams in an order.
        query: settings on which history depends; when they change it is read again.
        counters: for snapshots of cumulative counters.
        observed: rows carry the day of the snapshot.

    Raises:
        SheetError: when a class says what a sheet does not know, or contradicts itself.
    """

    name: ClassVar[str] = ""
    path: ClassVar[str] = ""
    params: ClassVar[Mapping[str, Any]] = {}
    paging: Paging
    rows: ClassVar[str] = ""
    beside: ClassVar[tuple[str, ...]] = ()
    envelope: ClassVar[tuple[str, ...]] = ()
    results: ClassVar[str] = ""
    tuning: ClassVar[Mapping[str, str]] = {}
    permission: ClassVar[str] = ""

    primary_keys: ClassVar[tuple[str, ...]] = ()
    replication_key: ClassVar[str] = ""
    key_fields: ClassVar[tuple[str, ...]] = ()
    constants: ClassVar[Mapping[str, str]] = {}
    flat: ClassVar[Mapping[str, str]] = {}
    fields_if: ClassVar[Mapping[str, tuple[str, str]]] = {}
    grouping: ClassVar[Grouping | None] = None
    blanks: ClassVar[tuple[str, ...]] = ()
    numbers: ClassVar[tuple[str, ...]] = ()
    secrets: ClassVar[tuple[str, ...]] = ()
    promised: ClassVar[tuple[str, ...]] = ()

    parent: ClassVar[type[Sheet] | None] = None
    children: ClassVar[Mapping[str, str]] = {}
    barren: ClassVar[tuple[str, Collection[str]]] = ("", ())
    inhabited: ClassVar[bool] = False
    ambiguous: ClassVar[tuple[int, ...]] = ()
    only: ClassVar[str] = ""
    exists_if: ClassVar[tuple[str, Collection[str]]] = ("", ())

    windows: ClassVar[Windows | None] = None
    lookback: ClassVar[str] = ""
    query: ClassVar[tuple[str, ...]] = ()
    counters: ClassVar[Counters | None] = None
    observed: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Refuse what a sheet cannot say."""
        known = {name for kind in cls.__mro__ for name in get_annotations(kind)}
        known |= {name for name in vars(Sheet) if not name.startswith("_")}
        for name, value in vars(cls).items():
            if name.startswith("_"):
                continue
            if name not in known:
                raise SheetError(f"{cls.__name__}.{name}: no such attribute{meant(name, known)}")
            default = getattr(Sheet, name, None)
            if isinstance(default, str | tuple | dict) and not isinstance(value, type(default)):
                hint = f"; write ({value!r},)" if isinstance(value, str) and default == () else ""
                raise SheetError(f"{cls.__name__}.{name}: {value!r} is no {type(default).__name__}{hint}")

    def __init__(self, config: Config) -> None:
        self.config = config
        self.absent = tuple(name for name, needed in self.fields_if.items() if not _has(config, *needed))
        self.tenancy = Tenancy(config)
        self.schema = self.tenancy.schema(schema.load(self.name))
        for name in self.absent:
            del self.schema["properties"][name]
        self.logger = logging.getLogger(f"tap-usage.{self.name}")
        self.paging = replace(self.paging, **{name: config[setting] for name, setting in self.tuning.items()})

    def dimensions(self) -> tuple[str, ...]:
        """Return the fields that make up `usage_key`."""
        return (*self.key_fields, *(self.grouping.fields_in(self.config) if self.grouping else ()))

    def request(self, unit: Unit) -> Request:
        """Return the request that a unit begins with; placeholders in the path are filled by the caller."""
        params = {name: self._value(value) for name, value in self.params.items()}
        if not (self.windows and unit.window):
            return Request(self.path, params=params)
        bounds = unit.window.start, unit.window.end, self.config
        if self.windows.json:
            return Request(self.path, "POST", params, self.windows.json(*bounds))
        return Request(self.path, params={**params, **(self.windows.params(*bounds) if self.windows.params else {})})

    @cached_property
    def located(self) -> Rows:
        """Where the rows of an answer are."""
        return Rows(self.rows, self.beside, self.envelope)

    @cached_property
    def identity(self) -> tuple[str, ...]:
        """The fields that the vendor sends and that tell the rows of one reading apart; () for their place."""
        return identity_of(type(self))

    @cached_property
    def end(self) -> datetime | None:
        """The setting `end_date`."""
        return instant(self.config["end_date"]) if "end_date" in self.config else None

    @property
    def bookmarked(self) -> bool:
        """Whether a bookmark tells what was read; snapshots and parents are read anew each time."""
        return bool(self.replication_key) and not self.counters

    @cached_property
    def bucket(self) -> str:
        """What one row is about."""
        told = self.windows.bucket if self.windows else ""
        return str(told if told in UNITS else self.config[told].lower())

    def calendar(self, today: date) -> Calendar:
        """Return how a run cuts time that begins on a day of the vendor's clock."""
        assert self.windows  # noqa: S101 - for the type checker
        windows, config = self.windows, self.config
        bounds = {name: instant(config[name]).date() if name in config else None for name in ("start_date", "end_date")}
        return Calendar(
            bucket=self.bucket,
            span=min(config[windows.span], windows.longest or config[windows.span]),
            step=self.bucket if windows.step == "bucket" else windows.step,
            lookback=config[windows.lookback],
            today=today,
            open_end=windows.open_end,
            oldest=today - timedelta(days=windows.back) if windows.back else None,
            **bounds,
        )

    @property
    def subject(self) -> Subject:
        """What failures of this stream are about."""
        vendor, _, kind = (self.parent or self).name.partition("_")
        if self.windows or self.results:
            kind = "queries"
        return Subject(vendor, self.name, kind.replace("_", " "), self.permission)

    @classmethod
    def exists(cls, config: Config) -> bool:
        """Return whether there is such a stream with these settings."""
        setting, values = cls.exists_if
        return not setting or config[setting] in values

    @classmethod
    def ancestors(cls) -> Iterator[type[Sheet]]:
        """Yield the parent, its parent, and so on."""
        kind = cls.parent
        while kind:
            yield kind
            kind = kind.parent

    @classmethod
    def context_fields(cls) -> tuple[str, ...]:
        """Return the fields of the context, from the first ancestor on."""
        return tuple(name for kind in reversed(list(cls.ancestors())) for name in kind.children)

    def _value(self, value: Json) -> Json:
        return self.config[value.name] if isinstance(value, Setting) else value


def identity_of(sheet: type[Sheet]) -> tuple[str, ...]:
    """Return the `identity` of a sheet, which no setting changes."""
    if {"usage_key", sheet.windows and sheet.windows.stamp} & set(sheet.primary_keys):
        return ()
    added = {*sheet.context_fields(), *sheet.constants, "observed_on"}
    return tuple(name for name in sheet.primary_keys if name not in added)


def _has(config: Config, setting: str, value: str) -> bool:
    given = config[setting]
    return value in given if isinstance(given, list) else value == given


def meant(name: str, known: Collection[str]) -> str:
    """Return what may have been meant by a name that is not known."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
