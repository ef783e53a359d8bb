"""What nothing that Genesys has published tells of the usage aggregates: the sandbox can do it either way."""

from dataclasses import dataclass
from typing import Literal

Status = Literal[200, 202]


@dataclass(slots=True)
class Unknowns:
    """How the usage aggregates behave where the documents are silent; the defaults are what is likelier.

    Attributes:
        end_inclusive: the end of an interval belongs to it, as a whole day. Documented, yet contrary to the old query.
        today_counted: an interval that reaches into the day that has not ended gets what was counted so far.
        strict_limits: a year is 365 days back from this second, both ends count among the 90 days, and no end is later
            than the day's begin; otherwise 366 days, the difference of the ends, and any end.
        out_of_range_code: with which code an interval beyond these limits is refused.
        waiting_status: HTTP status of ``Queued`` and ``Running``.
        failing_status: HTTP status of ``Failed`` and ``Cancelled``.
        error_body: whether ``Failed`` has a reason.
        ungrouped: a dimension without a value: ``absent``; ``null``; ``empty``: ``{}`` or ``""``; ``text``: ``""`` even
            for an object; ``members``: an object of empty members, or ``""``.
        client_name: name of a client in rows grouped by its id: always ``filled``, only of ``listed`` clients (so not
            of a deleted one), or ``absent``.
        next_uri: ``relative`` or ``absolute``.
        next_uri_page_size: whether ``nextUri`` repeats the page size.
        empty_last_page: a ``nextUri`` comes with every page that has rows, so that the last page is empty.
        no_rows: ``entities`` of a success without rows: ``empty``, ``missing`` or ``null``.
        forgotten: what is answered about a job that existed once: 404, or one of these states.
        in_order: rows come in the order of their dates.
        week_begins: first day of a week; ``date`` is the first day of a week or month.
    """

    end_inclusive: bool = True
    today_counted: bool = False
    strict_limits: bool = True
    out_of_range_code: Literal["constraint.validation", "invalid.date", "invalid.value"] = "constraint.validation"
    waiting_status: Status = 202
    failing_status: Status = 202
    error_body: bool = True
    ungrouped: Literal["absent", "null", "empty", "text", "members"] = "absent"
    client_name: Literal["filled", "listed", "absent"] = "filled"
    next_uri: Literal["relative", "absolute"] = "relative"
    next_uri_page_size: bool = True
    empty_last_page: bool = False
    no_rows: Literal["empty", "missing", "null"] = "empty"
    forgotten: Literal["not found", "Failed", "Cancelled"] = "not found"
    in_order: bool = True
    week_begins: Literal["Monday", "Sunday"] = "Monday"
