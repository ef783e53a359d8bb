"""The threads of a vendor: they send requests, and nothing else."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from tap_usage.rest.connection import Connection
from tap_usage.rest.loop import Loop

Handed = Any  # what a receiver gave along, and what its task returned or raised


class Receiver(Protocol):
    """Who waits for outcomes.

    Attributes:
        gone: nobody waits any more: what was not sent yet need not be.
    """

    gone: bool

    def receive(self, what: Handed, outcome: Handed) -> None:
        """Take what a task returned or raised; called in the thread of control."""


class Source(Protocol):
    """Who has requests to send."""

    def send_one(self) -> bool:
        """Submit one request; return whether there was one."""


class Sent:
    """How many requests went out, repeats included: counted when they do, so that it is right at any moment."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        """Count one."""
        with self._lock:
            self.count += 1


class _Beginning:
    def __init__(self) -> None:
        self.gone = False
        self.outcome: datetime | Exception | None = None

    def receive(self, what: Handed, outcome: Handed) -> None:  # noqa: ARG002 - there is only one
        self.outcome = outcome


class Workers:
    """Daemon threads that send requests of one connection. Started when first needed, ended by `close`.

    Args:
        connection: of the vendor.
        loop: where outcomes are handed over.

    Attributes:
        in_flight: requests that were submitted and have not come back.
        sources: whose requests are sent in turn.
    """

    def __init__(self, connection: Connection, loop: Loop) -> None:
        self.connection = connection
        self.loop = loop
        self.in_flight = 0
        self.sources: deque[Source] = deque()
        self._tasks: queue.SimpleQueue[tuple[Callable[[], Any], Receiver, Any] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._beginning: _Beginning | None = None

    def started(self) -> datetime | None:
        """Return the vendor's clock when the run first asked; None while it is not known.

        Raises:
            RequestError: when the login fails or was refused; the same one for all who ask.
            ClockError: when it is more than a day from that of this machine.
        """
        if self._beginning is None:
            self._beginning = _Beginning()
            self.submit(self.connection.started, self._beginning)
        if isinstance(self._beginning.outcome, Exception):
            raise self._beginning.outcome
        return self._beginning.outcome

    def dispatch(self) -> None:
        """Send requests as long as there are some and the vendor may be asked, one from each source in turn."""
        idle = 0
        while idle < len(self.sources) and self.in_flight < self.connection.allowed:
            idle = 0 if self.sources[0].send_one() else idle + 1
            self.sources.rotate(-1)

    def submit(self, task: Callable[[], Any], receiver: Receiver, what: Handed = None) -> None:
        """Have a task done.

        Args:
            task: what is done.
            receiver: gets what it returns or raises.
            what: handed back with it.
        """
        self.in_flight += 1
        self.loop.awaited += 1
        if len(self._threads) < min(self.connection.max_concurrency, self.in_flight):
            thread = threading.Thread(target=self._work, name=f"{self.connection.host.name}-worker", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._tasks.put((task, receiver, what))

    def close(self, seconds: float = 1.0) -> None:
        """End the threads, within so many seconds; those that hang in slow answers die with the process."""
        until = self.loop.clock.monotonic() + seconds
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(max(0.0, until - self.loop.clock.monotonic()))
        self._threads.clear()
        self.connection.close()

    def _work(self) -> None:
        while (queued := self._tasks.get()) is not None:
            self.loop.put(self._done(*queued))
            del queued  # an answer may be large, and the next task may be long in coming

    def _done(self, task: Callable[[], Any], receiver: Receiver, what: Handed) -> Callable[[], None]:
        """Do a task and return how its outcome is handed over."""
        outcome: Handed = None
        if not receiver.gone:
            try:
                outcome = task()
            except BaseException as error:  # noqa: BLE001 - judged in the thread of control
                outcome = error
        return partial(self._deliver, receiver, what, outcome)

    def _deliver(self, receiver: Receiver, what: Handed, outcome: Handed) -> None:
        self.in_flight -= 1
        self.loop.awaited -= 1
        if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
            raise outcome
        if not receiver.gone:
            receiver.receive(what, outcome)
