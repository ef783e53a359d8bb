"""What a data sheet says beyond names: constant parameters, how time is cut, by what rows are grouped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tap_usage.times import unix_seconds

Config = Mapping[str, Any]
Ask = Callable[[date, date, Config], Mapping[str, Any]]
"""What asks for the days from one to before another, by the settings."""


def days(start: str, end: str, *, inclusive: bool = False) -> Ask:
    """Return what asks for a window by days such as `2026-11-22`.

    Args:
        start: parameter for the first day.
        end: parameter for the end.
        inclusive: that is the last day of the window, not the one after it.
    """
    less = timedelta(days=inclusive)
    return lambda first, after, _: {start: first.isoformat(), end: (after - less).isoformat()}


def unix(start: str, end: str) -> Ask:
    """Return what asks for a window by Unix seconds; `start` and `end` are the parameters, the end is exclusive."""
    return lambda first, after, _: {start: unix_seconds(first), end: unix_seconds(after)}


@dataclass(frozen=True)
class Setting:
    """The value of a setting, among constant parameters."""

    name: str


@dataclass(frozen=True)
class Windows:
    """How a stream's time is cut into windows.

    Attributes:
        field: field of the row that holds its date, as text or in Unix seconds; "" where rows have none.
        bucket: what one row is about (day, week, month, year), or the setting that tells it.
        span: setting with the size of a window.
        lookback: setting with what is read again.
        params, json: how a window is asked for: makes query parameters (`days`, `unix`), or a body that is posted.
        step: "day", or "bucket": the unit of span and lookback.
        longest: units of span that a request may cover at most, whatever the setting says; 0 for any.
        back: days before the vendor's date on which a window may begin at the earliest; 0 for any.
        open_end: the current bucket is read too.
        stamp: field to add with the first day of the row's bucket.
    """

    field: str
    bucket: str
    span: str
    lookback: str
    params: Ask | None = None
    json: Ask | None = None
    step: str = "day"
    longest: int = 0
    back: int = 0
    open_end: bool = False
    stamp: str = ""


@dataclass(frozen=True)
class Grouping:
    """By which dimensions the rows of a query are grouped.

    Attributes:
        setting: that lists them.
        fields: dimension, as the setting calls it → field of the rows.
        names: dimension → what the vendor calls it, where that is another word; "" is left out of the query.
    """

    setting: str
    fields: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict)

    def names_in(self, config: Config) -> list[str]:
        """Return what the vendor calls the dimensions, in the order of the setting."""
        names = (self.names.get(dimension, dimension) for dimension in config[self.setting])
        return [name for name in names if name]

    def fields_in(self, config: Config) -> tuple[str, ...]:
        """Return the fields of the rows that hold them, in order."""
        return tuple(sorted(self.fields[each] for each in config[self.setting] if self.names.get(each, each)))

    def grouped_by(self, config: Config) -> str:
        """Return what rows say that they are grouped by."""
        return ",".join(sorted({*self.names_in(config)}))

    def problem(self, config: Config) -> str | None:
        """Return what is wrong with the setting, None if nothing is."""
        if unknown := sorted({*config[self.setting]} - self.fields.keys()):
            return f"`{self.setting}` must not hold {', '.join(unknown)}"
        usable = [dimension for dimension in self.fields if self.names.get(dimension, dimension)]
        return None if self.names_in(config) else f"`{self.setting}` must hold one of {', '.join(usable)}"
