"""Figures of the documents were measured: they stand in the results of the benchmarks."""

from __future__ import annotations

import math
import re

from tests.docs.pages import ROOT

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w.]*\d)")


def numbers(text: str) -> list[str]:
    return [found.replace(",", "") for found in NUMBER.findall(text)]


def measured(section: str) -> set[float]:
    """Return the numbers of a section of the results, in their units and in larger ones, and what follows from them."""
    found = {float(number) for number in numbers(section)}
    found |= {number / 1000 for number in found}
    for factors in re.findall(r"([\d,]+) (?:promotions|clients) x ([\d,]+) usages", section):
        found.add(math.prod(float(factor.replace(",", "")) for factor in factors))
    for records, states in re.findall(r"RECORD lines: ([\d,]+) bytes; \d+ STATE lines: ([\d,]+)", section):
        found.add(100 * float(states.replace(",", "")) / float(records.replace(",", "")))
    return found


def is_among(figure: str, found: set[float]) -> bool:
    """Tell whether a figure is one of these numbers, rounded."""
    decimals = len(figure.partition(".")[2])
    return any(f"{number:.{decimals}f}" == figure for number in found)


def test_figures_of_performance_stand_together_in_a_section_of_the_results() -> None:
    _, _, section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Performance\n")
    rows = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("|") and numbers(line)]
    results = [
        measured(part) for part in (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8").split("\n## ")
    ]
    assert rows
    for row in rows:
        lacking = [[figure for figure in numbers(row) if not is_among(figure, part)] for part in results]
        assert [] in lacking, f"{row}: at best without {min(lacking, key=len)}"
