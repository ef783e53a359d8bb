"""Whether deltas of counters add up to what the counters grew by."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

Row = dict[str, Any]
COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "pingone_issuance_rule_usage_counts": ("issuance_rule_id", ("issued", "accepted", "updated", "revoked", "errors")),
    "demandbase_credits": ("accountId", ("consumedCredits",)),
}


class Ledger:
    """Snapshots in the order in which they came: those that a STATE line covers."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, Row]] = []

    @property
    def entered(self) -> int:
        """How many snapshots came."""
        return len(self._rows)

    def enter(self, stream: str, row: Row) -> None:
        """Enter a row, if it is a snapshot."""
        if stream in COUNTERS:
            self._rows.append((stream, str(row[COUNTERS[stream][0]]), row))

    def forget_after(self, entered: int) -> None:
        """Forget what came later."""
        del self._rows[entered:]

    def check(self) -> tuple[int, list[str]]:
        """Return how many counters were checked, and which have deltas that do not add up."""
        histories: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        for stream, identity, row in self._rows:
            histories[stream, identity].append(row)
        checked, wrong = 0, []
        for (stream, identity), rows in histories.items():
            last_of_day = {row["observed_on"]: row for row in rows}
            for counter in COUNTERS[stream][1]:
                checked += 1
                added = sum(row.get(f"{counter}_delta") or 0 for row in last_of_day.values())
                if added != (grown := growth(rows, counter)):
                    wrong.append(f"{stream} {identity} {counter}: deltas {added}, growth {grown}")
        return checked, wrong


def growth(rows: list[Row], counter: str) -> int:
    """Return what a counter grew by since the last snapshot of the first day; after a reset its value counts whole."""
    grown = 0
    for old, new in pairwise(row for row in rows if row.get(counter) is not None):
        if new["observed_on"] > rows[0]["observed_on"]:
            value, before = new[counter], old[counter]
            grown += value - before if value >= before else value
    return grown
