"""How much of what was read ahead may wait in memory, in bytes."""

from __future__ import annotations

MOST_BYTES = 16 * 1024 * 1024
OTHERS_BYTES = MOST_BYTES * 3 // 4


class Memory:
    """Bytes of bodies that were received and not given yet, and of those that are on their way.

    Decoded, they take about five times as much. Nobody knows how large an answer will be: it is taken to be as large
    as the largest one with rows so far, or as its request says before there was one.

    Attributes:
        held: bytes that were received and not given.
    """

    def __init__(self) -> None:
        self.held = 0
        self._expected = 0
        self._largest = 0

    def has_room(self, weight: int, *, first: bool) -> bool:
        """Return whether one more answer may be read ahead.

        Args:
            weight: of its request.
            first: it is of the reading that is being given, for which a part is kept free of all others.
        """
        most = MOST_BYTES if first else OTHERS_BYTES
        size = self._largest or weight
        return not weight or self.held + self._expected + size <= most

    def expect(self, weight: int) -> int:
        """Keep room for an answer and return how much."""
        size = weight and (self._largest or weight)
        self._expected += size
        return size

    def came(self, expected: int) -> None:
        """Free the room that was kept for an answer."""
        self._expected -= expected

    def learn(self, size: int) -> None:
        """Take notice of an answer with rows."""
        self._largest = max(self._largest, size)
