"""The workloads and their bars; each is a function that measures and returns what came out."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import running, side_by_side
from benchmarks.bench import ALWAYS, Bar, Bench, Entrant, Outcome, Result, check, tell
from benchmarks.data import Shape
from benchmarks.programs import (
    AIRBYTE,
    BARE,
    DLT,
    FLOOR,
    FLOOR_GENESYS,
    PEERS,
    POLL_SECONDS,
    SDK,
    TAP,
    TAP_GENESYS,
    TAP_USAGE,
    Job,
    Program,
    tap,
)
from benchmarks.running import Run, Server

SLOW = 2
SLOWEST = 1
BEYOND_LIMIT = "asks for offset 10,100, which is beyond the store's limit, and ends with an error"
SEQUENTIAL = "one request at a time at 50 ms never meets the limit"
SQUARE = "prints its whole state after each promotion, so that time and output grow with their number's square"
STATELESS = "written without a state here"


def absent(why: str, *programs: Program) -> dict[str, Result]:
    """Return results of programs that are not run."""
    return {program.name: Result(absent=why) for program in programs}


def seconds_ratio(results: dict[str, Result], name: str, limit: float) -> Bar:
    """Return the bar that the tap takes at most so many times as long as another program."""
    return Bar(f"seconds, tap / {name}", results["tap-usage"].seconds / results[name].seconds, limit)


def cpu(bench: Bench) -> Outcome:
    """A: no latency, what is left is the processor's work."""
    promotions, usages = bench.size(20, 4), bench.size(10_000, 1_000)
    programs = {FLOOR: ALWAYS, TAP_USAGE: ALWAYS, BARE: SLOW, DLT: SLOW, SDK: SLOW, AIRBYTE: SLOWEST}
    with bench.serving(Shape(promotions, usages)) as server:
        results = bench.compare([Entrant(program, server, most) for program, most in programs.items()], discard=True)
    seconds = results["tap-usage"].seconds
    bars = [Bar("records/s, tap / plain SDK tap", results["plain SDK tap"].seconds / seconds, 4, least=True)]
    bars += [seconds_ratio(results, program.name, 1) for program in (DLT, SDK, AIRBYTE)]
    share = results["floor"].seconds / seconds
    processor = results["plain SDK tap"].cpu_seconds / results["tap-usage"].cpu_seconds
    remarks = (
        f"The tap reaches {share:.2f} of the floor's records/s.",
        f"By CPU seconds, which other work disturbs less, it is {processor:.1f} times as fast as the plain SDK tap.",
        "dlt's output is its load package on disk.",
    )
    return Outcome(f"A. {promotions} promotions x {usages:,} usages, no latency", results, bars, remarks)


def latency(bench: Bench) -> Outcome:
    """B: many small promotions at 50 ms."""
    promotions = bench.size(2_000, 100)
    programs = {FLOOR: ALWAYS, TAP_USAGE: ALWAYS, DLT: SLOW, AIRBYTE: SLOW, BARE: SLOWEST, SDK: SLOWEST}
    with bench.serving(Shape(promotions, 10, latency_ms=50)) as server:
        results = bench.compare([Entrant(program, server, most) for program, most in programs.items()])
    bars = [seconds_ratio(results, "floor", 1.25)]
    bars += [seconds_ratio(results, program.name, 1) for program in (DLT, AIRBYTE, BARE, SDK)]
    remarks = [
        f"{name}: {found['state_bytes']:,} bytes of STATE lines, {found['record_bytes']:,} of RECORD lines."
        for name, found in ((program.name, results[program.name].found[-1]) for program in (TAP_USAGE, SDK))
    ]
    return Outcome(f"B. {promotions:,} promotions x 10 usages, 50 ms, 16 in flight", results, bars, remarks)


def deep(bench: Bench) -> Outcome:
    """C: one promotion beyond the offset limit, at 50 ms."""
    usages = bench.size(100_000, 15_000)
    with bench.serving(Shape(1, usages, latency_ms=50)) as server:
        results = bench.compare([Entrant(FLOOR, server), Entrant(TAP_USAGE, server)])
    bars = [seconds_ratio(results, "floor", 1.3)]
    results |= absent(BEYOND_LIMIT, BARE, DLT, SDK, AIRBYTE)
    return Outcome(f"C. One promotion x {usages:,} usages, 50 ms, 16 in flight", results, bars)


