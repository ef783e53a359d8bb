"""What no document of Genesys' usage aggregates tells: the sandbox does it either way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date
from typing import Any, get_args, get_type_hints

import pytest

from tap_usage.sandbox import Sandbox
from tap_usage.sandbox.genesys_unknowns import Unknowns
from tests.sandbox.client import Client
from tests.sandbox.jobs import FIRST, ORGANIZATION, REMOVED, first_page, pages, rows, submit, submitted

OBJECTS = ("oauthClient", "user")
TEXTS = ("templateUri", "platform")


def days(client: Client) -> list[str]:
    found = rows(client, interval="2026-11-18T00:00:00Z/2026-11-20T00:00:00Z")
    return sorted({row["date"][8:] for row in found})


def last_day(client: Client) -> str:
    return max(str(row["date"]) for row in rows(client, interval="2026-11-20T00:00:00Z/2026-11-22T00:00:00Z"))


def accepted(client: Client) -> list[bool]:
    """Tell which intervals near the limits are accepted at noon of 2026-11-22."""
    intervals = (
        "2025-11-23/2025-12-01",
        "2025-11-22/2025-12-01",
        "2025-11-20/2025-12-01",
        "2026-08-01/2026-10-29",
        "2026-08-01/2026-10-30",
        "2026-08-01/2026-10-31",
        "2026-11-01/2026-11-22",
        "2026-11-01/2026-11-23",
    )
    return [submit(client, interval=interval).ok for interval in intervals]


def refusal(client: Client) -> str:
    return str(submit(client, interval="2024-01-01/2024-02-01").json()["code"])


def waiting(client: Client) -> list[tuple[int, str]]:
    job = submitted(client)
    answers = [client.get("genesys", job) for _ in range(3)]
    return [(answer.status_code, answer.json()["queryStatus"]) for answer in answers]


def failing(client: Client) -> list[tuple[int, str]]:
    jobs = [submitted(client) for _ in range(2)]
    client.sandbox.fault("genesys.*_results", "query_status")
    client.sandbox.fault("genesys.*_results", "query_status", word="Cancelled")
    answers = [client.get("genesys", job) for job in jobs]
    return [(answer.status_code, answer.json()["queryStatus"]) for answer in answers]


def reason(client: Client) -> str | None:
    client.sandbox.fault("genesys.*_results", "query_status", status=400, code="query.too.long")
    error = first_page(client, submitted(client)).get("errorBody")
    return error and f"{error['status']} {error['code']}"


def ungrouped(client: Client) -> list[object]:
    row = rows(client, groupBy=["HttpMethod"])[0]
    return [row.get(name, "absent") for name in (*OBJECTS, *TEXTS)]


def client_names(client: Client) -> list[str | None]:
    found = {row["oauthClient"]["id"]: row["oauthClient"].get("name") for row in rows(client)}
    return [found[FIRST], found[REMOVED]]


def next_uri(client: Client) -> str:
    """Return the link to the next page without what is different each time."""
    job = submitted(client)
    link = str(first_page(client, job, pageSize=7)["nextUri"])
    assert len(client.get("genesys", link.removeprefix(client.sandbox.url("genesys api"))).json()["entities"])
    return link.replace(client.sandbox.url("genesys api"), "HOST").replace(job, "/JOB").partition("?")[0]


def repeated_page_size(client: Client) -> bool:
    return "pageSize=7" in first_page(client, submitted(client), pageSize=7)["nextUri"]


def sizes(client: Client) -> list[int]:
    job = submitted(client, interval="2026-11-18/2026-11-18", groupBy=["HttpMethod"])
    return [len(page) for page in pages(client, job, pageSize=2)]


def nothing(client: Client) -> object:
    client.sandbox.clear()
    return first_page(client, submitted(client)).get("entities", "missing")


def forgotten(client: Client) -> tuple[int, str]:
    job = submitted(client)
    client.sandbox.genesys.forget_executions()
    answer = client.get("genesys", job)
    return answer.status_code, answer.json().get("queryStatus", "")


def is_in_order(client: Client) -> bool:
    dates = [row["date"] for row in rows(client)]
    return dates == sorted(dates)


def weekdays(client: Client) -> set[int]:
    found = rows(client, granularity="Week", interval="2026-11-09T00:00:00Z/2026-11-20T00:00:00Z")
    return {date.fromisoformat(row["date"]).weekday() for row in found}


EITHER_WAY: dict[str, tuple[Callable[[Client], object], dict[Any, object]]] = {
    "end_inclusive": (days, {True: ["18", "19", "20"], False: ["18", "19"]}),
    "today_counted": (last_day, {True: "2026-11-22", False: "2026-11-21"}),
    "strict_limits": (
        accepted,
        {
            True: [True, False, False, True, False, False, True, False],
            False: [True, True, False, True, True, False, True, True],
        },
    ),
    "out_of_range_code": (refusal, {code: code for code in ("constraint.validation", "invalid.date", "invalid.value")}),
    "waiting_status": (
        waiting,
        {
            202: [(202, "Queued"), (202, "Running"), (200, "Succeeded")],
            200: [(200, "Queued"), (200, "Running"), (200, "Succeeded")],
        },
    ),
    "failing_status": (
        failing,
        {202: [(202, "Failed"), (202, "Cancelled")], 200: [(200, "Failed"), (200, "Cancelled")]},
    ),
    "error_body": (reason, {True: "400 query.too.long", False: None}),
    "ungrouped": (
        ungrouped,
        {
            "absent": ["absent", "absent", "absent", "absent"],
            "null": [None, None, None, None],
            "empty": [{}, {}, "", ""],
            "text": ["", "", "", ""],
            "members": [{"id": "", "name": "", "selfUri": ""}, {"id": "", "selfUri": ""}, "", ""],
        },
    ),
    "client_name": (
        client_names,
        {"filled": ["CRM export", "Removed"], "listed": ["CRM export", None], "absent": [None, None]},
    ),
    "next_uri": (next_uri, {"relative": "/JOB", "absolute": "HOST/JOB"}),
    "next_uri_page_size": (repeated_page_size, {True: True, False: False}),
    "empty_last_page": (sizes, {True: [2, 1, 0], False: [2, 1]}),
    "no_rows": (nothing, {"empty": [], "missing": "missing", "null": None}),
    "forgotten": (forgotten, {"not found": (404, ""), "Failed": (202, "Failed"), "Cancelled": (202, "Cancelled")}),
    "in_order": (is_in_order, {True: True, False: False}),
    "week_begins": (weekdays, {"Monday": {0}, "Sunday": {6}}),
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, (_, ways) in EITHER_WAY.items() for value in ways]
)
def test_what_is_unknown_can_be_either_way(client: Client, sandbox: Sandbox, field: str, value: object) -> None:
    probe, ways = EITHER_WAY[field]
    setattr(sandbox.genesys.aggregates.unknowns, field, value)
    assert probe(client) == ways[value]


def test_every_value_of_every_unknown_is_shown() -> None:
    kinds = get_type_hints(Unknowns)
    every = {field.name: set(get_args(kinds[field.name])) or {True, False} for field in fields(Unknowns)}
    assert {field: set(ways) for field, (_, ways) in EITHER_WAY.items()} == every


def test_a_job_that_never_was_is_not_found_whatever_becomes_of_forgotten_ones(client: Client, sandbox: Sandbox) -> None:
    sandbox.genesys.aggregates.unknowns.forgotten = "Failed"
    for name in ("unknown", "55555555-0000-4000-8000-000000000001"):
        assert client.get("genesys", f"{ORGANIZATION}/{name}").status_code == 404


@pytest.mark.parametrize(
    ("end_inclusive", "interval", "good"),
    [
        (True, "2026-11-05/2026-11-05", True),
        (False, "2026-11-05/2026-11-05", False),
        (True, "2026-11-05T12:00:00Z/2026-11-05T11:00:00Z", False),
        (False, "2026-11-05T12:00:00Z/2026-11-05T11:00:00Z", False),
    ],
)
def test_an_interval_without_a_day_is_refused(
    client: Client, sandbox: Sandbox, *, end_inclusive: bool, interval: str, good: bool
) -> None:
    sandbox.genesys.aggregates.unknowns.end_inclusive = end_inclusive
    assert submit(client, interval=interval).ok is good
