"""Environments of the peers, one each, at pinned versions; made when they are needed first.

`python -m benchmarks.environments` resolves the versions afresh and writes them down.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.running import ROOT

WANTED = {
    "floor": ["orjson", "uvloop"],
    "sdk": ["singer-sdk==0.54.9"],
    "dlt": ["dlt==1.31.0"],
    "airbyte": ["airbyte-cdk==7.39.1"],
}
CONSTRAINTS = Path(__file__).parent / "constraints"
HEADER = '# Versions known to work together; renewed by "python -m benchmarks.environments".'
PIP: list[str | Path] = [sys.executable, "-m", "pip"]
QUIET = ["--quiet", "--disable-pip-version-check"]


def python(name: str) -> Path:
    """Return the interpreter of an environment; make or renew it if its versions have changed since.

    Raises:
        subprocess.CalledProcessError: pip could not install.
    """
    folder, pinned = ROOT / f".venv-bench-{name}", CONSTRAINTS / f"{name}.txt"
    interpreter, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists() or ready.read_bytes() != pinned.read_bytes():
        print(f"making {folder.name}", file=sys.stderr)  # noqa: T201 - it takes a while
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)  # noqa: S603
        install = [*PIP, "--python", interpreter, "install", *QUIET, "--compile", "--requirement", pinned]
        subprocess.run(install, check=True)  # noqa: S603 - our own words
        ready.write_bytes(pinned.read_bytes())
    return interpreter


def version(name: str) -> str:
    """Return the pinned versions of what was asked for."""
    pinned = dict(line.split("==") for line in (CONSTRAINTS / f"{name}.txt").read_text().splitlines() if "==" in line)
    return ", ".join(f"{wanted} {pinned[wanted]}" for wanted in (word.partition("==")[0] for word in WANTED[name]))


def main() -> None:
    """Write all files of versions."""
    for name, words in WANTED.items():
        folder = ROOT / f".venv-bench-{name}"
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)  # noqa: S603
        in_folder = [*PIP, "--python", folder / "bin" / "python"]
        subprocess.run([*in_folder, "install", *QUIET, *words], check=True)  # noqa: S603 - our own words
        frozen = subprocess.check_output([*in_folder, "freeze", *QUIET[1:]], text=True)  # noqa: S603 - our own words
        (CONSTRAINTS / f"{name}.txt").write_text(f"{HEADER}\n{frozen}", encoding="utf-8")


if __name__ == "__main__":
    main()