def limited(bench: Bench) -> Outcome:
    """D: 100 requests per second, 429 beyond."""
    shape = Shape(bench.size(1_500, 300), 10, latency_ms=50, per_second=100)
    programs = {FLOOR: ALWAYS, TAP_USAGE: ALWAYS, DLT: SLOWEST, AIRBYTE: SLOWEST}
    with bench.serving(shape) as server:
        results = bench.compare([Entrant(program, server, most, paced=True) for program, most in programs.items()])
    needed = results["floor"].requests / shape.per_second
    ours = results["tap-usage"]
    bars = [
        Bar("seconds, tap / (fewest requests / limit)", ours.seconds / needed, 1.15),
        Bar("refused requests, share", ours.refused_share, 0.02),
    ]
    remarks = (
        f"The fewest requests are the floor's: {results['floor'].requests}, or {needed:.2f} s at the limit.",
        f"After a pause the server lets {shape.burst} requests through at once. Floor and tap are told the limit.",
        "dlt and Airbyte have no such setting and go by `Retry-After`.",
    )
    results |= absent(SEQUENTIAL, BARE, SDK)
    title = f"D. {shape.promotions:,} promotions x 10 usages, 50 ms, {shape.per_second} requests/s, 16 in flight"
    return Outcome(title, results, bars, remarks)


def many(bench: Bench) -> Outcome:
    """E: what a partition costs."""
    promotions, fewer = bench.size(10_000, 500), bench.size(100, 20)
    usages = promotions * 10 // fewer
    with bench.serving(Shape(promotions, 10)) as server, bench.serving(Shape(fewer, usages)) as other:
        entrants = [
            Entrant(FLOOR, server),
            Entrant(TAP_USAGE, server),
            Entrant(TAP_USAGE, other, page=10, name=f"tap-usage, {fewer} promotions"),
            *(Entrant(program, server, SLOWEST) for program in (BARE, DLT, AIRBYTE)),
        ]
        results = bench.compare(entrants)
    ours, few = results["tap-usage"], results[f"tap-usage, {fewer} promotions"]
    found = ours.found[-1]
    allowed = found["record_bytes"] / 10 + 200_000 + 2 * found["largest_state_bytes"]
    bars = [
        Bar(f"cost per record, {promotions:,} promotions / {fewer}", ours.seconds / few.seconds, 1.5),
        Bar("STATE bytes / (10 % of RECORD bytes + 200 kB + 2 x the largest)", found["state_bytes"] / allowed, 1),
        Bar("bytes of the last STATE line", found["last_state_bytes"], 110_000),
    ]
    remarks = (
        f"The tap takes {ours.seconds / results['floor'].seconds:.1f} times the floor's seconds.",
        f"Compared with {fewer} promotions x {usages:,} usages in pages of 10: as many rows, pages as large.",
        f"RECORD lines: {found['record_bytes']:,} bytes; {found['states']:,} STATE lines: {found['state_bytes']:,}.",
    )
    results |= absent(SQUARE, SDK)
    return Outcome(f"E. {promotions:,} promotions x 10 usages, no latency", results, bars, remarks)


def interrupted(bench: Bench) -> Outcome:
    """F: ended after 90 % of the rows, resumed from the last STATE line."""
    shape = Shape(bench.size(10_000, 500), 10)
    bars: list[Bar] = []
    remarks: list[str] = []
    with bench.serving(shape) as server:
        results = bench.compare([Entrant(TAP_USAGE, server, SLOWEST, name="tap-usage, whole")])
        whole = results["tap-usage, whole"].requests
        for number in (signal.SIGKILL, signal.SIGTERM):
            first, second, found = interrupt(server, number)
            again = first.requests + second.requests - whole
            results[f"tap-usage, after {number.name}"] = Result(16, [second], [found])
            share = found["distinct"] / found["expected"]
            bars += [
                Bar(f"{number.name}: requests again, share", again / whole, 0.15),
                Bar(f"{number.name}: rows of both runs together, share", share, 1, least=True),
            ]
            remarks.append(
                f"{number.name}: {first.requests:,} requests before it (exit code {first.code}), {second.requests:,} "
                f"after, {whole:,} in a whole run; {found['rows'] - found['distinct']:,} rows came twice."
            )
    results |= absent(SQUARE, SDK) | absent(STATELESS, BARE, DLT, AIRBYTE)
    return Outcome(
        f"F. {shape.promotions:,} promotions x 10 usages, ended after 90 % of the rows", results, bars, remarks
    )


