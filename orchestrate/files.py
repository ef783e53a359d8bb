"""What a run of programs needs of the machine: the programs, a lock, and files that have no name."""

from __future__ import annotations

import fcntl
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tenants import PROJECT, WrongError


class BusyError(Exception):
    """The tenant is being extracted already."""


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold a lock, which the processes that inherit its descriptor hold as well: it ends with the last of them.

    Raises:
        BusyError: another run holds it.
    """
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another run of this tenant goes on; it holds {path.relative_to(PROJECT)}") from None
        yield file.fileno()


@contextmanager
def unnamed(content: Mapping[str, Any]) -> Iterator[IO[str]]:
    """Hold JSON in a file without a name: nobody else finds it, and nothing of it stays behind."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        file.seek(0)
        yield file


def path_of(file: IO[str]) -> str:
    """Return where a process that inherits an open file finds it."""
    return f"/dev/fd/{file.fileno()}"


def program(name: str, folder: Path = Path(sys.executable).parent) -> Path:
    """Return the path of a program.

    Raises:
        WrongError: it is not there.
    """
    if not (folder / name).exists():
        raise WrongError(f"{folder / name}: not there; docs/orchestration.md tells what a worker needs")
    return folder / name
