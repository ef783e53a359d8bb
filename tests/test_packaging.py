"""What a user installs holds what the tap needs, and only that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
STREAMS = sorted(path.name for path in (ROOT / "schemas").iterdir())


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(  # noqa: S603 our own words
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed, without its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--no-deps", "--no-index", "--target", folder, wheel, cwd=folder)
    return folder


def names_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def catalog(*command: str | Path, cwd: Path, **environment: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*command, "--discover", cwd=cwd, **environment))
    return found


def test_the_wheel_holds_the_package_its_licence_and_its_metadata_only(wheel: Path) -> None:
    parts = [Path(name).parts for name in names_in(wheel)]
    packages = {first for first, *_ in parts if not first.endswith(".dist-info")}
    assert packages == {"tap_usage"}
    assert any(name == ("licenses", "LICENSE") for _, *rest in parts if (name := tuple(rest)))
    assert ("tap_usage", "py.typed") in parts


def test_the_wheel_holds_every_schema_once_and_as_it_is_in_the_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = [name for name in archive.namelist() if "schemas" in name]
        assert sorted(packed) == [f"tap_usage/schemas/{name}" for name in STREAMS]
        for name in STREAMS:
            assert archive.read(f"tap_usage/schemas/{name}") == (ROOT / "schemas" / name).read_bytes()


def test_the_source_distribution_holds_no_environment_state_or_output(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        tops = {parts[1] for name in archive.getnames() if len(parts := Path(name).parts) > 1}
    assert {"tap_usage", "schemas", "tests", "meltano.yml", "sample_config.json", "LICENSE"} <= tops
    unwanted = {"output", "plugins", "dist", "build", ".env", ".meltano", ".git", ".venv", ".venv-meltano"}
    assert not tops & unwanted


def test_a_wheel_discovers_the_same_catalog_as_the_checkout(installed: Path) -> None:
    where = run(sys.executable, "-c", "import tap_usage; print(tap_usage.__file__)", cwd=installed, PYTHONPATH=".")
    assert Path(where.strip()).is_relative_to(installed)

    of_wheel = catalog(installed / "bin" / "tap-usage", cwd=installed, PYTHONPATH=str(installed))
    of_checkout = catalog(sys.executable, "-m", "tap_usage", cwd=ROOT)

    assert len(of_wheel["streams"]) == len(STREAMS)
    assert of_wheel == of_checkout
