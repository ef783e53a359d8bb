"""OpenAI: tokens by model and project, as its usage API tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singer_sdk import typing as th

from tap_usage.reading.sheet import Sheet, Windows, unix
from tap_usage.rest.auth import Key
from tap_usage.rest.host import ErrorFields, Host
from tap_usage.rest.pages.links import NextCursor
from tap_usage.settings import Required, number, secret, text, whole
from tap_usage.vendors.vendor import Vendor

SETTINGS = th.PropertiesList(
    secret("openai_admin_key", "Admin key of the organization"),
    whole("openai_window_days", "Days per list", 31, 1),
    whole("openai_lookback_days", "Finished days read again", 2),
    number("openai_requests_per_second", "Request rate, 0 for no limit", 0),
    text("openai_api_url", "API URL instead of the vendor's"),
)


def host(config: Mapping[str, Any]) -> Host:
    """Return the connection's data sheet."""
    return Host(
        name="openai",
        url=config["openai_api_url"] or "https://api.openai.com",
        auth=Key(config["openai_admin_key"]),
        errors=ErrorFields(code=("error.code",), text=("error.message",)),
        per_second=config["openai_requests_per_second"],
    )


class CompletionsUsage(Sheet):
    """Tokens by model and project. https://platform.openai.com/docs/api-reference/usage/completions."""

    name = "openai_completions_usage"
    path = "/v1/organization/usage/completions"
    params = {"bucket_width": "1d", "group_by": "model,project_id", "limit": 7}
    rows = "data.*.results"
    envelope = ("data.*.start_time", "data.*.end_time")
    paging = NextCursor("next_page", param="page", more="has_more")
    windows = Windows(
        "start_time",
        "day",
        span="openai_window_days",
        lookback="openai_lookback_days",
        params=unix("start_time", "end_time"),
        stamp="date",
    )
    primary_keys = ("usage_key",)
    replication_key = "date"
    key_fields = ("date", "model", "project_id")
    promised = ("input_tokens", "output_tokens", "num_model_requests")


VENDOR = Vendor(
    required=Required("openai", ("openai_admin_key",)), settings=SETTINGS, host=host, streams=(CompletionsUsage,)
)
