"""Workers without threads."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import partial
from typing import Any

from tap_usage.rest.connection import Connection
from tap_usage.rest.loop import Loop
from tap_usage.rest.workers import Receiver, Workers
from tests.simulation.clock import SimulatedClock


class SimulatedWorkers(Workers):
    """Does each task at once, on a time of its own that begins when a worker is free.

    Tasks of one vendor share its budget, its token and its patience in the order in which they were submitted, also
    where the later one is earlier in time: a task then waits a little longer than it would have had to.
    """

    def __init__(self, connection: Connection, loop: Loop, clock: SimulatedClock) -> None:
        super().__init__(connection, loop)
        self._clock = clock
        self._free = [0.0] * connection.max_concurrency

    def submit(self, task: Callable[[], Any], receiver: Receiver, what: Any = None) -> None:  # noqa: ANN401
        self.in_flight += 1
        self.loop.awaited += 1
        began = max(self._clock.at, self._free[0])
        over, delivery = self._clock.elsewhere(began, partial(self._done, task, receiver, what))
        heapq.heapreplace(self._free, over)
        self._clock.do_at(over, partial(self.loop.put, delivery))
