"""Twilio: usage by category and day, of an account and its sub-accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singer_sdk import typing as th

from tap_usage.reading.sheet import Sheet, Windows, days
from tap_usage.rest.auth import Basic
from tap_usage.rest.host import ErrorFields, Host
from tap_usage.rest.pages.links import NextLink
from tap_usage.settings import Required, number, secret, text, texts, whole
from tap_usage.vendors.vendor import Vendor

SETTINGS = th.PropertiesList(
    text("twilio_account_sid", "The account, which is also the user name"),
    secret("twilio_auth_token", "Its password"),
    texts("twilio_account_sids", "Only these accounts. Default: all"),
    whole("twilio_window_days", "Days per list", 31, 1),
    whole("twilio_lookback_days", "Finished days read again", 3),
    number("twilio_requests_per_second", "Request rate, 0 for no limit", 0),
    text("twilio_api_url", "API URL instead of the vendor's"),
)


def host(config: Mapping[str, Any]) -> Host:
    """Return the connection's data sheet."""
    return Host(
        name="twilio",
        url=config["twilio_api_url"] or "https://api.twilio.com",
        auth=Basic(config["twilio_account_sid"], config["twilio_auth_token"]),
        errors=ErrorFields(code=("code",), text=("message",)),
        per_second=config["twilio_requests_per_second"],
    )


class Collection(Sheet):
    """A list whose pages are linked by paths."""

    paging = NextLink("next_page_uri")
    params = {"PageSize": 50}


class Accounts(Collection):
    """The account and its sub-accounts. https://www.twilio.com/docs/iam/api/account."""

    name = "twilio_accounts"
    path = "/2010-04-01/Accounts.json"
    rows = "accounts"
    primary_keys = ("sid",)
    only = "twilio_account_sids"
    children = {"account_sid": "sid"}
    barren = ("status", ("closed",))
    promised = ("friendly_name", "status")


class UsageRecords(Collection):
    """Usage by category and day. https://www.twilio.com/docs/usage/api/usage-record."""

    name = "twilio_usage_records"
    path = "/2010-04-01/Accounts/{account_sid}/Usage/Records/Daily.json"
    rows = "usage_records"
    parent = Accounts
    windows = Windows(
        "start_date",
        "day",
        span="twilio_window_days",
        lookback="twilio_lookback_days",
        params=days("StartDate", "EndDate", inclusive=True),
    )
    primary_keys = ("account_sid", "category", "start_date")
    replication_key = "start_date"
    numbers = ("count", "usage", "price")
    promised = ("description", "count", "usage", "price")


VENDOR = Vendor(
    required=Required("twilio", ("twilio_account_sid", "twilio_auth_token")),
    settings=SETTINGS,
    host=host,
    streams=(Accounts, UsageRecords),
)
