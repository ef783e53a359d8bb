"""The threads of a vendor: they send requests, and nothing else."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from tap_usage.rest.connection import Connection

TICK_SECONDS = 1.0


class Sent:
    """How many requests went out, repeats included: counted when they do, so that it is right at any moment."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        """Count one."""
        with self._lock:
            self.count += 1


class Run:
    """One pass over tasks: its queue of answers and its count of tasks in flight."""

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self.in_flight = 0
        self.abandoned = False


class Workers:
    """Daemon threads that send requests of one connection. Started when first needed, ended by `close`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._tasks: queue.SimpleQueue[tuple[Callable[[], Any], Any, Run] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._beginning: Run | None = None

    def begin(self) -> None:
        """Have the vendor asked for a token and its time, without waiting: vendors may begin side by side."""
        if self._beginning is None:
            self._beginning = Run()
            self.submit(self.connection.started, None, self._beginning)

    def started(self) -> datetime:
        """Return the vendor's clock when the run first asked; waiting for it can be stopped.

        Raises:
            RequestError: when not even a token can be had; the same one again where asking again is in vain.
            ClockError: when it is more than a day from that of this machine.
            Stopped: when the run is being ended.
        """
        self.begin()
        run = cast("Run", self._beginning)
        while (answer := self.connection.clock.receive(run.answers, TICK_SECONDS)) is None:
            pass
        self._beginning = None
        _, outcome = answer
        if isinstance(outcome, BaseException):
            raise outcome
        return cast("datetime", outcome)

    def submit(self, task: Callable[[], Any], owner: Any, run: Run) -> None:  # noqa: ANN401 - handed back as it came
        """Have a task done; what it returns or raises goes to the run's queue."""
        run.in_flight += 1
        if len(self._threads) < min(self.connection.max_concurrency, run.in_flight):
            thread = threading.Thread(target=self._work, name=f"{self.connection.host.name}-worker", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._tasks.put((task, owner, run))

    def close(self, seconds: float = 1.0) -> None:
        """End the threads; one that hangs in a slow answer dies with the process."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(seconds)
        self._threads.clear()
        self.connection.close()

    def _work(self) -> None:
        while (queued := self._tasks.get()) is not None:
            task, owner, run = queued
            if run.abandoned:
                continue
            try:
                outcome = task()
            except BaseException as error:  # noqa: BLE001 - judged in the main thread
                outcome = error
            run.answers.put((owner, outcome))
            del queued, task, owner, run, outcome  # an answer may be large, and the next task may be long in coming
