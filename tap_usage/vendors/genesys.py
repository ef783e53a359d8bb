"""Genesys Cloud: API usage of the organization and of OAuth clients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from singer_sdk import typing as th

from tap_usage.reading.sheet import Config, Setting, Sheet, Windows
from tap_usage.rest.auth import ClientCredentials
from tap_usage.rest.errors import Rule, Verdict
from tap_usage.rest.host import Budget, ErrorFields, Host
from tap_usage.rest.pages.links import NextLink
from tap_usage.rest.pages.polling import Execution
from tap_usage.settings import Required, domain, number, secret, text, texts, whole
from tap_usage.times import midnight
from tap_usage.vendors.vendor import Vendor

DIMENSIONS = {
    "OAuthClientId": "clientId",
    "OrganizationId": "organizationId",
    "UserId": "userId",
    "TemplateUri": "templateUri",
    "HttpMethod": "httpMethod",
}
METRICS: tuple[str, ...] = ("requests", "status200", "status300", "status400", "status429", "status500")

REGIONS = (
    *("mypurecloud.com", "usw2.pure.cloud", "cac1.pure.cloud", "mypurecloud.ie", "euw2.pure.cloud", "mypurecloud.de"),
    *("euc2.pure.cloud", "mypurecloud.com.au", "apse1.pure.cloud", "mypurecloud.jp", "apne2.pure.cloud"),
    *("apne3.pure.cloud", "aps1.pure.cloud", "sae1.pure.cloud", "mec1.pure.cloud", "mxc1.pure.cloud"),
    *("use2.us-gov-pure.cloud", "edee1.eusc-pure.cloud"),
)

SETTINGS = th.PropertiesList(
    text("genesys_client_id", "Client id of an OAuth client with the client credentials grant."),
    secret("genesys_client_secret", "Client secret of that OAuth client."),
    domain(
        "genesys_region",
        "Domain of the region, such as mypurecloud.ie; others than the known ones are accepted.",
        default="mypurecloud.com",
        known=REGIONS,
    ),
    text("genesys_granularity", "What one row is about.", default="Day", choices=["Day", "Week", "Month"]),
    texts(
        "genesys_group_by",
        "Dimensions of the organization's usage.",
        default=["OAuthClientId", "TemplateUri", "HttpMethod"],
        choices=DIMENSIONS,
    ),
    texts(
        "genesys_client_group_by",
        "Dimensions of the clients' usage.",
        default=["TemplateUri", "HttpMethod"],
        choices=[name for name in DIMENSIONS if name != "UserId"],
    ),
    texts("genesys_oauth_client_ids", "Only these clients. Default: all."),
    whole("genesys_window_days", "Days that one query spans at most; never less than one row is about.", 31, 1, 90),
    whole("genesys_lookback_days", "Finished days read again, because usage settles late.", 3),
    whole("genesys_summary_days", "Days that the summary is about.", 7, 1),
    number("genesys_poll_initial_seconds", "First wait between polls of a query.", 5),
    number("genesys_poll_max_seconds", "Largest wait between polls of a query.", 60),
    number("genesys_poll_timeout_seconds", "Longest wait for a query; then it has failed.", 3600),
    number(
        "genesys_requests_per_minute", "Most requests per minute, 0 for no limit; the vendor allows a token 300.", 240
    ),
    text("genesys_api_url", "API URL instead of the region's."),
    text("genesys_login_url", "Login URL instead of the region's."),
)


def host(config: Mapping[str, Any]) -> Host:
    """Return the connection's data sheet. Tokens come from the login host; a throttled token request is a 400."""
    region = config["genesys_region"]
    login = config["genesys_login_url"] or f"https://login.{region}"
    return Host(
        name="genesys",
        url=config["genesys_api_url"] or f"https://api.{region}",
        auth=ClientCredentials(
            f"{login.rstrip('/')}/oauth/token",
            {"grant_type": "client_credentials"},
            basic=(config["genesys_client_id"], config["genesys_client_secret"]),
        ),
        rules=(
            Rule((400,), Verdict.RETRY, "token requests are throttled", text="rate limit exceeded", pause=True),
            Rule((400, 401), Verdict.FAIL, "check client id, secret and genesys_region", text="invalid_client"),
        ),
        errors=ErrorFields(
            code=("code", "error"),
            text=("error_description", "description"),
            correlation=("contextId",),
            header="ININ-Correlation-Id",
        ),
        budget=Budget("inin-ratelimit-count", "inin-ratelimit-allowed", "inin-ratelimit-reset", per="minute"),
        per_second=config["genesys_requests_per_minute"] / 60,
    )


