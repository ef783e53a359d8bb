"""`meltano.yml` and `sample_config.json` say what the tap says."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from tap_usage import inputs, settings
from tap_usage.sandbox import Sandbox
from tap_usage.tap import TapUsage
from tap_usage.vendors import VENDORS
from tests.command import environment

ROOT = Path(__file__).parents[1]
MELTANO_COMMAND = ROOT / ".venv-meltano" / "bin" / "meltano"
Settings = dict[str, dict[str, Any]]


def of_tap() -> Settings:
    """The tap's own settings, without those the SDK adds to every tap."""
    of_every_tap: dict[str, Any] = {"properties": {}}
    TapUsage.append_builtin_config(of_every_tap)
    properties = cast("Settings", TapUsage.config_jsonschema["properties"])
    return {name: schema for name, schema in properties.items() if name not in of_every_tap["properties"]}


TAP = of_tap()
PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
EXTRACTOR: dict[str, Any] = PROJECT["plugins"]["extractors"][0]
MELTANO: Settings = {setting["name"]: setting for setting in EXTRACTOR["settings"]}
ENVIRONMENTS: dict[str, dict[str, Any]] = {environment["name"]: environment for environment in PROJECT["environments"]}
SAMPLE: dict[str, Any] = json.loads((ROOT / "sample_config.json").read_text(encoding="utf-8"))

every_setting = pytest.mark.parametrize("setting", TAP)


def kind(schema: dict[str, Any]) -> str:
    """The kind of setting that carries a schema's values through Meltano 4.4 unharmed."""
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "enum" in schema:
        return "options"
    if "number" in types or "array" in types:
        return "string"
    return cast("str", next(name for name in ("integer", "boolean", "string") if name in types))


def test_meltano_knows_every_setting_of_the_tap_and_no_other() -> None:
    assert sorted(setting["name"] for setting in EXTRACTOR["settings"]) == sorted(TAP)


@every_setting
def test_a_setting_has_a_kind_that_fits_its_type(setting: str) -> None:
    assert MELTANO[setting]["kind"] == kind(TAP[setting])


@every_setting
def test_a_setting_has_the_default_of_the_tap(setting: str) -> None:
    assert MELTANO[setting].get("value") == TAP[setting].get("default")


@every_setting
def test_a_setting_offers_the_choices_of_the_tap(setting: str) -> None:
    offered = [option["value"] for option in MELTANO[setting].get("options", [])]
    assert offered == [choice for choice in TAP[setting].get("enum", []) if choice is not None]


@every_setting
def test_a_setting_is_labelled_and_described(setting: str) -> None:
    assert MELTANO[setting]["label"]
    assert MELTANO[setting]["description"].endswith(".")


def test_the_secrets_of_the_tap_are_sensitive_and_nothing_else_is() -> None:
    secrets = {name for name, schema in TAP.items() if schema.get("secret")}
    assert secrets == {name for name in TAP if name.endswith("_secret")}
    assert secrets == {name for name, setting in MELTANO.items() if setting.get("sensitive")}
    assert all(TAP[name]["writeOnly"] for name in secrets)


def test_the_sandbox_environment_and_the_sample_config_are_the_same() -> None:
    (extractor,) = ENVIRONMENTS["sandbox"]["config"]["plugins"]["extractors"]
    assert extractor["config"] == SAMPLE


def test_the_sample_config_is_what_a_sandbox_prints() -> None:
    with Sandbox() as sandbox:
        assert SAMPLE.keys() == sandbox.config.keys()
        same = {name for name in SAMPLE if SAMPLE[name] == sandbox.config[name]}
    assert same == {name for name in SAMPLE if not name.endswith("_url")}
    ports = [SAMPLE[name].removeprefix("http://127.0.0.1:") for name in SAMPLE if name.endswith("_url")]
    assert sorted(ports) == [str(port) for port in range(8970, 8977)]


