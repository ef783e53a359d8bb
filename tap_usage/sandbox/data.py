"""The data that a sandbox holds unless a test clears it."""

from datetime import datetime, timedelta

from tap_usage.sandbox.clock import timestamp
from tap_usage.sandbox.demandbase import SAMPLE, Demandbase
from tap_usage.sandbox.elasticpath import SAMPLE_PROMOTION, SAMPLE_USAGES, ElasticPath
from tap_usage.sandbox.genesys import Genesys
from tap_usage.sandbox.genesys_account import ORGANIZATION
from tap_usage.sandbox.pingone import PingOne

HOUR = 3600.0
SAMPLE_COUNTS = {"issued": 4, "accepted": 2, "updated": 1, "revoked": 0, "errors": 1}
IMAGE = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ" * 40
CARD = '<svg xmlns="http://www.w3.org/2000/svg">' + '<rect width="100" height="100"/>' * 40 + "</svg>"

TEMPLATES = (
    ("api/v2/users", "GET", 40),
    ("api/v2/users/{userId}", "GET", 120),
    ("api/v2/conversations/{conversationId}", "PATCH", 15),
    ("api/v2/analytics/conversations/details/query", "POST", 60),
    ("api/v2/usage/query/{executionId}/results", "GET", 6),
)
PLATFORMS = ("public", "embedded")
# Clients of the organizations "purecloud" and "purecloud-builtin", which the old usage queries hide.
BUILTIN = (("purecloud", "api/v2/users/me", 900), ("purecloud-builtin", "api/v2/presencedefinitions", 70))


def fill_pingone(vendor: PingOne) -> None:
    """Add environments of all kinds, and rules whose counts stand still, grow or lack a counter."""
    home = vendor.add_environment(name="Home", type="PRODUCTION")
    test = vendor.add_environment(name="Test", subtype="TESTING")
    restored = vendor.add_environment(status="ACTIVE", name="Restored")
    vendor.add_environment(
        status="DELETE_PENDING",
        name="Leaving",
        type="PRODUCTION",
        softDeletedAt=timestamp(vendor.clock.started - timedelta(days=3)),
        hardDeleteAllowedAt=timestamp(vendor.clock.started + timedelta(days=27)),
    )
    vendor.add_environment(name="Bare")
    metadata = {"name": "Employee", "columns": 1, "backgroundImage": IMAGE, "logoImage": IMAGE, "fields": []}
    badge = vendor.add_credential_type(home, title="Employee", cardDesignTemplate=CARD, metadata=metadata)
    visit = vendor.add_credential_type(home, title="Visitor", cardDesignTemplate=CARD, metadata=metadata)
    vendor.add_credential_type(home, "MANAGED", title="Contractor", cardDesignTemplate=CARD, metadata=metadata)
    trial = vendor.add_credential_type(test, title="Trial", cardDesignTemplate=CARD, metadata=metadata)
    guest = vendor.add_credential_type(restored, title="Guest", cardDesignTemplate=CARD, metadata=metadata)
    none = dict.fromkeys(SAMPLE_COUNTS, 0)
    growth = {"issued": 2 * HOUR, "accepted": 3 * HOUR, "updated": 9 * HOUR, "revoked": 30 * HOUR, "errors": 50 * HOUR}
    vendor.add_issuance_rule(badge, SAMPLE_COUNTS)
    vendor.add_issuance_rule(badge, none, growth)
    vendor.add_issuance_rule(visit, {"issued": 10, "accepted": 0, "updated": 0, "revoked": 0}, {"issued": HOUR / 2})
    vendor.add_issuance_rule(visit, none | {"issued": 31, "revoked": 31}, status="DISABLED")
    vendor.add_issuance_rule(trial, none, {"issued": 5 * HOUR, "errors": 5 * HOUR})
    for number in (1, 2, 3):
        vendor.add_issuance_rule(guest, none, {counter: number * every for counter, every in growth.items()})


