"""Tables of what was measured, for a terminal and for `RESULTS.md`."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import Outcome, Result
from benchmarks.programs import AIRBYTE, DLT, SDK

HEAD = ("program", "in flight", "runs", "seconds", "CPU s", "rows/s", "requests", "refused", "peak MB", "rows")
KILO = 1024


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with columns of even width, the first one to the left."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    rule = ["-" * width if not place else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    padded = [
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]])


def row(name: str, result: Result) -> Sequence[str]:
    """Return a program's line."""
    if result.absent:
        return (name, *[""] * (len(HEAD) - 2), "not run")
    asked = bool(result.runs[-1].asked)
    found = result.found[-1] if result.found else None
    spread = f"{min(run.seconds for run in result.runs):.2f}-{max(run.seconds for run in result.runs):.2f}"
    return (
        name,
        str(result.in_flight) if asked else "",
        str(len(result.runs)),
        f"{result.seconds:.2f} ({spread})" if len(result.runs) > 1 else f"{result.seconds:.2f}",
        f"{result.cpu_seconds:.2f}",
        f"{found['expected'] / result.seconds:,.0f}" if found else "",
        f"{result.requests:,}" if asked else "",
        f"{result.runs[-1].refused:,}" if asked else "",
        f"{result.peak_megabytes:.0f}",
        delivered(result),
    )


def delivered(result: Result) -> str:
    """Return what the checks found in all runs."""
    worst = min(result.found, key=lambda found: found["distinct"], default=None)
    if not worst:
        return ""
    if not result.complete:
        return f"INCOMPLETE: {worst['distinct']:,} of {worst['expected']:,}"
    twice = max(found["rows"] - found["distinct"] for found in result.found)
    return f"all, {twice:,} twice" if twice else "all"


def section(outcome: Outcome, *, quick: bool) -> str:
    """Return all about one workload."""
    parts = [f"## {outcome.title}", table(HEAD, (row(name, result) for name, result in outcome.results.items()))]
    bars = [
        (
            bar.text,
            f"{bar.measured:.3f}".rstrip("0").rstrip("."),
            f"{'≥' if bar.least else '≤'} {bar.limit:g}",
            "not judged" if quick else "holds" if bar.held else "MISSED",
        )
        for bar in outcome.bars
    ]
    parts.append(table(("bar", "measured", "bound", ""), bars))
    reasons: dict[str, list[str]] = {}
    for name, result in outcome.results.items():
        if result.absent:
            reasons.setdefault(result.absent, []).append(name)
    remarks = [*outcome.remarks, *(f"Not run, {', '.join(names)}: {why}." for why, names in reasons.items())]
    return "\n\n".join(parts + ["\n".join(f"- {remark}" for remark in remarks)] * bool(remarks))


def machine() -> str:
    """Return what it was measured on."""
    cpus = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in cpus.read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / KILO**3
    model = models[0] if models else platform.processor()
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def document(outcomes: Mapping[str, Outcome], rounds: int, load: float) -> str:
    """Return `RESULTS.md`.

    Args:
        outcomes: by letter.
        rounds: how often fast programs were run.
        load: what else the machine did, as a load average.
    """
    versions = ", ".join(program.versions for program in (SDK, DLT, AIRBYTE))
    head = f"""# Benchmark results

Measured on {datetime.now(UTC):%Y-%m-%d} by `make bench`, on {machine()}, with a load of {load:.1f} from
other work when it began. Peers: {versions}, and a loop over `requests`.

Seconds are medians of whole processes, start included, {rounds} rounds in turns unless the column says fewer (slow
peers); in brackets the fastest and the slowest. Absolute figures change from machine to machine and from hour to hour;
the ratios of one run are what counts. The *floor* is a program without any of a tap's duties (order, state, schema,
proof that nothing was missed): fetch, decode, encode, write, over uvloop and orjson. Rows were compared with the
server's, by id."""
    return "\n\n".join([head, *(section(outcome, quick=False) for outcome in outcomes.values())]) + "\n"
