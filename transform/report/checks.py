"""What dbt's last run says of the checks: passed, warned, failed."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

OUTCOMES = {"pass": "passed", "success": "passed", "warn": "warned", "skipped": "skipped"}


@dataclass(frozen=True)
class Check:
    """A check: its name, how it ended (passed, warned, failed or skipped), rows it found."""

    name: str
    outcome: str
    found: int | None


@dataclass(frozen=True)
class Checks:
    """How dbt's last run ended.

    Attributes:
        at: when it ended, UTC.
        every: its checks.
        broken: names of the tables that it did not build.
    """

    at: datetime
    every: Sequence[Check]
    broken: Sequence[str]

    @property
    def counts(self) -> Counter[str]:
        """How many ended in which way."""
        return Counter(check.outcome for check in self.every)

    @property
    def others(self) -> list[Check]:
        """Those that did not pass, the worst first."""
        found = [check for check in self.every if check.outcome != "passed"]
        return sorted(found, key=lambda check: (check.outcome, check.name))


def last_run() -> Checks | None:
    """Read `run_results.json` where dbt left it; None where there is none, or that run checked nothing."""
    folder = os.environ.get("DBT_TARGET_PATH") or Path(os.environ.get("DBT_PROJECT_DIR", ".")) / "target"
    try:
        said = json.loads((Path(folder) / "run_results.json").read_text(encoding="utf-8"))
        at = datetime.fromisoformat(said["metadata"]["generated_at"])
        results = [
            (*result["unique_id"].split(".")[:3], OUTCOMES.get(result["status"], "failed"), result["failures"])
            for result in said["results"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    checks = [Check(name, outcome, found) for kind, _, name, outcome, found in results if kind.endswith("test")]
    broken = [name for kind, _, name, outcome, _ in results if kind == "model" and outcome != "passed"]
    return Checks(at, checks, broken) if checks else None
