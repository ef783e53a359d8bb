"""The command line of the tap with a clock that runs fifty times as fast, for runs that are killed."""

from __future__ import annotations

from tap_usage.rest.clock import Clock
from tap_usage.tap import TapUsage

HASTE = 50


class HastyClock(Clock):
    def monotonic(self) -> float:
        return super().monotonic() * HASTE


class HastyTap(TapUsage):
    clock_class = HastyClock


if __name__ == "__main__":
    HastyTap.cli()
