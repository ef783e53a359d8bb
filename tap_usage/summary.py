"""What a run did, told at its end: in a table on a terminal, in lines in a log, and in one line for machines."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from tap_usage.reading.meter import Meter
from tap_usage.reading.run import Run

PREFIX = "SUMMARY: "
DAY = len("2026-11-22")


@dataclass(frozen=True)
class Summary:
    """What a run did for one stream.

    Attributes:
        rows: that were written.
        expected: rows that the vendor says there are in what was read, None if it does not say.
        final, not_final: rows that the vendor will not change any more, and others; None where rows do not say so.
        requests: that were sent, repeats included.
        vanished: partitions that were listed and are gone.
        seconds: that it took.
        up_to_before, up_to: the bookmark before the run and after it, None if there is none.
        failures: partitions and windows that failed; 1 if it is the whole stream.
        only_listed: it was only asked for what other streams depend on, its rows are not written.
    """

    rows: int
    expected: int | None
    final: int | None
    not_final: int | None
    requests: int
    vanished: int
    seconds: float
    up_to_before: str | None
    up_to: str | None
    failures: int
    only_listed: bool

    def __str__(self) -> str:
        """Return it as a line for people."""
        of = f" of {self.expected}" if self.expected is not None else ""
        parts = [f"{self.rows}{of} rows", f"{self.requests} requests"]
        if self.vanished:
            parts.append(f"{self.vanished} vanished")
        parts.append(f"{self.seconds:.1f} s")
        if self.final is not None:
            parts.append(f"{self.final} final, {self.not_final} not final")
        if self.up_to_before or self.up_to:
            parts.append(f"up to {self.up_to or 'none'} (before: {self.up_to_before or 'none'})")
        if self.failures:
            parts.append(f"{self.failures} failed")
        if self.only_listed:
            parts.append("only listed")
        return ", ".join(parts)


def of(run: Run, names: Iterable[str]) -> dict[str, Summary]:
    """Return what a run did, for those of the streams that it had to do with."""
    return {name: _of_stream(run, name) for name in names if name in run.meters or run.failures.count(name)}


def _of_stream(run: Run, name: str) -> Summary:
    meter = run.meters.get(name, Meter())
    before, now = run.bookmark(name)
    return Summary(
        rows=0 if meter.listed else meter.rows,
        expected=meter.expected,
        final=meter.final,
        not_final=None if meter.final is None else meter.rows - meter.final,
        requests=meter.sent.count,
        vanished=meter.vanished,
        seconds=round(meter.seconds, 3),
        up_to_before=before,
        up_to=now,
        failures=run.failures.count(name),
        only_listed=meter.listed,
    )


def tell(streams: Mapping[str, Summary], exit_code: int, ended_by: str | None, logger: logging.Logger) -> None:
    """Tell what a run did: on a terminal in a table, in a log in lines for people and one for machines.

    Args:
        streams: by name.
        exit_code: that the run ends with.
        ended_by: a signal or a lost output, None for a run that came to its end.
        logger: of the tap; those of its streams are below it.
    """
    told = {"exit_code": exit_code, "ended_by": ended_by, "streams": {name: asdict(streams[name]) for name in streams}}
    drawn = _is_drawn()
    logger.log(logging.DEBUG if drawn else logging.INFO, "%s%s", PREFIX, json.dumps(told, separators=(",", ":")))
    if not drawn:
        for name, stream in streams.items():
            logger.getChild(name).info("%s", stream)
    elif streams and logger.isEnabledFor(logging.INFO):
        _draw(streams)


def _is_drawn() -> bool:
    """Return whether the log is a terminal, and not what a log configuration makes of it."""
    return bool(sys.stderr) and sys.stderr.isatty() and not os.environ.get("SINGER_SDK_LOG_CONFIG")


def _draw(streams: Mapping[str, Summary]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("stream", overflow="fold")
    for heading in ("rows", "final\n+ not", "requests", "s"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("bookmark", no_wrap=True)
    table.add_column("failed", justify="right", no_wrap=True)
    for name, stream in streams.items():
        short = stream.expected not in {None, stream.rows}
        table.add_row(
            name,
            f"{stream.rows:,} of {stream.expected:,}" if short else f"{stream.rows:,}",
            "" if stream.final is None else f"{stream.final:,} + {stream.not_final:,}",
            f"{stream.requests:,}",
            f"{stream.seconds:,.1f}",
            _moved(stream.up_to_before, stream.up_to),
            f"{stream.failures:,}" if stream.failures else "",
            style="red" if stream.failures else "",
        )
    with contextlib.suppress(OSError):  # a terminal that is gone is no failure of the run
        Console(file=sys.stderr).print(table)


def _moved(before: str | None, now: str | None) -> str:
    """Return the days of a bookmark in few columns: where it stood before above where it is now."""
    old, new = ((mark or "")[:DAY] for mark in (before, now))
    return old if old == new else f"{old}\n→ {new}".strip()
