"""What all operations of the simulated Genesys Cloud share: data, login, permissions, limits, errors."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from http import HTTPStatus
from typing import ClassVar

from tap_usage.sandbox.clock import Clock, timestamp
from tap_usage.sandbox.genesys_paging import CLIENTS
from tap_usage.sandbox.genesys_usage import CLASSES, Execution, Ledger, Query
from tap_usage.sandbox.vendor import MinuteWindow, Tokens, Vendor
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

API, LOGIN = "genesys api", "genesys login"
ORGANIZATION = "77777777-0000-4000-8000-000000000001"
CODES = {
    400: "bad.request",
    401: "bad.credentials",
    403: "missing.any.permissions",
    404: "not.found",
    405: "method.not.allowed",
    408: "client.timeout",
    409: "request.conflict",
    413: "request.entity.too.large",
    415: "unsupported.media.type",
    429: "too.many.requests.retry.after",
    500: "internal.server.error",
    503: "service.unavailable",
    504: "request.timeout",
}


ORGANIZATION_QUERY = ("oauth:client:view", "usage:organization:view")
CLIENT_QUERY = ("oauth:client:view", "usage:client:view")
PERMISSIONS = {
    "genesys.clients": ("oauth:client:view",),
    "genesys.organization_submit": ORGANIZATION_QUERY,
    "genesys.organization_results": ORGANIZATION_QUERY,
    "genesys.client_submit": CLIENT_QUERY,
    "genesys.client_results": CLIENT_QUERY,
    "genesys.client_summary": CLIENT_QUERY,
    "genesys.organization_aggregates_submit": ("usage:organization:view",),
    "genesys.organization_aggregates_results": ("usage:organization:view",),
    "genesys.client_aggregates_submit": ("usage:client:view",),
    "genesys.client_aggregates_results": ("usage:client:view",),
}


class Account(Vendor):
    """The simulated Genesys Cloud without its queries.

    Attributes:
        clients: bodies of the OAuth clients, in the order of the list.
        ledger: the counted calls, see :class:`~tap_usage.sandbox.genesys_usage.Ledger`.
        submitted: number of executions and jobs so far.
        executions: what was submitted, by the id of the execution or job.
        permissions: what the roles of the credentials allow; an operation needs one of its :data:`PERMISSIONS`.
        client_page_size: clients per page of the list.
        polls_until_complete: how often results are not there yet before they are.
        seconds_until_complete: how long they are, by the sandbox's clock, whatever was polled.
        end_inclusive: whether the end of an interval belongs to it, as a whole day.
        requests_per_minute: limit on the API host, counted by the sandbox's clock; None for no limit.
    """

    name: ClassVar[str] = "genesys"

    def __init__(self, clock: Clock, seed: int) -> None:
        """Start without data."""
        super().__init__(clock, seed, Tokens(clock, timedelta(days=1), "sandbox-genesys-token-{:06d}"))
        self.client_page_size = 4
        self.polls_until_complete = 2
        self.seconds_until_complete: Callable[[Query], float] = lambda _query: 0.0
        self.end_inclusive = False
        self.requests_per_minute: int | None = None
        self.permissions = {permission for needed in PERMISSIONS.values() for permission in needed}
        self._answers = 0
        self._window = MinuteWindow(clock)
        self.clear()

    def clear(self) -> None:
        """Remove all data."""
        self.clients: list[Json] = []
        self.ledger = Ledger(self.clock, self.seed)
        self.executions: dict[str, Execution] = {}
        self.submitted = 0

    def add_client(self, client_id: str, **fields: object) -> str:
        """Add an OAuth client and return its id."""
        created = timestamp(self.clock.started - timedelta(days=300))
        client: Json = {
            "id": client_id,
            "name": client_id,
            "description": "",
            "accessTokenValiditySeconds": 86400,
            "secret": "sandbox-secret-of-another-client",
            "authorizedGrantType": "CLIENT-CREDENTIALS",
            "state": "active",
            "dateCreated": created,
            "dateModified": created,
            "selfUri": f"{CLIENTS}/{client_id}",
        }
        self.clients.append(client | fields)
        return client_id

    def add_usage(  # noqa: PLR0913  a row has as many dimensions
        self,
        client_id: str,
        day: str,
        requests: int,
        *,
        template_uri: str = "api/v2/users",
        http_method: str = "GET",
        client_name: str | None = None,
        user_id: str = "",
        platform: str = "",
        builtin: bool = False,
        **statuses: int,
    ) -> Json:
        """Count calls of a client on a day and return the row, which a test may change later.

        Args:
            client_id: id of the client; it need not be in the list.
            day: ISO date.
            requests: number of calls; those that ``statuses`` leaves over got status 200.
            template_uri: without a leading slash.
            http_method: in capitals.
            client_name: name of the client; by default that of the list, or its id.
            user_id: id of the user on whose behalf the calls were made.
            platform: where they came from.
            builtin: the client is Genesys' own, which only the aggregates count.
            statuses: number of calls by ``status300``, ``status400``, ``status500``, and ``status429``, which is part
                of ``status400``.
        """
        names = {client["id"]: client["name"] for client in self.clients}
        metrics = dict.fromkeys((*CLASSES, "status429"), 0) | statuses
        metrics["status200"] = requests - sum(metrics[name] for name in CLASSES[1:])
        row: Json = {
            "clientId": client_id,
            "clientName": client_name or names.get(client_id, client_id),
            "organizationId": ORGANIZATION,
            "userId": user_id,
            "templateUri": template_uri,
            "httpMethod": http_method,
            "platform": platform,
            "builtin": builtin,
            "date": date.fromisoformat(day),
            **metrics,
            "requests": requests,
        }
        self.ledger.calls.append(row)
        return row

    def error(self, request: Request, status: int, code: str = "", message: str = "") -> Answer:
        """Answer in the OAuth shape on the login host, in Genesys' own on the other."""
        if request.origin == LOGIN:
            sentence = message or "authentication failed"
            refusal = {"error": code or "invalid_client", "description": sentence, "error_description": sentence}
            return json_answer(refusal, status)
        return json_answer(self.error_body(status, code, message), status)

    def error_body(self, status: int, code: str = "", message: str = "") -> Json:
        """Return Genesys' own error shape; of a status alone it has the usual code."""
        code = code or CODES.get(status, "internal.server.error")
        return {
            "message": message or f"The request was refused: {code}",
            "code": code,
            "status": status,
            "messageParams": {},
            "contextId": self._correlation_id(),
            "details": [],
            "errors": [],
        }

    def throttled(self, request: Request) -> Answer:
        """Answer 429 and ask for one second; the login host answers 400 instead."""
        if request.origin == LOGIN:
            return self.error(request, 400, "invalid_request", "rate limit exceeded; wait before the next request")
        answer = self.error(request, 429)
        answer.headers["Retry-After"] = "1"
        return answer

    def admit(self, request: Request, route: Route) -> None:
        """Count the request against the limit, then check the usual things."""
        if request.origin == API:
            if "authorization" not in request.headers:
                raise RefusedError(401, "authentication.required")
            self._window.count()
            if self._over_limit():
                raise RefusedError(429)
        super().admit(request, route)
        needed = PERMISSIONS.get(route.operation, ())
        if needed and self.permissions.isdisjoint(needed):
            raise RefusedError(
                403, "missing.any.permissions", f"one of these permissions is needed: {', '.join(needed)}"
            )

    def headers(self, request: Request, answer: Answer) -> dict[str, str]:
        """Return the correlation id and the state of the rate limit."""
        if request.origin != API:
            return {}
        reset = str(self._window.seconds_left())
        headers = {
            "ININ-Correlation-Id": self._correlation_id(),
            "inin-ratelimit-count": str(self._window.counted),
            "inin-ratelimit-allowed": str(self.requests_per_minute or 300),
            "inin-ratelimit-reset": reset,
        }
        self._answers += 1
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS and self._over_limit():
            headers["Retry-After"] = reset
        return headers

    def _correlation_id(self) -> str:
        return f"99999999-0000-4000-8000-{self._answers:012d}"

    def _over_limit(self) -> bool:
        return self.requests_per_minute is not None and self._window.counted > self.requests_per_minute

    def _token(self, request: Request) -> Answer:
        fields = form_fields(request)
        if basic_credentials(request) != (self.client_id, self.client_secret):
            raise RefusedError(400, "invalid_client")
        if fields != {"grant_type": "client_credentials"}:
            raise RefusedError(400, "invalid_request", "grant_type")
        token, expiry = self.tokens.issue()
        lifetime = round((expiry - self.clock.now()).total_seconds())
        return json_answer({"access_token": token, "token_type": "bearer", "expires_in": lifetime})

    def client_of(self, request: Request) -> str | None:
        """Return the client that a path names, None for the organization.

        Raises:
            RefusedError: 404, there is no such client.
        """
        client_id = request.values.get("client_id")
        if client_id is not None and client_id not in {client["id"] for client in self.clients}:
            raise RefusedError(404)
        return client_id

    def execute(self, query: Query, prefix: str) -> tuple[str, int]:
        """Begin with a query; return an id that begins with ``prefix``, and the status of the answer, 200 or 202."""
        self.submitted += 1
        execution_id = f"{prefix}-0000-4000-8000-{self.submitted:012d}"
        now = self.clock.now()
        self.executions[execution_id] = Execution(
            query, now, now + timedelta(seconds=self.seconds_until_complete(query))
        )
        return execution_id, (202, 200)[self.submitted % 2]


def body_of(request: Request) -> Json:
    """Return the JSON object that is a request's body.

    Raises:
        RefusedError: 415, it is not labelled so; 400, it is none.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise RefusedError(415)
    try:
        body = json.loads(request.body)
    except ValueError:
        raise RefusedError(400, "bad.request", "the body is no JSON") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "bad.request", "the body is no object")
    return body
