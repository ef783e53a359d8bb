"""The tap, which tells at its end how much memory it took at the most.

The kernel's figure for children will not do: it is that of the largest one so far, and holds its parent's from before.
"""

from __future__ import annotations

import atexit
import re
import sys
from pathlib import Path

from tests.here import LocalTap

PEAK = "peak kilobytes: "


def tell() -> None:
    """Write the highest resident set size to standard error."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak
    sys.stderr.write(f"{PEAK}{peak[1]}\n")


if __name__ == "__main__":
    atexit.register(tell)
    LocalTap.cli()
