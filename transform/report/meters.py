"""How much was used, how that has changed, and where the month ends; pure functions of rows."""

from __future__ import annotations

import calendar
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from warehouse import Row, Rows

WINDOW = 30
SHORTEST = 7
SHOWN_DAYS = 92
SHOWN_PERIODS = 26


@dataclass(frozen=True)
class Period:
    """A quantity from one day to another, both included."""

    first: date
    last: date
    quantity: int

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Meter:
    """What is counted, and its days; a row a day, or a row a period where `is_coarse`."""

    provider: str
    id: str
    name: str
    unit: str
    days: Sequence[Row]
    is_coarse: bool
    unusual: Sequence[Row]

    @cached_property
    def final(self) -> list[Row]:
        """Days that cannot change any more."""
        return [row for row in self.days if row["x_is_final"]]

    @cached_property
    def judged(self) -> list[Row]:
        """Days that figures are made of: the final ones, or all while none is final."""
        return self.final or list(self.days)

    @property
    def first_on(self) -> date:
        """The first day with a row."""
        first: date = self.days[0]["x_usage_date"]
        return first

    @property
    def last_on(self) -> date:
        """The last day that figures are made of."""
        last: date = self.judged[-1]["x_usage_date"]
        return last

    @property
    def is_young(self) -> bool:
        """Whether it has too few final days for more than a sum."""
        return not self.final or (not self.is_coarse and (self.last_on - self.first_on).days + 1 < SHORTEST)

    @cached_property
    def recent(self) -> Period:
        """The last 30 days that figures are made of, or the last period."""
        return self._until(self.last_on)

    @cached_property
    def before(self) -> Period | None:
        """The same length before that; None where the data does not reach back so far."""
        if self.is_coarse:
            return self._until(self.judged[-2]["x_usage_date"]) if len(self.judged) > 1 else None
        period = self._until(self.recent.first - timedelta(days=1))
        return period if period.days == WINDOW else None

    @property
    def change(self) -> float | None:
        """By what part the quantity grew; None where nothing was before."""
        return self.recent.quantity / self.before.quantity - 1 if self.before and self.before.quantity else None

    def _until(self, last: date) -> Period:
        """The 30 days up to one, or the period that begins on it; no day before the first one."""
        first = last if self.is_coarse else max(self.first_on, last - timedelta(days=WINDOW - 1))
        return period(self.judged, first, last)

    @cached_property
    def shown(self) -> list[Row]:
        """The days a chart has room for."""
        if self.is_coarse:
            return list(self.days[-SHOWN_PERIODS:])
        first = self.days[-1]["x_usage_date"] - timedelta(days=SHOWN_DAYS - 1)
        return [row for row in self.days if row["x_usage_date"] >= first]

    @cached_property
    def shown_unusual(self) -> list[Row]:
        """The unusual ones among them."""
        return [row for row in self.unusual if row["x_usage_date"] >= self.shown[0]["x_usage_date"]]


@dataclass(frozen=True)
class Month:
    """Where the month of a meter's last final day ends, and the month before where the data has all of it."""

    meter: Meter
    until: date
    so_far: int
    expected: float
    last: Period | None

    @property
    def ends_on(self) -> date:
        """The last day of the month."""
        return self.until.replace(day=calendar.monthrange(self.until.year, self.until.month)[1])

    @cached_property
    def sums(self) -> list[tuple[int, float]]:
        """The sum up to each day of the month."""
        return self._sums(self.until.replace(day=1), self.until)

    @cached_property
    def last_sums(self) -> list[tuple[int, float]]:
        """The same of the month before; empty where the data does not have all of it."""
        return self._sums(self.last.first, self.last.last) if self.last else []

    def _sums(self, first: date, last: date) -> list[tuple[int, float]]:
        """The sum since the first day up to each one, 0 on those without a row."""
        used = {row["x_usage_date"]: row["consumed_quantity"] for row in self.meter.judged}
        days = range((last - first).days + 1)
        sums = itertools.accumulate(used.get(first + timedelta(days=day), 0) for day in days)
        return [(day + 1, so_far) for day, so_far in zip(days, sums, strict=True)]

    @property
    def change(self) -> float | None:
        """By what part the month is expected to differ from the one before."""
        return self.expected / self.last.quantity - 1 if self.last and self.last.quantity else None


def total(rows: Iterable[Row], column: str = "consumed_quantity") -> int:
    """The sum of a column."""
    return sum(row[column] or 0 for row in rows)


def period(days: Iterable[Row], first: date, last: date) -> Period:
    """What was used from one day to another."""
    return Period(first, last, total(row for row in days if first <= row["x_usage_date"] <= last))


def grouped(rows: Iterable[Row], *columns: str) -> dict[tuple[str, ...], list[Row]]:
    """Rows by the values of columns, in the order in which these first occur."""
    found: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[column] for column in columns)].append(row)
    return found


def meters(rows: Rows) -> list[Meter]:
    """Every meter there is usage of: by provider, then the larger one first."""
    coarse = {row["x_meter_id"] for row in rows["coarse"]}
    unusual = grouped(rows["unusual"], "x_meter_id")
    found = [
        Meter(
            provider=days[0]["service_provider_name"],
            id=meter,
            name=days[0]["sku_meter"],
            unit=days[0]["consumed_unit"],
            days=days,
            is_coarse=meter in coarse,
            unusual=unusual.get((meter,), []),
        )
        for (meter,), days in grouped(rows["daily"], "x_meter_id").items()
    ]
    return sorted(found, key=lambda meter: (meter.provider, -total(meter.days), meter.id))


def month(meter: Meter) -> Month | None:
    """Where its month ends; None without a week of days, or where a row covers more than a day."""
    newest = meter.judged[-1]
    if meter.is_young or meter.is_coarse or newest["month_end_estimate"] is None:
        return None
    last = meter.last_on.replace(day=1) - timedelta(days=1)
    before = period(meter.final, last.replace(day=1), last)
    return Month(
        meter=meter,
        until=meter.last_on,
        so_far=newest["month_to_date"],
        expected=newest["month_end_estimate"],
        last=before if meter.first_on <= before.first else None,
    )
