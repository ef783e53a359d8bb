"""Rounds of programs, one after the other, and what is checked and kept of each run."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from pathlib import Path
from statistics import median

from benchmarks import environments, running
from benchmarks.data import Shape
from benchmarks.programs import Job, Program
from benchmarks.running import NULL, ROOT, Run, Server
from benchmarks.vendors import Setup

ALWAYS = 1000


@dataclass(frozen=True)
class Bar:
    """Something that has to hold.

    Attributes:
        text: what is compared with what.
        measured: the figure.
        limit: its bound.
        least: the figure has to reach the bound instead of staying below it.
    """

    text: str
    measured: float
    limit: float
    least: bool = False

    @property
    def held(self) -> bool:
        """Whether it holds."""
        return self.measured >= self.limit if self.least else self.measured <= self.limit


@dataclass(frozen=True)
class Entrant:
    """A program that takes part in a workload.

    Attributes:
        program: the program.
        server: from where it reads.
        most: how often it is run at most.
        name: in the table, the program's own by default.
        concurrency: requests in flight.
        page: rows per page.
        paced: it is told of the server's limit.
    """

    program: Program
    server: Server
    most: int = ALWAYS
    name: str = ""
    concurrency: int = 16
    page: int = 100
    paced: bool = False


@dataclass
class Result:
    """What one program did in one workload.

    Attributes:
        in_flight: requests in flight, 0 where nothing is asked.
        runs: the measured ones.
        found: what the checks found.
        absent: why it was not run.
    """

    in_flight: int = 0
    runs: list[Run] = field(default_factory=list)
    found: list[Mapping[str, int]] = field(default_factory=list)
    absent: str = ""

    @property
    def complete(self) -> bool:
        """Whether it ended well every time and every row came exactly as the server has it."""
        good = all(run.code == 0 for run in self.runs)
        return good and all(check["distinct"] == check["expected"] and not check["wrong"] for check in self.found)

    @property
    def seconds(self) -> float:
        """Median of the whole process; without end for a program that did not deliver."""
        return median(run.seconds for run in self.runs) if self.complete else inf

    @property
    def cpu_seconds(self) -> float:
        """Median of user and system time."""
        return median(run.cpu_seconds for run in self.runs)

    @property
    def peak_megabytes(self) -> float:
        """Median of the largest resident set."""
        return median(run.peak_megabytes for run in self.runs)

    @property
    def requests(self) -> int:
        """Requests of the last run."""
        return self.runs[-1].requests

    @property
    def refused_share(self) -> float:
        """The largest share of refused requests."""
        return max(run.refused / max(1, run.requests) for run in self.runs)


@dataclass(frozen=True)
class Outcome:
    """A workload's results and bars.

    Attributes:
        title: what was read.
        results: by name, in the order of the table.
        bars: what has to hold.
        remarks: readings and figures that stand in no column.
    """

    title: str
    results: Mapping[str, Result]
    bars: Sequence[Bar]
    remarks: Sequence[str] = ()


@dataclass
class Bench:
    """The means of all workloads.

    Attributes:
        rounds: how often a fast program is run.
        quick: small sizes; bars are shown, not judged.
    """

    rounds: int
    quick: bool

    def size(self, full: int, quick: int) -> int:
        """Return one of two sizes."""
        return quick if self.quick else full

    @cached_property
    def _python(self) -> Path:
        return environments.python("floor")

    @contextlib.contextmanager
    def serving(self, shape: Shape) -> Iterator[Server]:
        """Start a server in the floor's environment, which has uvloop."""
        with running.serving(shape, self._python) as server:
            yield server

    def compare(self, entrants: Sequence[Entrant], *, discard: bool = False) -> dict[str, Result]:
        """Run programs in turns and check what they wrote.

        Args:
            entrants: in the order of their turns.
            discard: measure without output, after one run that is checked only.
        """
        results = {
            entrant.name or entrant.program.name: Result(1 if entrant.program.sequential else entrant.concurrency)
            for entrant in entrants
        }
        for number in range(-1 if discard else 0, self.rounds):
            for entrant, (name, result) in zip(entrants, results.items(), strict=True):
                if number < entrant.most:
                    run, found = self._turn(entrant, name, to_null=discard and number >= 0)
                    result.found += found
                    result.runs += [run] if number >= 0 or run.code else []
        return results

    def _turn(self, entrant: Entrant, name: str, *, to_null: bool) -> tuple[Run, list[dict[str, int]]]:
        program, server = entrant.program, entrant.server
        with tempfile.TemporaryDirectory() as folder:
            job = Job(server, Path(folder), entrant.concurrency, entrant.page, entrant.paced)
            output = NULL if to_null else job.folder / "output"
            run = running.run(program.command(job), output, server)
            found = [] if to_null else [check(program, server.shape, program.files(output))]
        tell(name, run, found)
        return run, found


def check(program: Program, shape: Shape | Setup, files: Sequence[Path]) -> dict[str, int]:
    """Return what a process of its own finds in a program's files."""
    module, *sizes = shape.check()
    command: list[str | Path] = [sys.executable, "-m", module, program.format, *files, *sizes]
    found: dict[str, int] = json.loads(subprocess.check_output(command, cwd=ROOT, env=running.environment()))  # noqa: S603
    return found


def tell(name: str, run: Run, found: Sequence[Mapping[str, int]] = ()) -> None:
    """Say on standard error what a run took."""
    rows = "".join(f", {one['distinct']} of {one['expected']} rows" for one in found)
    end = f", exit code {run.code}: {run.log[-500:]}" if run.code > 0 else ""
    figures = f"{run.seconds:7.2f} s  cpu {run.cpu_seconds:6.2f} s  peak {run.peak_megabytes:4.0f} MB"
    requests = f", {run.requests} requests, {run.refused} refused" if run.asked else ""
    print(f"  {name:<28}{figures}{requests}{rows}{end}", file=sys.stderr, flush=True)  # noqa: T201
