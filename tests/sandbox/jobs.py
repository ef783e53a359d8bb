"""How the jobs of Genesys' usage aggregates are asked."""

from __future__ import annotations

from typing import Any

import requests

from tests.sandbox.client import Client

ORGANIZATION = "/api/v2/usage/aggregates/query/jobs"
FIRST = "11111111-0000-4000-8000-000000000001"
REMOVED = "11111111-0000-4000-8000-000000000007"
BY_CLIENT = ["OauthClientId", "TemplateUri", "HttpMethod"]
BY_TEMPLATE = ["TemplateUri", "HttpMethod"]
NOVEMBER = "2026-11-01T00:00:00Z/2026-11-20T00:00:00Z"

Row = dict[str, Any]


def of_client(client_id: str = FIRST) -> str:
    return f"/api/v2/usage/client/{client_id}/aggregates/query/jobs"


def submit(client: Client, path: str = ORGANIZATION, **changes: object) -> requests.Response:
    """Submit a query for the first twenty days of November, or another one."""
    groups = BY_CLIENT if path == ORGANIZATION else BY_TEMPLATE
    body = {"interval": NOVEMBER, "granularity": "Day", "groupBy": groups}
    return client.post("genesys", path, body | changes)


def submitted(client: Client, path: str = ORGANIZATION, **changes: object) -> str:
    """Return the address of a job."""
    return f"{path}/{submit(client, path, **changes).json()['id']}"


def first_page(client: Client, job: str, **query: object) -> Row:
    """Poll a job until it is neither queued nor running."""
    while (body := client.get("genesys", job, query).json())["queryStatus"] in {"Queued", "Running"}:
        pass
    return dict(body)


def pages(client: Client, job: str, **query: object) -> list[list[Row]]:
    """Return the rows of a job by page."""
    body = first_page(client, job, **query)
    found = [body["entities"]]
    while link := body.get("nextUri"):
        body = client.get("genesys", link).json()
        found.append(body["entities"])
    return found


def rows(client: Client, path: str = ORGANIZATION, **changes: object) -> list[Row]:
    """Return the rows of a query."""
    return [row for page in pages(client, submitted(client, path, **changes), pageSize=1000) for row in page]


def total(found: list[Row]) -> int:
    return sum(row["requestCount"] for row in found)
