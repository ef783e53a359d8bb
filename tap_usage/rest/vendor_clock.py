"""The vendor's clock: what a bookmark may not pass, and what snapshots are dated by."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

from tap_usage.rest.clock import Clock, http_date
from tap_usage.rest.errors import ReadError

FARTHEST_APART = timedelta(days=1, minutes=1)
"""A day, and a minute for answers that were long on their way."""

logger = logging.getLogger("tap-usage")


class ClockError(ReadError):
    """The vendor's clock and that of this machine are too far apart to know what day it is."""


class VendorClock:
    """Learned from the `Date` of the vendor's successful answers. Safe for many threads.

    A clock that is wrong from the first answer on is a failure of everything, because bookmarks would follow it. One
    odd `Date` among good ones is somebody's in between: it is not used, the time goes on from the last good one.

    Args:
        vendor: for log lines.
        clock: of this machine.
    """

    def __init__(self, vendor: str, clock: Clock) -> None:
        self._vendor = vendor
        self._clock = clock
        self._lock = threading.Lock()
        self._error: ClockError | None = None
        self._warned = False
        self._latest: tuple[datetime, float] | None = None
        self.first: datetime | None = None

    def now(self) -> datetime:
        """Return the vendor's time; that of this machine as long as no answer told it."""
        if self._latest is None:
            return self._clock.now()
        date, at = self._latest
        return date + timedelta(seconds=self._clock.monotonic() - at)

    @property
    def difference(self) -> timedelta | None:
        """How far it is ahead of that of this machine; None as long as no answer told it."""
        return None if self._latest is None else self.now() - self._clock.now()

    def check(self) -> None:
        """Raise the `ClockError` that was found, if one was."""
        if self._error:
            raise self._error

    def read(self, date: str | None) -> datetime:
        """Return the vendor's time at a successful answer.

        Args:
            date: its `Date` header; where it cannot be read, the time goes on from the last one that could.

        Raises:
            ClockError: when it is more than a day from the time of this machine, and no former answer was nearer.
        """
        found = http_date(date) if date else None
        with self._lock:
            if found and self._is_odd(found):
                found = None
            if found:
                self._latest = found, self._clock.monotonic()
            found = found or self.now()
            self.first = self.first or found
        return found

    def _is_odd(self, found: datetime) -> bool:
        here = self._clock.now()
        if abs(found - here) <= FARTHEST_APART:
            return False
        times = f"the vendor's clock says {found:%Y-%m-%dT%H:%M:%SZ}, that of this machine {here:%Y-%m-%dT%H:%M:%SZ}"
        if self._latest is None:
            self._error = ClockError(f"{times}: set the one that is wrong, or tell the vendor")
            raise self._error
        if not self._warned:
            logger.warning("%s: in one answer %s; it is not used", self._vendor, times)
            self._warned = True
        return True
