"""The API usage and the credits that the simulated Demandbase has counted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tap_usage.sandbox.clock import Clock
from tap_usage.sandbox.wire import Json, noise

PERIODS = {"year": 4, "month": 7, "day": 10}
GROWING = timedelta(days=2)


class Ledger:
    """Transactions by API and day.

    Attributes:
        sources: endless sources of transactions: ``api`` (None for rows without the name) and ``per_day``, a size.
            Their figures are made up from the seed; a day's grow from its begin until the end of the next day.
        usage: rows as in an answer (``api`` may be missing, ``details`` are optional) with a ``date`` of a day, month
            or year. A row counts in the answers of its own period and of longer ones.
        credits: ``allocatedCredits`` and ``consumedCredits``; what the sources make is consumed on top of it.
        oldest: first day of the sources.
    """

    def __init__(self, clock: Clock, seed: int) -> None:
        """Start without usage."""
        self._clock = clock
        self._seed = seed
        self.sources: list[Json] = []
        self.usage: list[Json] = []
        self.credits = {"allocatedCredits": 99999, "consumedCredits": 0}
        self.oldest = clock.started.date() - timedelta(days=120)

    def rows(self, period: str, start: str, end: str) -> list[Json]:
        """Return the rows from ``start`` to ``end``, both inclusive, at the sandbox's current time.

        Args:
            period: ``day``, ``month`` or ``year``.
            start: such as ``2015-02-01``, ``2015-02`` or ``2015``, as the period demands.
            end: in the same form.
        """
        width = PERIODS[period]
        totals: dict[tuple[str, object], Json] = {}
        for source, row in self._all(start, end):
            date = row["date"][:width]
            if len(row["date"]) < width or not start <= date <= end:
                continue
            total = totals.setdefault((date, source), row | {"transactions": 0, "date": date})
            total["transactions"] += row["transactions"]
            if "details" in row:
                total["details"] = row["details"]
        return sorted(totals.values(), key=lambda row: str(row["date"]))

    def account_credits(self) -> dict[str, int]:
        """Return allocated and consumed credits at the sandbox's current time."""
        consumed = sum(row["transactions"] for _, row in self._generated("0", "9"))
        return self.credits | {"consumedCredits": self.credits["consumedCredits"] + consumed}

    def reset_credits(self, to: int = 0) -> None:
        """Have the consumed credits stand at ``to`` now; they grow on from there."""
        self.credits["consumedCredits"] += to - self.account_credits()["consumedCredits"]

    def _all(self, start: str, end: str) -> Iterator[tuple[object, Json]]:
        seen: dict[tuple[str | None, str], int] = {}
        for row in self.usage:
            key = (row.get("api"), row["date"])
            seen[key] = seen.get(key, 0) + 1
            yield (row.get("api"), seen[key]), row
        yield from self._generated(start, end)

    def _generated(self, start: str, end: str) -> Iterator[tuple[object, Json]]:
        now = self._clock.now()
        for number in range((now.date() - self.oldest).days + 1 if self.sources else 0):
            day = self.oldest + timedelta(days=number)
            text = day.isoformat()
            if not start[:4] <= text[:4] <= end[:4]:
                continue
            share = min(1.0, (now - datetime.combine(day, datetime.min.time(), UTC)) / GROWING)
            for index, source in enumerate(self.sources):
                value = noise(self._seed, text, index)
                transactions = int((source["per_day"] + value % source["per_day"]) * share)
                if number % 13 and value % 4 and transactions:
                    api = {"api": source["api"]} if source["api"] else {}
                    yield index, {**api, "transactions": transactions, "date": text}
