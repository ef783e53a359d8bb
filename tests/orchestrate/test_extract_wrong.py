"""What a person has to put right is one line of `extract.py`, and no program is started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrate.project import Project

PLAN = "orchestrate/tenants.yml"
SECRETS = "secrets/acme.env"


def file(name: str, text: str) -> Callable[[Project], None]:
    return lambda project: project.write(name, text)


def gone(name: str) -> Callable[[Project], None]:
    return lambda project: (project.folder / name).unlink()


def plan(**changes: object) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        project.tenants |= changes
        project.add("acme", {})

    return change


def without(loader: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        project.program(loader).unlink(missing_ok=True)
        plan(loader={"name": loader})(project)

    return change


def tenant(**settings: object) -> Callable[[Project], None]:
    return lambda project: project.add("acme", {"TAP_USAGE_ELASTICPATH_CLIENT_ID": "x"}, **settings)


WRONG: dict[str, tuple[Callable[[Project], None], str]] = {
    "bad YAML": (file(PLAN, "through: pipe\ntenants: [acme"), f"{PLAN}, line 2: is not YAML"),
    "a tab": (file(PLAN, "tenants:\n\tacme:\n"), f"{PLAN}, line 2: is not YAML"),
    "no UTF-8": (lambda project: (project.folder / PLAN).write_bytes(b"tenants: {acme: {\xff: 1}}"), "is not UTF-8"),
    "a list": (file(PLAN, "- acme"), f"{PLAN}: names with values are expected here"),
    "no file of tenants": (gone(PLAN), f"{PLAN}: No such file"),
    "no secrets": (gone(SECRETS), f"{SECRETS}: No such file"),
    "no meltano.yml": (gone("meltano.yml"), "meltano.yml: No such file"),
    "another way": (plan(through="airbyte"), f"{PLAN}: through: meltano or pipe is expected"),
    "no loader": (plan(loader={}), "meltano.yml has no loader None"),
    "a strange loader": (plan(loader={"name": "target-x"}), "meltano.yml has no loader 'target-x'"),
    "a loader that is not installed": (without("target-duckdb"), "target-duckdb: not there"),
    "a setting of no loader": (plan(loader={"name": "target-jsonl", "pth": "x"}), "no setting 'pth'"),
    "a setting of no tap": (tenant(genesys_place="x"), f"{PLAN}: tap-usage has no setting 'genesys_place'"),
    "a variable of no tap": (file(SECRETS, "TAP_USAGE_TOKEN=x"), f"{SECRETS}: tap-usage has no setting 'token'"),
    "a secret": (
        tenant(genesys_client_secret="x"),  # noqa: S106 - no secret at all
        f"genesys_client_secret is a secret; it belongs in {SECRETS}",
    ),
    "a value in depth": (tenant(start_date={"a": "b"}), "start_date is neither a text nor a list of texts"),
    "no such vendor": (tenant(vendors=["shopify"]), "vendors: a list is expected, of pingone, genesys"),
    "vendors in a text": (tenant(vendors="genesys"), "vendors: a list is expected"),
    "half a vendor": (tenant(vendors=["elasticpath"]), "but has no elasticpath_client_secret"),
    "a way out": (lambda project: project.add("../acme", {}), "small letters, digits and underscores"),
    "capitals": (lambda project: project.add("Acme", {}), "small letters, digits and underscores"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_line(project: Project, wrong: tuple[Any, str]) -> None:
    change, told = wrong
    change(project)
    done = project.extract("acme")
    assert (done.code, done.lines) == (2, [])
    (line,) = done.log.splitlines()
    assert line.startswith("extract.py: ")
    assert told in line
    assert not (project.folder / "output").exists()


@pytest.mark.parametrize("name", ["globex", "../secrets/acme", "", "acme/", "Acme", "acme.env"])
def test_only_a_name_of_the_list_is_a_tenant(project: Project, name: str) -> None:
    done = project.extract(name)
    assert (done.code, done.lines) == (2, [])
    assert done.log == f"extract.py: orchestrate/tenants.yml: no tenant {name!r} there\n"


def test_a_stream_that_there_is_not_is_an_error_of_the_command_line(project: Project) -> None:
    done = project.extract("acme", "elasticpath_promotion")
    assert (done.code, done.lines) == (2, [])
    assert "no such stream: elasticpath_promotion" in done.log.splitlines()[-1]


def test_a_value_of_a_secret_is_in_no_line(project: Project, tmp_path: Path) -> None:
    project.write(SECRETS, "TAP_USAGE_ELASTICPATH_CLIENT_SECRET=quiet\nTAP_USAGE_NAME_quiet=1\nquiet")
    done = project.extract("acme")
    assert done.code == 2
    assert tmp_path.exists()
    assert "=" not in done.log
