"""A project folder as a worker has it: `orchestrate/`, `meltano.yml`, `schemas/`, `secrets/` and programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tap_usage.sandbox import Sandbox
from tests.here import every_family

ROOT = Path(__file__).parents[2]
LOADER = Path(__file__).with_name("loader.py")
MELTANO = ROOT / ".venv-meltano" / "bin" / "python"
PATIENCE_SECONDS = 60


class Project:
    """A project folder with tenants.

    Attributes:
        folder: where it is.
        tenants: what `tenants.yml` says.
    """

    def __init__(self, folder: Path, through: str, loader: str, **settings: object) -> None:
        """Make it, without a tenant.

        Args:
            folder: an empty one.
            through: `meltano` or `pipe`.
            loader: its name; `target-jsonl` is the small one of the tests.
            settings: of the loader.
        """
        self.folder = folder
        self.tenants: dict[str, Any] = {"through": through, "loader": {"name": loader, **settings}, "tenants": {}}
        shutil.copytree(ROOT / "orchestrate", folder / "orchestrate", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "schemas", folder / "schemas")
        (folder / "secrets").mkdir()
        plan: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
        for plugin in (plugin for plugins in plan["plugins"].values() for plugin in plugins):
            del plugin["pip_url"]  # nothing is installed: the programs are there
            plugin["executable"] = str(self._program(plugin["name"]))
            plugin["settings"] += self._own_settings(plugin["name"])
        (folder / "meltano.yml").write_text(yaml.safe_dump(plan), encoding="utf-8")

    def program(self, loader: str) -> Path:
        """Return where a loader is looked for."""
        programs = self.folder / f".venv-{loader}" / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        return programs / loader

    def _program(self, name: str) -> Path:
        if name == "tap-usage":
            return Path(sys.executable).with_name(name)
        programs = self.program(name).parent
        if name == "target-jsonl":
            (programs / name).write_text(f"#!{sys.executable}\n{LOADER.read_text(encoding='utf-8')}", encoding="utf-8")
            (programs / name).chmod(0o700)
        elif (ROOT / f".venv-{name}").exists():
            (programs / name).symlink_to(ROOT / f".venv-{name}" / "bin" / name)
        return programs / name

    @staticmethod
    def _own_settings(name: str) -> list[dict[str, str]]:
        kinds = {"fail_after": "integer", "fail_at_end": "boolean", "cut": "boolean"}
        return [{"name": each, "kind": kind} for each, kind in kinds.items()] if name == "target-jsonl" else []

    def add(self, tenant: str, secrets: Mapping[str, object], **settings: object) -> None:
        """Add a tenant: a line and a file."""
        self.tenants["tenants"][tenant] = settings
        self.write(f"secrets/{tenant}.env", "".join(f"{name}='{value}'\n" for name, value in secrets.items()))
        self.write("orchestrate/tenants.yml", json.dumps(self.tenants))

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def rows(self, tenant: str, stream: str) -> list[dict[str, Any]]:
        """Return what the small loader holds."""
        file = self.folder / "output" / tenant / f"{stream}.jsonl"
        return [json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []

    def given(self, tenant: str) -> dict[str, Any]:
        """Return what the small loader was given."""
        found: dict[str, Any] = json.loads((self.folder / "output" / tenant / "given.json").read_bytes())
        return found

    def state(self, tenant: str) -> dict[str, Any]:
        """Return the bookmarks that a plain pipe has kept."""
        found: dict[str, Any] = json.loads((self.folder / f"state/target-jsonl/{tenant}.json").read_bytes())
        return found["bookmarks"]

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Start `extract.py`; the caller ends it."""
        python = MELTANO if self.tenants["through"] == "meltano" else sys.executable
        return subprocess.Popen(  # noqa: S603 - our own words
            [python, self.folder / "orchestrate" / "extract.py", *words],
            cwd="/",
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def extract(self, *words: str, **variables: str) -> Done:
        """Run `extract.py` to its end."""
        return Done(self.start(*words, **variables))


class Done:
    """A run of `extract.py` that has ended.

    Attributes:
        code: exit code.
        log: what it wrote to stderr.
        lines: what it wrote to stdout.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Wait for the end."""
        output, self.log = process.communicate(timeout=PATIENCE_SECONDS)
        self.code = process.returncode
        self.lines = output.splitlines()

    @property
    def told(self) -> dict[str, Any]:
        """Return what the last line says."""
        found: dict[str, Any] = json.loads(self.lines[-1])
        return found

    @property
    def rows(self) -> dict[str, int]:
        """Return the rows that the last line tells, by stream."""
        return {name: stream["rows"] for name, stream in self.told["streams"].items()}


def secrets_of(sandbox: Sandbox, *vendors: str) -> dict[str, object]:
    """Return the variables of a tenant whose account a sandbox is, of all vendors or of some."""
    return {
        f"TAP_USAGE_{name.upper()}": value
        for name, value in every_family(sandbox.config).items()
        if not vendors or name.startswith(vendors)
    }


@contextmanager
def held(sandbox: Sandbox, project: Project, halfway: threading.Event) -> Iterator[subprocess.Popen[str]]:
    """Run until the vendor keeps the tap waiting."""
    project.add("acme", secrets_of(sandbox, "elasticpath"), max_concurrency="1")
    process = project.start("acme")
    try:
        assert halfway.wait(PATIENCE_SECONDS)
        assert any(
            project.rows("acme", "elasticpath_promotion_usages") or pause.wait(0.05)
            for pause in [threading.Event()] * 600
        )
        yield process
    finally:
        process.terminate()
        process.communicate()
