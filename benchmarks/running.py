"""Runs: a server with a shape, and programs that are measured against it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.data import Shape
from benchmarks.vendors import Setup

ROOT = Path(__file__).parents[1]
LONGEST_SECONDS = 600.0
LOG_BYTES = 2000
NULL = Path(os.devnull)


@dataclass(frozen=True)
class Run:
    """What one run of a program took.

    Attributes:
        seconds: from start to end of the process.
        cpu_seconds: user and system time of the process.
        peak_megabytes: largest resident set.
        code: exit code, negative for a signal.
        log: the end of its standard error.
        asked: what the server counted meanwhile.
    """

    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    code: int
    log: str
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """Requests that the server got."""
        return int(self.asked["requests"])

    @property
    def refused(self) -> int:
        """Requests that the server refused."""
        return sum(count for status, count in self.asked["statuses"].items() if int(status) >= 400)  # noqa: PLR2004


class Server:
    """A server process.

    Attributes:
        origin: scheme, host and port.
        shape: what it holds.
    """

    def __init__(self, origin: str, shape: Shape | Setup) -> None:
        self.origin = origin
        self.shape = shape

    def reset(self) -> None:
        """Begin to count anew."""
        self._ask("POST", "__bench__/reset")

    def stats(self) -> dict[str, Any]:
        """Return what was counted."""
        return self._ask("GET", "__bench__/stats")

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.origin}/{path}", method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
            counted: dict[str, Any] = json.load(answer)
        return counted


class Sandbox(Server):
    """The project's own simulated vendors as a process.

    Attributes:
        config: settings of a tap that reads from it.
    """

    def __init__(self, config: Mapping[str, Any], setup: Setup) -> None:
        super().__init__(config["pingone_api_url"], setup)
        self.config = config

    def reset(self) -> None:
        self._ask("DELETE", "__sandbox__/requests")

    def stats(self) -> dict[str, Any]:
        counted = self._ask("GET", "__sandbox__/requests")
        statuses: Counter[str] = Counter()
        for operation in counted["operations"].values():
            statuses.update(operation)
        return {"requests": counted["total"], "statuses": statuses}


@contextlib.contextmanager
def serving(shape: Shape, python: Path = Path(sys.executable)) -> Iterator[Server]:
    """Start a server with an interpreter and stop it at the end."""
    with _process([python, "-m", "benchmarks.server", *shape.arguments()]) as said:
        yield Server(said["origin"], shape)


@contextlib.contextmanager
def simulating(setup: Setup) -> Iterator[Sandbox]:
    """Start the simulated vendors and stop them at the end."""
    with _process([sys.executable, "-m", "benchmarks.vendors", *setup.arguments()]) as said:
        yield Sandbox(said, setup)


@contextlib.contextmanager
def _process(command: Sequence[str | Path]) -> Iterator[dict[str, Any]]:
    """Start a process, read the JSON of its first line, end it."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            assert process.stdout  # noqa: S101 - for the type checker
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def environment() -> dict[str, str]:
    """Return the environment of all programs: compiled modules are kept, as after any ordinary installation."""
    left_out = ("PYTHONDONTWRITEBYTECODE", "TAP_USAGE_", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def run(command: Sequence[str | Path], output: Path = NULL, server: Server | None = None) -> Run:
    """Run a program to its end, with standard output to a file, and measure it."""
    if server:
        server.reset()
    with output.open("wb") as lines, tempfile.TemporaryFile() as log:
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=lines, stderr=log)  # noqa: S603 - our own
        return _finish(process, began, log, server)


def run_until(command: Sequence[str | Path], output: Path, records: int, signal_number: int, server: Server) -> Run:
    """Run a program, send it a signal once it has written so many usages, and keep all that it wrote."""
    server.reset()
    with output.open("wb") as lines, tempfile.TemporaryFile() as log:
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=log)  # noqa: S603
        assert process.stdout  # noqa: S101 - for the type checker
        with process.stdout as source:
            for line in source:
                lines.write(line)
                if b'"RECORD"' in line[:200] and b"usages" in line[:200]:
                    records -= 1
                    if not records:
                        os.kill(process.pid, signal_number)
        return _finish(process, began, log, server)


def _finish(process: subprocess.Popen[bytes], began: float, log: Any, server: Server | None) -> Run:  # noqa: ANN401
    """Wait for the end, with the kernel's account of the process.

    `subprocess` offers none, and its `send_signal` would take the exit code away before it can be asked for.
    """
    alarm = threading.Timer(LONGEST_SECONDS, os.kill, [process.pid, signal.SIGKILL])
    alarm.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    alarm.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - LOG_BYTES))
    return Run(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_megabytes=usage.ru_maxrss / 1024,
        code=process.returncode,
        log=log.read().decode("utf-8", "replace"),
        asked=server.stats() if server else {},
    )
