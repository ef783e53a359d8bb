"""Instants and days as texts, in one place: always UTC, always four digits of the year, never beyond the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


def instant(text: str) -> datetime:
    """Return the UTC instant of an ISO 8601 text; without an offset it is UTC.

    Raises:
        ValueError: if it is none.
    """
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return FIRST if value.year == FIRST.year else LAST


def utc_text(at: datetime) -> str:
    """Return an instant as `2026-11-22T10:00:00.000Z`, cut to whole milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shifted(at: datetime, by: timedelta) -> datetime:
    """Return the instant `by` later, or the first or last one there is."""
    try:
        return at + by
    except OverflowError:
        return FIRST if by < timedelta() else LAST


def day_of(told: str | int) -> date:
    """Return the first day of `2015`, `2015-03`, `2015-03-20`, or the UTC day of a date-time or of Unix seconds.

    Raises:
        ValueError: if it is none of them.
    """
    if isinstance(told, int):
        try:
            return datetime.fromtimestamp(told, UTC).date()
        except (OverflowError, OSError) as error:
            raise ValueError(told) from error
    if "T" in told:
        return instant(told).date()
    whole = {4: "-01-01", 7: "-01"}.get(len(told), "")
    day = date.fromisoformat(told + whole)
    if day.isoformat() != told + whole:
        raise ValueError(told)
    return day


def unix_seconds(day: date) -> int:
    """Return the day's first instant in Unix seconds."""
    return (day - date(1970, 1, 1)) // timedelta(seconds=1)


def midnight(day: date) -> str:
    """Return the day's first instant as `2026-11-22T00:00:00Z`."""
    return f"{day.isoformat()}T00:00:00Z"


def later(one: str | None, other: str | None) -> str | None:
    """Return the later of two texts; None is earlier than all."""
    if one is None or other is None:
        return one if other is None else other
    return max(one, other, key=instant)


def earlier(one: str | None, other: str | None) -> str | None:
    """Return the earlier of two texts; None is earlier than all."""
    return None if one is None or other is None else min(one, other, key=instant)
