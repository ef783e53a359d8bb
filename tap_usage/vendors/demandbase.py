"""Demandbase (formerly InsideView): API usage per period, and credits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from singer_sdk import typing as th

from tap_usage.reading.sheet import Config, Sheet, Windows
from tap_usage.reading.snapshots import Counters
from tap_usage.rest.auth import ClientCredentials
from tap_usage.rest.errors import Rule, Verdict
from tap_usage.rest.host import ErrorFields, Host
from tap_usage.rest.pages.single import SinglePage
from tap_usage.settings import Required, number, secret, text, whole
from tap_usage.vendors.vendor import Vendor

LENGTHS = {"day": 10, "month": 7, "year": 4}
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
BESIDE = ("accountId", "period", "usageForAccount", "creditsForAccount")

SETTINGS = th.PropertiesList(
    text("demandbase_client_id", "Client id of the InsideView API key."),
    secret("demandbase_client_secret", "Client secret of the InsideView API key."),
    text("demandbase_period", "What one row is about.", default="day", choices=LENGTHS),
    whole("demandbase_window_periods", "Periods per request.", 31, 1),
    whole(
        "demandbase_lookback_periods",
        "Last periods read again, the current one included, because bulk jobs post late.",
        2,
    ),
    number(
        "demandbase_throttle_wait_seconds",
        "Shortest wait after a 429: a throttled token locks the whole account for five minutes.",
        300,
    ),
    text("demandbase_api_url", "API URL instead of the vendor's."),
    text("demandbase_login_url", "Login URL instead of the vendor's."),
)


def expiry(text: str) -> datetime:
    """Read `Tue, Jul 21, 2015 09:08:17 PM GMT`: 12-hour clock, English names whatever the locale.

    Raises:
        ValueError: if it is something else.
    """
    _, day, rest = text.split(", ")
    month, number = day.split()
    year, clock, half, _ = rest.split()
    hour, minute, second = (int(part) for part in clock.split(":"))
    hour = hour % 12 + (12 if half == "PM" else 0)
    return datetime(int(year), MONTHS.index(month) + 1, int(number), hour, minute, second, tzinfo=UTC)


def host(config: Mapping[str, Any]) -> Host:
    """Return the connection's data sheet. The secret goes in a form, the token in a header of its own."""
    login = config["demandbase_login_url"] or "https://login.insideview.com"
    form = {
        "clientId": config["demandbase_client_id"],
        "clientSecret": config["demandbase_client_secret"],
        "grantType": "cred",
    }
    details = "accessTokenDetails"
    return Host(
        name="demandbase",
        url=config["demandbase_api_url"] or "https://api.insideview.com",
        auth=ClientCredentials(
            f"{login.rstrip('/')}/Auth/login/v1/token.json",
            form,
            token=f"{details}.accessToken",
            expiry=(f"{details}.expirationTime", expiry),
            header="accessToken",
            scheme="",
        ),
        rules=(
            Rule((405,), Verdict.FAIL, "the account is not entitled to this API; ask Demandbase"),
            Rule(
                (429,),
                Verdict.RETRY,
                "the whole account is throttled; run less often",
                pause=True,
                at_least_seconds=config["demandbase_throttle_wait_seconds"],
            ),
        ),
        errors=ErrorFields(code=("errorNumber", "errorType"), text=(), correlation=("diagnosticCode",)),
    )


def between(start: date, end: date, config: Config) -> dict[str, str]:
    """Return the query of a window; its `end` is inclusive, and days are cut to the period."""
    period = config["demandbase_period"]
    first, last = (day.isoformat()[: LENGTHS[period]] for day in (start, end - timedelta(days=1)))
    return {"period": period, "start": first, "end": last}


PERIODS = Windows(
    field="date",
    bucket="demandbase_period",
    span="demandbase_window_periods",
    lookback="demandbase_lookback_periods",
    params=between,
    step="bucket",
    open_end=True,
    stamp="period_start",
)


class ApiUsage(Sheet):
    """Transactions per API and period. https://kb.demandbase.com/hc/en-us/articles/7273870226075."""

    name = "demandbase_api_usage"
    path = "/api/v1/admin/usage"
    paging = SinglePage()
    rows = "usageForAccount"
    beside = BESIDE
    windows = PERIODS
    primary_keys = ("usage_key",)
    replication_key = "period_start"
    envelope = ("accountId", "accountName")
    constants = {"period": "demandbase_period"}
    key_fields = ("accountId", "period", "date", "api")
    promised = ("transactions",)
    query = ("demandbase_period",)


class Credits(Sheet):
    """Credits of the current allocation period, in the answer of the same endpoint for its last period."""

    name = "demandbase_credits"
    path = ApiUsage.path
    paging = SinglePage(most=1)
    rows = "creditsForAccount"
    beside = BESIDE
    windows = replace(PERIODS, field="", stamp="")
    primary_keys = ("accountId", "observed_on")
    envelope = ("accountId", "accountName")
    counters = Counters("accountId", ("consumedCredits",))
    promised = ("allocatedCredits", "consumedCredits")


VENDOR = Vendor(
    required=Required("demandbase", ("demandbase_client_id", "demandbase_client_secret")),
    settings=SETTINGS,
    host=host,
    streams=(ApiUsage, Credits),
)
