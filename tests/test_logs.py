"""The log: one line for each record, named after its stream, without the noise of the SDK."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from tap_usage.logs import Line
from tap_usage.sandbox import Sandbox
from tests.command import tap, written
from tests.truth import STREAMS


@pytest.fixture
def sandbox(sandbox_of_today: Sandbox) -> Sandbox:
    return sandbox_of_today


def told(name: str, text: str, *words: object) -> str:
    return Line(name, logging.INFO, "", 1, text, words, None).getMessage()


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\x0b", "\x1b", "\x85", "\u2028", "\u2029", "\0"])
def test_what_a_vendor_sends_begins_no_line_of_the_log(separator: str) -> None:
    text = told("tap-usage", "%s vanished", f"p1{separator}2026-01-01 | ERROR | all is lost")
    assert text == "p1 2026-01-01 | ERROR | all is lost vanished"
    assert len(text.splitlines()) == 1


def test_a_line_of_a_stream_holds_its_name_once() -> None:
    assert told("tap-usage.demandbase_credits", "%d rows", 5) == "demandbase_credits: 5 rows"
    assert (
        told("tap-usage.demandbase_credits", "Skipping '%s'", "demandbase_credits") == "Skipping 'demandbase_credits'"
    )
    assert told("tap-usage", "5 rows") == "5 rows"
    assert told("other.demandbase_credits", "5 rows") == "5 rows"


@pytest.mark.parametrize("variable", ["LOGLEVEL", "TAP_USAGE_LOGLEVEL"])
def test_a_level_that_there_is_not_is_named_and_the_usual_one_is_taken(
    sandbox: Sandbox, tmp_path: Path, variable: str
) -> None:
    config = written(tmp_path / "config.json", sandbox.config)
    done = tap("--config", config, cwd=tmp_path, **{variable: "verbose"})
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == (
        f"{variable} is no level of the log, one of DEBUG, INFO, WARNING, ERROR, CRITICAL; INFO is taken"
    )
    assert " | INFO " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("level", ["warning", "ERROR", ""])
def test_a_level_that_there_is_is_taken(sandbox: Sandbox, tmp_path: Path, level: str) -> None:
    done = tap("--config", written(tmp_path / "config.json", sandbox.config), cwd=tmp_path, LOGLEVEL=level)
    assert done.returncode == 0
    assert (done.stderr == "") is bool(level)


def test_a_log_has_the_summaries_and_no_noise(sandbox: Sandbox, tmp_path: Path) -> None:
    config = written(tmp_path / "config.json", sandbox.config)
    done = tap("--config", config, cwd=tmp_path)
    for noise in ("METRIC", "env var", "Listed for"):
        assert noise not in done.stderr
    told = [line.rpartition(" | ")[2] for line in done.stderr.splitlines()[-len(STREAMS) :]]
    assert {line.partition(": ")[0] for line in told} == set(STREAMS)
    assert all(" rows, " in line for line in told)
    loud = tap("--config", config, cwd=tmp_path, LOGLEVEL="DEBUG").stderr
    assert "METRIC" in loud


def test_metrics_go_to_a_handler_that_a_log_configuration_has_for_them(sandbox: Sandbox, tmp_path: Path) -> None:
    listening = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"metrics": {"class": "logging.FileHandler", "filename": str(tmp_path / "metrics")}},
        "loggers": {"singer_sdk.metrics": {"handlers": ["metrics"]}},
    }
    written(tmp_path / "log.yml", json.dumps(listening))
    config = written(tmp_path / "config.json", sandbox.config)
    done = tap("--config", config, cwd=tmp_path, SINGER_SDK_LOG_CONFIG=str(tmp_path / "log.yml"))
    assert done.returncode == 0
    assert "record_count" in (tmp_path / "metrics").read_text(encoding="utf-8")
