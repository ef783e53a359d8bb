"""What the benchmark's server holds: rows that are told by their number, so that a check needs no second copy.

Standard library only: the server and the floor run in an environment of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

FIRST_USE = datetime(2024, 1, 1, tzinfo=UTC)
SECONDS_BETWEEN_USES = 60
PROMOTION = b"PPPPPPPP"
MIX = 0x9E3779B97F4A7C15
MOST = 1 << 64

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
TEMPLATES = ("api/v2/users", "api/v2/analytics/conversations/details/query")


@dataclass(frozen=True)
class Shape:
    """How much the server holds and how it answers.

    Attributes:
        promotions: number of promotions.
        usages: usages of each of them.
        clients: number of Genesys clients, each with rows for 30 days and two templates.
        latency_ms: time until an answer.
        per_second: requests per second that are admitted, 0 for any number; the others are refused with 429.
        burst: requests that are admitted at once after a pause.
    """

    promotions: int = 0
    usages: int = 0
    clients: int = 0
    latency_ms: float = 0.0
    per_second: float = 0.0
    burst: int = 20

    def arguments(self) -> list[str]:
        """Return the command line of `benchmarks.server`."""
        return arguments(asdict(self))

    def check(self) -> list[str]:
        """Return module and arguments of what checks a program's output."""
        return [
            "benchmarks.check",
            *arguments({name: getattr(self, name) for name in ("promotions", "usages", "clients")}),
        ]


def arguments(values: Mapping[str, object]) -> list[str]:
    """Return values as a command line."""
    return [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def promotion_id(number: int) -> str:
    """Return the id of a promotion; ids are in the order of the numbers."""
    return f"{number:08x}-0000-4000-8000-{number * MIX % (1 << 48):012x}"


def promotion(number: int) -> dict[str, Any]:
    """Return the body of a promotion."""
    return {
        "type": "rule_promotion",
        "id": promotion_id(number),
        "name": f"Promotion {number}",
        "description": f"Promotion number {number}",
        "enabled": True,
        "automatic": number % 2 == 0,
        "start": "2024-01-01T00:00:00Z",
        "end": "2034-01-01T00:00:00Z",
        "rule_set": {
            "currencies": ["USD"],
            "catalog_ids": None,
            "rules": {"strategy": "and", "children": [{"strategy": "cart_total", "operator": "gte", "args": [1000]}]},
            "actions": [{"strategy": "cart_discount", "args": ["percent", 10]}],
        },
        "meta": {"timestamps": {"created_at": "2023-12-01T00:00:00.000Z", "updated_at": "2023-12-01T00:00:00.000Z"}},
    }


def used_on(number: int) -> str:
    """Return when the usage of that number happened."""
    at = FIRST_USE + timedelta(seconds=number * SECONDS_BETWEEN_USES)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def usages(count: int) -> Iterator[bytes]:
    """Yield so many usages of any promotion, in the order of `used_on`, as JSON.

    The promotion's part of the ids is left open: `PPPPPPPP`. The last group of an id is the usage's number.
    """
    for number in range(count):
        mixed = number * MIX % MOST
        digits, at = f"{mixed:016x}", used_on(number)
        row = {
            "id": f"PPPPPPPP-{digits[:4]}-4{digits[4:7]}-8{digits[7:10]}-{number:012x}",
            "order_id": f"PPPPPPPP-{digits[:4]}-4{digits[4:7]}-9{digits[7:10]}-{number:012x}",
            "code_id": f"{mixed % 97:08x}-0000-4000-8000-000000000000",
            "code": f"code-{mixed % 97}",
            "times_used": 1,
            "used_on": at,
            "customer_email": f"customer{mixed % 5003}@example.com",
            "meta": {"timestamps": {"updated_at": at}},
            "anonymized": False,
            "account_id": f"{digits[:8]}-{digits[8:12]}-4000-8000-{digits[4:]}",
        }
        yield json.dumps(row, separators=(",", ":")).encode()


def client_id(number: int) -> str:
    """Return the id of a Genesys client."""
    return f"11111111-0000-4000-8000-{number:012x}"


def client(number: int) -> dict[str, Any]:
    """Return the body of a Genesys client."""
    return {
        "id": client_id(number),
        "name": f"Client {number}",
        "description": "",
        "accessTokenValiditySeconds": 86400,
        "authorizedGrantType": "CLIENT-CREDENTIALS",
        "state": "active",
        "dateCreated": "2025-01-01T00:00:00.000Z",
        "dateModified": "2025-01-01T00:00:00.000Z",
    }


def client_usage() -> list[dict[str, Any]]:
    """Return what a query over all days gives for any client, grouped by template and method."""
    return [
        {
            "clientId": "",
            "clientName": "",
            "organizationId": "",
            "userId": "",
            "templateUri": template,
            "httpMethod": "GET",
            "date": (FIRST_DAY + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "status200": 90 + day,
            "status300": 0,
            "status400": 9,
            "status500": 1,
            "status429": 3,
            "requests": 100 + day,
        }
        for day in range(DAYS)
        for template in TEMPLATES
    ]
