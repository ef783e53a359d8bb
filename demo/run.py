"""Run Meltano twice against the simulated vendors, the second time a day later, and show what arrived.

Everything it writes is in `output/demo`, Meltano's state of the demo included; only the plugins are in `.meltano`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_usage.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "output" / "demo"
DATABASE = OUTPUT / "demo.duckdb"
MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
LOADER = ROOT / ".meltano" / "loaders" / "target-duckdb" / "venv" / "bin" / "python"


def environment_with(config: Mapping[str, Any]) -> dict[str, str]:
    """Variables for Meltano: the sandbox's settings in place of any the user has set, a state and a database apart.

    Plugins are installed by pip rather than uv, because pip knows the index and the certificates of this machine;
    afresh each time, because environments made by uv have no pip.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MELTANO_", "TAP_USAGE_", "TARGET_"))
    }
    return {
        **kept,
        **{f"TAP_USAGE_{name.upper()}": str(value) for name, value in config.items()},
        "MELTANO_CLI_LOG_FORMAT": "json",
        "MELTANO_VENV_BACKEND": "virtualenv",
        "MELTANO_DATABASE_URI": f"sqlite:///{OUTPUT / 'meltano.db'}",
        "TARGET_DUCKDB_DATABASE": DATABASE.stem,
        "TARGET_DUCKDB_PATH": str(DATABASE),
    }


def meltano(step: str, *words: str, environment: dict[str, str]) -> Path:
    """Run Meltano and return its log; end the demo with the log's end when it fails."""
    log = OUTPUT / f"{step.replace(' ', '-')}.log"
    print(f"{step:<8}", end=" ", flush=True)
    started = time.monotonic()
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 our own words
            [MELTANO, *words], cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait()
        finally:
            stop(process)
    print(f"{time.monotonic() - started:4.0f} s  {'failed: ' if code else ''}{log.relative_to(ROOT)}")
    if code:
        for entry in entries(log)[-20:]:
            print(entry.get("install_state", {}).get("details") or entry["event"], file=sys.stderr)
        sys.exit(code)
    return log


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs, and everything it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def entries(log: Path) -> list[dict[str, Any]]:
    """What a log says, line by line; a line that is no JSON becomes an event."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) if line.startswith("{") else {"event": line} for line in lines]


def sent(log: Path) -> Counter[str]:
    """Records per stream that the tap says it sent, from the log of a run."""
    found: Counter[str] = Counter()
    for entry in entries(log):
        metric = entry.get("metric_info", {})
        if metric.get("metric") == "record_count":
            found[metric["tags"]["stream"]] += metric["value"]
    return found


def ask(what: str) -> str:
    """What `warehouse.py` answers."""
    command: list[str | Path] = [LOADER, Path(__file__).with_name("warehouse.py"), what, DATABASE]
    return subprocess.check_output(command, text=True)  # noqa: S603 our own words


def run(step: str, environment: dict[str, str]) -> tuple[Counter[str], Counter[str]]:
    """Run the tap into the database; return what it sent and what the database holds then, by stream."""
    log = meltano(step, "--environment=sandbox", "run", "tap-usage", "target-duckdb", environment=environment)
    return sent(log), Counter(json.loads(ask("counts")))


def main() -> None:
    """Run the demo."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    with Sandbox() as sandbox:
        environment = environment_with(sandbox.config)
        meltano("install", "install", "--clean", "tap-usage", "target-duckdb", environment=environment)
        first_sent, first_held = run("run 1", environment)
        sandbox.advance(days=1)
        second_sent, second_held = run("run 2", environment)

    print(f"\n{'rows':<36}{'sent, run 1':>12}{'held':>8}{'sent, run 2':>14}{'held':>8}   (run 2 is a day later)")
    for stream in sorted(second_held):
        row = (first_sent[stream], first_held[stream], second_sent[stream], second_held[stream])
        print(f"{stream:<36}{row[0]:>12}{row[1]:>8}{row[2]:>14}{row[3]:>8}")
    print(f"\n{ask('summary')}\nThe database: {DATABASE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
