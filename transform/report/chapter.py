"""Everything the page says about one tenant; pure functions of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from meters import SHOWN_DAYS, WINDOW, Meter, Month, grouped, meters, month, total
from rankings import Ranking, rankings
from warehouse import Row, Rows

COUNTERS = "pingone_issuance_rule_usage_counts"
SEVERAL = 4


@dataclass(frozen=True)
class Panel:
    """A question, and whether there is anything to answer it with."""

    id: str
    question: str
    has_rows: bool


@dataclass(frozen=True)
class Chapter:
    """One tenant; the empty name stands for rows without one."""

    tenant: str
    rows: Rows

    @cached_property
    def today(self) -> date | None:
        """The newest day of the data: what "today" means in the report. None without data."""
        return max((row["last_date"] for row in self.rows["recency"] if row["last_date"]), default=None)

    @cached_property
    def providers(self) -> list[str]:
        """Vendors there is data of."""
        return list(dict.fromkeys(row["service_provider_name"] for row in self.rows["recency"]))

    @cached_property
    def meters(self) -> list[Meter]:
        """Every meter there is usage of."""
        return meters(self.rows)

    @property
    def grown(self) -> list[Meter]:
        """Meters with enough days for a chart."""
        return [meter for meter in self.meters if not meter.is_young]

    @property
    def young(self) -> list[Meter]:
        """Meters of which there is no more than a sum yet."""
        return [meter for meter in self.meters if meter.is_young]

    @property
    def panels(self) -> list[Panel]:
        """The questions that this tenant's data can answer, in the order in which they are asked."""
        held = self.unlisted or self.rows["listed_clients"] or self.rows["rules"] or self.rows["late_promotions"]
        panels = [
            Panel("trust", "Can I trust these figures?", has_rows=True),
            Panel("amount", "How much was used, and how has it changed?", bool(self.meters or self.first_snapshot)),
            Panel("credits", "When do the credits end?", bool(self.accounts)),
            Panel("drivers", "Who drives the usage?", bool(self.rankings)),
            Panel("unusual", "What is unusual?", bool(self.grown)),
            Panel("failing", "Who is throttled or failing?", bool(self.callers)),
            Panel("nobody", "What belongs to nobody?", bool(held)),
            Panel("month", "Where does the month end?", bool(self.months)),
        ]
        return [panel for panel in panels if panel.has_rows]

    @property
    def tells_loading(self) -> bool:
        """Whether the loader writes when it loaded a row."""
        return any(row["loaded_at"] for row in self.rows["recency"])

    @property
    def first_snapshot(self) -> Row | None:
        """Where counters were read, but only once: there is no growth yet. None otherwise."""
        read = [row for row in self.rows["recency"] if row["x_source_stream"] == COUNTERS]
        grown = {meter.provider for meter in self.meters}
        return next((row for row in read if row["service_provider_name"] not in grown), None)

    @cached_property
    def months(self) -> list[Month]:
        """Where the months end."""
        return [found for meter in self.meters if (found := month(meter))]

    @cached_property
    def rankings(self) -> list[Ranking]:
        """Who drives the usage."""
        return rankings(self.rows, self.meters)

    @cached_property
    def unusual(self) -> list[Row]:
        """Unusual days of the last three months, the newest first."""
        return [row for row in self.rows["unusual"] if self._is_within(SHOWN_DAYS, row["x_usage_date"])]

    @property
    def unusual_lately(self) -> int:
        """How many of them are of the last 30 days."""
        return sum(self._is_within(WINDOW, row["x_usage_date"]) for row in self.unusual)

    @cached_property
    def callers(self) -> list[Row]:
        """OAuth clients with calls in the last 30 final days, those refused most first."""
        return sorted(
            (row for row in self.rows["clients"] if row["requests"]),
            key=lambda row: (-row["status_429"], -row["status_4xx_other"] - row["status_5xx"], -row["requests"]),
        )

    @property
    def calls(self) -> dict[str, int]:
        """Sums of all of them."""
        names = ("requests", "status_429", "status_4xx_other", "status_5xx")
        return {name: total(self.callers, name) for name in names}

    @cached_property
    def throttled(self) -> list[tuple[Row, list[Row]]]:
        """The clients refused most, and their days with refusals."""
        days = grouped(self.rows["throttled"], "oauth_client_id")
        return [
            (row, [day for day in days[row["oauth_client_id"],] if self._is_within(SHOWN_DAYS, day["x_usage_date"])])
            for row in self.callers[:SEVERAL]
            if row["status_429"]
        ]

    @property
    def throttled_days(self) -> list[tuple[date, list[int]]]:
        """Days with refusals of these clients, the newest first, and how many of each client."""
        by_client = [{row["x_usage_date"]: row["status_429"] for row in days} for _, days in self.throttled]
        days = sorted({day for client in by_client for day in client}, reverse=True)
        return [(day, [client.get(day, 0) for client in by_client]) for day in days]

    @cached_property
    def unlisted(self) -> list[Row]:
        """OAuth clients in the history that are not listed any more."""
        return sorted(
            (row for row in self.rows["clients"] if row["oauth_client_state"] == "not listed"),
            key=lambda row: -row["requests_ever"],
        )

    @cached_property
    def silent(self) -> list[Row]:
        """Listed OAuth clients without a call in the last 30 final days, and their last call if there was one."""
        if not self.callers:
            return []
        calling = {row["oauth_client_id"] for row in self.callers}
        last = {row["oauth_client_id"]: row["last_call_on"] for row in self.rows["clients"]}
        return [
            {**row, "last_call_on": last.get(row["oauth_client_id"])}
            for row in self.rows["listed_clients"]
            if row["oauth_client_id"] not in calling
        ]

    @cached_property
    def idle_rules(self) -> list[Row]:
        """Issuance rules that are disabled, or not listed any more."""
        return [row for row in self.rows["rules"] if row["rule_status"] not in {None, "ACTIVE"}]

    @property
    def late_promotions(self) -> list[Row]:
        """Promotions redeemed after their end, or disabled ones that were redeemed."""
        return self.rows["late_promotions"]

    @property
    def accounts(self) -> list[tuple[Row, Sequence[Row]]]:
        """Accounts with credits, and their snapshots."""
        snapshots = grouped(self.rows["credit_snapshots"], "billing_account_id")
        return [(row, snapshots.get((row["billing_account_id"],), [])) for row in self.rows["credits"]]

    def _is_within(self, days: int, day: date) -> bool:
        """Whether a day is one of the last ones."""
        return self.today is not None and day > self.today - timedelta(days=days)
