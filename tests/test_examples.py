"""Examples are taken by what they are for: the tap, and Meltano."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tap_usage import inputs, settings
from tap_usage.tap import TapUsage
from tap_usage.vendors import VENDORS
from tests import declared
from tests.command import environment
from tests.meltano_definition import FILE, definition

ROOT = Path(__file__).parents[1]
MELTANO_COMMAND = ROOT / ".venv-meltano" / "bin" / "meltano"
DOTENV = ROOT / ".env.example"
PLACEHOLDERS = {"your-client-id", "your-client-secret", "00000000-0000-4000-8000-000000000000"}


def problems(config: dict[str, Any]) -> list[str]:
    settings.normalize(config, TapUsage.config_jsonschema)
    return settings.problems(config, TapUsage.config_jsonschema, [vendor.required for vendor in VENDORS])


@pytest.mark.parametrize("vendor", declared.REQUIRED)
def test_each_vendor_has_a_config_that_the_tap_takes(vendor: str) -> None:
    config = json.loads((ROOT / "examples" / f"{vendor}.config.example.json").read_text(encoding="utf-8"))
    assert set(declared.REQUIRED[vendor]) <= config.keys() <= {*declared.SETTINGS[vendor], "start_date"}
    assert problems(config) == []
    assert {config[name] for name in declared.REQUIRED[vendor]} <= PLACEHOLDERS


def test_every_example_of_a_config_is_one_of_a_vendor() -> None:
    files = {path.name.removesuffix(".config.example.json") for path in (ROOT / "examples").glob("*.json")}
    assert files == declared.REQUIRED.keys()


def filled(*vendors: str) -> str:
    """Return the example of a `.env`, filled in for some vendors, with everything switched on that can be."""
    text = DOTENV.read_text(encoding="utf-8").replace("\n#TAP_USAGE", "\nTAP_USAGE")
    for name in (name for vendor in vendors for name in declared.REQUIRED[vendor]):
        empty = f"TAP_USAGE_{name.upper()}=\n"
        assert empty in text
        text = text.replace(empty, f"{empty.strip()}x\n")
    return text


@pytest.mark.parametrize("vendors", [*([name] for name in declared.REQUIRED), list(declared.REQUIRED)])
def test_the_dotenv_works_when_it_is_filled_in_for_some_vendors(
    vendors: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(filled(*vendors), encoding="utf-8")
    config: dict[str, Any] = dict(inputs.variables("TAP_USAGE_"))
    assert problems(config) == []
    given = {name for vendor in vendors for name in declared.REQUIRED[vendor]}
    assert {name for names in declared.REQUIRED.values() for name in names if config.get(name)} == given


def test_the_definition_for_a_project_elsewhere_is_the_one_of_this_project() -> None:
    found = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert found == definition(), "python -m tests.meltano_definition writes it afresh"


@pytest.mark.skipif(not MELTANO_COMMAND.exists(), reason="Meltano is not installed; `make demo` does it")
def test_meltano_adds_the_definition_to_an_empty_project_and_reads_the_dotenv(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_text(
        "project_id: 3d3f8f4e-2a7e-4a52-9d8e-5d2b8a6a1c11\nenvironments: [{name: dev}]\n"
        "send_anonymous_usage_stats: false\nvenv: {backend: virtualenv}\n",
        encoding="utf-8",
    )
    (tmp_path / ".env").write_text(filled("demandbase"), encoding="utf-8")
    shutil.copy(FILE, tmp_path)
    said = []
    for words in (
        ["add", "--no-install", "--plugin-type=extractor", "--from-ref=tap-usage.yml", "tap-usage"],
        ["config", "print", "tap-usage"],
    ):
        done = subprocess.run(  # noqa: S603 - our own words
            [MELTANO_COMMAND, *words],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    (added,) = yaml.safe_load((tmp_path / "meltano.yml").read_text(encoding="utf-8"))["plugins"]["extractors"]
    assert added == {name: value for name, value in definition().items() if name != "select"}  # all, as by default
    config = json.loads(said[-1])
    assert (config["demandbase_client_id"], config["genesys_client_id"]) == ("x", "")
    assert problems(config) == []
