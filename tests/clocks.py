"""A clock for tests in which the vendors' time has to go on while the tap waits."""

from __future__ import annotations

from datetime import datetime

from tap_usage.sandbox import Sandbox
from tests.running import ImpatientClock


def shared_with(sandbox: Sandbox) -> type[ImpatientClock]:
    """Return a clock class whose waits move the sandbox's clock too."""

    class SharedClock(ImpatientClock):
        def now(self) -> datetime:
            return sandbox.clock.now()

        def wait(self, seconds: float) -> None:
            super().wait(seconds)
            sandbox.advance(seconds=max(0.0, seconds))

    return SharedClock
