"""The tap as a process of its own, which a test watches, signals and kills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
QUICK = "tests.resilience.hasty"


class Process:
    """A running tap.

    Attributes:
        lines: complete lines of standard output so far.
        rest: what came after the last line break.
        errors: lines of standard error so far.
        code: exit code, negative for a signal that was not handled; None while it runs.
        seconds: from the signal that was sent to the end.
    """

    def __init__(
        self,
        config: dict[str, Any],
        state: dict[str, Any] | None = None,
        *,
        module: str = "tests.here",
        environment: Mapping[str, str] | None = None,
        catalog: dict[str, Any] | None = None,
    ) -> None:
        """Start.

        Args:
            config: settings.
            state: to begin from.
            module: what to run.
            environment: more variables.
            catalog: to choose streams by.
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
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TAP_USAGE_")}
        self._popen = subprocess.Popen(  # noqa: S603 - the tap itself
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._directory.name,
            env=inherited | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
        )
        self._readers = [
            threading.Thread(target=self._read, args=(self._popen.stdout, self._take_line)),
            threading.Thread(target=self._read, args=(self._popen.stderr, self._take_error)),
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

    def _read(self, stream: IO[bytes], take: Callable[[bytes], None]) -> None:
        for line in stream:
            with self._news:
                take(line)
                self._news.notify_all()
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
