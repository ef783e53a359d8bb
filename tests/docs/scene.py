"""Where the commands of the documents run: a clone's files, and a sandbox in place of the vendors.

`tap-usage` is this checkout's; loaders are stand-ins that take everything and print the last state. Meltano is the
real one, in the project of `meltano.yml`, with these two as its plugins. Both environments read from the sandbox.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tap_usage.sandbox import Sandbox
from tests.command import environment
from tests.docs.pages import ROOT, Block

PATIENCE_SECONDS = 120
LOADERS = ("target-jsonl", "target-duckdb", "target-postgres")
LOADER = """\
import sys
states = [line for line in sys.stdin if '"type":"STATE"' in line.replace(" ", "")]
if states:
    import json
    print(json.dumps(json.loads(states[-1])["value"]))
"""
READY = '"elasticpath_api_url"'  # in the settings that a sandbox prints when it listens


def program(path: Path, *lines: str) -> None:
    path.write_text("\n".join([f"#!{sys.executable}", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)


@dataclass
class Scene:
    """A folder in which blocks run, one after the other.

    Attributes:
        folder: the working directory.
        variables: what the processes get.
        replaced: what stands in the documents, and what is meant here.
        running: what goes on until the end.
    """

    folder: Path
    variables: dict[str, str]
    replaced: dict[str, str]
    running: ExitStack = field(default_factory=ExitStack)

    def run(self, block: Block) -> str:
        """Run a block; return what is wrong, empty if nothing is."""
        text = block.text
        for said, meant in self.replaced.items():
            text = text.replace(said, meant)
        if block.how == "background":
            return self._start(text)
        script = self.folder / "block.sh"
        script.write_text(text, encoding="utf-8")
        options = [] if text.startswith("#!") else ["-eu", *([] if "| head" in text else ["-o", "pipefail"])]
        try:
            done = subprocess.run(  # noqa: S603 - our own words
                ["bash", *options, script.name],  # noqa: S607 - whichever it is
                cwd=self.folder,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return f"no end after {PATIENCE_SECONDS} s"
        return f"exit code {done.returncode}\n{done.stdout[-500:]}\n{done.stderr[-2000:]}" if done.returncode else ""

    def _start(self, command: str) -> str:
        """Start what keeps running; wait for its last line of a good start."""
        process = subprocess.Popen(  # noqa: S603 - our own words
            ["bash", "-c", f"exec {command}"],  # noqa: S607 - whichever it is
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.running.enter_context(process)
        self.running.callback(process.terminate)
        return "" if any(READY in line for line in process.stdout or ()) else "ended before it was ready"


def project(config: dict[str, Any], programs: Path) -> dict[str, Any]:
    """Return the project of `meltano.yml` with plugins that are here already, and a sandbox that is somewhere else."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    for plugin in (plugin for kind in ("extractors", "loaders") for plugin in found["plugins"][kind]):
        plugin.pop("pip_url")
        plugin["executable"] = str(programs / plugin["name"])
    sandbox = next(each for each in found["environments"] if each["name"] == "sandbox")
    sandbox["config"]["plugins"]["extractors"][0]["config"] = config
    return found


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Set a scene."""
    programs = folder / "programs"
    programs.mkdir()
    program(
        programs / "tap-usage",
        f"import sys; sys.path.insert(0, {str(ROOT)!r})",
        "from tap_usage.__main__ import main",
        "main()",
    )
    for loader in LOADERS:
        program(programs / loader, *LOADER.splitlines())
    (programs / "meltano").symlink_to(ROOT / ".venv-meltano" / "bin" / "meltano")
    for name in ("constraints", "examples", ".env.example", ".venv-meltano", "Makefile", "schemas"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    with Sandbox() as sandbox, ExitStack() as running:
        sandbox.genesys.requests_per_minute = 100_000  # many runs in one minute
        config = sandbox.config
        for name in ("config.json", "sample_config.json"):
            (folder / name).write_text(json.dumps(config), encoding="utf-8")
        (folder / "target.json").write_text("{}", encoding="utf-8")
        (folder / "meltano.yml").write_text(yaml.safe_dump(project(config, programs)), encoding="utf-8")
        settings = "".join(f"TAP_USAGE_{name.upper()}={value}\n" for name, value in config.items())
        for name in (".env", "acme.env"):
            (folder / name).write_text(settings, encoding="utf-8")
        yield Scene(
            folder,
            environment(
                PATH=f"{programs}{os.pathsep}{os.environ['PATH']}", HOME=str(folder), MELTANO_CLI_LOG_LEVEL="warning"
            ),
            {
                "127.0.0.1:8970": config["pingone_api_url"].removeprefix("http://"),
                "-m tap_usage.sandbox": "-m tap_usage.sandbox --port 0",
            },
            running,
        )
