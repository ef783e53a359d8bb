"""Elastic Path Composable Commerce: rule promotions and their usages."""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from tap_usage.sandbox.clock import Clock, instant, timestamp
from tap_usage.sandbox.elasticpath_filter import PROMOTION_OPERATORS, USAGE_OPERATORS, conditions
from tap_usage.sandbox.vendor import Tokens, Vendor
from tap_usage.sandbox.wire import Answer, Json, RefusedError, Request, Route, dice, form_fields, json_answer

API = "elasticpath"
SAMPLE_TEXT = (Path(__file__).parent / "samples" / "elasticpath_promotion_usages.json").read_bytes()
SAMPLE_USAGES: list[Json] = json.loads(SAMPLE_TEXT)["data"]
SAMPLE_PROMOTION = "26067b82-a50c-462c-b3ed-1ca77aa13bd1"
MAX_LIMIT = 100
TITLES = {
    400: "Bad Request",
    401: "Unable to validate access token",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


class ElasticPath(Vendor):
    """The simulated Elastic Path.

    Attributes:
        promotions: bodies in the order of the list.
        usages: rows by promotion id, in the order in which they were stored.
        hidden_until: when a usage becomes visible, by usage id; the others are visible at once.
        growth: seconds between two new usages, by promotion id: they appear while the clock goes on.
        page_length: rows per page when ``page[limit]`` is not sent.
        max_offset: largest ``page[offset]``; beyond it the answer is 400.
        empty_is_404: a promotion without usages answers 404, as documented, instead of an empty page.
        after_page: is called with promotion id, offset and rows when a page of usages was made: a test changes the data
            between two pages there.
    """

    name: ClassVar[str] = "elasticpath"

    def __init__(self, clock: Clock, seed: int) -> None:
        """Start without data."""
        super().__init__(clock, seed, Tokens(clock, timedelta(hours=1), "sandbox-elasticpath-token-{:06d}"))
        self.page_length = 10
        self.max_offset = 10_000
        self.empty_is_404 = False
        self.after_page: Callable[[str, int, list[Json]], object] | None = None
        self.clear()

    def clear(self) -> None:
        """Remove all data."""
        self.promotions: list[Json] = []
        self.usages: dict[str, list[Json]] = {}
        self.hidden_until: dict[str, datetime] = {}
        self.growth: dict[str, float] = {}
        self._grown: dict[str, int] = {}
        self._random = dice(self.seed)

    def add_promotion(self, promotion_id: str | None = None, **fields: object) -> str:
        """Add a promotion and return its id."""
        created = timestamp(self.clock.started - timedelta(days=250))
        promotion: Json = {
            "type": "rule_promotion",
            "id": promotion_id or self._identifier(),
            "store_id": "55555555-0000-4000-8000-000000000001",
            "name": f"Promotion {len(self.promotions) + 1}",
            "description": "",
            "enabled": True,
            "automatic": False,
            "start": "2024-01-01T00:00:00Z",
            "end": "2034-01-01T00:00:00Z",
            "rule_set": {"currencies": None, "catalog_ids": None, "rules": {"strategy": "and", "children": []}},
            "meta": {"timestamps": {"created_at": created, "updated_at": created}},
        }
        self.promotions.append(promotion | fields)
        added = str(self.promotions[-1]["id"])
        self.usages.setdefault(added, [])
        return added

    def add_usage(self, promotion_id: str, used_on: str | datetime, **fields: object) -> Json:
        """Add a usage and return it; a test may change it later.

        Args:
            promotion_id: where it belongs.
            used_on: time of the checkout.
            fields: members that differ from the usual ones. ``visible_at``, an ISO time, hides it until then.
        """
        at = timestamp(used_on) if isinstance(used_on, datetime) else used_on
        usage = self._usage(self._random, at)
        if "visible_at" in fields:
            self.hidden_until[usage["id"]] = instant(str(fields.pop("visible_at")))
        usage |= fields
        self.usages[promotion_id].append(usage)
        return usage

    def add_usages(self, promotion_id: str, count: int, first: str | datetime, seconds: float) -> None:
        """Add many usages: the first one at ``first``, each further one so many seconds later."""
        start = instant(first) if isinstance(first, str) else first
        for number in range(count):
            self.add_usage(promotion_id, start + timedelta(seconds=number * seconds))

    def anonymize(self, usage: Json) -> None:
        """Mask the e-mail address of a usage, as the vendor does on request."""
        usage.update(customer_email="**", anonymized=True, updated_by="Sandbox")
        usage["meta"] = {"timestamps": {"updated_at": timestamp(self.clock.now())}}

    def visible_usages(self, promotion_id: str) -> list[Json]:
        """Return the usages of a promotion that can be read at the sandbox's current time."""
        self._grow(promotion_id)
        rows, now = self.usages.get(promotion_id, []), self.clock.now()
        if not self.hidden_until:
            return rows
        return [row for row in rows if self.hidden_until.get(row["id"], now) <= now]

    def all_usages(self) -> list[tuple[str, Json]]:
        """Return promotion id and usage of everything that can be read at the sandbox's current time."""
        listed = [promotion["id"] for promotion in self.promotions]
        return [(promotion_id, usage) for promotion_id in listed for usage in self.visible_usages(promotion_id)]

    def truth(self) -> dict[str, int]:
        """Count the rows of each collection."""
        return {"promotions": len(self.promotions), "promotion_usages": len(self.all_usages())}

    def routes(self) -> tuple[Route, ...]:
        """List the operations."""
        promotions = "/v2/rule-promotions"
        paging = frozenset({"page[limit]", "page[offset]", "filter"})
        one = promotions + "/{promotion_id}"
        return (
            Route(API, "POST", "/oauth/access_token", "elasticpath.token", self._token, needs_token=False),
            Route(API, "GET", promotions, "elasticpath.promotions", self._list_promotions, paging),
            Route(API, "GET", one, "elasticpath.promotion", self._read_promotion),
            Route(API, "GET", one + "/usages", "elasticpath.usages", self._list_usages, paging | {"sort"}),
        )

    def error(self, request: Request, status: int, code: str = "", message: str = "") -> Answer:
        """Answer with a list of one error, whose ``status`` is a number, a text, or missing."""
        if code == "filter":
            error: Json = {"title": "Bad Request", "detail": "Could not parse the supplied filter"}
            return json_answer({"errors": [error]}, status)
        error = {"status": str(status) if request.path.startswith("/oauth/") else status}
        error["title"] = code or TITLES.get(status, "Error")
        if message:
            error["detail"] = message
        return json_answer({"errors": [error]}, status)

    def _token(self, request: Request) -> Answer:
        fields = form_fields(request)
        if set(fields) != {"grant_type", "client_id", "client_secret"} or fields["grant_type"] != "client_credentials":
            raise RefusedError(400, message="grant_type, client_id and client_secret are needed")
        if (fields["client_id"], fields["client_secret"]) != (self.client_id, self.client_secret):
            raise RefusedError(401, "Unauthorized")
        token, expiry = self.tokens.issue()
        return json_answer(
            {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": round((expiry - self.clock.now()).total_seconds()),
                "expires": int(expiry.timestamp()),
                "identifier": "client_credentials",
            }
        )

    def _list_promotions(self, request: Request) -> Answer:
        limit, offset = self._paging(request)
        checks = conditions(request.query.get("filter", ""), PROMOTION_OPERATORS)
        rows = [row for row in self.listed(self.promotions) if all(check(row) for check in checks)]
        return json_answer(self._envelope(request, rows, limit, offset))

    def _promotion(self, request: Request) -> Json:
        for promotion in self.promotions:
            if promotion["id"] == request.values["promotion_id"]:
                return promotion
        raise RefusedError(404, "Promotion Not Found", "No promotion found for the specified promotion ID.")

    def _read_promotion(self, request: Request) -> Answer:
        return json_answer({"data": self._promotion(request)})

    def _list_usages(self, request: Request) -> Answer:
        limit, offset = self._paging(request)
        sort = request.query.get("sort")
        if sort not in (None, "used_on", "-used_on"):
            raise RefusedError(400, message="sort")
        checks = conditions(request.query.get("filter", ""), USAGE_OPERATORS)
        promotion_id = self._promotion(request)["id"]
        rows = self.listed([row for row in self.visible_usages(promotion_id) if all(check(row) for check in checks)])
        if not rows and self.empty_is_404:
            raise RefusedError(404, "Promotion Not Found", "No usages found for the specified promotion ID.")
        if sort is None:
            # The vendor promises no order here; it has been seen to begin with what changed last.
            rows.sort(key=lambda row: str(row["meta"]["timestamps"]["updated_at"]), reverse=True)
        else:
            rows.sort(key=lambda row: instant(row["used_on"]), reverse=sort.startswith("-"))
        as_sampled = promotion_id == SAMPLE_PROMOTION and rows == SAMPLE_USAGES and (limit, offset) == (10, 0)
        if as_sampled and set(request.query) <= {"page[limit]", "page[offset]"}:
            return Answer(body=SAMPLE_TEXT)
        answer = json_answer(self._envelope(request, rows, limit, offset))
        if self.after_page:
            self.after_page(promotion_id, offset, rows[offset : offset + limit])
        return answer

    def _paging(self, request: Request) -> tuple[int, int]:
        limit = request.query.get("page[limit]", str(self.page_length))
        offset = request.query.get("page[offset]", "0")
        if not limit.isdecimal() or not 1 <= int(limit) <= MAX_LIMIT:
            raise RefusedError(400, message=f"page[limit] must lie between 1 and {MAX_LIMIT}")
        if not offset.isdecimal() or int(offset) > self.max_offset:
            raise RefusedError(400, message=f"page[offset] must lie between 0 and {self.max_offset}")
        return int(limit), int(offset)

    def _envelope(self, request: Request, rows: list[Json], limit: int, offset: int) -> Json:
        kept = "".join(f"&{name}={quote(request.query[name])}" for name in ("filter", "sort") if name in request.query)
        link = f"{self.origins[API]}{request.path}?page[offset]={{}}&page[limit]={limit}{{}}".format
        total = len(rows)
        last = (total - 1) // limit * limit
        links = {
            "current": link(offset, kept),
            "first": link(0, kept),
            "last": link(last, kept),
            "prev": link(max(0, offset - limit), kept),
            "next": link(offset + limit if offset + limit < total else offset, kept),
        }
        if not rows:
            # Captured from this vendor: https://github.com/elasticpath/epcc-cli/blob/main/docs/tutorial.md
            links["next"] = f"{self.origins[API]}{request.path}?page[offset]=-1"
            links["last"] = f"{self.origins[API]}{request.path}?page[offset]=-100"
        page = {"limit": limit, "offset": offset, "current": offset // limit + 1, "total": -(-total // limit)}
        results = {"total": total, "total_method": "exact"}
        return {"data": rows[offset : offset + limit], "links": links, "meta": {"page": page, "results": results}}

    def _grow(self, promotion_id: str) -> None:
        if promotion_id not in self.growth:
            return
        every = self.growth[promotion_id]
        due = int((self.clock.now() - self.clock.started).total_seconds() // every)
        for number in range(self._grown.get(promotion_id, 0) + 1, due + 1):
            at = timestamp(self.clock.started + timedelta(seconds=number * every))
            source = dice(f"{self.seed} {promotion_id} {number}")
            self.usages[promotion_id].append(self._usage(source, at))
        self._grown[promotion_id] = max(due, self._grown.get(promotion_id, 0))

    def _identifier(self) -> str:
        return identifier(self._random)

    def _usage(self, source: random.Random, used_on: str) -> Json:
        shopper = source.randrange(1000)
        return {
            "id": identifier(source),
            "order_id": identifier(source),
            "code_id": f"44444444-0000-4000-8000-{shopper % 7:012d}",
            "code": f"code-{shopper % 7}",
            "times_used": 1,
            "used_on": used_on,
            "customer_id": f"33333333-0000-4000-8000-{shopper:012d}",
            "customer_email": f"shopper{shopper}@example.com",
            "meta": {"timestamps": {"updated_at": used_on}},
            "anonymized": False,
            "account_id": None,
        }


def identifier(source: random.Random) -> str:
    """Return a UUID of version 4 from a source of random numbers."""
    digits = f"{source.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
