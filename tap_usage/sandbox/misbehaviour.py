"""Answers that are well-formed but wrong: edits of the true one.

Each edit gets the decoded body, the request, the fault's details and a memory of its own, and returns the new body.
"""

import json
from collections.abc import Callable
from urllib.parse import quote

from tap_usage.sandbox.demandbase import usage_xml, xml_answer
from tap_usage.sandbox.kinds import Kind, names
from tap_usage.sandbox.wire import Answer, Json, Request

Edit = Callable[[Json, Request, Json, Json], object]
ROWS = ("data", "entities", "results", "usageForAccount", "environments", "items", "issuanceRules")


def edit(kind: str, request: Request, answer: Answer, details: Json, memory: Json) -> None:
    """Apply an edit to an answer in place. Errors stay as they are; XML is made where the kind asks for it."""
    if kind in REMAKES:
        REMAKES[kind](answer)
    elif answer.good:
        body = EDITS[kind].apply(json.loads(answer.body), request, details, memory)
        answer.body = json.dumps(body).encode()


def error_as_xml(answer: Answer) -> None:
    """Write an error as XML."""
    made = xml_answer({"error": json.loads(answer.body)}, answer.status)
    answer.body, answer.content_type = made.body, made.content_type


def usage_as_xml(answer: Answer) -> None:
    """Write usage as XML."""
    made = usage_xml(json.loads(answer.body))
    answer.body, answer.content_type = made.body, made.content_type


def no_content(answer: Answer) -> None:
    """Answer 204 where there is nothing."""
    body = json.loads(answer.body)
    place = body.get("_embedded") or body
    if answer.good and not any(place.get(name) for name in ROWS):
        answer.status, answer.body = 204, b""


REMAKES: dict[str, Callable[[Answer], None]] = {
    "error_as_xml": error_as_xml,
    "usage_as_xml": usage_as_xml,
    "no_content": no_content,
}


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


def rows_edit(make: Callable[[list[Json], Json], list[Json]]) -> Edit:
    """Return an edit of the rows; ``make`` gets them and the details. An answer without rows stays as it is."""

    def apply(body: Json, _request: Request, details: Json, _memory: Json) -> Json:
        place = body.get("_embedded") or body
        for name in ROWS:
            if name in place:
                place[name] = make(place[name], details)
        return body

    return apply


def repeat_page(body: Json, request: Request, details: Json, memory: Json) -> object:
    """Serve the rows of the first page that was hit on every later one."""
    repeat = rows_edit(lambda rows, _details: list(memory.setdefault(request.path, rows)))
    return repeat(body, request, details, memory)


def null_rows(body: Json, _request: Request, details: Json, _memory: Json) -> Json:
    """Serve null in place of no rows, or, ``always``, of any."""
    place = body.get("_embedded") or body
    nothing = {name: None for name in ROWS if name in place and (details.get("always") or not place[name])}
    place.update(nothing)
    return body


def changed(rows: list[Json], details: Json) -> list[Json]:
    """Return rows, all of them or the one at ``index``, with ``value`` in ``field``."""
    only = details.get("index")
    member = {details["field"]: details["value"]}
    return [row | member if only in {None, number} else row for number, row in enumerate(rows)]


def redated(row: Json, form: str) -> Json:
    """Return a row whose day is written in another form."""
    return row | {"date": form.format(row["date"][:10])} if "date" in row else row


def missing_member(body: Json, request: Request, details: Json, memory: Json) -> object:
    """Leave out the member at ``path``, such as ``meta.results``."""
    return without(*details["path"].split("."))(body, request, details, memory)


def two_credits(body: Json, _request: Request, details: Json, _memory: Json) -> Json:
    """Serve a second element of credits, with ``other`` members."""
    first = body["creditsForAccount"][0]
    return body | {"creditsForAccount": [first, first | details.get("other", {"consumedCredits": 1})]}


def swapped(rows: list[Json], index: int) -> list[Json]:
    """Return rows with the one at ``index`` behind the next one."""
    return [*rows[:index], *rows[index : index + 2][::-1], *rows[index + 2 :]]


