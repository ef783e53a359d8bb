"""The rules that keep vendors' files data sheets and everything findable."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

import pytest

from tap_usage.reading.sheet import Sheet
from tests.declared import EVERY_STREAM

ROOT = Path(__file__).parents[1]
VENDORS = sorted(
    path for path in (ROOT / "tap_usage" / "vendors").glob("*.py") if path.stem not in {"__init__", "vendor"}
)
every_vendor = pytest.mark.parametrize("path", VENDORS, ids=lambda path: path.stem)
LONGEST_SHEET = 290
LONGEST_MODULE = 300


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def stream_classes(path: Path) -> list[ast.ClassDef]:
    return [
        node
        for node in tree(path).body
        if isinstance(node, ast.ClassDef)
        and any(
            isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and line.targets[0].id == "name"
            for line in node.body
        )
    ]


def lines_of(node: ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_every_stream_is_a_class_in_a_vendors_sheet() -> None:
    assert sum(len(stream_classes(path)) for path in VENDORS) == len(EVERY_STREAM)


def test_half_of_the_stream_classes_have_at_most_ten_lines() -> None:
    assert median(lines_of(node) for path in VENDORS for node in stream_classes(path)) <= 10


@every_vendor
def test_a_vendors_sheet_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_SHEET


@every_vendor
@pytest.mark.parametrize(
    "word", ["response.json(", "sleep(", "try:", "except", "logging", "next_page_token", "requests."]
)
def test_a_vendors_sheet_holds_facts_and_no_machinery(path: Path, word: str) -> None:
    assert word not in path.read_text(encoding="utf-8")


@every_vendor
def test_a_vendors_streams_stand_parents_first_and_name_their_source(path: Path) -> None:
    names = [node.name for node in stream_classes(path)]
    for node in stream_classes(path):
        documented = ast.get_docstring(node)
        assert documented, node.name
        for line in node.body:
            if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", "") == "parent":
                assert names.index(getattr(line.value, "id", "")) < names.index(node.name)


def test_mechanisms_have_no_vendors_word_in_their_code() -> None:
    words = [path.stem for path in VENDORS]
    for path in [*(ROOT / "tap_usage" / "rest").rglob("*.py"), *(ROOT / "tap_usage").glob("*.py")]:
        for node in ast.walk(tree(path)):
            name = getattr(node, "id", "") or getattr(node, "attr", "") or getattr(node, "arg", "") or ""
            assert not [word for word in words if word in str(name).lower()], path


def test_sandbox_and_product_do_not_import_each_other() -> None:
    for path in (ROOT / "tap_usage").rglob("*.py"):
        of_tap = {name for name in imports_of(path) if name.startswith("tap_usage")}
        inside = "sandbox" in path.parts
        for name in of_tap:
            assert name.startswith("tap_usage.sandbox") is inside, (path, name)


def test_modules_are_not_long() -> None:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for folder in ("tap_usage", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert lengths
    assert not {path: length for path, length in lengths.items() if length > LONGEST_MODULE}


def test_nothing_in_a_test_sleeps_or_leaves_loopback() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        called = {
            getattr(node.func, "attr", getattr(node.func, "id", ""))
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call)
        }
        assert "sleep" not in called, path


def test_every_attribute_that_a_sheet_may_set_is_documented() -> None:
    told = Sheet.__doc__ or ""
    declared = {name for name in Sheet.__annotations__ if not name.startswith("_")}
    assert not [name for name in declared if f" {name}" not in told]
