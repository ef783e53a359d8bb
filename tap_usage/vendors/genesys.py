"""Genesys Cloud: API usage of the organization and of OAuth clients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from singer_sdk import typing as th

from tap_usage.reading.sheet import Config, Grouping, Setting, Sheet, Windows
from tap_usage.rest.auth import ClientCredentials
from tap_usage.rest.errors import Rule, Verdict
from tap_usage.rest.host import Budget, ErrorFields, Host
from tap_usage.rest.pages.links import NextLink
from tap_usage.rest.pages.polling import Execution
from tap_usage.rest.pages.results import Reason, Results
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
PATHS = {"TemplateUri": "templateUri", "HttpMethod": "httpMethod"}
ORGANIZATION_FIELDS = {"OAuthClientId": "oauth_client_id", "UserId": "user_id", **PATHS}
CLIENT_FIELDS = {"OAuthClientId": "oauth_client_id", "OrganizationId": "organizationId", **PATHS}
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
    text(
        "genesys_usage_api",
        "Which usage streams there are: the older queries, the aggregates that succeed them, or both.",
        default="query",
        choices=["query", "aggregates", "both"],
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
TOO_LARGE = ("max.response.size.reached", "response.entity.too.large")
GROUPED_BY_CLIENT = dict.fromkeys(("clientId", "clientName"), ("genesys_client_group_by", "OAuthClientId"))
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


def windows(grouping: Grouping, longest: int = 0, back: int = 0) -> Windows:
    """Return how a query is asked for; times without an offset are not documented, so they carry Z."""

    def query(start: date, end: date, config: Config) -> dict[str, Any]:
        interval = f"{midnight(start)}/{midnight(end)}"
        granularity, group_by = config["genesys_granularity"], grouping.names_in(config)
        return {"interval": interval, "granularity": granularity, "groupBy": group_by}

    told = ("genesys_granularity", "genesys_window_days", "genesys_lookback_days")
    return Windows("date", *told, json=query, longest=longest, back=back)


class Usage(Sheet):
    """What all results share."""

    primary_keys = ("usage_key",)
    replication_key = "date"
    constants = {"granularity": "genesys_granularity"}
    tuning = {
        "initial": "genesys_poll_initial_seconds",
        "longest": "genesys_poll_max_seconds",
        "timeout": "genesys_poll_timeout_seconds",
    }


class OfOrganization(Usage):
    """Usage of the whole organization."""

    key_fields = ("granularity", "date")
    query = ("genesys_granularity", "genesys_group_by")


class OfClients(Usage):
    """Usage of one OAuth client after another."""

    parent = OAuthClients
    key_fields = ("oauth_client_id", "granularity", "date")
    query = ("genesys_granularity", "genesys_client_group_by")


class Queries(Usage):
    """The older queries. https://developer.genesys.cloud/blog/2021-01-04-API-Usage/."""

    exists_if = ("genesys_usage_api", ("query", "both"))
    paging = Execution(
        execution_id="executionId",
        status="queryStatus",
        running=("Running",),
        complete=("Complete",),
        failed=("Failed",),
        more="cursors.after",
    )
    rows = "results"
    blanks = ("clientName", *DIMENSIONS.values())
    promised = (*DIMENSIONS.values(), *METRICS)


class OrganizationUsage(Queries, OfOrganization):
    """API usage of the organization; it includes clients that were deleted."""

    name = "genesys_organization_usage"
    path = "/api/v2/usage/query"
    results = "/api/v2/usage/query/{execution_id}/results"
    permission = "oauth:client:view or usage:organization:view"
    grouping = Grouping("genesys_group_by", DIMENSIONS)
    windows = windows(grouping)
    flat = {"oauth_client_id": "clientId"}


class ClientUsage(Queries, OfClients):
    """API usage of an OAuth client."""

    name = "genesys_client_usage"
    path = "/api/v2/oauth/clients/{oauth_client_id}/usage/query"
    results = CLIENT_RESULTS
    permission = CLIENT_PERMISSION
    grouping = Grouping("genesys_client_group_by", DIMENSIONS)
    windows = windows(grouping)
    fields_if = GROUPED_BY_CLIENT


class ClientUsageSummary(Queries):
    """API usage of an OAuth client over the last days, as the vendor sums it up."""

    name = "genesys_client_usage_summary"
    path = "/api/v2/oauth/clients/{oauth_client_id}/usage/summary"
    results = CLIENT_RESULTS
    parent = OAuthClients
    permission = CLIENT_PERMISSION
    replication_key = ""
    observed = True
    promised = METRICS
    constants = {"days": "genesys_summary_days"}
    fields_if = GROUPED_BY_CLIENT
    key_fields = ("oauth_client_id", "days", "observed_on", "date", *DIMENSIONS.values())
    params = {"days": Setting("genesys_summary_days")}


class Aggregates(Usage):
    """The jobs that succeed the queries; nobody has seen one yet.

    https://developer.genesys.cloud/forum/t/introducing-enhanced-usage-service-and-apis/32355.
    Both ends of an interval count; it begins a year ago at most and covers 90 days at most, however that is meant.
    """

    exists_if = ("genesys_usage_api", ("aggregates", "both"))
    paging = Execution(
        execution_id="id",
        status="queryStatus",
        running=("Queued", "Running"),
        complete=("Succeeded",),
        failed=("Failed", "Cancelled"),
        tolerant=True,
        unseen=3,
        reason=Reason("errorBody.status", "errorBody.code", "errorBody.contextId"),
        results=Results(NextLink("nextUri", cursor="after"), "pageSize", 1000, TOO_LARGE),
    )
    rows = "entities"
    promised = ("requestCount",)


class OrganizationUsageAggregates(Aggregates, OfOrganization):
    """API usage of the organization, Genesys' own clients included."""

    name = "genesys_organization_usage_aggregates"
    path = "/api/v2/usage/aggregates/query/jobs"
    results = path + "/{execution_id}"
    permission = "usage:organization:view"
    grouping = Grouping("genesys_group_by", ORGANIZATION_FIELDS, {"OAuthClientId": "OauthClientId"})
    windows = windows(grouping, 89, 364)
    flat = {"oauth_client_id": "oauthClient.id", "oauth_client_name": "oauthClient.name", "user_id": "user.id"}
    blanks = ("platform", "templateUri", "httpMethod", "oauthClient", "user")


class ClientUsageAggregates(Aggregates, OfClients):
    """API usage of an OAuth client, which its rows do not name."""

    name = "genesys_client_usage_aggregates"
    path = "/api/v2/usage/client/{oauth_client_id}/aggregates/query/jobs"
    results = path + "/{execution_id}"
    permission = "usage:client:view"
    grouping = Grouping("genesys_client_group_by", CLIENT_FIELDS, {"OAuthClientId": ""})
    windows = windows(grouping, 89, 364)
    blanks = ("platform", "templateUri", "httpMethod", "organizationId")


VENDOR = Vendor(
    required=Required("genesys", ("genesys_client_id", "genesys_client_secret")),
    settings=SETTINGS,
    host=host,
    streams=(
        *(OAuthClients, OrganizationUsage, ClientUsage, ClientUsageSummary),
        *(OrganizationUsageAggregates, ClientUsageAggregates),
    ),
)