def fill_genesys(vendor: Genesys) -> None:
    """Add clients on two pages, and traffic of them and of a client that exists no more."""
    until = timestamp(vendor.clock.started + timedelta(days=20))
    names = ("CRM export", "Wallboard", "Nightly reports", "Data lake", "Old dialer", "Single sign-on")
    fields: dict[int, dict[str, object]] = {
        5: {"state": "inactive", "dateToDelete": until},
        6: {
            "authorizedGrantType": "CODE",
            "scope": ["users:readonly"],
            "registeredRedirectUri": ["https://example.com"],
        },
    }
    clients = [f"11111111-0000-4000-8000-{number:012d}" for number in range(1, 8)]
    for number, (client_id, name) in enumerate(zip(clients, names, strict=False), 1):
        vendor.add_client(client_id, name=name, **fields.get(number, {}))
    for number, client_id in enumerate(clients):
        for template, method, size in TEMPLATES[: 1 + number % 5]:
            vendor.ledger.traffic.append(
                {
                    "clientId": client_id,
                    "clientName": (*names, "Removed")[number],
                    "organizationId": ORGANIZATION,
                    "userId": f"22222222-0000-4000-8000-{number % 3:012d}",
                    "templateUri": template,
                    "httpMethod": method,
                    "platform": PLATFORMS[number % 2],
                    "per_day": size * (number + 1),
                }
            )
    for number, (client_name, template, size) in enumerate(BUILTIN, 1):
        vendor.ledger.builtin.append(
            {
                "clientId": f"33333333-0000-4000-8000-{number:012d}",
                "clientName": client_name,
                "organizationId": ORGANIZATION,
                "userId": f"22222222-0000-4000-8000-{number:012d}",
                "templateUri": template,
                "httpMethod": "GET",
                "platform": PLATFORMS[1],
                "per_day": size,
            }
        )


def fill_demandbase(vendor: Demandbase) -> None:
    """Add the vendor's documented rows of 2015 and sources that are still in use, two of them without a name."""
    ledger = vendor.ledger
    ledger.usage.extend(SAMPLE["usageForAccount"])
    ledger.credits = dict(SAMPLE["creditsForAccount"][0])
    sizes = {"NEWS_COUNT": 8, "NEWS_FETCH": 14, "COMPANY_SEARCH": 120, "CONTACT_DETAILS": 60, "COMPANY_MATCH": 300}
    ledger.sources.extend({"api": api, "per_day": size} for api, size in sizes.items())
    ledger.sources.extend({"api": None, "per_day": size} for size in (30, 5))
    day = (vendor.clock.started - timedelta(days=9)).date().isoformat()
    vendor.add_usage(day, 1557, "COMPANY_ENRICH", details=[{"type": "matchRate", "value": "74.0"}])


def fill_elasticpath(vendor: ElasticPath) -> None:
    """Add promotions of all kinds, with usages between 200 days before the clock's start and that start."""
    start = vendor.clock.started

    def days_ago(days: float) -> datetime:
        return start - timedelta(days=days)

    vendor.add_promotion(SAMPLE_PROMOTION, name="Buy X get Y", automatic=False)
    vendor.usages[SAMPLE_PROMOTION] = [dict(usage) for usage in SAMPLE_USAGES]
    spring = vendor.add_promotion(name="Spring", description="old and new usages")
    vendor.add_usages(spring, 200, days_ago(200), 86400)
    large = vendor.add_promotion(name="Free shipping", automatic=True, stackable=True, override_stacking=False)
    vendor.add_usages(large, 350, days_ago(80), 4 * HOUR)
    burst = vendor.add_promotion(name="Flash sale")
    vendor.add_usages(burst, 20, days_ago(30), 60)
    vendor.add_usages(burst, 150, days_ago(29), 0)
    vendor.add_usages(burst, 20, days_ago(28), 60)
    disabled = vendor.add_promotion(name="Disabled", enabled=False)
    vendor.add_usages(disabled, 40, days_ago(60), HOUR)
    expired = vendor.add_promotion(name="Expired", end=timestamp(days_ago(10)))
    vendor.add_usages(expired, 60, days_ago(70), 8 * HOUR)
    vendor.add_promotion(name="Never used")
    private = vendor.add_promotion(name="Members")
    vendor.add_usages(private, 30, days_ago(20), 6 * HOUR)
    for usage in vendor.usages[private][::3]:
        vendor.anonymize(usage)
    for usage in vendor.usages[private][1::3]:
        for field in ("customer_id", "account_id", "anonymized"):
            del usage[field]
    bundle = vendor.add_promotion(name="Per application")
    vendor.add_usages(bundle, 25, days_ago(15), 5 * HOUR)
    for number, usage in enumerate(vendor.usages[bundle]):
        usage["times_used"] = 1 + number % 4
    planned = vendor.add_promotion(name="Not yet", start=timestamp(start + timedelta(days=30)))
    vendor.add_usages(planned, 3, days_ago(2), HOUR)
    for name, every in (("Daily deal", 2 * HOUR), ("Newsletter", 0.75 * HOUR), ("Loyalty", 7 * HOUR)):
        growing = vendor.add_promotion(name=name)
        vendor.add_usages(growing, 120, start - timedelta(seconds=120 * every), every)
        vendor.growth[growing] = every
