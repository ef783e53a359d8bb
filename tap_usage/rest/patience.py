"""How often a vendor is asked again: less when it has been down for long, little when it never was there."""

from __future__ import annotations

from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import RequestError

OUTAGE_SECONDS = 900.0
UNREACHED_SECONDS = 10.0
UNREACHED_TRIES = 4


class Patience:
    """Counts what goes wrong at one vendor.

    A vendor that has been down for a quarter of an hour does not hold the run for hours: when a request has failed for
    good then, each further one is tried only once, until one succeeds. One that nobody has reached yet in this run
    (the network is off, the address is wrong) is tried for some seconds, once for all its requests.

    Args:
        clock: for the seconds.

    Attributes:
        max_tries: tries of one request.
        answered: the vendor has answered in this run, whatever it said.
    """

    def __init__(self, clock: Clock, max_tries: int) -> None:
        self._clock = clock
        self.max_tries = max_tries
        self._failing_since: float | None = None
        self._down = False
        self._unreached: RequestError | None = None
        self.answered = False

    def check(self) -> None:
        """Raise the failure of the request that did not reach the vendor, if there was one."""
        if self._unreached:
            raise self._unreached

    def proved(self, *, up: bool) -> None:
        """Take note whether the end of a request proves that the vendor does what it should."""
        if up:
            self._failing_since = None
            self._down = False

    def ends(self, failure: RequestError, began: float, *, unsent: bool, last: bool = False) -> bool:
        """Take note of a failed try; return whether it was the last one of its request.

        Args:
            failure: with the number of tries.
            began: when the first try was made, by the monotonic clock.
            unsent: there was no connection to the vendor.
            last: it is not tried again, whatever the vendor's state.
        """
        now = self._clock.monotonic()
        if unsent and not self.answered:
            enough = failure.tries >= min(UNREACHED_TRIES, self.max_tries) or now - began >= UNREACHED_SECONDS
            self._unreached = failure if enough else None
            return enough
        since = self._failing_since
        if since is None:
            since = self._failing_since = now
        if failure.tries < self.max_tries and not self._down and not last:
            return False
        self._down |= now - since >= OUTAGE_SECONDS
        return True
