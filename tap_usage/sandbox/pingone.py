"""PingOne: environments, credential types, issuance rules and their usage counts."""

import base64
import itertools
import zlib
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlencode

from tap_usage.sandbox.clock import Clock, instant, timestamp
from tap_usage.sandbox.pingone_paging import cursor, cursor_position, matches
from tap_usage.sandbox.vendor import Tokens, Vendor
from tap_usage.sandbox.wire import (
    Answer,
    Json,
    RefusedError,
    Request,
    Route,
    basic_credentials,
    form_fields,
    json_answer,
)

API, AUTH = "pingone api", "pingone auth"
HOME_ENVIRONMENT = "aaaaaaaa-0000-4000-8000-000000000001"
ERRORS = {
    400: ("INVALID_DATA", "The request could not be completed.", "INVALID_VALUE"),
    401: ("ACCESS_FAILED", "The request could not be completed.", "INVALID_TOKEN"),
    403: ("ACCESS_FAILED", "The request could not be completed.", "INSUFFICIENT_PERMISSIONS"),
    404: ("NOT_FOUND", "The requested resource was not found.", ""),
    429: ("REQUEST_LIMITED", "The rate limit of the license is exceeded.", "LIMIT_EXCEEDED"),
    500: ("UNEXPECTED_ERROR", "An unexpected error occurred.", ""),
}
MAX_LIMIT = 5000


