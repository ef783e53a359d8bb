"""What an extraction would read, without reading it."""

from __future__ import annotations

from collections.abc import Generator

from tap_usage.reading.extraction import Extraction
from tap_usage.reading.sheet import Unit
from tap_usage.rest.pages.page_by_page import PageByPage
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
        """Read the first page of a unit and return its reading, which has taken the answer; a failure is noted."""
        reading = self._reading(unit, self._today()[1])
        for event in self._events([(unit, PageByPage(reading, first=True))]):
            if event is None:
                yield []
        yield from self._judge(unit, reading)
        if reading.error:
            self._run.failed(self._sheet, self._where(unit), reading.error)
        return reading
