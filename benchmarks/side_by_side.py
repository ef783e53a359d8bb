"""The workloads that read from the sandbox: vendors and streams side by side, each waiting in its own way."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.bench import Bar, Bench, Entrant, Outcome, Result
from benchmarks.programs import reading
from benchmarks.running import Sandbox, simulating
from benchmarks.vendors import Setup
from tests.truth import AGGREGATES, STREAMS

TWICE = 2
IN_FLIGHT = 8
READ = tuple(stream for stream in STREAMS if stream not in AGGREGATES)  # with the settings' defaults
VENDORS = tuple(dict.fromkeys(stream.partition("_")[0] for stream in READ))
USAGE = ("genesys_organization_usage", "genesys_client_usage", "genesys_client_usage_summary")
PER_SECOND = 240 / 60
TOGETHER = "tap-usage, together"


def together(bench: Bench, server: Sandbox, parts: dict[str, list[str]]) -> dict[str, Result]:
    """Run the tap with all parts, then with each of them; at its default paces and waits, unless the run is quick."""
    everything = [stream for streams in parts.values() for stream in streams]
    programs = [reading(name, streams, hasty=bench.quick) for name, streams in {TOGETHER: everything, **parts}.items()]
    return bench.compare([Entrant(program, server, TWICE, concurrency=IN_FLIGHT) for program in programs])


def vendors(bench: Bench) -> Outcome:
    """J: four vendors at once."""
    parts = {vendor: [stream for stream in READ if stream.startswith(f"{vendor}_")] for vendor in VENDORS}
    with simulating(Setup(latency_ms=30)) as server:
        results = together(bench, server, parts)
    seconds = results[TOGETHER].seconds
    alone = {name: results[name].seconds for name in parts}
    slowest = max(alone, key=alone.__getitem__)
    bars = [
        Bar("seconds, together / (1.1 x slowest alone + 1 s)", seconds / (1.1 * alone[slowest] + 1), 1),
        Bar("seconds, together - slowest alone", seconds - alone[slowest], 1),
    ]
    remarks = (
        f"Together / slowest alone ({slowest}): {seconds / alone[slowest]:.2f}.",
        f"The four alone, one after the other: {sum(alone.values()):.1f} s.",
        "Against the project's own sandbox, with the data it holds by default. In flight is meant per vendor.",
        "Rates and waits are the tap's defaults: PingOne 3 requests/s, Genesys 240 a minute and polls from 5 s on.",
    )
    return Outcome("J. Four vendors at their default paces, 30 ms", results, bars, remarks)


def queries(bench: Bench) -> Outcome:
    """K: three streams of one vendor whose queries take long."""
    seconds, clients = bench.size(10, 1), 4
    with simulating(Setup(latency_ms=30, clients=clients, query_seconds=seconds)) as server:
        results = together(bench, server, {stream: [stream] for stream in USAGE})
    slowest = max(USAGE, key=lambda stream: results[stream].seconds)
    ratio = results[TOGETHER].seconds / results[slowest].seconds
    paced = [f"{name} {results[name].requests / PER_SECOND:.1f} s" for name in (TOGETHER, slowest)]
    remarks = (
        f"{clients} clients and the organization over 90 days, in windows of 31 at most: 3 + 12 + 4 queries.",
        f"The three alone, one after the other: {sum(results[stream].seconds for stream in USAGE):.1f} s.",
        "A query is polled 5 s after it was submitted and again 8 s later; no run is shorter than these 13 s.",
        f"Nor shorter than its requests take at the default 240 a minute: {', '.join(paced)}.",
    )
    bars = [Bar("seconds, together / slowest alone", ratio, 1.2)]
    return Outcome(f"K. Three usage streams of Genesys, queries take {seconds} s, 30 ms", results, bars, remarks)


def behind(bench: Bench) -> Outcome:
    """L: what is held while the first query is slow."""
    days, rows, slow = bench.size(24, 6), bench.size(20_000, 500), bench.size(30, 1)
    setup = Setup(days=days, daily_rows=rows)
    window = {"genesys_window_days": 1, "start_date": setup.first_day.isoformat()}
    program = reading("tap-usage", USAGE[:1], hasty=True, **window)
    with simulating(setup) as server, simulating(replace(setup, slow_seconds=slow)) as delayed:
        entrants = [
            Entrant(program, server, TWICE, name="tap-usage", concurrency=IN_FLIGHT),
            Entrant(program, delayed, TWICE, name="tap-usage, behind a slow query", concurrency=IN_FLIGHT),
        ]
        results = bench.compare(entrants)
    plain, waiting = results.values()
    bars = [Bar("peak MB, behind a slow query - without it", waiting.peak_megabytes - plain.peak_megabytes, 100)]
    remarks = (f"The first window's query runs for {slow} s, all others are complete at once.",)
    return Outcome(f"L. {days} windows x about {rows:,} rows behind one slow query", results, bars, remarks)
