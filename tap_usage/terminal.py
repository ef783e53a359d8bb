"""What a terminal shows while a run goes on: a line for each running stream, redrawn below the log."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tap_usage.rest.loop import Task

BAR_CELLS = 16
WIDE_CELLS = 120

Lines = Iterable[tuple[str, str, int, int | None]]
"""Name, text, and how many of how many, for a bar; None where nobody knows."""


class Above:
    """Where log lines go meanwhile: above what is redrawn, each as long as it is."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        """Print whole lines."""
        self._console.print(Text(text.removesuffix("\n")), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


def interactive() -> Console | None:
    """Return stderr if it is a terminal on which lines can be redrawn."""
    console = Console(stderr=True, highlight=False)
    return console if console.is_interactive else None


def redraw(console: Console, looks: Iterable[object], lines: Callable[[], Lines]) -> Task:
    """Redraw lines until the run is over; then they go away. Without a terminal any more, nothing is redrawn.

    Args:
        console: where.
        looks: takes turns; None as long as nothing is to be redrawn.
        lines: what is to be seen.
    """
    live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
    with contextlib.suppress(OSError), live, _log_to(Above(console)):
        console.show_cursor()  # which a run that is killed could not show again
        for look in looks:
            if look is not None:
                live.update(_drawn(lines(), bars=console.width >= WIDE_CELLS), refresh=True)
            yield False


def _drawn(lines: Lines, *, bars: bool) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(width=BAR_CELLS if bars else 0)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for name, text, done, of in lines:
        table.add_row(Text(name), ProgressBar(of, done, width=BAR_CELLS) if of and bars else "", Text(text))
    return table


@contextlib.contextmanager
def _log_to(stream: TextIO | Above) -> Iterator[None]:
    """Have what is logged to stderr written elsewhere."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    handlers = {
        handler
        for logger in loggers
        if isinstance(logger, logging.Logger)
        for handler in logger.handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
    }
    for handler in handlers:
        handler.setStream(stream)
    try:
        yield
    finally:
        for handler in handlers:
            handler.setStream(sys.stderr)
