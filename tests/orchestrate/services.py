"""Programs that run meanwhile: their logs, their end, their memory; and what a whole machine of them is killed by."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

PATIENCE_SECONDS = 900
END_SECONDS = 20


class Services:
    """Programs in sessions of their own, ended together.

    Attributes:
        folder: where their logs are.
        processes: by name.
        peak_kilobytes: largest proportional set size (PSS) of all of them and of what they started.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.peak_kilobytes = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._measure)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        with suppress(ProcessLookupError):
            for process in self.processes.values():
                process.terminate()
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
            kill([process.pid, *descendants(process.pid)])
            process.wait()

    def start(self, name: str, *command: str | Path, **variables: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603 - our own words
                command,
                env={**self.environment, **variables},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str) -> int:
        """End a program and everything that it started at once, as a lost machine would; return how many processes."""
        process = self.processes.pop(name)
        ended = kill([process.pid, *descendants(process.pid)])
        process.wait()
        return ended

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def _measure(self) -> None:
        while not self._over.wait(1):
            processes = [process.pid for process in list(self.processes.values())]
            everything = {pid for process in processes for pid in (process, *descendants(process))}
            self.peak_kilobytes = max(self.peak_kilobytes, sum(map(pss, everything)))


def run(*command: str | Path, environment: Mapping[str, str], **options: Any) -> str:  # noqa: ANN401 - as Popen has them
    """Return the output of a program; end with its last lines when it fails."""
    done = subprocess.run(  # noqa: S603 - our own words
        command, env=dict(environment), capture_output=True, text=True, check=False, **options
    )
    if done.returncode:
        print(*(done.stdout + done.stderr).splitlines()[-20:], sep="\n", file=sys.stderr)
    done.check_returncode()
    return done.stdout


def until(what: str, condition: Callable[[], object], patience: float = PATIENCE_SECONDS) -> Any:  # noqa: ANN401
    """Return what a condition says as soon as it is something."""
    end, pause = time.monotonic() + patience, threading.Event()
    while time.monotonic() < end:
        if found := condition():
            return found
        pause.wait(0.5)
    raise TimeoutError(what)


def parents() -> dict[int, int]:
    """Return the parent of each process."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    return found


def descendants(process: int) -> list[int]:
    """Return what a process started, and what that started."""
    known, found = parents(), [process]
    for each in found:
        found += [child for child, parent in known.items() if parent == each]
    return found[1:]


def running(words: str) -> list[int]:
    """Return the processes whose command ends so."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if command.read_bytes().replace(b"\0", b" ").strip().decode(errors="replace").endswith(words):
                found.append(int(command.parent.name))
    return found


def kill(processes: Iterable[int]) -> int:
    """End processes at once; return how many there were."""
    ended = 0
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            ended += 1
    return ended


def pss(process: int) -> int:
    """Return a process' share of memory in kilobytes; 0 when it is gone."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    return 0


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long something took."""
    started = time.monotonic()
    yield
    print(f"{what:<78}{time.monotonic() - started:6.1f} s", flush=True)
