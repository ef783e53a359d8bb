"""The tap as a process of its own, which a test watches, signals and kills."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
QUICK = "tests.resilience.hasty"


@dataclass(frozen=True)
class Pace:
    """How a target reads.

    Attributes:
        pipe_bytes: that the pipe to it holds, None for the usual ones.
        blocking: whether a write to the full pipe waits, or fails.
        seconds_per_line: that it takes.
        stops_at: line before which it stops reading for a while, if ever.
        stops_seconds: how long; not longer than the tap lives.
    """

    pipe_bytes: int | None = None
    blocking: bool = True
    seconds_per_line: float = 0.0
    stops_at: int | None = None
    stops_seconds: float = 0.0

    def pipe(self) -> tuple[IO[bytes], int]:
        """Return both ends of a pipe."""
        reading, writing = os.pipe()
        if self.pipe_bytes and hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, self.pipe_bytes)
        os.set_blocking(writing, self.blocking)
        return os.fdopen(reading, "rb", 4096), writing

    def seconds_before(self, line: int) -> float:
        """Return how long it takes until it reads a line."""
        return self.seconds_per_line + (self.stops_seconds if line == self.stops_at else 0.0)


EAGER = Pace()


class Process:
    """A running tap.

    Attributes:
        lines: complete lines of standard output so far.
        rest: what came after the last line break.
        errors: lines of standard error so far.
        code: exit code, negative for a signal that was not handled; None while it runs.
        seconds: from the signal that was sent to the end.
    """

    def __init__(  # noqa: PLR0913 - a command line
        self,
        config: dict[str, Any],
        state: dict[str, Any] | None = None,
        *,
        module: str = "tests.here",
        environment: Mapping[str, str] | None = None,
        catalog: dict[str, Any] | None = None,
        pace: Pace = EAGER,
    ) -> None:
        """Start.

        Args:
            config: settings.
            state: to begin from.
            module: what to run.
            environment: more variables.
            catalog: to choose streams by.
            pace: of the target.
        """
        self.lines: list[bytes] = []
        self.rest = b""
        self.errors: list[str] = []
        self.code: int | None = None
        self.seconds = 0.0
        self._news = threading.Condition()
        self._open = 2
        self._sent = 0.0
        self._directory = tempfile.TemporaryDirectory()
        command = [sys.executable, "-m", module]
        for name, value in (("config", config), ("state", state), ("catalog", catalog)):
            if value is not None:
                path = Path(self._directory.name) / f"{name}.json"
                path.write_text(json.dumps(value), encoding="utf-8")
                command += [f"--{name}", str(path)]
        own = {name for name in os.environ if name.startswith("TAP_USAGE_") or name == "PYTHONUNBUFFERED"}
        inherited = {name: value for name, value in os.environ.items() if name not in own}
        self._ended = threading.Event()
        reading, writing = pace.pipe()
        self._popen = subprocess.Popen(  # noqa: S603 - the tap itself
            command,
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=subprocess.PIPE,
            cwd=self._directory.name,
            env=inherited | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
        )
        os.close(writing)
        self._readers = [
            threading.Thread(target=self._read, args=(reading, self._take_line, pace)),
            threading.Thread(target=self._read, args=(self._popen.stderr, self._take_error, EAGER)),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._popen.poll() is None:
            self._popen.kill()
        self.wait()
        self._directory.cleanup()

    def reach(self, reached: Callable[[], object]) -> bool:
        """Wait until something is so, or the process has ended; return whether it is so."""
        with self._news:
            over = self._news.wait_for(lambda: reached() or not self._open, PATIENCE_SECONDS)
        assert over, "the tap neither came that far nor ended"
        return bool(reached())

    def news(self) -> None:
        """Have `reach` look again."""
        with self._news:
            self._news.notify_all()

    def error_line(self, text: str) -> bool:
        """Wait until a line of standard error holds a text; return False when it ended without."""
        return self.reach(lambda: any(text in line for line in self.errors))

    def send(self, number: int) -> None:
        """Send a signal."""
        self._sent = time.monotonic()
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        if self.code is None:
            self.code = self._popen.wait(PATIENCE_SECONDS)
            self.seconds = time.monotonic() - self._sent
            self._ended.set()
            for reader in self._readers:
                reader.join()
        return self.code

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages so far."""
        return [json.loads(line) for line in self.lines]

    @property
    def said(self) -> list[str]:
        """What the log lines of warnings and errors say, without time and logger."""
        return [line.split(" | ", 3)[-1] for line in self.errors if " | ERROR" in line or " | WARNING" in line]

    def _read(self, stream: IO[bytes], take: Callable[[bytes], None], pace: Pace) -> None:
        for number, line in enumerate(stream, 1):
            with self._news:
                take(line)
                self._news.notify_all()
            if seconds := pace.seconds_before(number + 1):
                self._ended.wait(seconds)
        stream.close()
        with self._news:
            self._open -= 1
            self._news.notify_all()

    def _take_line(self, line: bytes) -> None:
        if line.endswith(b"\n"):
            self.lines.append(line)
        else:
            self.rest = line

    def _take_error(self, line: bytes) -> None:
        self.errors.append(line.decode("utf-8", "replace").rstrip("\n"))
