"""PingOne: lifetime usage counts of credential issuance rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singer_sdk import typing as th

from tap_usage.reading.sheet import Sheet
from tap_usage.reading.snapshots import Counters
from tap_usage.rest.auth import ClientCredentials
from tap_usage.rest.host import ErrorFields, Host
from tap_usage.rest.pages.links import NextLink
from tap_usage.rest.pages.single import SinglePage
from tap_usage.settings import Required, number, secret, text, texts
from tap_usage.vendors.vendor import Vendor

COUNTERS = ("issued", "accepted", "updated", "revoked", "errors")

SETTINGS = th.PropertiesList(
    text("pingone_environment_id", "Environment that owns the worker application."),
    text("pingone_client_id", "Client id of the worker application."),
    secret("pingone_client_secret", "Client secret of the worker application."),
    text(
        "pingone_region",
        "Top-level domain of the region.",
        default="com",
        choices=["com", "eu", "ca", "asia", "com.au", "sg"],
    ),
    text(
        "pingone_token_auth_method",
        "How the application authenticates for a token, as configured on it.",
        default="client_secret_basic",
        choices=["client_secret_basic", "client_secret_post"],
    ),
    texts("pingone_environment_ids", "Only these environments. Default: all."),
    number(
        "pingone_requests_per_second",
        "Most requests per second, 0 for no limit; the license's own is shared with production traffic.",
        3,
    ),
    text("pingone_api_url", "API URL instead of the region's, without `/v1`."),
    text("pingone_auth_url", "Token URL instead of the region's, without the environment id."),
)


def host(config: Mapping[str, Any]) -> Host:
    """Return the connection's data sheet. How the token is asked for is configured per application."""
    region = config["pingone_region"]
    login = config["pingone_auth_url"] or f"https://auth.pingone.{region}"
    client = (config["pingone_client_id"], config["pingone_client_secret"])
    posted = config["pingone_token_auth_method"] == "client_secret_post"  # noqa: S105 - the name of a method
    form = {"grant_type": "client_credentials"}
    if posted:
        form |= {"client_id": client[0], "client_secret": client[1]}
    return Host(
        name="pingone",
        url=config["pingone_api_url"] or f"https://api.pingone.{region}",
        auth=ClientCredentials(
            f"{login.rstrip('/')}/{config['pingone_environment_id']}/as/token", form, basic=None if posted else client
        ),
        errors=ErrorFields(code=("code", "details.0.code", "error"), text=("error_description",), correlation=("id",)),
        per_second=config["pingone_requests_per_second"],
    )


class Collection(Sheet):
    """A HAL collection; `_embedded` may be missing when there is nothing."""

    paging = NextLink("_links.next.href")
    beside = ("_embedded", "_links", "size")
    primary_keys = ("id",)


class Environments(Collection):
    """Environments the credentials can see. https://developer.pingidentity.com/pingone-api/platform/environments.html."""

    name = "pingone_environments"
    path = "/v1/environments"
    rows = "_embedded.environments"
    only = "pingone_environment_ids"
    permission = "orgmgt:read:environment, by an administrator role of the worker application"
    children = {"environment_id": "id"}
    barren = ("status", ("DELETE_PENDING",))
    promised = ("name", "type", "region", "organization", "createdAt", "updatedAt")


class InAnEnvironment(Sheet):
    """What is inside an environment: when that is gone, the answer may be 400, 401 or 403."""

    ambiguous = (400, 401, 403)
    permission = "an administrator role of the worker application that reads credentials in this environment"


class CredentialTypes(InAnEnvironment, Collection):
    """Credential types. https://developer.pingidentity.com/pingone-api/credentials/credential-types.html."""

    name = "pingone_credential_types"
    path = "/v1/environments/{environment_id}/credentialTypes"
    rows = "_embedded.items"
    parent = Environments
    inhabited = True
    children = {"credential_type_id": "id"}


class IssuanceRules(InAnEnvironment, Collection):
    """Issuance rules. https://developer.pingidentity.com/pingone-api/credentials/credential-issuance-rules.html."""

    name = "pingone_issuance_rules"
    path = "/v1/environments/{environment_id}/credentialTypes/{credential_type_id}/issuanceRules"
    rows = "_embedded.issuanceRules"
    parent = CredentialTypes
    children = {"issuance_rule_id": "id"}
    promised = ("status",)


class IssuanceRuleUsageCounts(InAnEnvironment):
    """Lifetime counters of a rule, which have no time of their own: snapshots."""

    name = "pingone_issuance_rule_usage_counts"
    path = f"{IssuanceRules.path}/{{issuance_rule_id}}/usageCounts"
    paging = SinglePage()
    beside = COUNTERS
    primary_keys = ("issuance_rule_id", "observed_on")
    parent = IssuanceRules
    counters = Counters("issuance_rule_id", COUNTERS)


VENDOR = Vendor(
    required=Required("pingone", ("pingone_environment_id", "pingone_client_id", "pingone_client_secret")),
    settings=SETTINGS,
    host=host,
    streams=(Environments, CredentialTypes, IssuanceRules, IssuanceRuleUsageCounts),
)
