"""How far the reading of a stream is."""

from __future__ import annotations

from dataclasses import dataclass, field

from tap_usage.rest.pages.query import Reading
from tap_usage.rest.workers import Sent


@dataclass
class Meter:
    """Counts of one stream in one run.

    Attributes:
        began, ended: by the monotonic clock, None before it.
        readings: windows and partitions that are to be read, None as long as nobody knows.
        over: those that were read, or failed.
        rows: that were written.
        expected: rows that the vendor says there are in what was read, None if it does not say.
        final: rows that the vendor will not change any more, None where rows do not say so.
        vanished: partitions that were listed and are gone.
        listed: it was only asked for what other streams depend on, its rows are not written.
        sent: requests.
        open: readings that were begun and are not over.
    """

    began: float | None = None
    ended: float | None = None
    readings: int | None = None
    over: int = 0
    rows: int = 0
    expected: int | None = None
    final: int | None = None
    vanished: int = 0
    listed: bool = False
    sent: Sent = field(default_factory=Sent)
    open: set[Reading] = field(default_factory=set)

    @property
    def known(self) -> tuple[int, int]:
        """How many rows the vendor says there are, and in how many of the readings."""
        told = [reading.expected for reading in self.open if reading.expected is not None]
        over = self.over if self.expected is not None else 0
        return (self.expected or 0) + sum(told), over + len(told)

    @property
    def seconds(self) -> float:
        """How long it took; 0 as long as it goes on."""
        return 0.0 if self.began is None or self.ended is None else self.ended - self.began

    def wrote(self, rows: int, final: int) -> None:
        """Rows were written; so many of them are final."""
        self.rows += rows
        if self.final is not None:
            self.final += final
