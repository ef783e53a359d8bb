"""The blocks of the documents: commands run, against the sandbox; everything else can at least be read.

Behind a fence stands its language. `sh` and `bash` are run, those of a page in turn and in one folder (`scene.py`);
`sh background` goes on meanwhile. What cannot run here stands in `NOT_RUN`, with the reason.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import PAGES, ROOT, Block, taken_apart
from tests.docs.scene import scene

INDEX = "installs from an index of packages; tests/test_packaging.py installs the wheel without one"
LONG = "takes minutes, and is a check of its own"
DBT = "needs dbt as a plugin; `make report` runs it there, tests/warehouse what it runs"
NOT_RUN = {
    # by page and a line of the block
    ("README.md", "make demo     # Meltano loads all four simulated vendors into DuckDB, and again a day later"): LONG,
    ("README.md", "meltano run dbt-duckdb:build dbt-duckdb:report"): DBT,
    ("CONTRIBUTING.md", "make          # lists the targets"): LONG,
    ("docs/orchestration.md", "pip install --constraint constraints/airflow.txt \\"): INDEX,
    (
        "docs/orchestration.md",
        "dagster asset materialize --partition acme \\",
    ): "needs Dagster; `make orchestrate` runs it",
    ("transform/README.md", "meltano run tap-usage target-duckdb dbt-duckdb:build dbt-duckdb:report"): DBT,
    ("docs/first-live-run.md", "export REGION=mypurecloud.com"): "asks a live vendor",
    ("docs/install.md", "make dist                  # dist/tap_usage-<version>-py3-none-any.whl"): (
        "builds in the clone; tests/test_packaging.py builds elsewhere"
    ),
    (
        "docs/install.md",
        "uv tool install dist/tap_usage-*.whl       # on your PATH, in an environment of its own",
    ): INDEX,
    ("docs/install.md", 'uv tool install "$REPOSITORY"'): INDEX,
    (
        "docs/install.md",
        "meltano add --plugin-type extractor --from-ref ~/tap-usage/examples/meltano/tap-usage.yml tap-usage",
    ): "installs; tests/test_examples.py adds the definition without",
}
BLOCKS = [block for page in PAGES for block in taken_apart(page).blocks]
COMMANDS = [block for block in BLOCKS if block.language in {"sh", "bash"}]
MELTANO_IS_HERE = (ROOT / ".venv-meltano" / "bin" / "meltano").exists()


def reason(block: Block) -> str:
    """Return why a block of commands does not run here; empty when it does."""
    listed = [said for (page, line), said in NOT_RUN.items() if page == block.page and line in block.lines]
    needs_meltano = "" if MELTANO_IS_HERE or "meltano " not in block.text else "Meltano is not installed"
    return next(iter(listed), needs_meltano)


RUN = [block for block in COMMANDS if not reason(block)]


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is wrong with each block that runs, by its place; the pages that are asked for run side by side."""
    asked = [
        item for item in request.session.items if item.path == Path(__file__) and isinstance(item, pytest.Function)
    ]
    pages = {item.callspec.params["block"].page for item in asked if "outcomes" in item.fixturenames}
    folders = {page: tmp_path_factory.mktemp(Path(page).stem) for page in pages}  # here: it is not for many threads

    def run(page: str) -> dict[str, str]:
        with scene(folders[page]) as here:
            return {str(block): here.run(block) for block in RUN if block.page == page}

    with ThreadPoolExecutor() as pool:
        return {place: told for found in pool.map(run, pages) for place, told in found.items()}


@pytest.mark.parametrize("block", RUN, ids=str)
def test_commands_of_the_documents_run(block: Block, outcomes: dict[str, str]) -> None:
    assert not outcomes[str(block)], f"{block.text}\n{outcomes[str(block)]}"


@pytest.mark.parametrize(("page", "line"), NOT_RUN)
def test_what_is_not_run_is_there(page: str, line: str) -> None:
    assert [block for block in COMMANDS if block.page == page and line in block.lines]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_says_what_it_is_and_is_that(block: Block) -> None:
    text = textwrap.dedent(block.text)
    if block.language == "json":
        assert json.loads(text)
    elif block.language == "yaml":
        assert yaml.safe_load(text)
    elif block.language == "python":
        assert ast.parse(text)
    else:
        assert block.language in {"sh", "bash", "text", "ini", "sql", "mermaid"}
    assert block.how in {"", "background"}


def test_every_make_target_that_is_named_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    assert named
    assert named <= targets
