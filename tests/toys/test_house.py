"""A vendor is one sheet and its schemas: in a copy of the project that has two more, nothing else has to change."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.command import complaints, environment, messages, written
from tests.declared import EVERY_STREAM
from tests.toys.house import TOYS, copied
from tests.toys.servers import OpenAI, Twilio

TOY_STREAMS = {path.stem for path in (TOYS / "schemas").iterdir()}
HOUSE = [f"tests/test_{name}.py" for name in ("house", "contract", "schemas", "settings", "catalog", "sdk_suite")]
ABOUT_SHIPPED_SETTINGS = "not meltano and not readme"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    return copied(folder, "tests", "README.md", "meltano.yml", "sample_config.json", "pyproject.toml")


def python(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment(PYTHONPATH=str(folder)),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture
def config(tmp_path: Path) -> Iterator[str]:
    now = datetime.now(UTC)
    with OpenAI(now) as openai, Twilio(now) as twilio:
        settings = {
            "openai_api_url": openai.url,
            "openai_admin_key": OpenAI.KEY,
            "twilio_api_url": twilio.url,
            "twilio_account_sid": Twilio.SID,
            "twilio_auth_token": Twilio.TOKEN,
        }
        yield written(tmp_path / "config.json", settings)


def test_discover_lists_the_streams_of_new_vendor_files(copy: Path) -> None:
    catalog = json.loads(python(copy, "tap_usage", "--discover").stdout)
    assert {entry["tap_stream_id"] for entry in catalog["streams"]} == {*EVERY_STREAM, *TOY_STREAMS}


def test_about_tells_of_their_settings(copy: Path) -> None:
    settings = json.loads(python(copy, "tap_usage", "--about", "--format=json").stdout)["settings"]["properties"]
    assert settings["openai_admin_key"]["secret"] is True
    assert settings["twilio_window_days"]["default"] == 31


def test_a_run_extracts_their_rows_and_the_next_one_goes_on(copy: Path, config: str, tmp_path: Path) -> None:
    done = python(copy, "tap_usage", "--config", config)
    told = messages(done.stdout)
    assert {message["stream"] for message in told if message["type"] == "RECORD"} == TOY_STREAMS
    assert not complaints(done.stderr)
    state = written(tmp_path / "state.json", told[-1]["value"])
    again = messages(python(copy, "tap_usage", "--config", config, "--state", state).stdout)
    assert 0 < sum(message["type"] == "RECORD" for message in again) < sum(m["type"] == "RECORD" for m in told) / 10


def test_the_tests_of_the_house_hold_with_them(copy: Path) -> None:
    python(copy, "pytest", "-q", "-p", "no:cacheprovider", "-k", ABOUT_SHIPPED_SETTINGS, *HOUSE)


@pytest.mark.parametrize("arguments", [("--discover",), ("--about",), ("--config", "{config}")])
def test_a_slip_ends_every_command_with_one_line(
    copy: Path, config: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    slipped = tmp_path / "slipped"
    shutil.copytree(copy / "tap_usage", slipped / "tap_usage", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(copy / "schemas", slipped / "schemas")
    sheet = slipped / "tap_usage" / "vendors" / "openai.py"
    written(sheet, sheet.read_text(encoding="utf-8").replace("promised =", "promise ="))
    done = python(slipped, "tap_usage", *(word.format(config=config) for word in arguments), code=1)
    assert done.stdout == ""
    line = "CompletionsUsage.promise: no such attribute; did you mean `promised`?"
    assert done.stderr == f"a data sheet in tap_usage/vendors cannot be true: {line}\n"
