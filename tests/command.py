"""The command line in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
TAP = (sys.executable, "-m", "tap_usage")
PATIENCE_SECONDS = 60


def environment(**variables: str) -> dict[str, str]:
    """Return the variables a tap process gets: none of the tap's own but the given ones."""
    others = ("TAP_USAGE_", "COLUMNS", "LINES")  # a terminal has the size it says
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {**kept, "PYTHONPATH": str(PROJECT), **variables}


def written(path: Path, content: object) -> str:
    """Write text, or anything else as JSON, and return the path as text."""
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def tap(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the tap to its end."""
    return subprocess.run(  # noqa: S603 - our own words
        [*TAP, *arguments],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def started(*arguments: str, cwd: Path, output: Path | None = None, **variables: str) -> subprocess.Popen[str]:
    """Start the tap; the caller ends it. Standard output goes to a file or, if none is given, to a pipe."""
    with contextlib.ExitStack() as stack:
        return subprocess.Popen(  # noqa: S603 - our own words
            [*TAP, *arguments],
            cwd=cwd,
            env=environment(**variables),
            stdout=stack.enter_context(output.open("w")) if output else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def messages(output: str) -> list[dict[str, Any]]:
    """Return the Singer messages of a standard output."""
    return [json.loads(line) for line in output.splitlines()]


def complaints(log: str) -> list[str]:
    """Return what a log says beside its information and metrics."""
    return [line for line in log.splitlines() if line.strip() and " INFO " not in line and "METRIC" not in line]
