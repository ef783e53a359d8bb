"""A reading of which no more is asked than is taken."""

from __future__ import annotations

from tap_usage.rest.pages.query import Ask, Reading
from tap_usage.rest.request import Answer


class PageByPage(Reading):
    """A reading that sends nothing before its last page was given.

    Args:
        reading: what is read.
        first: with its first page it is over.
    """

    def __init__(self, reading: Reading, *, first: bool) -> None:
        super().__init__()
        self._reading = reading
        self._first = first

    def next_ask(self) -> Ask | None:
        return None if self.pages else self._reading.next_ask()

    def take(self, ask: Ask, answer: Answer) -> None:
        self._reading.take(ask, answer)
        self._follow()

    def fail(self, ask: Ask, error: Exception) -> None:
        self._reading.fail(ask, error)
        self._follow()

    def _follow(self) -> None:
        reading = self._reading
        self.pages.extend(reading.pages)
        reading.pages.clear()
        self.vanished, self.expected, self.received = reading.vanished, reading.expected, reading.received
        if reading.finished or (self._first and self.pages):
            self.end(reading.error)
