"""Answers that are well-formed but wrong: edits of the true one.

Each edit gets the decoded body, the request, the fault's details and a memory of its own, and returns the new body.
"""

import copy
import json
from collections.abc import Callable

from tap_usage.sandbox.demandbase import usage_xml, xml_answer
from tap_usage.sandbox.wire import Answer, Json, Request

Edit = Callable[[Json, Request, Json, Json], object]
ROWS = ("data", "entities", "results", "usageForAccount")


def edit(kind: str, request: Request, answer: Answer, details: Json, memory: Json) -> None:
    """Apply an edit to an answer in place. Errors stay as they are; XML is made where the kind asks for it."""
    if kind == "error_as_xml":
        made = xml_answer({"error": json.loads(answer.body)}, answer.status)
        answer.body, answer.content_type = made.body, made.content_type
    elif kind == "usage_as_xml":
        made = usage_xml(json.loads(answer.body))
        answer.body, answer.content_type = made.body, made.content_type
    elif answer.status < 400:  # noqa: PLR2004  the class of the status
        body = EDITS[kind][0](json.loads(answer.body), request, details, memory)
        answer.body = json.dumps(body).encode()


def change(body: Json, _request: Request, details: Json, _memory: Json) -> object:
    """Let a function of the test make the new body."""
    return details["change"](body)