def test_a_run_without_a_chosen_environment_calls_no_vendor() -> None:
    assert PROJECT["default_environment"] == "sandbox"
    assert set(ENVIRONMENTS) == {"sandbox", "dev"}
    assert "config" not in ENVIRONMENTS["dev"]


def test_sandbox_rows_and_real_rows_go_to_different_places() -> None:
    own = {loader["name"]: loader["config"] for loader in ENVIRONMENTS["sandbox"]["config"]["plugins"]["loaders"]}
    for loader in PROJECT["plugins"]["loaders"]:
        usual = {setting["name"]: setting.get("value") for setting in loader["settings"]}
        for name in {"path", "destination_path"} & set(usual):
            assert own[loader["name"]][name] != usual[name]


def test_every_plugin_is_custom_and_pinned() -> None:
    loaders = PROJECT["plugins"]["loaders"]
    for plugin in [EXTRACTOR, *loaders]:
        assert plugin["namespace"] == plugin["name"].replace("-", "_")
        constraints = plugin["pip_url"].split("$MELTANO_PROJECT_ROOT/")[-1].rstrip("'")
        assert (ROOT / constraints).is_file()
    assert EXTRACTOR["select"] == ["*.*"]


def test_meltano_knows_what_the_tap_can_do() -> None:
    assert EXTRACTOR["capabilities"] == sorted(capability.value for capability in TapUsage.capabilities)


def test_the_loader_of_duckdb_names_its_database_after_its_file() -> None:
    loader = next(loader for loader in PROJECT["plugins"]["loaders"] if loader["name"] == "target-duckdb")
    usual = {setting["name"]: setting["value"] for setting in loader["settings"]}
    (own,) = (
        loader["config"]
        for loader in ENVIRONMENTS["sandbox"]["config"]["plugins"]["loaders"]
        if loader["name"] == "target-duckdb"
    )
    for config in (usual, own):
        assert Path(config["path"]).stem == config["database"]


@pytest.mark.parametrize("name", ["dev", "meltano", "target-duckdb", "target-jsonl", "target-postgres"])
def test_constraints_are_names_and_exact_versions_only(name: str) -> None:
    _, *lines = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert lines
    for line in lines:
        distribution, version = line.split("==")
        assert distribution.replace("-", "").replace("_", "").replace(".", "").isalnum()
        assert version[0].isdigit()
        assert "/" not in line


def dotenv_of_the_readme() -> str:
    """Return the block of the README that shows a `.env`."""
    blocks = (ROOT / "README.md").read_text(encoding="utf-8").split("```\n")
    return next(block for block in blocks if block.startswith("TAP_USAGE_"))


@pytest.mark.skipif(not MELTANO_COMMAND.exists(), reason="Meltano is not installed; `make demo` does it")
def test_the_dotenv_of_the_readme_works_through_meltano(tmp_path: Path) -> None:
    shutil.copy(ROOT / "meltano.yml", tmp_path)
    (tmp_path / ".env").write_text(dotenv_of_the_readme(), encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - our own words
        [MELTANO_COMMAND, "--environment=dev", "config", "print", "tap-usage"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    config = json.loads(done.stdout)
    settings.normalize(config, TapUsage.config_jsonschema)
    assert config["genesys_group_by"] == ["OAuthClientId", "TemplateUri"]
    assert settings.problems(config, TapUsage.config_jsonschema, [vendor.required for vendor in VENDORS]) == []


def test_the_dotenv_of_the_readme_works_without_meltano(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(dotenv_of_the_readme(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    config: dict[str, Any] = dict(inputs.variables("TAP_USAGE_"))
    settings.normalize(config, TapUsage.config_jsonschema)
    assert config["genesys_group_by"] == ["OAuthClientId", "TemplateUri"]
    assert settings.problems(config, TapUsage.config_jsonschema, [vendor.required for vendor in VENDORS]) == []
