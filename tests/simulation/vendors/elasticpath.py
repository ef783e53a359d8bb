"""Elastic Path: promotions, and usages of which some become visible late, or go."""

from __future__ import annotations

import random
from bisect import insort
from dataclasses import dataclass, field
from typing import ClassVar

from tests.simulation.clock import DAY, NEVER, day_text, time_text
from tests.simulation.faults import Fault
from tests.simulation.vendors.vendor import Asked, Json, Made, Owed, Owes, Refused, Thing, Vendor, listed, some, staying

LOOKBACK_SECONDS = 600
TITLES = {401: "Unable to validate access token", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}


@dataclass(slots=True, order=True)
class Usage:
    """A usage, visible for a time."""

    used_on: str
    id: str
    visible: float = field(compare=False)
    gone: float = field(compare=False)
    row: Json = field(compare=False)


@dataclass(slots=True, eq=False)
class Promotion(Thing):
    usages: list[Usage] = field(default_factory=list)


class ElasticPath(Vendor):
    name: ClassVar[str] = "elasticpath"

    def __init__(self, dice: random.Random, at: float) -> None:
        super().__init__(dice, at)
        self.promotions: list[Promotion] = []
        self.by_total_method = dice.random() < 0.8
        for _ in range(dice.randint(1, 4)):
            self._add_promotion(at - 50 * DAY, at)

    def grow(self, since: float, at: float) -> None:
        dice = self.dice
        for promotion in self.promotions:
            if dice.random() < 0.5:
                self._use(promotion, since, at, dice.randint(1, 4))
            if promotion.usages and dice.random() < 0.3:
                for usage in dice.sample(promotion.usages, min(len(promotion.usages), dice.randint(1, 3))):
                    usage.gone = min(usage.gone, at + dice.random() * 20)
        chance = dice.random()
        if chance < 0.15:
            # It may have been used for long before anybody could see it in a list.
            promotion = self._add_promotion(max(self.began - 9 * DAY, 0.0), since)
            promotion.created = self.moment(since, at)
        elif chance < 0.25 and len(self.promotions) > 1:
            dice.choice(self.promotions).deleted = self.moment(since, at)

    def _add_promotion(self, since: float, at: float) -> Promotion:
        promotion = Promotion(self.new_id("promotion"))
        self.promotions.append(promotion)
        self._use(promotion, since, at, int(self.dice.random() ** 3 * 30))
        return promotion

    def _use(self, promotion: Promotion, since: float, at: float, count: int) -> None:
        """Have a promotion be used: nothing becomes visible before `since`, some of it soon after `at`."""
        dice = self.dice
        base = self.moment(since, at)
        burst = count <= 5 and dice.random() < 0.3
        for number in range(count):
            visible = base if burst else self.moment(since, at)
            late = dice.random() * (LOOKBACK_SECONDS - 2) if dice.random() < 0.3 else 0.0
            used = int(visible - late) if dice.random() < 0.5 else visible - late
            name = f"{promotion.id}.{len(promotion.usages)}.{number}"
            row = {"id": name, "code": None, "code_id": None, "times_used": 1, "used_on": time_text(used)}
            insort(promotion.usages, Usage(row["used_on"], name, visible, NEVER, row))

    def settle(self, at: float) -> None:
        for promotion in self.promotions:
            for usage in promotion.usages:
                usage.gone = NEVER if usage.gone > at else usage.gone

    def choose(self) -> Json:
        return {
            "elasticpath_client_id": "client",
            "elasticpath_client_secret": "s",
            "elasticpath_page_size": self.dice.choice((2, 3, 5, 10)),
            "elasticpath_max_offset": self.dice.choice((10, 20, 10_000, 10_000)),
        }

    def detour(self) -> Json:
        return {"elasticpath_promotion_ids": some(self.promotions, self.dice)}

    @property
    def size(self) -> int:
        return len(self.promotions)

    def operation(self, asked: Asked) -> str:
        match asked.parts:
            case ["oauth", "access_token"]:
                return "elasticpath.token"
            case ["v2", "rule-promotions"]:
                return "elasticpath.promotions"
            case ["v2", "rule-promotions", _, "usages"]:
                return "elasticpath.usages"
        raise AssertionError(asked)

    def carry_out(self, operation: str, asked: Asked, at: float, fault: Fault | None) -> Made:
        if operation == "elasticpath.promotions":
            found = listed(self.promotions, at, fault)
            rows: list[Json] = [{"id": each.id, "name": each.id, "enabled": True} for each in found]
            return self._page(asked, rows, fault)
        promotion = next((each for each in self.promotions if each.id == asked.parts[2] and each.exists(at)), None)
        if promotion is None:
            raise Refused(404)
        start, end = "", "~"
        for term in asked.query.get("filter", "").split(":u") if "filter" in asked.query else ():
            operator, _, bound = term.rstrip(")").partition("(used_on,")
            start, end = (bound, end) if operator == "ge" else (start, bound)
        usages = promotion.usages
        rows = [each.row for each in usages if each.visible <= at < each.gone and start <= each.used_on < end]
        return self._page(asked, rows, fault)

    def _page(self, asked: Asked, rows: list[Json], fault: Fault | None) -> Made:
        limit, offset = int(asked.query["page[limit]"]), int(asked.query["page[offset]"])
        page, total, kind = rows[offset : offset + limit], len(rows), fault.kind if fault else ""
        if kind == "doubled_rows":
            page = [row for row in page for _ in range(2)]
        elif kind == "reversed_rows":
            page = page[::-1]
        elif kind == "short_page":
            page = page[: len(page) // 2]
        elif kind == "wrong_total":
            total = max(0, total + (3 if fault and fault.number % 2 else -3))
        results: Json = {"total": total, "total_method": "exact"} if self.by_total_method else {"total": total}
        meta: Json = {"page": {"limit": limit, "offset": offset}, "results": results}
        if kind == "no_total":
            del meta["results"]
        return 200, {"data": None if kind == "null_rows" and not page else page, "meta": meta}, {}

    def error(self, asked: Asked, refused: Refused) -> Json:  # noqa: ARG002 - the same everywhere
        return {"errors": [{"title": TITLES.get(refused.status, "Error"), "status": refused.status}]}

    def owes(self, begin: float, end: float, start_day: int) -> Owes:
        start = day_text(start_day)
        promotions = staying(self.promotions, begin, end)
        usages = {
            (usage.id, promotion.id): Owed()
            for promotion in promotions
            for usage in promotion.usages
            if usage.used_on >= start and usage.visible < begin and end < usage.gone
        }
        return {
            "elasticpath_promotions": {(each.id,): Owed() for each in promotions},
            "elasticpath_promotion_usages": usages,
        }
