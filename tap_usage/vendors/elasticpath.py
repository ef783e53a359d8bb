"""Elastic Path Composable Commerce: rule promotions (Promotions Builder) and their usages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from singer_sdk import typing as th

from tap_usage.reading.sheet import Sheet
from tap_usage.rest.auth import ClientCredentials
from tap_usage.rest.host import ErrorFields, Host
from tap_usage.rest.pages.offsets import OffsetPages, Order
from tap_usage.settings import Required, number, secret, text, texts, whole
from tap_usage.vendors.vendor import Vendor

SETTINGS = th.PropertiesList(
    text("elasticpath_client_id", "Client id of an application key."),
    secret("elasticpath_client_secret", "Client secret of the application key."),
    text("elasticpath_region", "Region of the store.", default="useast", choices=["useast", "euwest"]),
    texts("elasticpath_promotion_ids", "Only these promotions. Default: all."),
    whole("elasticpath_page_size", "Rows per page.", 100, 1, 100),
    whole("elasticpath_max_offset", "The store's `page_offset_limit`; no page beyond it is asked for.", 10_000, 1),
    whole("elasticpath_lookback_minutes", "Overlap that catches usages that became visible late.", 10),
    number("elasticpath_requests_per_second", "Most requests per second, 0 for no limit.", 20),
    text("elasticpath_api_url", "API URL instead of the region's."),
)


def host(config: Mapping[str, Any]) -> Host:
    """Return the connection's data sheet. The token endpoint takes a form and is not below `/v2`."""
    url = config["elasticpath_api_url"] or f"https://{config['elasticpath_region']}.api.elasticpath.com"
    form = {
        "grant_type": "client_credentials",
        "client_id": config["elasticpath_client_id"],
        "client_secret": config["elasticpath_client_secret"],
    }
    return Host(
        name="elasticpath",
        url=url,
        auth=ClientCredentials(f"{url.rstrip('/')}/oauth/access_token", form),
        errors=ErrorFields(code=("errors.0.title",), text=("errors.0.detail",), correlation=("errors.0.request_id",)),
        per_second=config["elasticpath_requests_per_second"],
    )


def by_used_on(start: str | None, end: str | None) -> dict[str, str]:
    """Return sort and filter; unquoted RFC 3339 with Z is the form that every parser of the vendor takes."""
    bounds = [f"{operator}(used_on,{value})" for operator, value in (("ge", start), ("lt", end)) if value]
    return {"sort": "used_on", **({"filter": ":".join(bounds)} if bounds else {})}


class Collection(Sheet):
    """A list by offsets, which has one of two totals."""

    paging = OffsetPages(
        limit_param="page[limit]",
        offset_param="page[offset]",
        totals=("meta.results.total", "meta.pagination.total"),
        method="meta.results.total_method",
    )
    tuning = {"size": "elasticpath_page_size", "max_offset": "elasticpath_max_offset"}
    rows = "data"
    primary_keys = ("id",)


class Promotions(Collection):
    """Rule promotions. https://elasticpath.dev/docs/api/promotions-builder/get-rule-promotions."""

    name = "elasticpath_promotions"
    path = "/v2/rule-promotions"
    only = "elasticpath_promotion_ids"
    children = {"promotion_id": "id"}
    promised = ("name", "enabled")


class PromotionUsages(Collection):
    """Usages of a promotion. https://elasticpath.dev/docs/api/promotions-builder/get-rule-promotion-usages."""

    name = "elasticpath_promotion_usages"
    path = "/v2/rule-promotions/{promotion_id}/usages"
    parent = Promotions
    paging = replace(Collection.paging, order=Order("used_on", by_used_on))
    replication_key = "used_on"
    lookback = "elasticpath_lookback_minutes"
    promised = ("times_used", "code", "code_id")


VENDOR = Vendor(
    required=Required("elasticpath", ("elasticpath_client_id", "elasticpath_client_secret")),
    settings=SETTINGS,
    host=host,
    streams=(Promotions, PromotionUsages),
)
