"""What users rely on, written down by hand once more; lists of names in other tests are made of these two tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """A setting.

    Attributes:
        kind: JSON type.
        default: None when it has none.
        required: without it there is no vendor.
        secret: it is never shown.
        choices: all values that it can have, if they are few.
        limits: smallest and largest value, where both are promised.
    """

    kind: str
    default: Any = None
    required: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()
    limits: tuple[int, int] | None = None


@dataclass(frozen=True)
class Stream:
    """A stream.

    Attributes:
        keys: its primary key.
        replication_key: None when it is no incremental stream.
        parent: the stream whose rows are its partitions.
        dimensions: what its `usage_key` is made of, with the settings' defaults.
        added: fields that the tap adds, beside the key.
    """

    keys: tuple[str, ...] = ("id",)
    replication_key: str | None = None
    parent: str | None = None
    dimensions: tuple[str, ...] = ()
    added: frozenset[str] = frozenset()


TEXT = Setting("string")
LIST = Setting("array")
NEEDED = Setting("string", required=True)
SECRET = Setting("string", required=True, secret=True)

SETTINGS = {
    "start_date": TEXT,
    "end_date": TEXT,
    "max_concurrency": Setting("integer", 8, limits=(1, 64)),
    "request_timeout_seconds": Setting("number", 60),
    "max_retries": Setting("integer", 8),
    "user_agent": TEXT,
    "tenant": TEXT,
    "pingone_environment_id": NEEDED,
    "pingone_client_id": NEEDED,
    "pingone_client_secret": SECRET,
    "pingone_region": Setting("string", "com", choices=("com", "eu", "ca", "asia", "com.au", "sg")),
    "pingone_token_auth_method": Setting(
        "string", "client_secret_basic", choices=("client_secret_basic", "client_secret_post")
    ),
    "pingone_environment_ids": LIST,
    "pingone_requests_per_second": Setting("number", 3),
    "pingone_api_url": TEXT,
    "pingone_auth_url": TEXT,
    "genesys_client_id": NEEDED,
    "genesys_client_secret": SECRET,
    "genesys_region": Setting("string", "mypurecloud.com"),
    "genesys_usage_api": Setting("string", "query", choices=("query", "aggregates", "both")),
    "genesys_granularity": Setting("string", "Day", choices=("Day", "Week", "Month")),
    "genesys_group_by": Setting("array", ["OAuthClientId", "TemplateUri", "HttpMethod"]),
    "genesys_client_group_by": Setting("array", ["TemplateUri", "HttpMethod"]),
    "genesys_oauth_client_ids": LIST,
    "genesys_window_days": Setting("integer", 31, limits=(1, 90)),
    "genesys_lookback_days": Setting("integer", 3),
    "genesys_summary_days": Setting("integer", 7),
    "genesys_poll_initial_seconds": Setting("number", 5),
    "genesys_poll_max_seconds": Setting("number", 60),
    "genesys_poll_timeout_seconds": Setting("number", 3600),
    "genesys_requests_per_minute": Setting("number", 240),
    "genesys_api_url": TEXT,
    "genesys_login_url": TEXT,
    "demandbase_client_id": NEEDED,
    "demandbase_client_secret": SECRET,
    "demandbase_period": Setting("string", "day", choices=("day", "month", "year")),
    "demandbase_window_periods": Setting("integer", 31),
    "demandbase_lookback_periods": Setting("integer", 2),
    "demandbase_throttle_wait_seconds": Setting("number", 300),
    "demandbase_api_url": TEXT,
    "demandbase_login_url": TEXT,
    "elasticpath_client_id": NEEDED,
    "elasticpath_client_secret": SECRET,
    "elasticpath_region": Setting("string", "useast", choices=("useast", "euwest")),
    "elasticpath_promotion_ids": LIST,
    "elasticpath_page_size": Setting("integer", 100, limits=(1, 100)),
    "elasticpath_max_offset": Setting("integer", 10000),
    "elasticpath_lookback_minutes": Setting("integer", 10),
    "elasticpath_requests_per_second": Setting("number", 20),
    "elasticpath_api_url": TEXT,
}

USAGE_KEY = ("usage_key",)
SNAPSHOT = frozenset({"observed_at", "delta_since", "counter_reset"})
COUNTERS = ("issued", "accepted", "updated", "revoked", "errors")

STREAMS = {
    "pingone_environments": Stream(),
    "pingone_credential_types": Stream(parent="pingone_environments", added=frozenset({"environment_id"})),
    "pingone_issuance_rules": Stream(
        parent="pingone_credential_types", added=frozenset({"environment_id", "credential_type_id"})
    ),
    "pingone_issuance_rule_usage_counts": Stream(
        keys=("issuance_rule_id", "observed_on"),
        parent="pingone_issuance_rules",
        added=SNAPSHOT | {"environment_id", "credential_type_id"} | {f"{counter}_delta" for counter in COUNTERS},
    ),
    "genesys_oauth_clients": Stream(),
    "genesys_organization_usage": Stream(
        keys=USAGE_KEY,
        replication_key="date",
        dimensions=("granularity", "date", "clientId", "httpMethod", "templateUri"),
        added=frozenset({"granularity", "grouped_by", "oauth_client_id", "is_final"}),
    ),
    "genesys_client_usage": Stream(
        keys=USAGE_KEY,
        replication_key="date",
        parent="genesys_oauth_clients",
        dimensions=("oauth_client_id", "granularity", "date", "httpMethod", "templateUri"),
        added=frozenset({"oauth_client_id", "granularity", "grouped_by", "is_final"}),
    ),
    "genesys_client_usage_summary": Stream(
        keys=USAGE_KEY,
        parent="genesys_oauth_clients",
        dimensions=(
            *("oauth_client_id", "days", "observed_on", "date"),
            *("clientId", "organizationId", "userId", "templateUri", "httpMethod"),
        ),
        added=frozenset({"oauth_client_id", "days", "observed_on"}),
    ),
    "genesys_organization_usage_aggregates": Stream(
        keys=USAGE_KEY,
        replication_key="date",
        dimensions=("granularity", "date", "httpMethod", "oauth_client_id", "templateUri"),
        added=frozenset({"granularity", "grouped_by", "oauth_client_id", "oauth_client_name", "user_id", "is_final"}),
    ),
    "genesys_client_usage_aggregates": Stream(
        keys=USAGE_KEY,
        replication_key="date",
        parent="genesys_oauth_clients",
        dimensions=("oauth_client_id", "granularity", "date", "httpMethod", "templateUri"),
        added=frozenset({"oauth_client_id", "granularity", "grouped_by", "is_final"}),
    ),
    "demandbase_api_usage": Stream(
        keys=USAGE_KEY,
        replication_key="period_start",
        dimensions=("accountId", "period", "date", "api"),
        added=frozenset({"period_start", "is_final"}),
    ),
    "demandbase_credits": Stream(keys=("accountId", "observed_on"), added=SNAPSHOT | {"consumedCredits_delta"}),
    "elasticpath_promotions": Stream(),
    "elasticpath_promotion_usages": Stream(
        replication_key="used_on", parent="elasticpath_promotions", added=frozenset({"promotion_id"})
    ),
}
VENDORS = tuple(dict.fromkeys(stream.partition("_")[0] for stream in STREAMS))


def required(vendor: str) -> tuple[str, ...]:
    """Return the names of the settings without which there is no vendor."""
    return tuple(name for name, setting in SETTINGS.items() if setting.required and vendor_of(name) == vendor)


def vendor_of(name: str) -> str:
    """Return the vendor that a setting or a stream belongs to by its name; empty for the tap itself."""
    prefix = name.partition("_")[0]
    return prefix if prefix in VENDORS else ""
