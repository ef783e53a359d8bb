"""The command line of the tap with a clock that waits a fiftieth of the time, for runs that are killed."""

from __future__ import annotations

from tap_usage.rest.clock import Clock
from tap_usage.tap import TapUsage


class HastyClock(Clock):
    def wait(self, seconds: float) -> None:
        super().wait(seconds / 50)


class HastyTap(TapUsage):
    clock_class = HastyClock


if __name__ == "__main__":
    HastyTap.cli()
