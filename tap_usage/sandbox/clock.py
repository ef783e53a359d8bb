"""The time of the simulated vendors."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache


class Clock:
    """A UTC clock that is frozen or runs, and that a test can move forward.

    Attributes:
        started: time at which the clock was made; the default data lies around it.
    """

    def __init__(self, now: str | None = None) -> None:
        """Freeze the clock at ``now`` (ISO 8601), or let it run when ``now`` is None."""
        self._frozen = None if now is None else instant(now)
        self._ahead = timedelta()
        self.started = self.now()

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        return (self._frozen or datetime.now(UTC)) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Move the clock forward.

        Raises:
            ValueError: ``by`` is negative: what the vendors have counted cannot be uncounted.
        """
        if by < timedelta():
            raise ValueError("the sandbox's clock cannot go back")
        self._ahead += by


@lru_cache(maxsize=1 << 17)
def instant(text: str) -> datetime:
    """Return the UTC time that an ISO 8601 text means; a text without an offset is UTC."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def timestamp(at: datetime) -> str:
    """Return a time as the vendors write it: milliseconds and ``Z``."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
