"""One thread of control for all vendors: tasks take turns in it, workers only bring answers."""

from __future__ import annotations

import heapq
import itertools
import queue
from collections.abc import Callable, Generator, Iterable

from tap_usage.rest.clock import Clock
from tap_usage.rest.memory import Memory

TICK_SECONDS = 1.0
MOST_IDLE_TICKS = 60

Task = Generator[bool, None, None]
"""Yields whether it did something; False: it waits for an answer, or for another task."""


class StuckError(Exception):
    """Tasks wait for each other, and nothing else is on its way: a defect of the tap."""


class Loop:
    """Steps tasks in turn, hands over what workers bring, and does what is put off when its time comes.

    Whatever a task changes, it changes between two of its yields, and nothing else runs in between.

    Args:
        clock: time and waiting.

    Attributes:
        memory: for what is read ahead in this run.
        awaited: answers that are on their way.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.memory = Memory()
        self.awaited = 0
        self._came: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def run(self, tasks: Iterable[Task], beside: Iterable[Task] = ()) -> None:
        """Step tasks in turn until all are over.

        Args:
            tasks: what is to be done.
            beside: stepped after each round, at least once a second; closed at the end. Nothing waits for them.

        Raises:
            Stopped: when the run is being ended.
            StuckError: when they never would be over.
        """
        tasks, beside = list(tasks), list(beside)
        idle = 0
        try:
            while tasks:
                busy = False
                for task in tuple(tasks):
                    busy |= self.turn()
                    did = next(task, None)
                    if did is None:
                        tasks.remove(task)
                    busy |= did is not False
                for task in beside:
                    next(task, None)
                idle = 0 if busy or self.awaited or self._due else idle + 1
                if idle > MOST_IDLE_TICKS:
                    raise StuckError("streams wait for each other: a defect of the tap, report it")
                if not busy:
                    self.wait()
        finally:
            for task in (*beside, *tasks):
                task.close()

    def put(self, delivery: Callable[[], None]) -> None:
        """Have something handed over in the thread of control; may be called in any other."""
        self._came.put(delivery)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Have something done `seconds` from now."""
        heapq.heappush(self._due, (self.clock.monotonic() + seconds, next(self._numbers), action))

    def turn(self) -> bool:
        """Do what is due, and hand over what has come, so that workers never wait for the target.

        Returns:
            Whether there was something.

        Raises:
            Stopped: when the run is being ended.
        """
        self.clock.check()
        some = False
        while self._due and self._due[0][0] <= self.clock.monotonic():
            heapq.heappop(self._due)[-1]()
            some = True
        while not self._came.empty():
            self._came.get_nowait()()
            some = True
        return some

    def wait(self) -> None:
        """Wait until something comes or is due, a second at most.

        Raises:
            Stopped: when the run is being ended.
        """
        seconds = TICK_SECONDS
        if self._due:
            seconds = max(0.0, min(self._due[0][0] - self.clock.monotonic(), TICK_SECONDS))
        if not self.awaited:
            self.clock.wait(seconds)
        elif delivery := self.clock.receive(self._came, seconds):
            delivery()
