"""Run Meltano twice against the simulated vendors, the second time a day later, and show what arrived.

`python -m demo.run duckdb` or `postgres`. Everything it writes is in `output/demo`, Meltano's state of the demo
included; only the plugins are in `.meltano`. Of PostgreSQL nothing is left.
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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.postgres import USER, postgres
from tap_usage.sandbox import Sandbox

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "output" / "demo"
MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"


@dataclass(frozen=True)
class Target:
    """A database and its loader.

    Attributes:
        loader: the plugin.
        driver, where: the module that connects, and to what.
        schema: of the loader's tables.
        settings: of the loader, beside those of `meltano.yml`.
        end: what becomes of the database, for a person.
    """

    loader: str
    driver: str
    where: str
    schema: str
    settings: Mapping[str, object]
    end: str

    def ask(self, what: str) -> str:
        """What `warehouse.py` answers."""
        python = ROOT / ".meltano" / "loaders" / self.loader / "venv" / "bin" / "python"
        script = Path(__file__).with_name("warehouse.py")
        command: list[str | Path] = [python, script, what, self.driver, self.where, self.schema]
        return subprocess.check_output(command, text=True)  # noqa: S603 our own words


@contextmanager
def in_duckdb() -> Iterator[Target]:
    """A file."""
    file = OUTPUT / "demo.duckdb"
    settings = {"database": file.stem, "path": file}
    yield Target("target-duckdb", "duckdb", str(file), "main", settings, f"The database: {file.relative_to(ROOT)}")


@contextmanager
def in_postgres() -> Iterator[Target]:
    """A server of the demo's own."""
    with postgres() as port:
        settings = {"host": "127.0.0.1", "port": port, "user": USER, "password": USER, "database": "postgres"}
        where = f"postgresql://{USER}@127.0.0.1:{port}/postgres"
        yield Target(
            "target-postgres", "psycopg2", where, "usage", settings, "PostgreSQL is stopped, its data are gone."
        )


TARGETS = {"duckdb": in_duckdb, "postgres": in_postgres}


def environment_with(config: Mapping[str, Any], target: Target) -> dict[str, str]:
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
        **{f"{target.loader}_{name}".upper().replace("-", "_"): str(value) for name, value in target.settings.items()},
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
    """Rows per stream that the tap says it sent, from the log of a run."""
    (summary,) = (said for entry in entries(log) if (said := entry["event"].partition("SUMMARY: ")[2]))
    return Counter({name: stream["rows"] for name, stream in json.loads(summary)["streams"].items()})


def run(step: str, target: Target, environment: dict[str, str]) -> tuple[Counter[str], Counter[str]]:
    """Run the tap into the database; return what it sent and what the database holds then, by stream."""
    log = meltano(step, "--environment=sandbox", "run", "tap-usage", target.loader, environment=environment)
    return sent(log), Counter(json.loads(target.ask("counts")))


def begin() -> None:
    """Empty the demo's folder, and have signals end what was started."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)


def main() -> None:
    """Run the demo."""
    (name,) = sys.argv[1:]
    if name not in TARGETS:
        sys.exit(f"no such target: {name}; there are {' and '.join(TARGETS)}")
    begin()
    with TARGETS[name]() as target:
        with Sandbox() as sandbox:
            environment = environment_with(sandbox.config, target)
            meltano("install", "install", "--clean", "tap-usage", target.loader, environment=environment)
            first_sent, first_held = run("run 1", target, environment)
            sandbox.advance(days=1)
            second_sent, second_held = run("run 2", target, environment)
        summary = target.ask("summary")

    print(f"\n{'rows':<36}{'sent, run 1':>12}{'held':>8}{'sent, run 2':>14}{'held':>8}   (run 2 is a day later)")
    for stream in sorted(second_held):
        row = (first_sent[stream], first_held[stream], second_sent[stream], second_held[stream])
        print(f"{stream:<36}{row[0]:>12}{row[1]:>8}{row[2]:>14}{row[3]:>8}")
    print(f"\n{summary}\n{target.end}")


if __name__ == "__main__":
    main()
