"""One look at each stream of a sandbox (`--test`), inside the test process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.running import ImpatientTap, KeptLines

Test = Callable[..., "Told"]


@dataclass
class Told:
    """What a test told: a line for each stream, whether all is well, and the seconds that were waited."""

    lines: dict[str, str]
    good: bool
    waited: float

    def of(self, vendor: str) -> set[str]:
        """Return what is told of a vendor's streams."""
        return {line for stream, line in self.lines.items() if stream.startswith(vendor)}


def looks(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> Test:
    """Return what looks at a sandbox, with settings over its own; nothing may be written but the lines."""

    def test(**settings: Any) -> Told:  # noqa: ANN401 - settings
        written = KeptLines()
        merged = {name: value for name, value in {**sandbox.config, **settings}.items() if value is not None}
        tried = ImpatientTap(config=merged, message_writer=written)
        capsys.readouterr()
        good = tried.look()
        told = capsys.readouterr()
        written.flush()
        assert (told.out, written.lines) == ("", [])
        columns = [line.split(maxsplit=2) for line in told.err.splitlines()]
        lines = {stream: "  ".join(rest) for stream, *rest in columns}
        assert list(lines) == list(tried.streams)
        return Told(lines, good, sum(tried.clock.waits))  # type: ignore[attr-defined]

    return test
