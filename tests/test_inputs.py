"""Files and variables that a user hands over: whatever tool wrote them, they are read, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from tap_usage import inputs
from tap_usage.sandbox import Sandbox
from tests.command import complaints, messages, tap, written
from tests.running import ImpatientTap, run

USAGES = "elasticpath_promotion_usages"
ONE_VENDOR = {"elasticpath_client_id": "id", "elasticpath_client_secret": "secret"}
BOOKMARKS = {USAGES: {"replication_key": "used_on", "replication_key_value": "2026-11-22T10:00:00.000Z"}}
STATE = {"bookmarks": BOOKMARKS}
PREFIX = "TAP_USAGE_"


@pytest.fixture
def sandbox(sandbox_of_today: Sandbox) -> Sandbox:
    return sandbox_of_today


@pytest.mark.parametrize(
    "state",
    [
        STATE,
        {**STATE, "currently_syncing": "x"},
        {"singer_state": STATE},
        {"type": "STATE", "value": STATE},
        {"completed": {"singer_state": STATE}, "partial": {}},
        {"completed": {"singer_state": STATE}},
        {"completed": {}, "partial": {"singer_state": STATE}},
        {"singer_state": {"singer_state": STATE}},
    ],
)
def test_a_state_is_found_in_whatever_it_is_stored_in(state: dict[str, Any]) -> None:
    assert inputs.bookmarks_in(state) == BOOKMARKS


def test_a_partial_state_of_meltano_lies_over_the_complete_one() -> None:
    older = {"bookmarks": {USAGES: {"replication_key_value": "2026-11-20", "older": []}, "other": {"a": 1}}}
    state = {"completed": {"singer_state": older}, "partial": {"singer_state": STATE}}
    assert inputs.bookmarks_in(state) == {USAGES: {**BOOKMARKS[USAGES], "older": []}, "other": {"a": 1}}


@pytest.mark.parametrize("state", [{}, {"bookmarks": {}}, {"singer_state": {}}, {"type": "STATE", "value": {}}])
def test_an_empty_state_is_one_without_a_word(state: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    assert inputs.bookmarks_in(state) == {}
    ImpatientTap(config=dict(ONE_VENDOR), state=state)
    assert [record.getMessage() for record in caplog.records if record.levelname != "INFO"] == []


@pytest.mark.parametrize(
    "state",
    [
        {"bookmark": BOOKMARKS},
        {"bookmarks": [BOOKMARKS]},
        {"bookmarks": None},
        {"bookmarks": {USAGES: "2026-11-22"}},
        {"bookmarks": {USAGES: {"partitions": {}}}},
        {"bookmarks": {USAGES: {"partitions": [5]}}},
        {"value": STATE},
        {"state": json.dumps(STATE)},
        {"singer_state": None},
        {"singer_state": {"bookmark": BOOKMARKS}},
        {"type": "RECORD", "value": STATE},
        BOOKMARKS,
    ],
)
def test_a_state_that_is_not_understood_is_never_an_empty_one(state: dict[str, Any]) -> None:
    with pytest.raises(click.UsageError, match="--state: this is no state"):
        ImpatientTap(config=dict(ONE_VENDOR), state=state)


def test_a_state_that_is_none_ends_the_run_before_any_request(sandbox: Sandbox, tmp_path: Path) -> None:
    config = written(tmp_path / "config.json", sandbox.config)
    done = tap("--config", config, "--state", written(tmp_path / "state.json", {"bookmark": {}}), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"Error: {inputs.NOT_A_STATE}"
    assert sandbox.requests == []


def test_a_state_of_another_tap_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    ImpatientTap(config=dict(ONE_VENDOR), state={"bookmarks": {"issues\n": {}, "elasticpath_usages": {}}})
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning == (
        "the given state holds no stream of this tap, but issues , elasticpath_usages: "
        "everything is read as without a state"
    )


def test_a_state_of_streams_whose_vendor_is_not_configured_is_no_reason_to_warn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ImpatientTap(config=dict(ONE_VENDOR), state={"bookmarks": {"demandbase_credits": {}}})
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_byte_order_marks_are_read_over_in_config_state_catalog_and_dotenv(sandbox: Sandbox, tmp_path: Path) -> None:
    def marked(name: str, content: object) -> str:
        return written(tmp_path / name, "\ufeff" + (content if isinstance(content, str) else json.dumps(content)))

    first = run(sandbox.config, select=[USAGES])
    catalog = json.loads(tap("--config", marked("config.json", sandbox.config), "--discover", cwd=tmp_path).stdout)
    catalog["streams"] = [entry for entry in catalog["streams"] if entry["tap_stream_id"] == USAGES]
    marked(".env", "TAP_USAGE_MAX_CONCURRENCY=2\n")
    done = tap(
        *("--config", marked("config.json", sandbox.config), "--config=ENV"),
        *("--state", marked("state.json", first.state), "--catalog", marked("catalog.json", catalog)),
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert {message["stream"] for message in messages(done.stdout) if "stream" in message} == {USAGES}
    assert messages(done.stdout)[-1]["value"]["bookmarks"].keys() == first.state["bookmarks"].keys()
    assert len(messages(done.stdout)) < 20


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory without variables of the tap."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("ab${x}cd#e", "ab${x}cd#e"),
        ("'ab${x} #e'", "ab${x} #e"),
        ('"a b"', "a b"),
        ("a # comment", "a"),
        ("", ""),
        ("ä\u2013", "ä\u2013"),
    ],
)
def test_dotenv_is_read_as_utf8_and_nothing_in_it_is_interpolated(folder: Path, line: str, value: str) -> None:
    (folder / ".env").write_text(f"x=1\nTAP_USAGE_A_SECRET={line}\n", encoding="utf-8")
    assert inputs.variables(PREFIX) == {"a_secret": value}


def test_the_environment_wins_over_dotenv(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("TAP_USAGE_A=1\nTAP_USAGE_B=2\n", encoding="utf-8")
    monkeypatch.setenv("TAP_USAGE_A", "3")
    assert inputs.variables(PREFIX) == {"a": "3", "b": "2"}


def test_variables_with_two_underscores_belong_to_meltano(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text('TAP_USAGE__SELECT=["*.*"]\n', encoding="utf-8")
    monkeypatch.setenv("TAP_USAGE__LOAD_SCHEMA", "raw")
    assert inputs.variables(PREFIX) == {}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_a_dotenv_in_another_encoding_is_one_line_that_names_it(tmp_path: Path, encoding: str) -> None:
    (tmp_path / ".env").write_text("TAP_USAGE_ELASTICPATH_CLIENT_SECRET=hünter2\n", encoding=encoding)
    done = tap("--config=ENV", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "Error: .env: is not UTF-8; save it as UTF-8"
    assert "Traceback" not in done.stderr
    assert "nter2" not in done.stderr


def test_a_folder_with_the_name_of_dotenv_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    done = tap("--config=ENV", "--discover", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "Error: .env: Is a directory"
    assert "Traceback" not in done.stderr


def test_a_dotenv_is_not_looked_at_without_env(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    done = tap("--config", written(tmp_path / "config.json", ONE_VENDOR), "--discover", cwd=tmp_path)
    assert (done.returncode, complaints(done.stderr)) == (0, [])