class PingOne(Vendor):
    """The simulated PingOne.

    Attributes:
        environments: bodies in the order of the list. ``DELETE_PENDING`` ones refuse their children with 403.
        credential_types: bodies by environment id.
        issuance_rules: bodies by credential type id.
        counters: usage counts by rule id, as they were when the rule was created; a counter that is left out is
            left out of the answer.
        growth: seconds that pass between two increments of a counter, by rule id and counter.
        page_size: rows per page of all three lists, whatever larger ``limit`` is asked.
        auth_method: ``basic`` or ``post``, the only one that the token operation takes.
        missing_environment_status: 404, or 400, 401 or 403, which this vendor also answers.
    """

    name: ClassVar[str] = "pingone"

    def __init__(self, clock: Clock, seed: int) -> None:
        """Start without data."""
        header, claims = (
            base64.urlsafe_b64encode(part).rstrip(b"=").decode()
            for part in (b'{"alg":"RS256","typ":"JWT"}', b'{"iss":"sandbox"}')
        )
        super().__init__(clock, seed, Tokens(clock, timedelta(hours=1), f"{header}.{claims}.sandbox{{:06d}}"))
        self.page_size = 2
        self.auth_method = "basic"
        self.missing_environment_status = 404
        self.clear()

    def clear(self) -> None:
        """Remove all data."""
        self.environments: list[Json] = []
        self.credential_types: dict[str, list[Json]] = {}
        self.issuance_rules: dict[str, list[Json]] = {}
        self.counters: dict[str, dict[str, int]] = {}
        self.growth: dict[str, dict[str, float]] = {}
        self._numbers = itertools.count(1)

    def add_environment(self, status: str | None = None, **fields: object) -> str:
        """Add an environment and return its id."""
        number = next(self._numbers)
        created = timestamp(self.clock.started - timedelta(days=400 - number))
        environment: Json = {
            "id": f"aaaaaaaa-0000-4000-8000-{number:012d}",
            "name": f"Environment {number}",
            "description": "",
            "organization": {"id": "dddddddd-0000-4000-8000-000000000001"},
            "type": "SANDBOX",
            "region": "NA",
            "status": status,
            "createdAt": created,
            "updatedAt": created,
            "license": {"id": "eeeeeeee-0000-4000-8000-000000000001"},
        }
        self.environments.append(environment | fields)
        return str(self.environments[-1]["id"])

    def add_credential_type(self, environment_id: str, mode: str = "AUTOMATED", **fields: object) -> str:
        """Add a credential type (``AUTOMATED`` or ``MANAGED``) and return its id."""
        number = next(self._numbers)
        created = timestamp(self.clock.started - timedelta(days=100 - number))
        credential_type: Json = {
            "id": f"bbbbbbbb-0000-4000-8000-{number:012d}",
            "createdAt": created,
            "updatedAt": None,
            "environment": {"id": environment_id},
            "issuer": {"id": "ffffffff-0000-4000-8000-000000000001"},
            "issuerName": "Sandbox",
            "management": {"mode": mode},
            "title": f"Credential {number}",
            "description": "",
            "cardType": "Sandbox",
            "version": {"number": 1},
        }
        self.credential_types.setdefault(environment_id, []).append(credential_type | fields)
        return str(self.credential_types[environment_id][-1]["id"])

    def add_issuance_rule(
        self,
        credential_type_id: str,
        counters: dict[str, int],
        growth: dict[str, float] | None = None,
        **fields: object,
    ) -> str:
        """Add an issuance rule and return its id.

        Args:
            credential_type_id: where it belongs.
            counters: counts at its creation, by counter.
            growth: seconds between two increments, by counter; the others stand still.
            fields: members of the body that differ from the usual ones, such as ``status`` or ``createdAt``.
        """
        number = next(self._numbers)
        created = timestamp(self.clock.started - timedelta(days=40))
        rule: Json = {
            "id": f"cccccccc-0000-4000-8000-{number:012d}",
            "createdAt": created,
            "updatedAt": None,
            "credentialType": {"id": credential_type_id},
            "status": "ACTIVE",
            "filter": {"populationIds": ["88888888-0000-4000-8000-000000000001"]},
            "automation": {"issue": "PERIODIC", "update": "ON_DEMAND", "revoke": "ON_DEMAND"},
        }
        rule |= fields
        self.issuance_rules.setdefault(credential_type_id, []).append(rule)
        self.counters[rule["id"]] = dict(counters)
        self.growth[rule["id"]] = dict(growth or {})
        return str(rule["id"])

    def counts(self, rule_id: str) -> dict[str, int]:
        """Return the usage counts of a rule at the sandbox's current time."""
        rule = next(rule for rules in self.issuance_rules.values() for rule in rules if rule["id"] == rule_id)
        age = (self.clock.now() - instant(rule["createdAt"])).total_seconds()
        growth = self.growth.get(rule_id, {})
        return {
            counter: count + (int(age // growth[counter]) if counter in growth else 0)
            for counter, count in self.counters[rule_id].items()
        }

    def reset_counts(self, rule_id: str, to: int = 0) -> None:
        """Have all usage counts of a rule stand at ``to`` now; they grow on from there."""
        for counter, count in self.counts(rule_id).items():
            self.counters[rule_id][counter] += to - count

    def truth(self) -> dict[str, int]:
        """Count the rows of each collection."""
        return {
            "environments": len(self.environments),
            "credential_types": sum(map(len, self.credential_types.values())),
            "issuance_rules": sum(map(len, self.issuance_rules.values())),
        }

    def routes(self) -> tuple[Route, ...]:
        """List the operations."""
        environment = "/v1/environments/{environment_id}"
        types = environment + "/credentialTypes"
        rules = types + "/{credential_type_id}/issuanceRules"
        counts = rules + "/{rule_id}/usageCounts"
        listing = frozenset({"limit", "cursor", "filter", "order", "expand"})
        cursor = frozenset({"cursor"})
        return (
            Route(AUTH, "POST", "/{environment_id}/as/token", "pingone.token", self._token, needs_token=False),
            Route(API, "GET", "/v1/environments", "pingone.environments", self._list_environments, listing),
            Route(API, "GET", environment, "pingone.environment", self._read_environment),
            Route(API, "GET", types, "pingone.credential_types", self._list_types, cursor),
            Route(API, "GET", rules, "pingone.issuance_rules", self._list_rules, cursor),
            Route(API, "GET", counts, "pingone.usage_counts", self._read_counts),
        )

    def error(self, request: Request, status: int, code: str = "", message: str = "") -> Answer:
        """Answer in the OAuth shape on the auth host, in PingOne's own on the other."""
        if request.origin == AUTH:
            error = code or {400: "invalid_request", 401: "invalid_client"}.get(status, "server_error")
            return json_answer({"error": error, "error_description": message or "Request denied."}, status)
        top, sentence, detail = ERRORS.get(status, (f"HTTP_{status}", "The request could not be completed.", ""))
        body: Json = {"id": "00000000-0000-4000-8000-00000000e770", "code": top, "message": message or sentence}
        if code or detail:
            body["details"] = [{"code": code or detail, "message": message or sentence}]
        return json_answer(body, status)

    def throttled(self, request: Request) -> Answer:
        """Answer 429 and ask for one second."""
        answer = self.error(request, 429)
        answer.headers["Retry-After"] = "1"
        return answer

    def _token(self, request: Request) -> Answer:
        if request.values["environment_id"] != HOME_ENVIRONMENT:
            raise RefusedError(404, "not_found", "no such environment")
        fields = form_fields(request)
        if set(fields) - {"grant_type", "client_id", "client_secret", "scope"}:
            raise RefusedError(400, "invalid_request", "unknown field")
        if fields.get("grant_type") != "client_credentials":
            raise RefusedError(400, "unsupported_grant_type")
        posted = (fields["client_id"], fields["client_secret"]) if "client_secret" in fields else None
        expected = (self.client_id, self.client_secret)
        wanted = {"basic": (expected, None), "post": (None, expected)}[self.auth_method]
        if (basic_credentials(request), posted) != wanted:
            raise RefusedError(401, "invalid_client", "Request denied: Unsupported authentication method")
        token, expiry = self.tokens.issue()
        lifetime = round((expiry - self.clock.now()).total_seconds())
        return json_answer({"access_token": token, "token_type": "Bearer", "expires_in": lifetime})

    def _environment(self, environment_id: str) -> Json:
        for environment in self.environments:
            if environment["id"] == environment_id:
                return environment
        raise RefusedError(self.missing_environment_status)

    def _living(self, environment_id: str) -> str:
        if self._seen(self._environment(environment_id))["status"] == "DELETE_PENDING":
            raise RefusedError(403)
        return environment_id

    def _seen(self, environment: Json) -> Json:
        pending = environment["id"] in self.scene.get("delete_pending", {}).get("ids", ())
        return environment | {"status": "DELETE_PENDING"} if pending else environment

    def _list_environments(self, request: Request) -> Answer:
        limit = request.query.get("limit", "1000")
        if not (limit.isdecimal() and 1 <= int(limit) <= MAX_LIMIT):
            raise RefusedError(400, "INVALID_VALUE", f"limit must be between 1 and {MAX_LIMIT}")
        if request.query.get("expand", "billOfMaterials") != "billOfMaterials":
            raise RefusedError(400, "INVALID_PARAMETER", "unknown expansion")
        order = request.query.get("order", "")
        if order.removeprefix("-") not in {"", "name", "createdAt", "updatedAt"}:
            raise RefusedError(400, "INVALID_PARAMETER", "unknown order")
        rows = [row for row in map(self._seen, self.environments) if matches(row, request.query.get("filter", ""))]
        if order:
            rows.sort(key=lambda row: str(row[order.removeprefix("-")]), reverse=order.startswith("-"))
        if "expand" in request.query:
            rows = [row | {"billOfMaterials": {"products": [{"type": "PING_ONE_CREDENTIALS"}]}} for row in rows]
        return self._page(request, rows, "environments", int(limit))

    def _read_environment(self, request: Request) -> Answer:
        return json_answer(self._seen(self._environment(request.values["environment_id"])))

    def _list_types(self, request: Request) -> Answer:
        rows = self.credential_types.get(self._living(request.values["environment_id"]), [])
        return self._page(request, rows, "items")

    def _rules(self, request: Request) -> list[Json]:
        types = self.credential_types.get(self._living(request.values["environment_id"]), [])
        type_id = request.values["credential_type_id"]
        if type_id not in {credential_type["id"] for credential_type in types}:
            raise RefusedError(404)
        return self.issuance_rules.get(type_id, [])

    def _list_rules(self, request: Request) -> Answer:
        environment = {"environment": {"id": request.values["environment_id"]}}
        return self._page(request, [rule | environment for rule in self._rules(request)], "issuanceRules")

    def _read_counts(self, request: Request) -> Answer:
        rule_id = request.values["rule_id"]
        if rule_id not in {rule["id"] for rule in self._rules(request)}:
            raise RefusedError(404)
        return json_answer(self.counts(rule_id), indent=1)

    def _page(self, request: Request, rows: list[Json], key: str, limit: int = MAX_LIMIT) -> Answer:
        rows, size = self.listed(rows), min(limit, self.page_size)
        start = cursor_position(request.query["cursor"]) if "cursor" in request.query else 0
        base = self.origins[API] + request.path
        links = {"self": {"href": base}}
        if start + size < len(rows):
            links["next"] = {"href": f"{base}?{urlencode(request.query | {'cursor': cursor(start + size)})}"}
        page = [{"_links": {"self": {"href": f"{base}/{row['id']}"}}} | row for row in rows[start : start + size]]
        body: Json = {"_links": links}
        # Lists of this vendor are empty in three ways, and a connector has to take them all.
        if page or (way := zlib.crc32(request.path.encode()) % 3) == 0:
            body["_embedded"] = {key: page}
        elif way == 1:
            body["_embedded"] = {}
        if key == "environments":
            body["count"] = len(rows)
        return json_answer(body | {"size": len(page)})
