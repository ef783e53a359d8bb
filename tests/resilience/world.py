"""A small world behind the sandbox: what it holds, how it changes between two runs, and what a target has to hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tap_usage.sandbox import Sandbox
from tests.resilience.target import Target
from tests.truth import (
    AGGREGATES,
    STREAMS,
    SUMMARY_DAYS,
    TRUTH,
    Row,
    aggregates,
    bare,
    client_usage,
    counted,
    organization_usage,
    promotion_usages,
    today,
)

START = date(2026, 11, 8)
OBSERVED = ("pingone_issuance_rule_usage_counts", "genesys_client_usage_summary", "demandbase_credits")
SETTINGS: dict[str, Any] = {
    "start_date": START.isoformat(),
    "genesys_usage_api": "both",
    "genesys_window_days": 5,
    "genesys_poll_timeout_seconds": 200,
    "demandbase_window_periods": 5,
    "demandbase_throttle_wait_seconds": 1,
    "elasticpath_page_size": 5,
}
HOUR = 3600.0
NEW_PROMOTION, NEW_CLIENT = "promotion-new", "client-new"


@dataclass
class Figures:
    """What a comparison found.

    Attributes:
        compared: rows that the vendors hold.
        lost: rows of them that the target lacks.
        doubled: rows that the target holds without reason, such as one row under two keys.
        counters: counters whose deltas were added up.
        odd: descriptions of those that do not add up.
    """

    compared: int = 0
    lost: int = 0
    doubled: int = 0
    counters: int = 0
    odd: list[str] = field(default_factory=list)


class World:
    """Four vendors with little data, which changes between runs.

    Attributes:
        sandbox: to ask the vendors.
        config: settings of a tap that reads them.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.config = {**sandbox.config, **SETTINGS}
        self._gone: set[str] = set()
        self._once: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._numbers = 100
        sandbox.clear()
        self._fill_pingone()
        self._fill_genesys()
        self._fill_demandbase()
        self._fill_elasticpath()

    def _fill_pingone(self) -> None:
        vendor = self.sandbox.pingone
        counters = {"issued": 3, "accepted": 2, "updated": 0, "revoked": 0, "errors": 0}
        for _ in range(3):
            kind = vendor.add_credential_type(vendor.add_environment())
            vendor.add_issuance_rule(kind, counters, {"issued": HOUR, "accepted": 5 * HOUR})
            vendor.add_issuance_rule(kind, counters, {"issued": 7 * HOUR, "errors": 30 * HOUR})

    def _fill_genesys(self) -> None:
        vendor = self.sandbox.genesys
        vendor.client_page_size = 2
        vendor.polls_until_complete = 1
        # A frozen clock never begins a new minute, and a used-up budget makes the tap wait.
        vendor.requests_per_minute = 10**9
        for number in range(1, 5):
            client = vendor.add_client(f"client-{number}")
            vendor.ledger.traffic.append(
                {
                    "clientId": client,
                    "clientName": client,
                    "organizationId": "organization",
                    "userId": "",
                    "templateUri": "api/v2/users",
                    "httpMethod": "GET",
                    "per_day": 20 * number,
                }
            )

    def use_unlisted_client(self) -> None:
        """Have a client that is not listed yet make calls on some days; the organization counts them."""
        for days in range(1, 12, 2):
            self.sandbox.genesys.add_usage(NEW_CLIENT, str(START + timedelta(days=days)), 40 + days)

    def _fill_demandbase(self) -> None:
        sources: list[Row] = [{"api": "NEWS", "per_day": 8}, {"api": None, "per_day": 30}, {"api": None, "per_day": 5}]
        self.sandbox.demandbase.ledger.sources.extend(sources)

    def _fill_elasticpath(self) -> None:
        vendor, now = self.sandbox.elasticpath, self.sandbox.clock.now()
        for number in range(1, 6):
            promotion = vendor.add_promotion(f"promotion-{number}")
            vendor.add_usages(promotion, 4 * number, now - timedelta(days=20), 20 * HOUR)
            vendor.add_usages(promotion, 2 * number, now - timedelta(days=2), 0)
        vendor.growth |= {"promotion-2": HOUR / 4, "promotion-4": HOUR}

    # What happens between two runs

    def change(self, kind: str) -> None:
        """Have something happen: the name of a change, or of several with blanks in between."""
        self.remember()
        with self.sandbox.lock:
            for name in kind.split():
                (CHANGES | FURTHER)[name](self)
        self.remember()

    def created(self) -> None:
        """New promotions, clients and rules appear, and are used from now on."""
        self._numbers += 7
        now, name = self.sandbox.clock.now(), f"{self._numbers * 37 % 1000:03d}"
        promotion = self.sandbox.elasticpath.add_promotion(f"promotion-{name}")
        self.sandbox.elasticpath.add_usages(promotion, 7, now + timedelta(seconds=1), 0)
        for usage in self.sandbox.elasticpath.usages[promotion]:
            self.sandbox.elasticpath.hidden_until[usage["id"]] = now + timedelta(seconds=2)
        client = self.sandbox.genesys.add_client(f"client-{name}")
        for days in range(3):
            self.sandbox.genesys.add_usage(client, str(now.date() + timedelta(days=days)), 5)
        vendor = self.sandbox.pingone
        kind = vendor.add_credential_type(vendor.environments[-1]["id"])
        vendor.add_issuance_rule(kind, {"issued": 1}, {"issued": HOUR})
        self.sandbox.advance(seconds=3)

    def deleted(self) -> None:
        """A promotion, a client and a rule go."""
        promotions, clients = self.sandbox.elasticpath.promotions, self.sandbox.genesys.clients
        rules = next((rules for rules in self.sandbox.pingone.issuance_rules.values() if rules), [])
        for rows in (promotions, clients, rules):
            if len(rows) > 1:
                self._gone.add(rows.pop(len(rows) // 2)["id"])

    def late(self) -> None:
        """A usage that is some minutes old becomes visible."""
        now = self.sandbox.clock.now()
        for promotion in list(self.sandbox.elasticpath.promotions)[::2]:
            at = now - timedelta(minutes=4)
            self.sandbox.elasticpath.add_usage(promotion["id"], at, visible_at=(now + timedelta(minutes=2)).isoformat())

    def surfaced(self) -> None:
        """A promotion and a client that have been in use for long are listed from now on."""
        if NEW_PROMOTION not in self.sandbox.elasticpath.usages:
            self.sandbox.elasticpath.add_promotion(NEW_PROMOTION)
            self.sandbox.elasticpath.add_usages(NEW_PROMOTION, 7, f"{START + timedelta(days=1)}T00:00:00Z", 30 * HOUR)
            self.sandbox.genesys.add_client(NEW_CLIENT)

    def reset(self) -> None:
        """The counters of a rule, and the credits, begin anew."""
        rules = [rule["id"] for rules in self.sandbox.pingone.issuance_rules.values() for rule in rules]
        self._numbers += 1
        self.sandbox.reset_counters(1, rules[self._numbers % len(rules)])
        self.sandbox.demandbase.ledger.reset_credits(3)

    # What a target has to hold

    def truth(self, stream: str) -> list[Row]:
        """Return what a stream holds now, from the start date on."""
        until = today(self.sandbox)
        if stream == "genesys_organization_usage":
            return organization_usage(self.sandbox, START, until)
        if stream in {"genesys_client_usage", "genesys_client_usage_summary"}:
            start = START if stream == "genesys_client_usage" else until - timedelta(days=SUMMARY_DAYS)
            clients = [client["id"] for client in self.sandbox.genesys.clients]
            return [row for client in clients for row in client_usage(self.sandbox, client, start, until)]
        if stream in AGGREGATES:
            clients = [client["id"] for client in self.sandbox.genesys.clients]
            whose = [None] if stream == AGGREGATES[0] else clients
            return [row for client in whose for row in aggregates(self.sandbox, START, until, client_id=client)]
        if stream == "demandbase_api_usage":
            return self.sandbox.demandbase.rows("day", str(START), str(until))
        if stream == "elasticpath_promotion_usages":
            return [row for row in promotion_usages(self.sandbox) if row["used_on"] >= str(START)]
        return TRUTH[stream](self.sandbox)

    def remember(self) -> None:
        """Remember what is true now: a target may go on holding it when it is gone."""
        with self.sandbox.lock:
            for stream in STREAMS:
                self._once[stream] |= counted(self.truth(stream))

    def compare(self, target: Target, streams: Iterable[str] = STREAMS) -> Figures:
        """Compare what the vendors hold now with what a target holds after a complete run."""
        self.remember()
        figures = Figures()
        for stream in streams:
            held = [row for row in target.held(stream) if as_usual(row)]
            if stream in OBSERVED:
                held = [row for row in held if row["observed_on"] == str(today(self.sandbox))]
            excused = [row for row in held if not self._gone.isdisjoint(map(str, row.values()))]
            truth, have = counted(self.truth(stream)), counted(plain(stream, held))
            figures.compared += truth.total()
            figures.lost += (truth - have).total()
            past = counted(plain(stream, excused)) & self._once[stream]
            figures.doubled += (have - (truth | past)).total()
        figures.counters, figures.odd = target.ledger.check()
        return figures


def as_usual(row: Row) -> bool:
    """Tell whether a row is not that of a run by weeks or months, or with other groups."""
    days = row.get("granularity") in {None, "Day"} and row.get("period") in {None, "day"}
    return days and row.get("httpMethod", "GET") is not None


def plain(stream: str, rows: Iterable[Row]) -> list[Row]:
    """Return rows without what the tap added, and with days in the vendor's usual form."""
    day = "{}T00:00:00Z" if stream.startswith("genesys") and stream not in AGGREGATES else "{}"
    dated = [row | {"date": day.format(row["date"][:10])} if row.get("date") else row for row in rows]
    return bare(stream, dated)


CHANGES: dict[str, Callable[[World], None]] = {
    "nothing": lambda _: None,
    "minutes": lambda world: world.sandbox.advance(minutes=20),
    "hours": lambda world: world.sandbox.advance(hours=2),
    "day": lambda world: world.sandbox.advance(days=1),
    "week": lambda world: world.sandbox.advance(days=6),
    "created": World.created,
    "deleted": World.deleted,
    "late": World.late,
}
FURTHER: dict[str, Callable[[World], None]] = {"reset": World.reset, "surfaced": World.surfaced}
