"""What an extraction would read, without reading it."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

from tap_usage.reading.extraction import Extraction
from tap_usage.reading.sheet import Unit
from tap_usage.rest.pages.query import Reading, Row


class Preview(Extraction):
    """An extraction that reads a page at most; the arguments are the same."""

    def units(self) -> Generator[list[Row], None, list[Unit]]:
        """Return what `pages` would read; the state begins a pass.

        Raises:
            ReadError: for a vendor without a login, or a state that cannot be read.
        """
        contexts, complete = yield from self._partitions()
        listed = [partition for partition, _ in contexts]
        return [*self._progress(*self._today(), listed, complete=complete).units(contexts)]

    def peek(self, unit: Unit) -> Generator[list[Row], None, Reading]:
        """Send the first request of a unit and return its reading, which has taken the answer; a failure is noted."""
        reading = self._reading(unit, self._today()[1])
        while self._workers.in_flight >= self._workers.connection.allowed:
            yield []
        if ask := reading.next_ask():
            answered = self._workers.awaited(partial(self._workers.connection.send, ask.request))
            while (outcome := answered()) is None:
                yield []
            reading.fail(ask, outcome) if isinstance(outcome, Exception) else reading.take(ask, outcome)
        yield from self._judge(unit, reading)
        if reading.error:
            self._run.failed(self._sheet, self._where(unit), reading.error)
        return reading
