"""`meltano.yml` and `sample_config.json` say what the tap says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tap_usage import inputs, settings
from tap_usage.sandbox import ORIGINS, Sandbox
from tap_usage.tap import TapUsage
from tap_usage.vendors import VENDORS
from tests import declared
from tests.command import environment
from tests.docs.pages import taken_apart
from tests.promised import STREAMS
from tests.running import run

ROOT = Path(__file__).parents[1]
MELTANO_COMMAND = ROOT / ".venv-meltano" / "bin" / "meltano"
PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
EXTRACTOR: dict[str, Any] = PROJECT["plugins"]["extractors"][0]
MELTANO: dict[str, dict[str, Any]] = {setting["name"]: setting for setting in EXTRACTOR["settings"]}
ENVIRONMENTS: dict[str, dict[str, Any]] = {environment["name"]: environment for environment in PROJECT["environments"]}
UTILITIES: dict[str, dict[str, Any]] = {plugin["name"]: plugin for plugin in PROJECT["plugins"]["utilities"]}
SAMPLE: dict[str, Any] = json.loads((ROOT / "sample_config.json").read_text(encoding="utf-8"))


def kind(setting: dict[str, Any]) -> str:
    """The kind of setting that carries a setting's values through Meltano 4.4 unharmed."""
    if declared.choices(setting):
        return "options"
    return "string" if declared.kind(setting) in {"number", "array"} else declared.kind(setting)


@pytest.mark.parametrize("vendor", declared.SETTINGS, ids=lambda vendor: vendor or "the tap")
def test_meltano_knows_kind_default_choices_secrecy_and_meaning_of_each_setting(vendor: str) -> None:
    settings_of_vendor = declared.SETTINGS[vendor]
    assert not settings_of_vendor.keys() - MELTANO.keys()
    for name, setting in settings_of_vendor.items():
        said = MELTANO[name]
        assert said["kind"] == kind(setting), name
        assert said.get("value") == setting.get("default"), name
        assert tuple(option["value"] for option in said.get("options", ())) == declared.choices(setting), name
        assert said.get("sensitive", False) is setting.get("secret", False), name
        assert said["description"] == setting["description"], name


def test_meltano_knows_no_setting_twice_and_no_other() -> None:
    names = [setting["name"] for setting in EXTRACTOR["settings"]]
    assert len(names) == len(MELTANO)
    assert not MELTANO.keys() - declared.EVERY_SETTING.keys()


def test_every_setting_is_labelled_and_described_in_a_sentence() -> None:
    assert not [name for name, said in MELTANO.items() if not said["label"] or not said["description"].endswith(".")]


def test_the_sandbox_environment_and_the_sample_config_are_the_same() -> None:
    (extractor,) = ENVIRONMENTS["sandbox"]["config"]["plugins"]["extractors"]
    assert extractor["config"] == SAMPLE


def test_the_sample_config_is_what_a_sandbox_prints() -> None:
    with Sandbox() as sandbox:
        assert SAMPLE.keys() == sandbox.config.keys()
        same = {name for name in SAMPLE if SAMPLE[name] == sandbox.config[name]}
    assert same == {name for name in SAMPLE if not name.endswith("_url")}
    ports = [SAMPLE[name].removeprefix("http://127.0.0.1:") for name in SAMPLE if name.endswith("_url")]
    assert sorted(ports) == [str(port) for port in range(8970, 8970 + len(ORIGINS))]


def test_the_sample_config_works_against_a_sandbox() -> None:
    with Sandbox() as sandbox:
        urls = {name: value for name, value in sandbox.config.items() if name.endswith("_url")}
        done = run({**SAMPLE, **urls})
    assert (done.code, set(done.counts)) == (0, set(STREAMS))


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
    for plugin in [EXTRACTOR, *PROJECT["plugins"]["loaders"], *UTILITIES.values()]:
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


