"""The command line: files, variables and settings, and what is said of those that are wrong."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tap_usage.sandbox import Sandbox
from tests import declared
from tests.command import complaints, messages, tap, written


@pytest.fixture
def sandbox(sandbox_of_today: Sandbox) -> Sandbox:
    return sandbox_of_today


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> str:
    return written(tmp_path / "config.json", sandbox.config)


@pytest.mark.parametrize(
    ("option", "content"),
    [
        *(("--config", content) for content in ("no JSON", "[1]", None)),
        *(("--state", content) for content in ("no JSON", "[1]")),
        *(("--catalog", content) for content in ("[1]", None)),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_and_code_2(
    sandbox: Sandbox, config: str, tmp_path: Path, option: str, content: str | None
) -> None:
    path = tmp_path / "wrong.json"
    if content is not None:
        written(path, content)
    good = () if option == "--config" else ("--config", config)
    done = tap(*good, option, str(path), cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert option in last
    assert "wrong.json" in last
    assert sandbox.requests == []


@pytest.mark.parametrize("content", [{"streams": 5}, {"streams": [{}]}, {"bookmarks": {}}])
def test_a_catalog_that_is_none_is_one_line_and_code_2(
    sandbox: Sandbox, config: str, tmp_path: Path, content: object
) -> None:
    done = tap("--config", config, "--catalog", written(tmp_path / "catalog.json", content), cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "catalog.json does not hold a catalog" in done.stderr.splitlines()[-1]
    assert sandbox.requests == []


@pytest.mark.parametrize("arguments", [("--nonsense",), ("--config",)])
def test_a_wrong_command_line_is_code_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = tap(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_settings_are_a_line_each_and_code_1_before_any_request(sandbox: Sandbox, tmp_path: Path) -> None:
    wrong = sandbox.config | {
        "max_concurrency": 0,
        "genesys_granularity": "Hour",
        "elasticpath_pagesize": 5,
        "pingone_client_secret": None,
        "start_date": "hunter2-is-no-date",
    }
    done = tap("--config", written(tmp_path / "config.json", wrong), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    told = [line.rpartition(" | ")[2] for line in done.stderr.splitlines() if " ERROR " in line]
    assert len(told) == 5
    for name in ("max_concurrency", "genesys_granularity", "elasticpath_pagesize", "pingone_client_secret"):
        assert sum(f"`{name}`" in line for line in told) == 1
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    assert sandbox.requests == []


def test_no_settings_at_all_are_told_which_there_could_be(tmp_path: Path) -> None:
    done = tap(cwd=tmp_path)
    assert done.returncode == 1
    assert not [name for names in declared.REQUIRED.values() for name in names if f"`{name}`" not in done.stderr]
    assert "Traceback" not in done.stderr


def test_settings_come_from_the_environment(sandbox: Sandbox, tmp_path: Path) -> None:
    variables = {
        f"TAP_USAGE_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in sandbox.config.items()
    }
    variables |= {
        "TAP_USAGE_GENESYS_GROUP_BY": '["HttpMethod"]',
        "TAP_USAGE_REQUEST_TIMEOUT_SECONDS": "12.5",
        "TAP_USAGE_DEMANDBASE_PERIOD": "month",
    }
    done = tap("--config=ENV", cwd=tmp_path, **variables)
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    rows = [message for message in messages(done.stdout) if message["type"] == "RECORD"]
    organization = [row["record"] for row in rows if row["stream"] == "genesys_organization_usage"]
    assert {row["clientId"] for row in organization} == {None}
    assert {row["record"]["period"] for row in rows if row["stream"] == "demandbase_api_usage"} == {"month"}


def test_the_environment_wins_over_a_file(sandbox: Sandbox, config: str, tmp_path: Path) -> None:
    chosen = sandbox.elasticpath.promotions[3]["id"]
    done = tap("--config", config, "--config=ENV", cwd=tmp_path, TAP_USAGE_ELASTICPATH_PROMOTION_IDS=chosen)
    rows = [message for message in messages(done.stdout) if message["type"] == "RECORD"]
    assert [row["record"]["id"] for row in rows if row["stream"] == "elasticpath_promotions"] == [chosen]


def test_a_misspelt_variable_is_refused_with_its_name(sandbox: Sandbox, config: str, tmp_path: Path) -> None:
    done = tap("--config", config, "--config=ENV", cwd=tmp_path, TAP_USAGE_MAX_CONCURRENT="3")
    assert done.returncode == 1
    assert "did you mean `max_concurrency`?" in done.stderr
    assert sandbox.requests == []


def test_settings_come_from_a_dotenv_file_in_the_working_directory(sandbox: Sandbox, tmp_path: Path) -> None:
    keep = {name: value for name, value in sandbox.config.items() if name.startswith("elasticpath")}
    lines = [f"TAP_USAGE_{name.upper()}={value}" for name, value in keep.items()]
    promotions = [promotion["id"] for promotion in sandbox.elasticpath.promotions[:2]]
    lines.append(f"TAP_USAGE_ELASTICPATH_PROMOTION_IDS={','.join(promotions)}")
    written(tmp_path / ".env", "\n".join(lines))
    done = tap("--config=ENV", cwd=tmp_path)
    assert done.returncode == 0
    rows = [message for message in messages(done.stdout) if message["type"] == "RECORD"]
    assert [row["record"]["id"] for row in rows if row["stream"] == "elasticpath_promotions"] == promotions


def test_files_given_later_go_over_those_given_before(sandbox: Sandbox, config: str, tmp_path: Path) -> None:
    over = written(tmp_path / "over.json", {"elasticpath_promotion_ids": [sandbox.elasticpath.promotions[0]["id"]]})
    done = tap("--config", config, "--config", over, cwd=tmp_path)
    told = Counter(message.get("stream") for message in messages(done.stdout) if message["type"] == "RECORD")
    assert told["elasticpath_promotions"] == 1
