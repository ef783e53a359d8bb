"""What could not be extracted: a line for a person for each stream and cause, however many partitions share it."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field

from tap_usage.rest.errors import ReadError, RequestError

NAMED = 3
NUMBERS = re.compile(r"\d+")
FORBIDDEN = 403


@dataclass(frozen=True)
class Subject:
    """What a failure is about.

    Attributes:
        vendor, stream: names.
        units: what the readings of the stream are called, in plural.
        permission: what the credentials must be allowed to.
    """

    vendor: str
    stream: str
    units: str = "readings"
    permission: str = ""


@dataclass
class _Cause:
    """What failed in the same way.

    Attributes:
        lacking: what the credentials must be allowed to and are not, "" if that is not why.
        places: partitions or windows, none when it is the whole stream.
    """

    subject: Subject
    request: Hashable
    text: str
    lacking: str = ""
    places: dict[str, None] = field(default_factory=dict)


class Failures:
    """The failures of a run."""

    def __init__(self) -> None:
        self._causes: dict[Hashable, _Cause] = {}
        self._asked: dict[str, set[str]] = {}

    def __bool__(self) -> bool:
        """Return whether anything failed."""
        return bool(self._causes)

    def count(self, stream: str) -> int:
        """Return how many partitions or windows of a stream failed; what is the whole stream's counts as one."""
        return sum(len(cause.places) or 1 for cause in self._causes.values() if cause.subject.stream == stream)

    def asked(self, stream: str, place: str) -> None:
        """A partition or window of a stream was asked for, with whatever result."""
        self._asked.setdefault(stream, set()).add(place)

    def add(self, subject: Subject, place: str, error: Exception) -> str:
        """Note a failure and return its text; `place` is "" when it is the whole stream's."""
        text = text_of(error, subject.permission)
        lacking = subject.permission if is_forbidden(error) else ""
        kind = _kind(error)
        request = error.where if isinstance(error, RequestError) else ""
        cause = self._causes.setdefault((subject, kind), _Cause(subject, (kind, request), text, lacking))
        if place:
            cause.places.setdefault(place)
        return text

    def of(self, stream: str) -> tuple[str, str]:
        """Return the first failure of a stream and the permission that it lacks, "" where there is none."""
        causes = (cause for cause in self._causes.values() if cause.subject.stream == stream)
        return next(((cause.text, cause.lacking) for cause in causes), ("", ""))

    @property
    def lines(self) -> list[str]:
        """One line for each stream and cause; streams of a vendor that failed for the same request share one."""
        shared: dict[Hashable, list[_Cause]] = {}
        for cause in self._causes.values():
            shared.setdefault((cause.subject.vendor, tuple(cause.places), cause.request), []).append(cause)
        return [
            ": ".join(part for part in (first.subject.vendor, names, self._where(first), first.text) if part)
            for first, names in (
                (causes[0], ", ".join(cause.subject.stream for cause in causes)) for causes in shared.values()
            )
        ]

    def _where(self, cause: _Cause) -> str:
        if len(cause.places) <= 1:
            return "".join(cause.places)
        asked = len(self._asked.get(cause.subject.stream, ()))
        of = f" of {asked:,}" if asked >= len(cause.places) else ""
        named = "; ".join(list(cause.places)[:NAMED]) + ("; …" if len(cause.places) > NAMED else "")
        return f"{len(cause.places):,}{of} {cause.subject.units} ({named})"


def text_of(error: Exception, permission: str = "") -> str:
    """Return an error as a line for a person; `permission` is what the credentials must be allowed to."""
    if not isinstance(error, ReadError):
        return f"unexpected {type(error).__name__}, please report it (LOGLEVEL=DEBUG shows where)"
    return f"{error}; needs {permission}" if permission and is_forbidden(error) else str(error)


def is_forbidden(error: Exception) -> bool:
    """Return whether the credentials lack a right: a login that is forbidden is not about what a stream needs."""
    return isinstance(error, RequestError) and error.status == FORBIDDEN and not error.login


def _kind(error: Exception) -> Hashable:
    """Return what two failures of one cause have in common: neither path nor correlation id, ids or figures."""
    if isinstance(error, RequestError):
        return (type(error), error.status, error.problem, error.code, error.advice)
    return (type(error), NUMBERS.sub("", error.cause) if isinstance(error, ReadError) else "")
