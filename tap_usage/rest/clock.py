"""Time and waiting, in one place, so that a run can be ended at any moment and tests own both."""

from __future__ import annotations

import queue
import time
from datetime import UTC, datetime
from email.utils import parsedate
from functools import lru_cache
from typing import Any

SLICE_SECONDS = 0.2


class Stopped(BaseException):
    """The run is being ended (SIGTERM, Ctrl-C, closed generator): unwind, do not retry."""


class Clock:
    """The local clock, interruptible waits, and the request to stop.

    `stop()` only sets a flag, because it is called from signal handlers: a lock taken there could be held by the
    interrupted code. Waits look at the flag every 0.2 seconds.
    """

    def __init__(self) -> None:
        self.stopping: int | None = None

    def now(self) -> datetime:
        """Return the local wall clock, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()

    def stop(self, signal_number: int = 0) -> None:
        """Ask everything that waits to raise `Stopped`."""
        self.stopping = signal_number

    def check(self) -> None:
        """Raise `Stopped` if the run is being ended."""
        if self.stopping is not None:
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Wait.

        Raises:
            Stopped: as soon as the run is being ended.
        """
        until = self.monotonic() + seconds
        self.check()
        while (left := until - self.monotonic()) > 0:
            time.sleep(min(left, SLICE_SECONDS))
            self.check()

    def receive(self, source: queue.SimpleQueue[Any], seconds: float) -> Any:  # noqa: ANN401 - whatever is queued
        """Return the next item of a queue, or None after `seconds`.

        Raises:
            Stopped: when the run is being ended.
        """
        until = self.monotonic() + seconds
        while True:
            self.check()
            try:
                return source.get(timeout=max(0.0, min(until - self.monotonic(), SLICE_SECONDS)))
            except queue.Empty:
                if self.monotonic() >= until:
                    return None


@lru_cache(maxsize=64)
def http_date(text: str) -> datetime | None:
    """Return the UTC time that an HTTP header tells, None if it tells none.

    HTTP knows no other zone: whatever is written in its place (`-0000`, nothing, a name), the digits are UTC.
    """
    try:
        parts = parsedate(text)
        return datetime(*parts[:5], min(parts[5], 59), tzinfo=UTC) if parts else None
    except (IndexError, TypeError, ValueError, OverflowError):
        return None
