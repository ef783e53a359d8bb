"""``python -m tap_usage.sandbox``: serve until SIGINT, SIGTERM or ``POST /__sandbox__/stop``."""

import argparse
import json
import signal
import sys
from pathlib import Path

from tap_usage.sandbox.sandbox import Sandbox


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox and print the settings of a tap that reads from it; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tap_usage.sandbox", description="Simulate the four vendors on loopback."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=int, default=8970, help="first of seven ports; 0 takes free ones (default: 8970)"
    )
    parser.add_argument("--now", help="ISO 8601 time at which the clock stands (default: it runs)")
    parser.add_argument("--seed", type=int, default=7, help="what made-up figures depend on (default: 7)")
    parser.add_argument("--config-out", type=Path, help="also write the settings to this file")
    parser.add_argument("--latency-ms", type=float, default=0, help="delay of every answer (default: 0)")
    chosen = parser.parse_args(arguments)
    try:
        sandbox = Sandbox(chosen.now, chosen.seed, chosen.host, chosen.port)
    except ValueError as error:
        parser.error(str(error))
    sandbox.latency_seconds = chosen.latency_ms / 1000
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sandbox.stopped.set())
    try:
        sandbox.start()
    except OSError as error:
        sys.stderr.write(f"sandbox: cannot listen on {error.filename}: {error.strerror}\n")
        return 1
    text = json.dumps(sandbox.config, indent=2) + "\n"
    if chosen.config_out:
        chosen.config_out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    sys.stdout.flush()
    sandbox.stopped.wait()
    sandbox.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
