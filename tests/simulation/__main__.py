"""Lives on simulated time: `python -m tests.simulation` lives as many as fit into ten minutes, on all processors.

    --seed N        live this one only, and tell its story
    --first N       seed of the first life (default: at random)
    --lives N       at most so many
    --minutes M     at most so long
"""

from __future__ import annotations

import argparse
import itertools
import logging
import multiprocessing
import os
import random
import sys
import time
from dataclasses import fields

from tests.simulation.clock import StandsStill
from tests.simulation.life import Figures, Life

PIECE = 50
MOST_FINDINGS = 5


def tell(seed: int) -> int:
    """Live one life, and tell its story; return an exit code."""
    figures = Figures()
    try:
        Life(seed, figures, print).live()
    except (Exception, StandsStill) as error:  # noqa: BLE001 - whatever it is, it is a finding
        print(f"WRONG: {type(error).__name__}: {error}")  # noqa: T201 - for people
        return 1
    print(table(figures, 0.0))  # noqa: T201 - for people
    return 0


def live(seeds: range) -> tuple[Figures, list[str]]:
    """Live some lives; return what they consisted of, and what went wrong."""
    figures, findings = Figures(), []
    for seed in seeds:
        try:
            Life(seed, figures).live()
        except (Exception, StandsStill) as error:  # noqa: BLE001 - whatever it is, it is a finding
            findings.append(f"python -m tests.simulation --seed {seed}\n  {type(error).__name__}: {error}")
    return figures, findings


def pieces(first: int, lives: int, until: float) -> itertools.chain[range]:
    """Return seeds in pieces, as long as there is time."""
    starts = range(first, first + lives, PIECE)
    pieces = (range(start, min(start + PIECE, first + lives)) for start in starts)
    return itertools.chain(itertools.takewhile(lambda _: time.monotonic() < until, pieces))


def begin() -> None:
    """Prepare a process."""
    logging.disable(logging.CRITICAL)


def table(figures: Figures, seconds: float) -> str:
    """Return figures for a person."""
    shown = {each.name: getattr(figures, each.name) for each in fields(figures)}
    faults = shown.pop("faults")
    shown["days"] = round(figures.days)
    shown |= {"faults": faults.total(), **{f"  {kind}": times for kind, times in faults.most_common()}}
    if seconds:
        shown |= {"seconds": round(seconds), "lives per second": round(figures.lives / seconds, 1)}
    return "\n".join(f"{name:<24}{value:>12,}" for name, value in shown.items())


def main() -> int:
    """Live, and return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--first", type=int, default=random.SystemRandom().randrange(10**6) * 1000)
    parser.add_argument("--lives", type=int, default=10**9)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    begin()
    if options.seed is not None:
        return tell(options.seed)
    began = time.monotonic()
    figures, findings = Figures(), []
    print(f"seeds from {options.first} on", flush=True)  # noqa: T201 - for people
    with multiprocessing.Pool(os.cpu_count(), begin) as pool:
        seeds = pieces(options.first, options.lives, began + 60 * options.minutes)
        for lived, wrong in pool.imap_unordered(live, seeds):
            figures.add(lived)
            findings += wrong
            if len(findings) >= MOST_FINDINGS:
                pool.terminate()
                break
    print(table(figures, time.monotonic() - began))  # noqa: T201 - for people
    for finding in findings:
        print(f"WRONG: {finding}")  # noqa: T201 - for people
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
