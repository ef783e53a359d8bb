"""The command line of the tap with a clock that runs fifty times as fast, for runs that are killed."""

from __future__ import annotations

from tests.here import LocalClock, LocalTap

HASTE = 50


class HastyClock(LocalClock):
    def monotonic(self) -> float:
        return super().monotonic() * HASTE


class HastyTap(LocalTap):
    clock_class = HastyClock


if __name__ == "__main__":
    HastyTap.cli()