def nameless(row: Json) -> Json:
    """Return a row without the name of its API."""
    return {name: value for name, value in row.items() if name != "api"}


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
    query = "&".join(f"{name}={quote(value, safe=':,()')}" for name, value in request.query.items())
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
    elif body.get("queryStatus", "Succeeded") == "Succeeded":
        body["nextUri"] = url
    return body


def embedded_null(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
    """Serve no rows, as null."""
    return body | {"_embedded": None}


def false_page_count(body: Json, _request: Request, details: Json, _memory: Json) -> Json:
    """Promise more pages of clients than there are."""
    return body | {"pageCount": details.get("pages", body["pageCount"] + 1)}


def with_cursors(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
    """Add the cursors that the model has and no operation takes."""
    return body | {"cursors": {"before": "sandbox-before", "after": "sandbox-after"}}


def unchanged(body: Json, _request: Request, _details: Json, _memory: Json) -> Json:
    """Stand for the kinds that make the whole answer anew."""
    return body


LISTS = (
    "pingone.environments",
    "pingone.credential_types",
    "pingone.issuance_rules",
    "genesys.clients",
    "elasticpath.promotions",
    "elasticpath.usages",
)
RESULTS = ("genesys.*_results",)
AGGREGATES = ("genesys.*_aggregates_results",)
PAGED = (*LISTS, *AGGREGATES)
SUBMITS = ("genesys.organization_submit", "genesys.client_submit", "genesys.client_summary")
ELASTICPATH = ("elasticpath.promotions", "elasticpath.usages")
ROWED = (*LISTS, *RESULTS, "demandbase.usage")
DEMANDBASE = ("demandbase.usage",)


EDITS: dict[str, Kind[Edit]] = {
    "edit": Kind(change, needed=names("change")),
    "member_missing": Kind(missing_member, needed=names("path")),
    "repeated_page": Kind(repeat_page, PAGED),
    "shrinking_page": Kind(
        rows_edit(lambda rows, details: rows[: details.get("rows", len(rows) // 2)]), PAGED, names("rows")
    ),
    "duplicated_rows": Kind(rows_edit(lambda rows, _: [row for row in rows for _ in range(2)]), ROWED),
    "sort_ignored": Kind(rows_edit(lambda rows, _: rows[::-1]), ROWED),
    "row_changed": Kind(rows_edit(changed), ROWED, names("index"), names("field", "value")),
    "rows_null": Kind(null_rows, ROWED, names("always")),
    "no_content": Kind(unchanged, LISTS),
    "order_violated": Kind(
        rows_edit(lambda rows, details: swapped(rows, details.get("index", 0))), ROWED, names("index")
    ),
    "rows_outside": Kind(
        rows_edit(lambda rows, details: [*rows, *(row | {"date": details["date"]} for row in rows[:1])]),
        (*RESULTS, *DEMANDBASE),
        needed=names("date"),
    ),
    "rows_nameless": Kind(rows_edit(lambda rows, _: [nameless(row) for row in rows]), DEMANDBASE),
    "credits_doubled": Kind(two_credits, DEMANDBASE, names("other")),
    "usage_missing": Kind(without("usageForAccount"), DEMANDBASE),
    "usage_as_xml": Kind(unchanged, DEMANDBASE),
    "error_as_xml": Kind(unchanged, ("demandbase.*",)),
    "total_wrong": Kind(false_total, LISTS, names("total", "by")),
    "total_missing": Kind(without("meta", "results"), ELASTICPATH),
    "total_lower_bound": Kind(lower_bound, ELASTICPATH, names("total")),
    "pagination_meta": Kind(pagination_meta, ELASTICPATH),
    "next_elsewhere": Kind(next_elsewhere, PAGED, names("url")),
    "next_cycle": Kind(next_cycle, PAGED),
    "embedded_null": Kind(embedded_null, LISTS[:3]),
    "cursors_present": Kind(with_cursors, RESULTS),
    "date_form": Kind(
        rows_edit(lambda rows, details: [redated(row, details["form"]) for row in rows]), RESULTS, needed=names("form")
    ),
    "execution_id_missing": Kind(without("executionId"), SUBMITS),
    "page_count_wrong": Kind(false_page_count, ("genesys.clients",), names("pages")),
    "expiry_missing": Kind(without_expiry, ("*.token",)),
}
