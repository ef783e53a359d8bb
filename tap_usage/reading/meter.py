"""How far the reading of a stream is."""

from __future__ import annotations

from dataclasses import dataclass, field

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
        vanished: partitions that were listed and are gone.
        sent: requests.
    """

    began: float | None = None
    ended: float | None = None
    readings: int | None = None
    over: int = 0
    rows: int = 0
    expected: int | None = None
    vanished: int = 0
    sent: Sent = field(default_factory=Sent)

    @property
    def summary(self) -> str:
        """How much was written of what the vendor said there is, and what it took."""
        of = f" of {self.expected}" if self.expected is not None else ""
        gone = f", {self.vanished} vanished" if self.vanished else ""
        seconds = (self.ended or 0.0) - (self.began or 0.0)
        return f"{self.rows}{of} rows, {self.sent.count} requests{gone}, {seconds:.1f} s"