def without(*names: str) -> Edit:
    """Return an edit that leaves a member out, given by its path."""

    def apply(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
        place = body
        for name in names[:-1]:
            place = place.get(name, {})
        place.pop(names[-1], None)
        return body

    return apply


def without_expiry(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
    """Issue a token without saying until when it is good."""
    for place, name in (
        (body, "expires_in"),
        (body, "expires"),
        (body.get("accessTokenDetails", {}), "expirationTime"),
    ):
        place.pop(name, None)
    return body


def rows_key(body: Json) -> str:
    """Return the name under which an answer holds its rows."""
    return next((name for name in ROWS if name in body), ROWS[0])


def repeat_page(body: Json, request: Request, _details: Json, memory: Json) -> Json:
    """Serve the rows of the first page that was hit on every later one."""
    key = rows_key(body)
    body[key] = memory.setdefault(request.path, copy.deepcopy(body[key]))
    return body


def shrink_page(body: Json, _request: Request, details: Json, _memory: Json) -> Json:
    """Serve fewer rows than asked though there are more."""
    key = rows_key(body)
    body[key] = body[key][: details.get("rows", len(body[key]) // 2)]
    return body


def duplicate_rows(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
    """Serve every row twice."""
    key = rows_key(body)
    body[key] = [row for row in body[key] for _ in range(2)]
    return body


def reverse_rows(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
    """Ignore the order that was asked."""
    body[rows_key(body)].reverse()
    return body


def swap_rows(body: Json, _request: Request, details: Json, _memory: Json) -> Json:
    """Exchange the row at ``index`` with the next one."""
    rows, index = body[rows_key(body)], details.get("index", 0)
    rows[index : index + 2] = rows[index : index + 2][::-1]
    return body


def false_total(body: Json, _request: Request, details: Json, _memory: Json) -> Json:
    """Name a wrong number of rows: ``total``, or the true one plus ``by``."""
    place = body["meta"]["results"] if "meta" in body else body
    key = "total" if "total" in place else "size"
    place[key] = details.get("total", place[key] + details.get("by", 1))
    return body


def lower_bound(body: Json, _request: Request, details: Json, _memory: Json) -> Json:
    """Stop counting early, and say so."""
    true = body["meta"]["results"]["total"]
    body["meta"]["results"] = {"total": min(true, details.get("total", 10_000)), "total_method": "lower_bound"}
    return body


def pagination_meta(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
    """Use the other shape of ``meta`` that this vendor documents, in which ``prev`` of the first page is null."""
    page = body["meta"]["page"]
    pagination = {
        "total": body["meta"]["results"]["total"],
        **{name: page[name] for name in ("limit", "offset", "current")},
    }
    body["meta"] = {"pagination": pagination}
    if not page["offset"]:
        body["links"]["prev"] = None
    return body


def next_elsewhere(body: Json, request: Request, details: Json, _memory: Json) -> Json:
    """Link the next page on another origin; ``url`` is the whole link or, when it has no path, the origin."""
    origin = details.get("url", "http://127.0.0.1:9")
    url = origin if "/" in origin.partition("//")[2] else f"{origin}{request.path}?cursor=elsewhere"
    return with_next(body, url)


def next_cycle(body: Json, request: Request, _details: Json, memory: Json) -> Json:
    """Link the first page that was hit as the next one, for ever."""
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    here = request.path + (f"?{query}" if query else "")
    if "_links" in body:
        here = body["_links"]["self"]["href"] + (f"?{query}" if query else "")
    return with_next(body, memory.setdefault(request.path, here))


def with_next(body: Json, url: str) -> Json:
    """Put a link to the next page where the vendor has it."""
    if "_links" in body:
        body["_links"]["next"] = {"href": url}
    elif "links" in body:
        body["links"]["next"] = url
    else:
        body["nextUri"] = url
    return body


def embedded_null(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
    """Serve no rows, as null."""
    return body | {"_embedded": None}


def query_status(_body: Json, _request: Request, details: Json, _memory: Json) -> Json:
    """Name the state of an execution by a word: ``Failed``, ``Running`` or one that nobody knows."""
    return {"queryStatus": details.get("word", "Failed")}


def false_page_count(body: Json, _request: Request, details: Json, _memory: Json) -> Json:
    """Promise more pages of clients than there are."""
    return body | {"pageCount": details.get("pages", body["pageCount"] + 1)}


def with_cursors(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
    """Add the cursors that the model has and no operation takes."""
    return body | {"cursors": {"before": "sandbox-before", "after": "sandbox-after"}}


def rows_outside(body: Json, _request: Request, details: Json, _memory: Json) -> Json:
    """Add a copy of the first row with a date that was not asked for; ``date`` as the vendor writes it."""
    key = rows_key(body)
    rows = body.get(key) or []
    return body | ({key: [*rows, rows[0] | {"date": details["date"]}]} if rows else {})


def nameless(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
    """Leave the name of the API out of all rows."""
    body["usageForAccount"] = [
        {name: value for name, value in row.items() if name != "api"} for row in body["usageForAccount"]
    ]
    return body


def unchanged(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
    """Stand for the two kinds that make XML instead."""
    return body


EDITS: dict[str, tuple[Edit, frozenset[str]]] = {
    "edit": (change, frozenset({"change"})),
    "repeated_page": (repeat_page, frozenset()),
    "shrinking_page": (shrink_page, frozenset({"rows"})),
    "duplicated_rows": (duplicate_rows, frozenset()),
    "sort_ignored": (reverse_rows, frozenset()),
    "order_violated": (swap_rows, frozenset({"index"})),
    "total_wrong": (false_total, frozenset({"total", "by"})),
    "total_missing": (without("meta", "results"), frozenset()),
    "total_lower_bound": (lower_bound, frozenset({"total"})),
    "pagination_meta": (pagination_meta, frozenset()),
    "next_elsewhere": (next_elsewhere, frozenset({"url"})),
    "next_cycle": (next_cycle, frozenset()),
    "embedded_null": (embedded_null, frozenset()),
    "query_status": (query_status, frozenset({"word"})),
    "execution_id_missing": (without("executionId"), frozenset()),
    "page_count_wrong": (false_page_count, frozenset({"pages"})),
    "cursors_present": (with_cursors, frozenset()),
    "rows_outside": (rows_outside, frozenset({"date"})),
    "rows_nameless": (nameless, frozenset()),
    "usage_missing": (without("usageForAccount"), frozenset()),
    "expiry_missing": (without_expiry, frozenset()),
    "error_as_xml": (unchanged, frozenset()),
    "usage_as_xml": (unchanged, frozenset()),
}
