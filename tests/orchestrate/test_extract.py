"""One tenant by `extract.py` and the plain pipe: what arrives, what is kept, and what nobody else sees."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tap_usage.sandbox import Sandbox
from tests.orchestrate.project import Project, secrets_of
from tests.truth import TRUTH, bare, counted

USAGES = "elasticpath_promotion_usages"
PROMOTIONS = "elasticpath_promotions"


def test_every_row_arrives_and_the_only_line_on_stdout_tells_how_many(sandbox: Sandbox, project: Project) -> None:
    project.add("acme", secrets_of(sandbox))
    done = project.extract("acme")
    assert done.code == 0, done.log
    assert len(done.lines) == 1
    assert (done.told["tenant"], done.told["exit_code"]) == ("acme", 0)
    assert done.rows == {stream: len(rows(sandbox)) for stream, rows in TRUTH.items()}
    for stream, rows in TRUTH.items():
        assert counted(bare(stream, project.rows("acme", stream))) == counted(rows(sandbox)), stream


def test_the_next_run_goes_on_from_the_state(sandbox: Sandbox, project: Project) -> None:
    first, second = project.extract("acme"), project.extract("acme")
    assert first.rows[USAGES] == len(TRUTH[USAGES](sandbox))
    assert second.rows[USAGES] == 1
    assert second.code == 0


def test_a_tenant_is_added_by_a_line_and_a_file(project: Project) -> None:
    project.extract("acme")
    held = counted(project.rows("acme", USAGES))
    before = {path for path in project.folder.rglob("*") if path.is_file()}
    with Sandbox(now=datetime.now(UTC).isoformat(), seed=8) as other:
        other.elasticpath.client_secret = "of-globex"  # noqa: S105 - of the simulator
        project.add("globex", secrets_of(other, "elasticpath"))
        assert {path for path in project.folder.rglob("*") if path.is_file()} - before == {
            project.folder / "secrets" / "globex.env"
        }
        done = project.extract("globex")
        assert done.code == 0, done.log
        ids = {row["id"] for row in project.rows("globex", USAGES)}
        assert ids == {row["id"] for row in TRUTH[USAGES](other)}
    assert counted(project.rows("acme", USAGES)) == held


def test_nothing_of_the_worker_of_the_dotenv_or_of_another_tenant_is_used(sandbox: Sandbox, project: Project) -> None:
    pingone, genesys = secrets_of(sandbox, "pingone"), secrets_of(sandbox, "genesys")
    project.add("globex", secrets_of(sandbox, "demandbase"))
    project.write(".env", "".join(f"{name}={value}\n" for name, value in pingone.items()))
    worker = {name: str(value) for name, value in genesys.items()} | {
        "TARGET_JSONL_DESTINATION_PATH": "elsewhere",
        "TARGET_JSONL_FAIL_AT_END": "true",
        "LOGLEVEL": "ERROR",
    }
    done = project.extract("acme", **worker)
    assert done.code == 0, done.log
    assert done.rows.keys() == {PROMOTIONS, USAGES}
    given = project.given("acme")
    assert given["config"] == {"destination_path": "output/acme", "do_timestamp_file": False}
    assert not [name for name in given["environment"] if name.startswith(("TAP_USAGE_", "TARGET_"))]


def test_what_is_secret_is_in_no_argument_no_log_and_no_file_but_the_tenants(
    sandbox: Sandbox, project: Project
) -> None:
    secret = "never$HOME${to}be seen"  # noqa: S105 - of the simulator
    sandbox.elasticpath.client_secret = secret
    project.add("acme", {**secrets_of(sandbox, "elasticpath"), "TARGET_JSONL_DESTINATION_PATH": "output/acme"})
    done = project.extract("acme")
    assert done.code == 0, done.log
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    holding = [path for path in files if secret.encode() in path.read_bytes()]
    assert holding == [project.folder / "secrets" / "acme.env"]
    assert secret not in done.log + "".join(done.lines)


def test_a_tenant_has_vendors_and_settings_of_its_own_beside_those_of_all(sandbox: Sandbox, project: Project) -> None:
    chosen, other = [promotion["id"] for promotion in sandbox.elasticpath.promotions[:2]], "elasticpath_page_size"
    start = (datetime.now(UTC) - timedelta(days=30)).date()
    project.tenants["settings"] = {other: 7, "start_date": "2000-01-01", "tenant": "{tenant}"}
    project.add(
        "acme",
        secrets_of(sandbox),
        vendors=["elasticpath", "demandbase"],
        elasticpath_promotion_ids=chosen,
        start_date=str(start),
    )
    done = project.extract("acme")
    assert done.code == 0, done.log
    assert {name.partition("_")[0] for name in done.rows} == {"elasticpath", "demandbase"}
    assert {row["promotion_id"] for row in project.rows("acme", USAGES)} <= set(chosen)
    assert {row["tenant"] for row in project.rows("acme", USAGES)} == {"acme"}
    assert min(row["period_start"] for row in project.rows("acme", "demandbase_api_usage")) == str(start)
    sizes = {seen.query["page[limit]"] for seen in sandbox.requests if seen.operation == "elasticpath.usages"}
    assert sizes == {"7"}


def test_some_streams_are_read_and_the_state_of_the_others_stays(project: Project) -> None:
    project.extract("acme")
    before = project.state("acme")
    done = project.extract("acme", PROMOTIONS)
    assert done.code == 0, done.log
    assert {name for name, rows in done.rows.items() if rows} == {PROMOTIONS}
    assert project.state("acme")[USAGES] == before[USAGES]


def test_what_failed_is_told_and_read_again_and_nothing_else(sandbox: Sandbox, project: Project) -> None:
    (promotion,) = max(sandbox.elasticpath.usages.items(), key=lambda held: len(held[1]))[:1]
    sandbox.fault("elasticpath.usages", "forbidden", where={"path": f"/v2/rule-promotions/{promotion}/usages"})
    failed = project.extract("acme")
    assert (failed.code, failed.told["exit_code"]) == (1, 1)
    assert failed.told["streams"][USAGES]["failures"] == 1
    held = len(sandbox.elasticpath.usages[promotion])
    assert failed.rows[USAGES] == len(TRUTH[USAGES](sandbox)) - held > 0
    again = project.extract("acme")
    assert again.code == 0, again.log
    assert held <= again.rows[USAGES] <= held + 1
    assert {row["id"] for row in project.rows("acme", USAGES)} == {row["id"] for row in TRUTH[USAGES](sandbox)}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"fail_after": 100}, 1), ({"fail_after": 0}, 1), ({"fail_at_end": True}, 1), ({"cut": True}, 0)],
)
def test_after_a_loader_that_failed_nothing_is_lost(
    sandbox: Sandbox, project: Project, wrong: dict[str, object], code: int
) -> None:
    project.tenants["loader"] |= wrong
    project.add("acme", secrets_of(sandbox, "elasticpath"))
    done = project.extract("acme")
    assert (done.code, done.told["exit_code"]) == (code, code), done.log
    for name in wrong:
        del project.tenants["loader"][name]
    project.add("acme", secrets_of(sandbox, "elasticpath"))
    assert project.extract("acme").code == 0
    assert {row["id"] for row in project.rows("acme", USAGES)} == {row["id"] for row in TRUTH[USAGES](sandbox)}


def test_tap_and_loader_may_both_fail(sandbox: Sandbox, project: Project) -> None:
    sandbox.fault("elasticpath.usages", "forbidden")
    project.tenants["loader"] |= {"fail_at_end": True}
    project.add("acme", secrets_of(sandbox, "elasticpath"))
    done = project.extract("acme")
    assert (done.code, done.told["streams"][USAGES]["failures"]) == (1, 1)
    assert USAGES in project.state("acme")


def test_a_state_that_cannot_be_kept_is_a_failure_and_the_one_before_stays(project: Project) -> None:
    project.extract("acme")
    before = project.state("acme")
    (project.folder / "state" / "target-jsonl" / "acme.new").mkdir()
    done = project.extract("acme")
    assert done.code == 2
    assert "extract.py: state/target-jsonl/acme.json: Is a directory" in done.log.splitlines()[-1]
    assert project.state("acme") == before


def test_a_damaged_state_is_never_taken_for_an_empty_one(project: Project) -> None:
    file = project.folder / "state" / "target-jsonl" / "acme.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"bookmarks": {"elastic', encoding="utf-8")
    done = project.extract("acme")
    assert (done.code, project.rows("acme", PROMOTIONS)) == (2, [])
    assert "is not JSON" in done.log


def test_a_byte_order_mark_and_odd_lines_of_the_tenants_file_do_no_harm(project: Project) -> None:
    file = project.folder / "secrets" / "acme.env"
    text = file.read_text(encoding="utf-8")
    file.write_text("\ufeff# a comment\n\nexport " + text + "HTTPS_PROXY=\n", encoding="utf-8")
    done = project.extract("acme")
    assert done.code == 0, done.log


def test_the_worker_may_stand_anywhere_and_the_project_may_be_a_link(project: Project, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(project.folder, target_is_directory=True)
    project.folder = link
    done = project.extract("acme")
    assert done.code == 0, done.log
    assert json.loads(done.lines[0])["streams"]


def test_a_loader_that_meltano_yml_does_not_describe_takes_what_it_is_given(sandbox: Sandbox, project: Project) -> None:
    file = project.folder / "meltano.yml"
    file.write_text(file.read_text("utf-8").replace("target-jsonl", "target-own"), encoding="utf-8")
    plan = yaml.safe_load(file.read_text("utf-8"))
    for loader in plan["plugins"]["loaders"]:
        loader.pop("settings")
    file.write_text(yaml.safe_dump(plan), encoding="utf-8")
    (project.folder / ".venv-target-jsonl" / "bin" / "target-jsonl").rename(project.program("target-own"))
    project.tenants["loader"] |= {"name": "target-own", "x": "1"}
    project.add("acme", {**secrets_of(sandbox, "elasticpath"), "TARGET_OWN_Y": "2"})
    done = project.extract("acme")
    assert done.code == 0, done.log
    assert project.given("acme")["config"] == {"destination_path": "output/acme", "x": "1", "y": "2"}
