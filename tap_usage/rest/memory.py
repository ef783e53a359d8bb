"""How much of what was read ahead may wait in memory: one budget in bytes for a run, and the share of each stream."""

from __future__ import annotations

MOST_BYTES = 16 * 1024 * 1024
AHEAD_BYTES = MOST_BYTES * 3 // 4
SHARE_BYTES = MOST_BYTES * 3 // 16


class Memory:
    """Bytes of bodies that were received and not given yet, and of those that are on their way.

    Decoded, they take about five times as much.

    Attributes:
        taken: bytes of both.
        freed: how often some were freed: what found no room need not ask again before.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.freed = 0

    def take(self, size: int) -> None:
        """Take room, or give it back where `size` is less than nothing."""
        self.taken += size
        self.freed += size < 0


class Share:
    """What one stream takes of the memory of a run.

    Nobody knows how large an answer will be: it is taken to be as large as the stream's largest one with rows so far,
    or as its request says before there was one.

    Args:
        memory: of the run.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._taken = 0
        self._largest = 0

    def size(self, weight: int) -> int:
        """Return what the answer to a request of this weight is taken to have."""
        return weight and (self._largest or weight)

    def has_room(self, weight: int, *, first: bool) -> bool:
        """Return whether one more answer may be read ahead.

        Args:
            weight: of its request.
            first: it is of a reading that is being given, for which a part is kept free of all others.
        """
        size = self.size(weight)
        if first or not size:
            return not size or self.memory.taken + size <= MOST_BYTES
        fair = not self._taken or self._taken + size <= SHARE_BYTES
        return fair and self.memory.taken + size <= AHEAD_BYTES

    def take(self, size: int) -> None:
        """Take room, or give it back where `size` is less than nothing."""
        self._taken += size
        self.memory.take(size)

    def release(self) -> None:
        """Give everything back."""
        self.take(-self._taken)

    def learn(self, size: int) -> None:
        """Take notice of an answer with rows."""
        self._largest = max(self._largest, size)
