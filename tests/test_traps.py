"""Every row of the vendors' tables of traps has a test that is named after it, or a reason why it needs none."""

from __future__ import annotations

import re
from pathlib import Path

ROWS = {
    "g": range(1, 23),  # Genesys Cloud
    "ag": range(1, 31),  # its usage aggregates
    "p": range(23, 42),  # PingOne
    "ep": range(1, 26),  # Elastic Path
    "db": range(26, 45),  # Demandbase
    "both": range(45, 46),
}
NOT_OF_THE_TAP = {
    "ep25": "unused",  # Promotions Standard is another product
    "db42": "unused",  # the Credit Usage API of Demandbase's other family is not read
    "db43": "unused",
    "db44": "unused",
    "both45": "tooling",  # the sandbox holds a state and many pages, see tests/sandbox
}
NAME = re.compile(r"^def test_(g|ag|p|ep|db|both)(\d\d)_", re.MULTILINE)


def found() -> set[str]:
    files = Path(__file__).parent.glob("test_traps_*.py")
    return {"".join(row) for file in files for row in NAME.findall(file.read_text(encoding="utf-8"))}


def test_every_trap_has_a_test_or_a_reason() -> None:
    rows = {f"{vendor}{number:02}" for vendor, numbers in ROWS.items() for number in numbers}
    assert len(rows) == 41 + 45 + 30
    assert found() | set(NOT_OF_THE_TAP) == rows
    assert not found() & set(NOT_OF_THE_TAP)


def test_the_reasons_are_one_word_each() -> None:
    assert {len(reason.split()) for reason in NOT_OF_THE_TAP.values()} == {1}
