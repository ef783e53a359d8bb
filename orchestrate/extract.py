"""Run the tap for one tenant: `extract.py TENANT [STREAM ...]`, the one command that every engine calls.

Tap and loader get the settings of this tenant alone: variables `TAP_USAGE_…` and `TARGET_…` of the worker and of the
project's `.env` are left out. The log goes to stderr, one line of JSON to stdout: rows and failures by stream. It ends
with the exit code of the tap; with 2 when a file is wrong, 1 when the tenant is being extracted already.

Needs PyYAML and python-dotenv, which are in Meltano's environment and in the tap's own.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from files import BusyError, locked, path_of, program, unnamed
from tenants import OF_TENANTS, PROJECT, Tenant, WrongError, read_secrets, tenant_of

OF_LOGS = ("LOGLEVEL", "SINGER_SDK_LOG_CONFIG")
SUMMARY = "SUMMARY: "
TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}  # of any bytes, and back


class Run:
    """One run of the tap: where signals go, and what it says of itself.

    Attributes:
        reads: the process that signals go to, the last one that is there.
        summary: of the tap, empty until it has told it.
    """

    def __init__(self) -> None:
        """Take SIGTERM and SIGINT from now on."""
        self.reads: list[int] = []
        self.summary: dict[str, Any] = {}
        self._early: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: self.hand_on(number))

    def hand_on(self, number: int) -> None:
        """Send a signal to the process that reads; one that comes before it is there waits for it."""
        for process in reversed(self.reads):
            with suppress(ProcessLookupError):
                os.kill(process, number)
                return
        self._early.append(number)

    def begin(self, process: int) -> None:
        """Know the process that signals go to."""
        self.reads.append(process)
        early, self._early = self._early, []
        for number in early:
            self.hand_on(number)

    def hear(self, told: str) -> None:
        """Remember what a line of the tap sums up."""
        _, found, summary = told.partition(SUMMARY)
        if found:
            with suppress(ValueError):
                self.summary = json.loads(summary)


def environment(*own: Mapping[str, str]) -> dict[str, str]:
    """Return the worker's variables without those of tap, loaders and their logs, and others over them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*OF_TENANTS, *OF_LOGS))}
    utc = {"PGTZ": "UTC"}  # target-postgres stores times without a zone, in the zone of the session
    return {name: value for variables in (kept, utc, *own) for name, value in variables.items()}


def tell(text: str) -> None:
    """Write to the log; programs have to be listened to also when nobody takes what they say."""
    with suppress(OSError):
        print(text, end="", file=sys.stderr, flush=True)


def through_meltano(tenant: Tenant, streams: Sequence[str], run: Run) -> int:
    """Have Meltano run tap and loader; it keeps the state, and lets no state id run twice at once."""
    command: list[str | Path] = [
        program("meltano"),
        "--environment=dev",
        f"--env-file={os.devnull}",
        "--log-level=info",
    ]
    command += ["--log-format=json", "el", "tap-usage", tenant.loader, "--no-install"]
    command += [f"--state-id=dev:tap-usage-to-{tenant.loader}:{tenant.name}"]
    command += [f"--select={stream}.*" for stream in streams]
    with subprocess.Popen(  # noqa: S603 - names were checked
        command,
        cwd=PROJECT,
        env=environment(tenant.variables, settings_of_meltano()),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **TEXT,
        umask=0o077,  # while it runs, and after a kill, Meltano has the settings in files
        start_new_session=True,  # what an engine sends to its whole group would end the loader before the tap
    ) as meltano:
        run.begin(meltano.pid)
        try:
            for line in meltano.stdout or ():
                entry = entry_of(line)
                if entry.get("cmd_type") == "extractor" and entry.get("pid", meltano.pid) not in run.reads:
                    run.begin(entry["pid"])  # Meltano itself would end without saving the state
                run.hear(entry["event"])
                tell(f"{entry['level'].upper()} {entry['event']}\n")
            code = meltano.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(meltano.pid, signal.SIGKILL)
    return (code and run.summary.get("exit_code")) or code


def entry_of(line: str) -> dict[str, Any]:
    """Return a line of Meltano's log, or what is written beside it."""
    with suppress(ValueError):
        entry = json.loads(line)
        if isinstance(entry, dict) and isinstance(entry.get("event"), str):
            return {"level": "info", **entry}
    return {"level": "error", "event": line.rstrip()}


def settings_of_meltano() -> dict[str, str]:
    """Return where Meltano's project and its database are, also from the project's `.env`, of which no more is read."""
    of_project = read_secrets(".env") if (PROJECT / ".env").exists() else {}
    of_meltano = {name: value for name, value in of_project.items() if name.startswith("MELTANO_")}
    of_worker = {name: value for name, value in os.environ.items() if name.startswith("MELTANO_")}
    return {**of_meltano, **of_worker, "MELTANO_PROJECT_ROOT": str(PROJECT)}


