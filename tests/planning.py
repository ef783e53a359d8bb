"""Plans of runs, as tests look at them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import jsonschema
import pytest

from tap_usage.sandbox import Sandbox
from tap_usage.tap import IncompleteError
from tests.running import ImpatientTap, KeptLines
from tests.truth import STREAMS

Told = dict[str, Any]

COUNT = {"type": ["integer", "null"], "minimum": 0}
TEXT = {"type": ["string", "null"]}
STREAM = {
    "readable": {"type": ["boolean", "null"]},
    "problem": TEXT,
    "permission": TEXT,
    **dict.fromkeys(("partitions", "queries", "requests", "rows"), COUNT),
    "from": TEXT,
    "to": TEXT,
}


def exactly(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


SUMS = {"requests": {"type": "integer"}, "minutes": {"type": "number"}}
VENDOR = {
    "login": {"type": "string"},
    "clock_difference_seconds": {"type": ["number", "null"]},
    **SUMS,
    "streams": {"type": "object", "additionalProperties": exactly(STREAM)},
}
PLAN = exactly({"vendors": {"type": "object", "additionalProperties": exactly(VENDOR)}, **SUMS})


class Planned:
    """A plan of all that is configured, or of the named streams.

    Attributes:
        told: the JSON.
        code: exit code.
        output: all of standard output.
        lines: what names failures.
        waited: seconds that would have been waited.
    """

    def __init__(
        self,
        capsys: pytest.CaptureFixture[str],
        config: Told,
        state: Told | None = None,
        select: Sequence[str] = STREAMS,
        ahead: timedelta = timedelta(),
    ) -> None:
        given = json.loads(json.dumps(state or {}))
        tap = ImpatientTap(config=config, state=given, message_writer=KeptLines())
        tap.clock.ahead -= ahead  # type: ignore[attr-defined]
        for name, stream in tap.streams.items():
            stream.selected = name in select
        capsys.readouterr()
        try:
            tap.plan("json")
            self.code = 0
        except IncompleteError:
            self.code = 1
        self.output = capsys.readouterr().out
        self.lines = tap.this_run.failures.lines
        self.waited = sum(tap.clock.waits)  # type: ignore[attr-defined]
        self.told: Told = json.loads(self.output)
        jsonschema.validate(self.told, PLAN)

    def stream(self, name: str) -> Told:
        found: Told = self.told["vendors"][name.partition("_")[0]]["streams"][name]
        return found


def asked(sandbox: Sandbox) -> Counter[str]:
    """Return the requests since this was last asked, by operation, without logins."""
    seen = Counter(seen.operation for seen in sandbox.requests if not seen.operation.endswith(".token"))
    sandbox.forget_requests()
    return seen
