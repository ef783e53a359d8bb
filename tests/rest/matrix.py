"""The tables of the fault matrix: what goes wrong, where, and how a run has to end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WHOLE, NAMED, GONE = "whole", "named", "gone"


@dataclass(frozen=True)
class Kind:
    """A way to go wrong.

    Attributes:
        once, always: what is expected when it hits one request, and when it hits all.
        name: kind of fault in the sandbox; "" for those made otherwise.
        status: HTTP status that the failure names.
        details: of the fault.
    """

    once: str
    always: str
    name: str
    status: int | None
    details: dict[str, Any] = field(default_factory=dict)


def passing(status: int, **details: Any) -> Kind:  # noqa: ANN401 - details of a fault
    return Kind(WHOLE, NAMED, "status", status, {"status": status, **details})


KINDS = {
    "429 with seconds": passing(429, retry_after_seconds=7),
    "429 with a date": passing(429, retry_after_date=7),
    "429 without": passing(429),
    "408": passing(408),
    "500": passing(500),
    "502 as HTML": Kind(WHOLE, NAMED, "html", 502),
    "503": passing(503),
    "504": passing(504),
    "connection refused": Kind(WHOLE, NAMED, "", None),
    "answer lost": Kind(WHOLE, NAMED, "answer_lost", None),
    "reset before the body": Kind(WHOLE, NAMED, "reset_before_body", 200),
    "reset in the body": Kind(WHOLE, NAMED, "reset_mid_body", 200),
    "truncated JSON": Kind(WHOLE, NAMED, "truncated_json", 200),
    "wrong content type": Kind(WHOLE, WHOLE, "wrong_content_type", None),
    "XML": Kind(WHOLE, NAMED, "xml", 200),
    "empty body": Kind(WHOLE, NAMED, "empty_body", 200),
    "null": Kind(WHOLE, NAMED, "null_body", 200),
    "a list": Kind(WHOLE, NAMED, "list_body", 200),
    "nesting bomb": Kind(WHOLE, NAMED, "deep_json", 200),
    "100 MB": Kind(NAMED, NAMED, "huge", 200),
    "drip": Kind(WHOLE, NAMED, "drip", 200, {"interval_seconds": 0.02, "total": 200}),
    "redirect": Kind(NAMED, NAMED, "redirect", 302),
    "401": Kind(WHOLE, NAMED, "unauthorized", 401),
    "403": Kind(NAMED, NAMED, "forbidden", 403),
    "404": Kind(NAMED, NAMED, "not_found", 404),
    "405": Kind(NAMED, NAMED, "method_not_allowed", 405),
    "token missing": Kind(WHOLE, NAMED, "token_missing", 200),
    "token not JSON": Kind(WHOLE, NAMED, "not_json", 200),
    "token without an expiry": Kind(WHOLE, WHOLE, "expiry_missing", None),
    "token throttled": Kind(WHOLE, NAMED, "throttled", 400),
}


@dataclass(frozen=True)
class Target:
    """A place where a request is sent.

    Attributes:
        operation: of the sandbox.
        stream: whose failure is named.
        after: requests of this operation that pass before.
        query: parameters that only the requests in question have.
        hidden: further streams that know of the rows only by this request.
        alone: another stream of the vendor sends the same requests, so that one fault may hit either.
        pages: it is a later page of results; when a query is submitted anew, earlier ones are given once more.
    """

    operation: str
    stream: str
    after: int = 0
    query: dict[str, str] | None = None
    hidden: tuple[str, ...] = ()
    alone: bool = False
    pages: bool = False

    @property
    def vendor(self) -> str:
        return self.operation.partition(".")[0]

    @property
    def origin(self) -> str:
        origins = {
            "token": {"pingone": "pingone auth", "elasticpath": "elasticpath"}.get(self.vendor, f"{self.vendor} login")
        }
        api = self.vendor if self.vendor == "elasticpath" else f"{self.vendor} api"
        return origins.get(self.operation.partition(".")[2], api)


COUNTS = "pingone_issuance_rule_usage_counts"
ORGANIZATION, CLIENT = "genesys_organization_usage_aggregates", "genesys_client_usage_aggregates"
LATER = {"after": "MTow"}  # the sandbox's cursor behind the first row
TARGETS = {
    "pingone token": Target("pingone.token", "pingone_environments"),
    "pingone list": Target("pingone.environments", "pingone_environments"),
    "pingone types": Target(
        "pingone.credential_types", "pingone_credential_types", hidden=("pingone_issuance_rules", COUNTS)
    ),
    "pingone rules": Target("pingone.issuance_rules", "pingone_issuance_rules", hidden=(COUNTS,)),
    "pingone usage": Target("pingone.usage_counts", COUNTS),
    "genesys token": Target("genesys.token", "genesys_oauth_clients"),
    "genesys list": Target("genesys.clients", "genesys_oauth_clients"),
    "genesys submit": Target("genesys.organization_submit", "genesys_organization_usage"),
    "genesys poll": Target("genesys.organization_results", "genesys_organization_usage"),
    "genesys result": Target("genesys.organization_results", "genesys_organization_usage", after=1),
    "genesys client submit": Target("genesys.client_submit", "genesys_client_usage"),
    "genesys client poll": Target("genesys.client_results", "genesys_client_usage", alone=True),
    "genesys client result": Target("genesys.client_results", "genesys_client_usage", after=2, alone=True),
    "genesys summary": Target("genesys.client_summary", "genesys_client_usage_summary"),
    "genesys job": Target("genesys.organization_aggregates_submit", ORGANIZATION),
    "genesys job poll": Target("genesys.organization_aggregates_results", ORGANIZATION),
    "genesys job page": Target("genesys.organization_aggregates_results", ORGANIZATION, query=LATER, pages=True),
    "genesys client job": Target("genesys.client_aggregates_submit", CLIENT),
    "genesys client job poll": Target("genesys.client_aggregates_results", CLIENT),
    "genesys client job page": Target("genesys.client_aggregates_results", CLIENT, query=LATER, pages=True),
    "demandbase token": Target("demandbase.token", "demandbase_api_usage"),
    "demandbase usage": Target("demandbase.usage", "demandbase_api_usage", alone=True),
    "elasticpath token": Target("elasticpath.token", "elasticpath_promotions"),
    "elasticpath list": Target("elasticpath.promotions", "elasticpath_promotions"),
    "elasticpath usage": Target("elasticpath.usages", "elasticpath_promotion_usages"),
    "elasticpath later page": Target("elasticpath.usages", "elasticpath_promotion_usages", query={"page[offset]": "2"}),
}
GONE_WITH_A_404 = {
    "pingone types",
    "pingone rules",
    "pingone usage",
    "genesys client submit",
    "genesys summary",
    "genesys client job",
    "elasticpath usage",
}
SUBMITTED_ANEW = {
    *("genesys poll", "genesys result", "genesys client poll", "genesys client result"),
    *("genesys job poll", "genesys job page", "genesys client job poll", "genesys client job page"),
}
TOKENS = {target for target in TARGETS if target.endswith("token")}


def expected(target: str, kind: str, *, always: bool) -> str:
    """Return what a cell expects: that of its kind, but for these."""
    if kind == "401" and target in TOKENS:
        return NAMED
    if kind == "404" and target == "pingone types" and always:
        return NAMED  # below every environment it is no access
    if kind == "404" and target in GONE_WITH_A_404:
        return GONE
    if kind == "404" and target in SUBMITTED_ANEW:
        return NAMED if always else WHOLE
    if kind == "404" and target == "elasticpath later page":
        return WHOLE  # it goes on from the last value, which is a first page
    return KINDS[kind].always if always else KINDS[kind].once


def concerns(kind: str, target: str) -> bool:
    return not kind.startswith("token") or (target in TOKENS and (kind != "token throttled" or "genesys" in target))


CELLS = [
    (target, kind, always) for target in TARGETS for kind in KINDS if concerns(kind, target) for always in (False, True)
]
IDS = [f"{target}, {kind}, {'always' if always else 'once'}" for target, kind, always in CELLS]
