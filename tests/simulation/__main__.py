"""Lives on simulated time: `python -m tests.simulation` lives as many as fit into ten minutes, on all processors.

`--seed N` lives one life and tells its story; `--minutes`, `--lives` and `--first` say how many are lived, and which.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import random
import sys
import time
from functools import partial

from tests.simulation.clock import StandsStillError
from tests.simulation.figures import Figures
from tests.simulation.life import Life

MOST_FINDINGS = 3


def tell(seed: int) -> int:
    """Live one life, and tell its story; return an exit code."""
    figures, began = Figures(), time.monotonic()
    try:
        Life(seed, figures, print).live()
    except (Exception, StandsStillError) as error:  # noqa: BLE001 - whatever it is, it is a finding
        print(f"WRONG: {type(error).__name__}: {error}")  # noqa: T201 - for people
        return 1
    print(figures.table(time.monotonic() - began))  # noqa: T201 - for people
    return 0


def live(seeds: range, until: float) -> tuple[Figures, list[str]]:
    """Live as long as there is time; return what that consisted of, and what went wrong."""
    logging.disable(logging.CRITICAL)
    figures, findings = Figures(), []
    for seed in seeds:
        if time.monotonic() >= until or len(findings) == MOST_FINDINGS:
            break
        try:
            Life(seed, figures).live()
        except (Exception, StandsStillError) as error:  # noqa: BLE001 - whatever it is, it is a finding
            findings.append(f"WRONG: {type(error).__name__}: {error}\n  python -m tests.simulation --seed {seed}")
    return figures, findings


def main() -> int:
    """Live, and return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="live this one only, and tell its story")
    parser.add_argument("--first", type=int, default=random.SystemRandom().randrange(10**9), help="the first seed")
    parser.add_argument("--lives", type=int, default=10**9, help="at most so many")
    parser.add_argument("--minutes", type=float, default=10.0, help="at most so long")
    options = parser.parse_args()
    if options.seed is not None:
        logging.disable(logging.CRITICAL)
        return tell(options.seed)
    print(f"lives from seed {options.first} on", flush=True)  # noqa: T201 - for people
    began, processes, end = time.monotonic(), os.cpu_count() or 1, options.first + options.lives
    seeds = [range(options.first + number, end, processes) for number in range(processes)]
    figures, findings = Figures(), []
    with multiprocessing.Pool(processes) as pool:
        for lived, wrong in pool.imap_unordered(partial(live, until=began + 60 * options.minutes), seeds):
            figures.add(lived)
            findings += wrong
    print("\n".join([figures.table(time.monotonic() - began), *findings]))  # noqa: T201 - for people
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
