"""One budget of requests for all workers of a vendor."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import ReadError

RESTART_SPACING_SECONDS = 0.05
RESTART_SECONDS = 1.0


class PausedError(ReadError):
    """The vendor takes no requests for longer than is waited for."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why requests wait.

    Attributes:
        why: what happened, for a person.
        until: when they go on, by the monotonic clock.
    """

    why: str
    until: float


class Throttle:
    """Spaces requests evenly and pauses all of them together.

    Every try takes a slot, token requests too. Slots are `1 / per_second` apart, with a grace of a few slots, so that
    workers that wake late do not waste the budget. After a pause the slots are spaced even without a limit: the
    workers start again one after the other.

    Attributes:
        longest: seconds of a pause that are waited for.
        waiting: the last pause, which may be over; None before the first.
    """

    def __init__(self, clock: Clock, per_second: float = 0.0, grace_slots: int = 4) -> None:
        self.longest = math.inf
        self.waiting: Waiting | None = None
        self._clock = clock
        self._interval = 1 / per_second if per_second else 0.0
        self._grace = self._interval * grace_slots
        self._next = 0.0
        self._paused_until = 0.0
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait for a slot.

        Raises:
            PausedError: when a pause takes too long.
            Stopped: when the run is being ended.
        """
        while True:
            with self._lock:
                now = self._clock.monotonic()
                if (left := self._paused_until - now) > self.longest:
                    raise PausedError(f"the vendor's rate limit is used up, it takes no request for {left:.0f} s more")
                slot = max(self._next, now - self._grace, self._paused_until)
                restarting = self._paused_until and slot < self._paused_until + RESTART_SECONDS
                self._next = slot + (self._interval or (RESTART_SPACING_SECONDS if restarting else 0.0))
            if slot > now:
                self._clock.wait(slot - now)
            with self._lock:
                if self._paused_until <= self._clock.monotonic():
                    return

    def pause(self, seconds: float, why: str) -> None:
        """Let nothing out for `seconds` from now."""
        with self._lock:
            until = self._clock.monotonic() + seconds
            if until > self._paused_until:
                self._paused_until = until
                self.waiting = Waiting(why, until)
            self._next = max(self._next, self._paused_until)
