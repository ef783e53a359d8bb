"""PingOne: environments, credential types, issuance rules, and counters of each rule that begin anew now and then."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import ClassVar

from tests.simulation.clock import DAY, NEVER, day_text
from tests.simulation.faults import Fault
from tests.simulation.vendors.vendor import Asked, Json, Made, Owed, Owes, Refused, Thing, Vendor, listed, some, staying

HOME = "home"
CODES = {400: "INVALID_REQUEST", 401: "ACCESS_FAILED", 403: "ACCESS_FAILED", 404: "NOT_FOUND", 429: "REQUEST_LIMITED"}


@dataclass(slots=True, eq=False)
class Rule(Thing):
    per_second: float = 0.0
    resets: list[float] = field(default_factory=list)

    def count(self, at: float) -> int:
        return int((at - max(reset for reset in self.resets if reset <= at)) * self.per_second)

    def body(self, at: float) -> Json:
        issued = self.count(at)
        return {"issued": issued, "accepted": issued // 3, "updated": 0, "revoked": 7, "errors": issued // 100}


@dataclass(slots=True, eq=False)
class CredentialType(Thing):
    rules: list[Rule] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Environment(Thing):
    types: list[CredentialType] = field(default_factory=list)
    pending: float = NEVER


class PingOne(Vendor):
    name: ClassVar[str] = "pingone"

    def __init__(self, dice: random.Random, at: float) -> None:
        super().__init__(dice, at)
        self.page_size = dice.choice((1, 2, 5))
        self.missing = dice.choice((404, 403, 400))
        self.environments = [Environment(HOME)]
        self._add_rule(self.environments[0], 0.0)
        for _ in range(dice.randint(0, 3)):
            self._add(0.0)

    def grow(self, since: float, at: float) -> None:
        dice = self.dice
        chance = dice.random()
        if chance < 0.2:
            self._add(self.moment(since, at))
        elif chance < 0.3:
            self._some_rule().resets.append(self.moment(since, at))
        elif chance < 0.35:
            self._some_rule().deleted = self.moment(since, at)
        elif chance < 0.4 and len(self.environments) > 1:
            dice.choice(self.environments[1:]).deleted = self.moment(since, at)
        elif chance < 0.45 and len(self.environments) > 1:
            dice.choice(self.environments[1:]).pending = self.moment(since, at)

    def _some_rule(self) -> Rule:
        """Return a rule, but not the first one: something has to be there always."""
        rules = [rule for environment in self.environments for kind in environment.types for rule in kind.rules]
        return self.dice.choice(rules[1:] or [self._add_rule(self.environments[0], 0.0)])

    def _add(self, created: float) -> None:
        """Add an environment, or something inside one."""
        if self.dice.random() < 0.4:
            self.environments.append(Environment(self.new_id("environment"), created))
        if self.dice.random() < 0.8:
            self._add_rule(self.dice.choice(self.environments), created)

    def _add_rule(self, environment: Environment, created: float) -> Rule:
        if not environment.types or self.dice.random() < 0.5:
            environment.types.append(CredentialType(self.new_id("type"), created))
        rule = Rule(self.new_id("rule"), created, NEVER, 1 / self.dice.choice((60, 3600, 40_000)), [0.0])
        environment.types[-1].rules.append(rule)
        return rule

    def choose(self) -> Json:
        return {"pingone_environment_id": HOME, "pingone_client_id": "client", "pingone_client_secret": "s"}

    def detour(self) -> Json:
        return {"pingone_environment_ids": some(self.environments, self.dice)}

    @property
    def size(self) -> int:
        return sum(1 + len(each.types) + sum(len(kind.rules) for kind in each.types) for each in self.environments)

    def operation(self, asked: Asked) -> str:
        match asked.parts:
            case [_, "as", "token"]:
                return "pingone.token"
            case ["v1", "environments"]:
                return "pingone.environments"
            case ["v1", "environments", _, "credentialTypes"]:
                return "pingone.types"
            case ["v1", "environments", _, "credentialTypes", _, "issuanceRules"]:
                return "pingone.rules"
            case ["v1", "environments", _, "credentialTypes", _, "issuanceRules", _, "usageCounts"]:
                return "pingone.counts"
        raise AssertionError(asked)

    def carry_out(self, operation: str, asked: Asked, at: float, fault: Fault | None) -> Made:
        parts = asked.parts
        if operation == "pingone.environments":
            rows = [
                {
                    "id": each.id,
                    "name": each.id,
                    "type": "SANDBOX",
                    "region": "NA",
                    "organization": {"id": "o"},
                    "createdAt": "2026-01-01T00:00:00Z",
                    "updatedAt": "2026-01-01T00:00:00Z",
                    "status": "DELETE_PENDING" if each.pending <= at else None,
                }
                for each in listed(self.environments, at, fault)
            ]
            return self._page(asked, rows, "environments")
        environment = next((each for each in self.environments if each.id == parts[2] and each.exists(at)), None)
        if environment is None:
            raise Refused(self.missing)
        if environment.pending <= at:
            raise Refused(403)
        if operation == "pingone.types":
            types = listed(environment.types, at, fault)
            return self._page(asked, [{"id": each.id, "title": each.id} for each in types], "items")
        kind = next((each for each in environment.types if each.id == parts[4] and each.exists(at)), None)
        if kind is None:
            raise Refused(404)
        if operation == "pingone.rules":
            rules = [{"id": each.id, "status": "ACTIVE"} for each in listed(kind.rules, at, fault)]
            return self._page(asked, rules, "issuanceRules")
        rule = next((each for each in kind.rules if each.id == parts[6] and each.exists(at)), None)
        if rule is None:
            raise Refused(404)
        return 200, rule.body(at), {}

    def _page(self, asked: Asked, rows: list[Json], name: str) -> Made:
        after = int(asked.query.get("cursor", "-1"))
        here = f"{asked.origin}/{'/'.join(asked.parts)}"
        links = {"self": {"href": here}}
        rows = [row for row in rows if _number(row) > after]
        page = rows[: self.page_size]
        if page != rows:
            links["next"] = {"href": f"{here}?cursor={_number(page[-1])}"}
        body: Json = {"_links": links, "size": len(page)}
        if page or self.page_size > 1:
            body["_embedded"] = {name: page} if page or self.page_size > 2 else {}
        return 200, body, {}

    def error(self, asked: Asked, refused: Refused) -> Json:
        if asked.parts[-1] == "token":
            return {"error": "invalid_client" if refused.status == 401 else "server_error", "error_description": "no"}
        return {"id": "e", "code": CODES.get(refused.status, f"HTTP_{refused.status}"), "message": "refused"}

    def owes(self, begin: float, end: float, start_day: int) -> Owes:  # noqa: ARG002 - counters have no time
        environments = staying(self.environments, begin, end)
        inside = [each for each in environments if end < each.pending]
        types = [kind for each in inside for kind in staying(each.types, begin, end)]
        rules = [rule for kind in types for rule in staying(kind.rules, begin, end)]
        today = day_text(int(begin // DAY)) if begin // DAY == end // DAY else ""
        return {
            "pingone_environments": {(each.id,): Owed() for each in environments},
            "pingone_credential_types": {(each.id,): Owed() for each in types},
            "pingone_issuance_rules": {(each.id,): Owed() for each in rules},
            "pingone_issuance_rule_usage_counts": {
                (rule.id, today): Owed(rule.count(begin), rule.count(end)) if rule.resets[-1] <= begin else Owed()
                for rule in rules
                if today
            },
        }


def _number(row: Json) -> int:
    """Return the place of a row in all lists."""
    return int(str(row["id"]).partition("-")[2][1:] or 0)
