"""What goes wrong at the vendors during a run, drawn at random from families of mishaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tap_usage.sandbox import Fault, Request, Sandbox

Draw = Callable[[int, int], int]
Details = tuple[tuple[str, Any], ...]
Row = tuple[str, str, Details]

MONTH = 30 * 86400
ENVIRONMENTS = tuple(f"aaaaaaaa-0000-4000-8000-{number:012d}" for number in (1, 5, 9))
TIMES = (1, 2, 5, None)


@dataclass(frozen=True)
class Misbehaviour:
    """A fault of a vendor, as `Sandbox.fault` takes it."""

    operation: str
    kind: str
    times: int | None
    after: int
    details: Details = ()
    where: Details = ()

    def put(self, sandbox: Sandbox) -> Fault:
        """Have it happen. A list that begins in its middle cannot be told from a short one, so it never does."""
        where: Callable[[Request], bool] | dict[str, object] | None = dict(self.where) or None
        if self.kind == "repeated_page":
            where = lambda request: request.query.get("page[offset]") != "0"  # noqa: E731 - one expression
        return sandbox.fault(self.operation, self.kind, self.times, self.after, where, **dict(self.details))


ANY: tuple[tuple[str, Details], ...] = (
    ("status", (("status", 500),)),
    ("status", (("status", 503), ("retry_after_seconds", 0))),
    ("status", (("status", 429), ("retry_after_seconds", 1))),
    ("status", (("status", 408),)),
    ("html", ()),
    ("xml", ()),
    ("empty_body", ()),
    ("null_body", ()),
    ("list_body", ()),
    ("truncated_json", ()),
    ("wrong_content_type", ()),
    ("reset_before_body", ()),
    ("reset_mid_body", ()),
    ("answer_lost", ()),
    ("unauthorized", ()),
    ("forbidden", ()),
    ("deep_json", ()),
)
OPERATIONS = ("*", "pingone.*", "genesys.*", "demandbase.*", "elasticpath.*", "*.token", "*_results", "*_submit")
ODD: tuple[Row, ...] = (
    ("*", "expiry_missing", ()),
    ("genesys.*", "query_status", (("word", "Failed"),)),
    ("genesys.*", "query_status", (("word", "Odd"),)),
    ("genesys.*", "execution_id_missing", ()),
    ("genesys.*_results", "not_found", ()),
    ("genesys.clients", "repeated_page", ()),
    ("genesys.clients", "next_cycle", ()),
    ("genesys.clients", "total_wrong", (("by", 1),)),
    ("pingone.*", "next_cycle", ()),
    ("elasticpath.*", "repeated_page", ()),
    ("elasticpath.*", "shrinking_page", ()),
    ("elasticpath.*", "duplicated_rows", ()),
    ("elasticpath.*", "total_wrong", (("by", 3),)),
    ("elasticpath.*", "total_wrong", (("by", -3),)),
    ("elasticpath.*", "total_missing", ()),
    ("elasticpath.*", "total_lower_bound", (("total", 3),)),
    ("elasticpath.*", "pagination_meta", ()),
    ("elasticpath.usages", "sort_ignored", ()),
    ("elasticpath.usages", "order_violated", (("index", 1),)),
)
LISTS = (
    "pingone.environments",
    "pingone.credential_types",
    "pingone.issuance_rules",
    "genesys.clients",
    "elasticpath.promotions",
)
GONE = (
    "elasticpath.usages",
    "genesys.client_submit",
    "genesys.client_summary",
    "genesys.client_results",
    "pingone.credential_types",
    "pingone.issuance_rules",
    "pingone.usage_counts",
)
INFORMATIONAL: tuple[Details, ...] = (
    (),
    (("pause_seconds", 0.05),),
    (("pause_seconds", 0.3),),
    (("statuses", (102, 103)), ("pause_seconds", 0.02)),
    (("statuses", (100,)),),
)
CLOCKS: tuple[Details, ...] = (
    (("seconds", MONTH), ("only", "failing")),
    (("at", "1970-01-01T00:00:00Z"), ("only", "failing")),
    (("seconds", MONTH),),
    (("seconds", -MONTH),),
    # Not ahead: what a state says would lie in the future for an hour, which is a failure by contract.
    (("seconds", -3600),),
    (("form", "asctime"),),
    (("form", "none"),),
    (("zone", "-0000"),),
    (("zone", ""),),
)
VALUES: tuple[Row, ...] = (
    ("*", "rows_null", ()),
    ("*", "no_content", ()),
    ("genesys.clients", "row_changed", (("field", "name"), ("value", "cut \ud83d"))),
    ("elasticpath.promotions", "row_changed", (("field", "name"), ("value", "cut \ud83d"))),
    ("*", "byte_order_mark", ()),
    ("demandbase.usage", "credits_doubled", ()),
    ("demandbase.usage", "member_missing", (("path", "period"),)),
    ("genesys.*", "cursors_present", ()),
    ("genesys.*", "date_form", (("form", "{}T00:00:00.000Z"),)),
    ("genesys.*", "date_form", (("form", "{}T00:00:00+00:00"),)),
    ("genesys.*", "date_form", (("form", "{}"),)),
)
LOGINS: tuple[Row, ...] = (
    ("*.token", "token_lag", (("requests", 1),)),
    ("*.token", "token_lag", (("requests", 3),)),
    # Demandbase would lock the account out, by a clock that stands.
    ("genesys.token", "throttled", ()),
    ("*.token", "status", (("status", 429),)),
    ("*.token", "status", (("status", 408),)),
    ("*.token", "status", (("status", 503),)),
)
EXECUTIONS: tuple[Row, ...] = (
    ("*_results", "status", (("status", 400),)),
    ("*_results", "not_found", ()),
    ("*_results", "query_status", (("word", "Failed"),)),
    ("*_results", "query_status", (("word", "Running"),)),
    ("*_results", "row_changed", (("index", 0), ("field", "date"), ("value", "soon"))),
)


def misbehaviour(draw: Draw) -> Misbehaviour:
    """Draw a fault that a careful reader can notice."""
    times = TIMES[draw(0, 3)]
    after = draw(0, 30)
    if draw(0, 1):
        operation, kind, details = ODD[draw(0, len(ODD) - 1)]
    else:
        operation = OPERATIONS[draw(0, len(OPERATIONS) - 1)]
        kind, details = ANY[draw(0, len(ANY) - 1)]
    return Misbehaviour(operation, kind, times, after, details)


def gap(draw: Draw) -> list[Misbehaviour]:
    """Draw a list that lacks some of what is there, or everything once, or an environment that is being deleted."""
    if not draw(0, 5):
        ids = (ENVIRONMENTS[draw(0, 2)],)
        return [Misbehaviour("pingone.*", "delete_pending", None, 0, (("ids", ids),))]
    operation = LISTS[draw(0, len(LISTS) - 1)]
    if not draw(0, 3):
        return [Misbehaviour(operation, "unlisted", 1, draw(0, 2))]
    details = (("share", (0.3, 0.6)[draw(0, 1)]), ("seed", draw(0, 999)))
    return [Misbehaviour(operation, "unlisted", None, 0, details)]


def informational(draw: Draw) -> list[Misbehaviour]:
    """Draw heads that come before an answer."""
    operation, details = OPERATIONS[draw(0, 4)], INFORMATIONAL[draw(0, len(INFORMATIONAL) - 1)]
    times = (1, 3, 10)[draw(0, 2)]
    return [Misbehaviour(operation, "informational", times, draw(0, 40), details)]


def foreign_clock(draw: Draw) -> list[Misbehaviour]:
    """Draw another `Date`: of a gateway that fails, of one answer, or of all in another form."""
    details = CLOCKS[draw(0, len(CLOCKS) - 1)]
    found = [Misbehaviour("*", "clock", (1, 3, None)[draw(0, 2)], draw(0, 20) * draw(0, 1), details)]
    if ("only", "failing") in details:
        found.append(Misbehaviour(OPERATIONS[draw(0, 5)], "html", 2, draw(0, 1) * draw(0, 20)))
    return found


def vanished(draw: Draw) -> list[Misbehaviour]:
    """Draw a 404."""
    return [Misbehaviour(GONE[draw(0, len(GONE) - 1)], "not_found", TIMES[draw(0, 3)], draw(0, 6))]


def late_login(draw: Draw) -> list[Misbehaviour]:
    """Draw a login in mid-run that is throttled, or whose token the API learns of late."""
    operation, kind, details = LOGINS[draw(0, len(LOGINS) - 1)]
    refusal = Misbehaviour("*", "unauthorized", 1, draw(0, 60))
    return [refusal, Misbehaviour(operation, kind, draw(1, 10), draw(0, 4), details)]


def one_of(rows: tuple[Row, ...]) -> Callable[[Draw], list[Misbehaviour]]:
    """Return what draws one row of a table."""

    def drawn(draw: Draw) -> list[Misbehaviour]:
        operation, kind, details = rows[draw(0, len(rows) - 1)]
        return [Misbehaviour(operation, kind, TIMES[draw(0, 3)], draw(0, 20), details)]

    return drawn


MISHAPS: dict[str, Callable[[Draw], list[Misbehaviour]]] = {
    "faults": lambda draw: [misbehaviour(draw)],
    "gaps": gap,
    "vanished": vanished,
    "informational": informational,
    "clocks": foreign_clock,
    "values": one_of(VALUES),
    "logins": late_login,
    "executions": one_of(EXECUTIONS),
}
