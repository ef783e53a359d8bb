"""Run the benchmarks: `python -m benchmarks [--only A,B] [--rounds 3] [--quick]`.

Exit code 1 when a bar is missed or rows are missing; a quick run judges only the rows.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from benchmarks import report
from benchmarks.bench import Bench, Outcome
from benchmarks.workloads import WORKLOADS

RESULTS = Path(__file__).parent / "RESULTS.md"
BUSY = 0.5


def chosen(text: str) -> list[str]:
    """Return the letters of workloads, in their order.

    Raises:
        argparse.ArgumentTypeError: there is none of that letter.
    """
    letters = set(text.upper().split(","))
    if unknown := letters - set(WORKLOADS):
        raise argparse.ArgumentTypeError(f"no workload {', '.join(sorted(unknown))}")
    return [letter for letter in WORKLOADS if letter in letters]


def good(outcome: Outcome, *, quick: bool) -> bool:
    """Return whether all rows came and, unless the run is quick, all bars hold."""
    ran = [result for result in outcome.results.values() if not result.absent]
    return all(result.complete for result in ran) and (quick or all(bar.held for bar in outcome.bars))


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", type=chosen, default=list(WORKLOADS), help="letters of workloads, as in A,B")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small sizes and one round, to see that everything works")
    settings = parser.parse_args()
    bench = Bench(rounds=1 if settings.quick else settings.rounds, quick=settings.quick)
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"the machine is busy (load {load:.1f}); figures will be noise", file=sys.stderr)  # noqa: T201
    outcomes: dict[str, Outcome] = {}
    began = time.monotonic()
    for letter in settings.only:
        print(f"{letter}  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)  # noqa: T201
        outcomes[letter] = WORKLOADS[letter](bench)
        print(report.section(outcomes[letter], quick=bench.quick), end="\n\n", flush=True)  # noqa: T201
    if not bench.quick and settings.only == list(WORKLOADS):
        RESULTS.write_text(report.document(outcomes, bench.rounds, load), encoding="utf-8")
    sys.exit(not all(good(outcome, quick=bench.quick) for outcome in outcomes.values()))


if __name__ == "__main__":
    main()
