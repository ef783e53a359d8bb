"""What a terminal shows of a run: the tap is a process of its own, on a real pseudo terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tap_usage.sandbox import Sandbox
from tests.command import TAP, environment, written

PATIENCE_SECONDS = 60.0
VENDORS = ("genesys", "elasticpath")
STYLE = re.compile(r"\x1b\[[\d;]*m")
COLOR = re.compile(r"\x1b\[(?:\d+;)*[349]\d(?:;\d+)*m")
MOVE = re.compile(r"\x1b\[([?\d]*)([A-Za-z])|\r\n|\r|\n|[^\x1b\r\n]+")
LOGGED = re.compile(r"\d{4}-\d\d-\d\d [\d:,]{12} \| [A-Z]+ +\| tap-usage[\w.]* +\| .+")
WAITED = re.compile(r" at genesys for [1-9]\d* s")


def screen(text: str) -> list[str]:
    """Return the lines that stand on an endless terminal after a text was written to it."""
    lines, row, column = [""], 0, 0
    for move in MOVE.finditer(STYLE.sub("", text)):
        count, code = move.group(1) or "", move.group(2)
        if code == "A":
            row -= int(count or 1)
        elif code == "K":
            lines[row] = ""
        elif code:
            assert (code, count) in {("l", "?25"), ("h", "?25")}, "an escape sequence that this terminal does not know"
        elif move.group() == "\r":
            column = 0
        elif "\n" in move.group():
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        else:
            lines[row] = lines[row].ljust(column)[:column] + move.group() + lines[row][column + len(move.group()) :]
            column += len(move.group())
    return [line for line in lines if line]


def without_table(lines: list[str]) -> list[str]:
    """Return the lines without the summary at the end."""
    (begin,) = [number for number, line in enumerate(lines) if line.split() == ["final"]]
    end = next((number for number in range(begin, len(lines)) if LOGGED.fullmatch(lines[number])), len(lines))
    return [*lines[:begin], *lines[end:]]


@pytest.fixture(autouse=True)
def _usual(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"):
        monkeypatch.delenv(variable, raising=False)


class Terminal:
    """A tap whose stderr is a terminal.

    Attributes:
        text: what it wrote there.
        code: its exit code.
        process: it itself.
    """

    def __init__(self, columns: int) -> None:
        self.text = ""
        self.code: int | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self._here, self._there = pty.openpty()
        termios.tcsetwinsize(self._there, (50, columns))

    def run(self, config: str, seen: Callable[[str], object], **variables: str) -> None:
        """Run the tap to its end; `seen` is called with all text each time when there is more."""
        command = [*TAP, "--config", config]
        with subprocess.Popen(  # noqa: S603 - the tap itself
            command,
            cwd=Path(config).parent,
            stdout=subprocess.DEVNULL,
            stderr=self._there,
            env=environment(**variables),
        ) as process:
            self.process = process
            os.close(self._there)
            try:
                while some := self._read():
                    self.text += some
                    seen(self.text)
                self.code = process.wait(PATIENCE_SECONDS)
            finally:
                process.kill()
                os.close(self._here)

    def _read(self) -> str:
        try:
            return os.read(self._here, 1 << 16).decode(errors="replace")
        except OSError:  # how a terminal ends
            return ""


def config_of(sandbox: Sandbox, tmp_path: Path) -> str:
    own = {name: value for name, value in sandbox.config.items() if name.startswith(VENDORS)}
    return written(tmp_path / "config.json", own | {"genesys_poll_max_seconds": 0.5})


def slow_until(sandbox: Sandbox, over: Callable[[], bool]) -> None:
    """Have queries run until then, and let some requests fail meanwhile."""
    sandbox.fault("genesys.*_results", "query_status", times=None, word="Running", where=lambda _: not over())
    sandbox.fault("elasticpath.usages", "status", times=4, after=1, status=503)


@pytest.mark.parametrize("columns", [80, 250])
@pytest.mark.parametrize("variables", [{"TERM": "xterm-256color"}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_lines_are_redrawn_on_a_terminal_and_the_log_above_stays_whole(
    sandbox_of_today: Sandbox, tmp_path: Path, columns: int, variables: dict[str, str]
) -> None:
    drawn: dict[str, float] = {}

    def seen(text: str) -> None:
        if "v0" in text:
            drawn.setdefault("began", time.monotonic())
        if "\x1b[2K" in text:
            drawn.setdefault("redrawn", time.monotonic())
        now = " ".join(screen(text))
        if "queries read" in now and WAITED.search(now) and text.count("next try in") >= 4:
            drawn.setdefault("enough", time.monotonic())

    slow_until(sandbox_of_today, lambda: "enough" in drawn)
    terminal = Terminal(columns)
    terminal.run(config_of(sandbox_of_today, tmp_path), seen, **variables)
    assert terminal.code == 0
    assert drawn["redrawn"] - drawn["began"] < 3
    assert bool(COLOR.search(terminal.text)) is (columns == 250 and "NO_COLOR" not in variables)
    left = screen(terminal.text)
    assert [line for line in without_table(left) if not LOGGED.fullmatch(line)] == []
    assert sum("; next try in" in line for line in left) == 4
    assert terminal.text.rindex("\x1b[?25h") > terminal.text.rindex("\x1b[?25l")


def test_a_signal_leaves_the_log_whole_and_nothing_that_was_redrawn(sandbox_of_today: Sandbox, tmp_path: Path) -> None:
    terminal = Terminal(100)

    ended: list[bool] = []

    def seen(text: str) -> None:
        if terminal.process and WAITED.search(text) and not ended:
            terminal.process.terminate()
            ended.append(True)

    slow_until(sandbox_of_today, lambda: False)
    terminal.run(config_of(sandbox_of_today, tmp_path), seen, TERM="xterm")
    assert terminal.code == 143
    left = screen(terminal.text)
    assert [line for line in without_table(left) if not LOGGED.fullmatch(line)] == []
    assert "Ended by SIGTERM" in left[-1]


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "xterm", "LOGLEVEL": "WARNING"}])
def test_a_terminal_that_cannot_or_shall_not_be_redrawn_gets_the_log_alone(
    sandbox_of_today: Sandbox, tmp_path: Path, variables: dict[str, str]
) -> None:
    began = time.monotonic()
    slow_until(sandbox_of_today, lambda: time.monotonic() - began > 3)
    terminal = Terminal(80)
    terminal.run(config_of(sandbox_of_today, tmp_path), lambda _: None, **variables)
    assert terminal.code == 0
    assert "\x1b" not in terminal.text
    lines = [line for line in terminal.text.splitlines() if line]
    kept = lines if "LOGLEVEL" in variables else without_table(lines)
    assert [line for line in kept if not LOGGED.fullmatch(line)] == []