def interrupt(server: Server, signal_number: signal.Signals) -> tuple[Run, Run, dict[str, int]]:
    """Return the interrupted run, the one that resumed it, and what both wrote together."""
    shape = server.shape
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        files = [path / "first", path / "second"]
        at = shape.promotions * shape.usages * 9 // 10
        first = running.run_until(tap(Job(server, path)), files[0], at, signal_number, server)
        with files[0].open("rb") as lines:
            states = [line for line in lines if line.startswith(b'{"type":"STATE"') and line.endswith(b"\n")]
        state = json.loads(states[-1])["value"] if states else {}
        second = running.run(tap(Job(server, path, state=state)), files[1], server)
        found = check(TAP_USAGE, shape, files)
        tell(f"until {signal_number.name}", first)
        tell(f"after {signal_number.name}", second, [found])
    return first, second, found


def memory(bench: Bench) -> Outcome:
    """G: memory that does not grow with what is read."""
    usages, fewer = bench.size(1_000_000, 40_000), bench.size(100_000, 15_000)
    with bench.serving(Shape(1, usages)) as server, bench.serving(Shape(1, fewer)) as other:
        entrants = [
            Entrant(FLOOR, server, SLOWEST),
            Entrant(TAP_USAGE, server, SLOW),
            Entrant(TAP_USAGE, other, SLOW, name=f"tap-usage, {fewer:,}"),
        ]
        results = bench.compare(entrants)
    ours, small = results["tap-usage"], results[f"tap-usage, {fewer:,}"]
    bars = [
        Bar("peak, MB", max(run.peak_megabytes for run in ours.runs), 150),
        Bar(f"peak, {usages:,} usages / {fewer:,}", ours.peak_megabytes / small.peak_megabytes, 1.1),
        Bar("rows that came more than once", sum(check["rows"] - check["distinct"] for check in ours.found), 0),
    ]
    results |= absent(BEYOND_LIMIT, BARE, DLT, SDK, AIRBYTE)
    return Outcome(f"G. One promotion x {usages:,} usages, no latency", results, bars)


def polled(bench: Bench) -> Outcome:
    """H: executions that are polled."""
    clients = bench.size(200, 20)
    with bench.serving(Shape(clients=clients, latency_ms=50)) as server:
        results = bench.compare([Entrant(FLOOR_GENESYS, server), Entrant(TAP_GENESYS, server)])
    bars = [seconds_ratio(results, "floor", 1.3)]
    first, longest = POLL_SECONDS
    remarks = (
        "Each query is found running twice, then complete. The floor has all queries open, 16 requests in flight.",
        f"Both wait {first} s before the first poll, then 1.6 times as long each time, {longest} s at most.",
    )
    results |= absent("reads Elastic Path only", BARE, DLT, SDK, AIRBYTE)
    return Outcome(f"H. {clients} Genesys clients, three polls each, 50 ms, 16 in flight", results, bars, remarks)


def start(bench: Bench) -> Outcome:
    """I: what a command costs before anything is read, beside a tap on the Singer SDK with one empty stream."""
    results: dict[str, Result] = {}
    bars = []
    empty: list[str | Path] = [sys.executable, PEERS / "empty_tap.py"]
    for option in ("--version", "--discover"):
        commands: dict[str, Sequence[str | Path]] = {f"tap-usage {option}": [TAP, option]}
        commands[f"empty SDK tap {option}"] = [*empty, option]
        for number in range(-1, bench.size(10, 3)):
            for name, command in commands.items():
                run = running.run(command)
                result = results.setdefault(name, Result())
                if number >= 0:
                    result.runs.append(run)
        ours, other = (results[name].seconds for name in commands)
        bars.append(Bar(f"seconds, tap / empty SDK tap, {option}", ours / other, 1.2))
    remarks = ("The empty tap has one stream that reads nothing, and runs in the same environment.",)
    return Outcome("I. Start", results, bars, remarks)


WORKLOADS: dict[str, Callable[[Bench], Outcome]] = {
    "A": cpu,
    "B": latency,
    "C": deep,
    "D": limited,
    "E": many,
    "F": interrupted,
    "G": memory,
    "H": polled,
    "I": start,
    "J": side_by_side.vendors,
    "K": side_by_side.queries,
    "L": side_by_side.behind,
}
