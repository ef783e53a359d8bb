"""One tenant by `extract.py` and Meltano, which keeps the state by tenant."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tap_usage.sandbox import Sandbox
from tests.orchestrate.project import MELTANO, Done, Project, held, secrets_of
from tests.truth import TRUTH

pytestmark = pytest.mark.skipif(not MELTANO.exists(), reason="Meltano is not installed; `make demo` does it")
USAGES = "elasticpath_promotion_usages"
PROMOTIONS = "elasticpath_promotions"


@pytest.fixture
def project(sandbox: Sandbox, tmp_path: Path) -> Project:
    made = Project(tmp_path, "meltano", "target-jsonl", destination_path="output/{tenant}")
    made.add("acme", secrets_of(sandbox, "elasticpath"))
    return made


def bookmarks(project: Project) -> list[str]:
    """Return the streams of the state that Meltano has of the tenant."""
    words = ["--environment=dev", "state", "get", "dev:tap-usage-to-target-jsonl:acme"]
    command = [MELTANO.with_name("meltano"), "--log-level=error", *words]
    answer = subprocess.check_output(command, cwd=project.folder, stderr=subprocess.DEVNULL)  # noqa: S603 - our own words
    return sorted(json.loads(answer)["singer_state"]["bookmarks"])


def test_rows_of_the_tenant_alone_arrive_and_the_state_has_its_name(sandbox: Sandbox, project: Project) -> None:
    sandbox.elasticpath.client_secret = "never$HOME${to}be seen"  # noqa: S105 - of the simulator
    project.add("acme", secrets_of(sandbox, "elasticpath"))
    others = {name: str(value) for name, value in secrets_of(sandbox, "demandbase", "pingone").items()}
    project.write(".env", "".join(f"{name}={value}\n" for name, value in others.items() if "PINGONE" in name))
    database = project.folder / "own.db"
    with (project.folder / ".env").open("a", encoding="utf-8") as file:
        file.write(f"MELTANO_DATABASE_URI=sqlite:///{database}\n")
    worker = {**others, "TARGET_JSONL_DESTINATION_PATH": "elsewhere", "LOGLEVEL": "ERROR"}
    done = project.extract("acme", **worker)
    assert done.code == 0, done.log
    assert len(done.lines) == 1
    assert done.rows == {PROMOTIONS: len(TRUTH[PROMOTIONS](sandbox)), USAGES: len(TRUTH[USAGES](sandbox))}
    assert len(project.rows("acme", USAGES)) == done.rows[USAGES]
    assert bookmarks(project) == [USAGES, PROMOTIONS]
    assert database.exists()
    (project.folder / "output" / "acme" / "given.json").unlink()  # Meltano gives both programs all variables
    holding = [path for path in project.folder.rglob("*") if path.is_file() and b"}be seen" in path.read_bytes()]
    assert holding == [project.folder / "secrets" / "acme.env"]
    again = project.extract("acme", USAGES)
    assert (again.code, again.rows[USAGES]) == (0, 1)


def test_a_signal_reaches_the_tap_so_that_meltano_saves_what_was_read(
    sandbox: Sandbox, project: Project, halfway: threading.Event
) -> None:
    with held(sandbox, project, halfway) as process:
        settings = [path.stat().st_mode & 0o777 for path in (project.folder / ".meltano").rglob("*.config.json")]
        assert set(settings) == {0o600}
        process.send_signal(signal.SIGTERM)
        done = Done(process)
    assert (done.code, done.told["exit_code"]) == (143, 143), done.log
    assert USAGES in bookmarks(project)
    assert 0 < len(project.rows("acme", USAGES)) == done.rows[USAGES] < len(TRUTH[USAGES](sandbox))


def test_what_failed_is_told_and_makes_the_run_fail(sandbox: Sandbox, project: Project) -> None:
    sandbox.fault("elasticpath.usages", "forbidden")
    done = project.extract("acme")
    assert (done.code, done.told["streams"][USAGES]["failures"]) == (1, 1)
    assert "elasticpath: elasticpath_promotion_usages: " in done.log
