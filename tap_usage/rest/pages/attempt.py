"""Which offsets of one query are asked for, and which one is read next."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from tap_usage.rest.request import Answer

OVERLAP = 1


class Outlook(enum.Enum):
    """What follows a page."""

    MORE = "the page at `due`"
    END = "nothing"
    SHORT = "nothing, although the vendor counts more rows"


@dataclass(eq=False)
class Attempt:
    """The offsets of one try to read a query from its first page to its last; where rows moved, another one follows.

    Attributes:
        reach: largest offset that may be asked.
        limit: rows of a full page.
        due: offset of the page that is read next; it only grows.
        asked: offsets that were asked for.
        arrived: answers, by offset, whose turn has not come.
        total: number of rows, as the last page told it.
        parallel: the total is known, so that later pages may be asked before `due` has come.
        deepest: the last offset within reach, if more rows lie behind it.
        anchor: value of the order that the page at `deepest` ends with, as soon as that is known.
        progress: rows came that had not been given before.
        alone: the page before is a single row: if more follow, no row can come again to prove where they join.
    """

    reach: int
    limit: int
    due: int = 0
    asked: set[int] = field(default_factory=set)
    arrived: dict[int, Answer | Exception] = field(default_factory=dict)
    total: int = 0
    parallel: bool = False
    deepest: int | None = None
    anchor: str | None = None
    progress: bool = False
    alone: bool = False

    def next_offset(self) -> int | None:
        """Return the first offset that was not asked for yet and may be; None if an answer has to tell it."""
        offset = self.due
        while offset in self.asked:
            if not self.parallel:
                return None
            offset += self.limit - OVERLAP
        return offset if offset == self.due or (offset + OVERLAP < self.total and offset <= self.reach) else None

    def arrive(self, offset: int, answer: Answer | Exception) -> None:
        """Keep an answer until its turn comes; one whose turn is over is not kept."""
        if offset >= self.due:
            self.arrived[offset] = answer

    def plan(self, length: int, total: int | None) -> Outlook:
        """Plan what follows the page at `due`.

        Args:
            length: its rows.
            total: the number of all rows, None if there is none to rely on.
        """
        covered = self.due + length
        ended = length <= (OVERLAP if self.due else 0)
        if total is None:
            return Outlook.END if ended else self._one_more(covered)
        self.total = total
        full = length >= self.limit
        if covered >= total:
            return self._one_more(covered) if (full or covered > total) and not ended else Outlook.END
        if not self.due and length > OVERLAP:
            self.limit = length
            self.parallel = True
            self.due = step = length - OVERLAP
            deepest = self.reach // step * step
            self.deepest = deepest if self.due < deepest < total - length else None
            return Outlook.MORE
        if ended or covered <= OVERLAP or (self.parallel and not full):
            return Outlook.SHORT
        if not self.parallel:
            return self._one_more(covered)
        self.due += self.limit - OVERLAP
        return Outlook.MORE

    def _one_more(self, covered: int) -> Outlook:
        """Ask for one page more: it proves the end, or goes on where no total can be relied on."""
        self.parallel = False
        self.alone = covered <= OVERLAP
        self.due = covered if self.alone else covered - OVERLAP
        return Outlook.MORE