def test_dbt_reads_the_file_that_the_loader_of_duckdb_writes() -> None:
    for plugins in (PROJECT["plugins"], ENVIRONMENTS["sandbox"]["config"]["plugins"]):
        path, database = (
            next(plugin for plugin in plugins[kind] if plugin["name"] == name)
            for kind, name in (("loaders", "target-duckdb"), ("utilities", "dbt-duckdb"))
        )
        assert value(path, "path") == value(database, "path")


@pytest.mark.parametrize("utility", UTILITIES.values(), ids=UTILITIES)
def test_what_a_profile_of_dbt_asks_for_is_a_setting(utility: dict[str, Any]) -> None:
    folder = ROOT / "transform" / "profiles" / utility["name"].removeprefix("dbt-")
    asked = set(re.findall(r"env_var\('(\w+)'", (folder / "profiles.yml").read_text(encoding="utf-8")))
    told = {setting["env"] for setting in utility["settings"]}
    assert asked - told == {"DBT_THREADS"}
    assert value(utility, "profiles_dir").endswith(folder.relative_to(ROOT).as_posix())


def value(plugin: dict[str, Any], name: str) -> str:
    """Return what a plugin, or an environment for it, sets."""
    settings = {setting["name"]: setting.get("value") for setting in plugin.get("settings", ())}
    return str((settings | plugin.get("config", {}))[name])


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "constraints").glob("*.txt")))
def test_constraints_are_names_and_exact_versions_only(name: str) -> None:
    _, *lines = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert lines
    for line in lines:
        distribution, version = line.split("==")
        assert distribution.replace("-", "").replace("_", "").replace(".", "").isalnum()
        assert version[0].isdigit()
        assert "/" not in line


def dotenv_of_the_documents() -> str:
    """Return the block of docs/settings.md that shows a `.env`."""
    return next(block.text for block in taken_apart("docs/settings.md").blocks if block.text.startswith("TAP_USAGE_"))


@pytest.mark.skipif(not MELTANO_COMMAND.exists(), reason="Meltano is not installed; `make demo` does it")
def test_the_dotenv_of_the_documents_works_through_meltano(tmp_path: Path) -> None:
    shutil.copy(ROOT / "meltano.yml", tmp_path)
    (tmp_path / ".env").write_text(dotenv_of_the_documents(), encoding="utf-8")
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


@pytest.mark.skipif(not MELTANO_COMMAND.exists(), reason="Meltano is not installed; `make demo` does it")
@pytest.mark.parametrize("command", ["plan", "test"])
def test_what_a_run_would_do_and_whether_it_can_are_commands_of_meltano(tmp_path: Path, command: str) -> None:
    program = tmp_path / "tap-usage"
    lines = [f"#!{sys.executable}", f"import sys; sys.path.insert(0, {str(ROOT)!r})", "import runpy"]
    program.write_text("\n".join([*lines, "runpy.run_module('tap_usage', run_name='__main__')", ""]), encoding="utf-8")
    program.chmod(0o700)
    project = {**PROJECT, "plugins": {"extractors": [EXTRACTOR | {"executable": str(program)}]}}
    del project["plugins"]["extractors"][0]["pip_url"]
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project), encoding="utf-8")
    with Sandbox(now=datetime.now(UTC).isoformat()) as sandbox:
        done = subprocess.run(  # noqa: S603 - our own words
            [MELTANO_COMMAND, "--environment=dev", "invoke", f"tap-usage:{command}"],
            cwd=tmp_path,
            env=environment(**{f"TAP_USAGE_{name.upper()}": str(value) for name, value in sandbox.config.items()}),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    assert command != "plan" or ("issuance_rule_usage_counts" in done.stdout and "{" not in done.stdout)


def test_the_dotenv_of_the_documents_works_without_meltano(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(dotenv_of_the_documents(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    config: dict[str, Any] = dict(inputs.variables("TAP_USAGE_"))
    settings.normalize(config, TapUsage.config_jsonschema)
    assert config["genesys_group_by"] == ["OAuthClientId", "TemplateUri"]
    assert settings.problems(config, TapUsage.config_jsonschema, [vendor.required for vendor in VENDORS]) == []