CLIENT_PERMISSION = "oauth:client:view or usage:client:view"
CLIENT_RESULTS = "/api/v2/oauth/clients/{oauth_client_id}/usage/query/results/{execution_id}"


class OAuthClients(Sheet):
    """OAuth clients of the organization. https://developer.genesys.cloud/authorization/platform-auth/."""

    name = "genesys_oauth_clients"
    path = "/api/v2/oauth/clients"
    paging = NextLink("nextUri", total="total")
    rows = "entities"
    primary_keys = ("id",)
    secrets = ("secret",)
    permission = "oauth:client:view"
    promised = ("name", "authorizedGrantType")
    only = "genesys_oauth_client_ids"
    children = {"oauth_client_id": "id"}


class Usage(Sheet):
    """What the results of all queries share: dimensions that were not grouped by come as ""."""

    paging = Execution(
        execution_id="executionId",
        status="queryStatus",
        running=("Running",),
        complete=("Complete",),
        failed=("Failed",),
        more="cursors.after",
    )
    rows = "results"
    primary_keys = ("usage_key",)
    blanks = ("clientName", *DIMENSIONS.values())
    promised = METRICS
    tuning = {
        "initial": "genesys_poll_initial_seconds",
        "longest": "genesys_poll_max_seconds",
        "timeout": "genesys_poll_timeout_seconds",
    }


def windows(group_by: str) -> Windows:
    """Return how a query is asked for; times without an offset are not documented, so they carry Z."""

    def query(start: date, end: date, config: Config) -> dict[str, Any]:
        interval = f"{midnight(start)}/{midnight(end)}"
        return {"interval": interval, "granularity": config["genesys_granularity"], "groupBy": config[group_by]}

    return Windows("date", "genesys_granularity", "genesys_window_days", "genesys_lookback_days", json=query)


class UsageQuery(Usage):
    """A query by windows of days. https://developer.genesys.cloud/blog/2021-01-04-API-Usage/."""

    group_by: ClassVar[str]
    replication_key = "date"
    constants = {"granularity": "genesys_granularity"}
    promised = (*DIMENSIONS.values(), *METRICS)

    def dimensions(self) -> tuple[str, ...]:
        """Return granularity, date, and what was grouped by."""
        grouped = sorted(DIMENSIONS[name] for name in self.config[self.group_by])
        return (*self.context_fields(), "granularity", "date", *grouped)


class OrganizationUsage(UsageQuery):
    """API usage of the organization; it includes clients that were deleted."""

    name = "genesys_organization_usage"
    path = "/api/v2/usage/query"
    results = "/api/v2/usage/query/{execution_id}/results"
    group_by = "genesys_group_by"
    windows = windows(group_by)
    permission = "oauth:client:view or usage:organization:view"
    query = ("genesys_granularity", "genesys_group_by")


class ClientUsage(UsageQuery):
    """API usage of an OAuth client."""

    name = "genesys_client_usage"
    path = "/api/v2/oauth/clients/{oauth_client_id}/usage/query"
    results = CLIENT_RESULTS
    parent = OAuthClients
    group_by = "genesys_client_group_by"
    windows = windows(group_by)
    permission = CLIENT_PERMISSION
    query = ("genesys_granularity", "genesys_client_group_by")


class ClientUsageSummary(Usage):
    """API usage of an OAuth client over the last days, as the vendor sums it up."""

    name = "genesys_client_usage_summary"
    path = "/api/v2/oauth/clients/{oauth_client_id}/usage/summary"
    results = CLIENT_RESULTS
    parent = OAuthClients
    permission = CLIENT_PERMISSION
    observed = True
    constants = {"days": "genesys_summary_days"}
    key_fields = ("oauth_client_id", "days", "observed_on", "date", *DIMENSIONS.values())
    params = {"days": Setting("genesys_summary_days")}


VENDOR = Vendor(
    required=Required("genesys", ("genesys_client_id", "genesys_client_secret")),
    settings=SETTINGS,
    host=host,
    streams=(OAuthClients, OrganizationUsage, ClientUsage, ClientUsageSummary),
)