def through_pipe(tenant: Tenant, streams: Sequence[str], run: Run) -> int:
    """Run tap and loader, and keep the last state that the loader printed.

    Raises:
        BusyError: the tenant is being extracted already.
        WrongError: something is missing, or the state cannot be kept.
    """
    tap, loader = program("tap-usage"), program(tenant.loader, PROJECT / f".venv-{tenant.loader}" / "bin")
    state = PROJECT / "state" / tenant.loader / f"{tenant.name}.json"
    state.parent.mkdir(parents=True, exist_ok=True)
    given = ["--state", str(state)] if state.exists() else []
    variables = {name: value for name, value in tenant.variables.items() if not name.startswith(OF_TENANTS)}
    common: dict[str, Any] = {
        "cwd": PROJECT,
        "env": environment(variables),
        **TEXT,
        "start_new_session": True,  # what an engine sends to its whole group would end the loader before the tap
    }
    with ExitStack() as stack:
        lock = stack.enter_context(locked(state.with_suffix(".lock")))
        settings = stack.enter_context(unnamed(tenant.tap))
        if streams:
            catalog = stack.enter_context(unnamed(selected(tap, tenant, streams)))
            given += ["--catalog", path_of(catalog)]
        target = stack.enter_context(unnamed(tenant.target))
        writes = subprocess.Popen(  # noqa: S603 - names were checked
            [loader, "--config", path_of(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(lock, target.fileno()),
            **common,
        )
        reads = subprocess.Popen(  # noqa: S603 - names were checked
            [tap, "--config", path_of(settings), *given],
            stdout=writes.stdin,
            stderr=subprocess.PIPE,
            pass_fds=(lock, settings.fileno(), *([catalog.fileno()] if streams else [])),
            **common,
        )
        run.begin(reads.pid)
        if writes.stdin:
            writes.stdin.close()
        listener = threading.Thread(target=listen, args=(reads.stderr, run))
        listener.start()
        trouble = keep(writes.stdout or (), state)
        listener.join()
        codes = [reads.wait(), writes.wait()]
    if trouble:
        raise WrongError(f"{state.relative_to(PROJECT)}: {trouble.strerror}; the state is that of before")
    return next((128 - code if code < 0 else code for code in codes if code), 0)


def listen(log: Iterable[str], run: Run) -> None:
    """Pass the tap's log on."""
    for line in log:
        run.hear(line)
        tell(line)


def keep(lines: Iterable[str], state: Path) -> OSError | None:
    """Keep each state that a loader prints whole; return why the last one could not be kept."""
    trouble = None
    new = state.with_suffix(".new")
    for line in lines:
        if not is_state(line):
            tell(line)
            continue
        try:
            with new.open("w", **TEXT) as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            new.replace(state)
            trouble = None
        except OSError as error:
            trouble = error
    return trouble


def is_state(line: str) -> bool:
    """Tell whether a line is a whole state; loaders that end in the middle print a part of one."""
    with suppress(ValueError):
        return isinstance(json.loads(line), dict)
    return False


def selected(tap: Path, tenant: Tenant, streams: Sequence[str]) -> dict[str, Any]:
    """Return the tap's catalog with some streams selected.

    Raises:
        WrongError: the tap has no catalog.
    """
    with unnamed(tenant.tap) as settings:
        done = subprocess.run(  # noqa: S603 - names were checked
            [tap, "--config", path_of(settings), "--discover"],
            cwd=PROJECT,
            env=environment(),
            pass_fds=[settings.fileno()],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise WrongError(f"{tenant.name}: the tap has no catalog: {done.stderr.strip().splitlines()[-1:]}")
    catalog: dict[str, Any] = json.loads(done.stdout)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in streams
    return catalog


def main() -> int:
    """Run one tenant and tell what came; return the exit code."""
    known = sorted(path.stem for path in (PROJECT / "schemas").glob("*.json"))
    parser = argparse.ArgumentParser(description="Run the tap for one tenant.")
    parser.add_argument("tenant", help="a name in orchestrate/tenants.yml")
    parser.add_argument("streams", nargs="*", metavar="stream", help="read only these (default: all)")
    chosen = parser.parse_args()
    if strange := [stream for stream in chosen.streams if stream not in known]:
        parser.error(f"no such stream: {', '.join(strange)}")
    run = Run()
    try:
        tenant = tenant_of(chosen.tenant)
        through = through_meltano if tenant.through == "meltano" else through_pipe
        code = through(tenant, chosen.streams, run)
    except (BusyError, WrongError) as error:
        print(f"extract.py: {error}", file=sys.stderr)
        return 1 if isinstance(error, BusyError) else 2
    streams = run.summary.get("streams", {})
    told = {name: {"rows": stream["rows"], "failures": stream["failures"]} for name, stream in streams.items()}
    print(json.dumps({"tenant": tenant.name, "exit_code": code, "streams": told}))
    return code


if __name__ == "__main__":
    sys.exit(main())
