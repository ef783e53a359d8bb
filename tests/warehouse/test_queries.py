"""The queries of docs/queries.md run as they stand on both databases and give the answers that stand below them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.warehouse.conftest import Both
from tests.warehouse.databases import ROOT, Database

PAGE = ROOT / "docs" / "queries.md"
BLOCK = re.compile(r"```sql\n(.*?)```\n\n```text\n(.*?)```\n", re.DOTALL)
SEARCHED = dict(re.findall(r"^(set search_path = .*);   -- (\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))


def answers(database: Database, name: str) -> list[str]:
    """Return what a database says to each query, as text."""
    (search_path,) = (statement for statement, of in SEARCHED.items() if of == name)
    queries = [query for query, _ in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]
    return [text(columns, rows) for columns, rows in database.ask(search_path, *queries)[1:]]


def text(columns: list[str], rows: list[list[object]]) -> str:
    """Return rows as columns of text, numbers to the right."""
    cells = [columns, *[["" if cell is None else str(cell) for cell in row] for row in rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [all(isinstance(row[place], int | float | None) for row in rows) for place in range(len(columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    ]
    return "".join(f"{line}\n" for line in lines)


def test_there_are_twelve_questions_with_an_answer_each() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("\n## ") == len(BLOCK.findall(page)) == page.count("```sql") == 12
    assert all(len(answer.splitlines()) > 1 for _, answer in BLOCK.findall(page))


def test_every_query_has_the_same_answer_in_both_databases_and_on_the_page(both_built: Both, tmp_path: Path) -> None:
    duckdb, postgres = (answers(one, name) for one, name in zip(both_built, ("DuckDB", "PostgreSQL"), strict=True))
    assert duckdb == postgres
    page = PAGE.read_text(encoding="utf-8")
    given = iter(duckdb)
    true = BLOCK.sub(lambda block: f"```sql\n{block[1]}```\n\n```text\n{next(given)}```\n", page)
    (tmp_path / PAGE.name).write_text(true, encoding="utf-8")
    assert page == true, f"The answers are others. Take them over: cp {tmp_path / PAGE.name} {PAGE}"
