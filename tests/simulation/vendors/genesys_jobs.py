"""How Genesys' usage aggregates answer: results in pages, jobs that are not known at first."""

from __future__ import annotations

import random

from tests.simulation.vendors.vendor import Asked, Json


class Jobs:
    """The jobs of one vendor.

    Args:
        dice: decides how they are.
    """

    def __init__(self, dice: random.Random) -> None:
        self._page_size = dice.choice((1, 3, 1000))
        self._hidden = dice.choice((0.0, 8.0))
        self._absolute = dice.random() < 0.5

    def hides(self, submitted: float, at: float) -> bool:
        """Tell whether a job is not known yet."""
        return at - submitted < self._hidden

    def page(self, asked: Asked, rows: list[Json]) -> Json:
        """Return a page of rows, which come as those of the older queries."""
        start = int(asked.query.get("after", 0))
        end = start + min(self._page_size, int(asked.query["pageSize"]))
        body: Json = {"queryStatus": "Succeeded", "entities": [_row(row) for row in rows[start:end]]}
        if end < len(rows):
            origin = asked.origin if self._absolute else ""
            body["nextUri"] = f"{origin}/{'/'.join(asked.parts)}?after={end}&pageSize=2"
        return body


def _row(old: Json) -> Json:
    row: Json = {"date": old["date"][:10], "requestCount": old["requests"], "templateUri": old["templateUri"] or None}
    if old["clientId"]:
        row["oauthClient"] = {"id": old["clientId"], "name": old["clientName"]}
    return row
