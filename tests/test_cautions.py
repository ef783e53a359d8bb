"""What is hardly meant is told in a warning of its own, and nothing else is."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tap_usage import cautions
from tap_usage.sandbox import Sandbox
from tests.catalogs import discovered, entry_of, run_catalog
from tests.command import complaints, tap, written
from tests.running import run
from tests.truth import STREAMS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
USAGES = "elasticpath_promotion_usages"


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    ("start", "odd"),
    [
        ("2026-11-23", True),
        ("2026-11-22T12:00:01Z", True),
        ("2026-11-22T11:59:59Z", False),
        ("2026-11-22T13:30:00+02:00", False),
    ],
)
def test_a_start_date_in_the_future_is_told(start: str, *, odd: bool) -> None:
    told = list(cautions.of_settings({"start_date": start}, NOW))
    assert told == (["`start_date` is in the future: what has no bookmark is not read"] if odd else [])


def test_no_start_date_is_nothing_odd() -> None:
    assert list(cautions.of_settings({}, NOW)) == []


def test_a_run_that_selects_nothing_says_so(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    done = run(sandbox.config, select=[])
    assert done.code == 0
    assert warnings(caplog) == [
        "nothing is selected, so nothing is read: look at the catalog, or at what selects in it"
    ]


def test_a_catalog_of_other_streams_is_told(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    catalog = discovered(sandbox.config, select=[USAGES])
    catalog["streams"].remove(entry_of(catalog, "demandbase_credits"))
    entry_of(catalog, "demandbase_api_usage")["tap_stream_id"] = "demandbase_api_usages"
    run_catalog(sandbox.config, catalog)
    lacking, *others = sorted(warnings(caplog), reverse=True)
    assert lacking == (
        "the given catalog does not know `demandbase_api_usage`, `demandbase_credits`: "
        "not read; discover again if they should be"
    )
    assert others == [
        "`demandbase_api_usages` in the given catalog is no stream of this tap; did you mean `demandbase_api_usage`?"
    ]


def test_a_catalog_that_selects_streams_of_no_configured_vendor_is_told(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = discovered(sandbox.config, select=[USAGES, "demandbase_credits"])
    config: dict[str, Any] = {name: value for name, value in sandbox.config.items() if name.startswith("elasticpath")}
    run_catalog(config, catalog)
    assert warnings(caplog) == ["the given catalog selects `demandbase_credits`, whose vendor is not configured"]


def test_a_catalog_that_selects_streams_which_a_setting_leaves_out_is_told(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    both = sandbox.config | {"genesys_usage_api": "both"}
    catalog = discovered(both, select=["genesys_oauth_clients", "genesys_organization_usage"])
    run_catalog(sandbox.config | {"genesys_usage_api": "aggregates"}, catalog)
    told = "the given catalog selects `genesys_organization_usage`, which `genesys_usage_api` leaves out"
    assert warnings(caplog) == [told]


def test_a_catalog_that_fits_is_no_reason_to_warn(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    run_catalog(sandbox.config, discovered(sandbox.config, select=STREAMS))
    assert warnings(caplog) == []


def test_an_id_of_a_filter_that_differs_by_case_only_is_told(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    listed = sandbox.elasticpath.promotions[0]["id"]
    run(sandbox.config, select=["elasticpath_promotions"], elasticpath_promotion_ids=[listed.upper(), "none"])
    assert warnings(caplog) == [
        f"elasticpath_promotion_ids: {listed.upper()} is not listed by the vendor; {listed} is",
        "elasticpath_promotion_ids: none is not listed by the vendor",
    ]


@pytest.mark.parametrize("where", ["environment", "dotenv"])
def test_variables_without_config_env_are_told_with_the_option_that_reads_them(tmp_path: Path, where: str) -> None:
    variables = {"TAP_USAGE_ELASTICPATH_CLIENT_SECRET": "hunter2"}
    if where == "dotenv":
        written(tmp_path / ".env", "\n".join(f"{name}={value}" for name, value in variables.items()))
        variables = {}
    done = tap(cwd=tmp_path, **variables)
    assert done.returncode == 1
    (line,) = complaints(done.stderr)
    assert line.endswith("; variables TAP_USAGE_… are set: they are read with --config=ENV")
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("variables", [{}, {"TAP_USAGE__LOAD_SCHEMA": "raw", "TAP_USAGE_LOGLEVEL": "INFO"}])
def test_without_settings_among_the_variables_there_is_no_hint(tmp_path: Path, variables: dict[str, str]) -> None:
    done = tap(cwd=tmp_path, **variables)
    (line,) = complaints(done.stderr)
    assert "no vendor is configured" in line
    assert "--config=ENV" not in line
