"""A plain tap on the Singer SDK: parent and child stream, offset paginator, OAuth, as the SDK's guide has them."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import requests
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import OAuthAuthenticator
from singer_sdk.helpers.types import Context, Record
from singer_sdk.pagination import BaseOffsetPaginator

PAGE = 100


class Authenticator(OAuthAuthenticator):
    """Client credentials."""

    @property
    def oauth_request_body(self) -> dict[str, Any]:
        return {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.client_secret}


class Pages(BaseOffsetPaginator):
    """Offsets up to the total."""

    def has_more(self, response: requests.Response) -> bool:
        return self.current_value + PAGE < int(response.json()["meta"]["results"]["total"])


class ElasticPathStream(RESTStream[int]):
    """What both streams share."""

    records_jsonpath = "$.data[*]"

    @property
    def url_base(self) -> str:
        return str(self.config["api_url"])

    @cached_property
    def authenticator(self) -> Authenticator:
        return Authenticator(
            auth_endpoint=f"{self.url_base}/oauth/access_token",
            client_id=self.config["client_id"],
            client_secret=self.config["client_secret"],
        )

    def get_new_paginator(self) -> Pages:
        return Pages(start_value=0, page_size=PAGE)

    def get_url_params(self, context: Context | None, next_page_token: int | None) -> dict[str, Any]:  # noqa: ARG002
        return {"page[limit]": PAGE, "page[offset]": next_page_token or 0}


class Promotions(ElasticPathStream):
    """Promotions."""

    name = "promotions"
    path = "/v2/rule-promotions"
    primary_keys = ("id",)
    schema = th.PropertiesList(
        th.Property("type", th.StringType),
        th.Property("id", th.StringType),
        th.Property("name", th.StringType),
        th.Property("description", th.StringType),
        th.Property("enabled", th.BooleanType),
        th.Property("automatic", th.BooleanType),
        th.Property("start", th.DateTimeType),
        th.Property("end", th.DateTimeType),
        th.Property("rule_set", th.ObjectType(additional_properties=True)),
        th.Property("meta", th.ObjectType(additional_properties=True)),
    ).to_dict()

    def get_child_context(self, record: Record, context: Context | None) -> Context:  # noqa: ARG002
        return {"promotion_id": record["id"]}


class PromotionUsages(ElasticPathStream):
    """Usages of a promotion."""

    name = "promotion_usages"
    path = "/v2/rule-promotions/{promotion_id}/usages"
    parent_stream_type = Promotions
    primary_keys = ("id",)
    replication_key = "used_on"
    is_sorted = True
    schema = th.PropertiesList(
        th.Property("promotion_id", th.StringType),
        th.Property("id", th.StringType),
        th.Property("order_id", th.StringType),
        th.Property("code_id", th.StringType),
        th.Property("code", th.StringType),
        th.Property("times_used", th.IntegerType),
        th.Property("used_on", th.DateTimeType),
        th.Property("customer_email", th.StringType),
        th.Property("meta", th.ObjectType(additional_properties=True)),
        th.Property("anonymized", th.BooleanType),
        th.Property("account_id", th.StringType),
    ).to_dict()

    def get_url_params(self, context: Context | None, next_page_token: int | None) -> dict[str, Any]:
        params = super().get_url_params(context, next_page_token)
        params["sort"] = "used_on"
        if start := self.get_starting_timestamp(context):
            params["filter"] = f"gt(used_on,{start:%Y-%m-%dT%H:%M:%S.000Z})"
        return params


class PlainTap(Tap):
    """Both streams."""

    name = "tap-plain"
    config_jsonschema = th.PropertiesList(
        th.Property("api_url", th.StringType, required=True),
        th.Property("client_id", th.StringType, required=True),
        th.Property("client_secret", th.StringType, required=True, secret=True),
    ).to_dict()

    def discover_streams(self) -> Sequence[ElasticPathStream]:
        return [Promotions(self), PromotionUsages(self)]


if __name__ == "__main__":
    PlainTap.cli()
