"""Faults that a test asks for: which requests they hit and what they do to the answers.

Instead of the operation (nothing is carried out), with their details:

- ``status``: ``status`` (500), ``code`` and ``message`` of the vendor, ``body``, ``headers``, ``retry_after_seconds``,
  ``retry_after_date`` (seconds from the sandbox's now, sent as a date); ``unauthorized``, ``forbidden``, ``not_found``,
  ``method_not_allowed``: the same with a fixed status
- ``throttled``: the vendor's own way; Genesys' login answers 400, Demandbase locks the account out
- ``html`` (502), ``xml``, ``empty_body``, ``null_body``, ``list_body``, ``not_json``, ``token_missing``: ``status``
- ``deep_json``: ``depth``; ``huge``: ``size`` in bytes; ``redirect``: ``location``, ``status``

While the operation is carried out, the vendor is another one:

- ``unlisted``: lists lack ``ids``, or a ``share`` of all (0 to 1, drawn by ``seed``), or everything; totals fit. It
  hits one answer like any other kind: for a list of several pages ask for all ``times`` and clear it
- ``delete_pending``: PingOne is deleting the environments ``ids``: that is their status, and their children are refused
- ``query_status``: a query of Genesys is in the state ``word`` (``Failed``), known or not; None for none. A job of the
  aggregates that failed has a reason of ``status`` (500), ``code`` and ``message``, and stays failed
- ``empty_page``: a page of the aggregates has no rows and a ``nextUri`` to the same place

After the operation was carried out:

- ``truncated_json``: ``keep`` bytes; ``wrong_content_type``: ``content_type``; ``byte_order_mark``
- ``reset_before_body``, ``reset_mid_body``, ``answer_lost`` (not even a status line is sent)
- ``drip``: ``interval_seconds``, ``total`` bytes; ``slow``: nothing but its ``delay_seconds``
- ``token_lag``: the API refuses the new token for ``seconds`` of the sandbox's clock, or for so many ``requests`` (1)
- edits of the true answer, see :data:`tap_usage.sandbox.misbehaviour.EDITS`

Every kind above takes ``delay_seconds``, and one of them hits a request. Beside that one, and in any number:

- ``informational``: heads with ``statuses`` ([103]) come before the answer, ``pause_seconds`` earlier
- ``clock``: ``Date`` is ``seconds`` away from the sandbox's now, or from the time ``at``; ``form`` ``asctime`` or
  ``none``; ``zone`` in place of ``GMT``, which may be empty

Both take ``only``: ``failing`` or ``good`` answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tap_usage.sandbox.deliveries import ATTENDANTS, DELIVERIES
from tap_usage.sandbox.kinds import Kind, names
from tap_usage.sandbox.misbehaviour import AGGREGATES, EDITS, LISTS, RESULTS, edit
from tap_usage.sandbox.substitutes import SUBSTITUTES
from tap_usage.sandbox.vendor import Vendor
from tap_usage.sandbox.wire import Answer, Json, Request

Where = Callable[[Request], bool] | Mapping[str, object] | None
STAGES: dict[str, Kind[None]] = {
    "unlisted": Kind(None, LISTS, names("ids", "share", "seed")),
    "delete_pending": Kind(None, ("pingone.*",), needed=names("ids")),
    "query_status": Kind(None, RESULTS, names("word", "status", "code", "message")),
    "empty_page": Kind(None, AGGREGATES),
}
KINDS: dict[str, Kind[Any]] = {**SUBSTITUTES, **STAGES, **DELIVERIES, **EDITS, **ATTENDANTS}


@dataclass(slots=True)
class Fault:
    """A misbehaviour that a test asked for.

    Attributes:
        operation: name or pattern of the operations it hits.
        kind: what happens, one of :data:`KINDS`.
        times: how many requests it still hits; None for all.
        after: how many matching requests still pass before.
        where: further condition on the request.
        details: options of the kind.
        hits: how many requests it has hit.
        memory: what the kind itself remembers between two hits.
    """

    operation: str
    kind: str
    times: int | None = 1
    after: int = 0
    where: Where = None
    details: Json = field(default_factory=dict)
    hits: int = 0
    memory: Json = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check kind and details.

        Raises:
            ValueError: the kind, or a detail of it, does not exist.
        """
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault: {self.kind}; known are {', '.join(sorted(KINDS))}")
        kind = KINDS[self.kind]
        known = kind.details | kind.needed | (frozenset() if self.attends else {"delay_seconds"})
        wrong = (set(self.details) - known) | (kind.needed - set(self.details))
        if wrong:
            raise ValueError(f"unknown or missing details of {self.kind}: {', '.join(sorted(wrong))}")

    @property
    def attends(self) -> bool:
        """Whether it hits a request beside another fault."""
        return self.kind in ATTENDANTS

    def concerns(self, operation: str) -> bool:
        """Tell whether an operation is among those it hits: it fits the pattern, and the kind fits it."""
        fitting = KINDS[self.kind].operations
        return fnmatchcase(operation, self.operation) and any(fnmatchcase(operation, known) for known in fitting)

    def takes(self, operation: str, request: Request) -> bool:
        """Tell whether the fault hits a request, and count it."""
        if self.times == 0 or not self.concerns(operation) or not self._is_there(request):
            return False
        if self.after:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True

    def joins(self, operation: str, request: Request, answer: Answer) -> bool:
        """Tell whether the fault comes beside whatever made an answer, and count it."""
        only = self.details.get("only")
        fits = only is None or (only == "good") == answer.good
        return self.attends and fits and self.takes(operation, request)

    def stage(self) -> Json:
        """Return what is different about the vendor while the operation is carried out."""
        details = {name: value for name, value in self.details.items() if name != "delay_seconds"}
        return {self.kind: details} if self.kind in STAGES else {}

    def substitute(self, vendor: Vendor, request: Request) -> Answer | None:
        """Return the answer that stands in for the vendor's; None when the operation is carried out."""
        made = SUBSTITUTES.get(self.kind)
        return made.apply(vendor, request, self.details) if made else None

    def alter(self, vendor: Vendor, request: Request, answer: Answer) -> None:
        """Change the answer of an operation that was carried out, or the way it is delivered."""
        answer.delay_seconds += self.details.get("delay_seconds", 0.0)
        if delivery := DELIVERIES.get(self.kind) or ATTENDANTS.get(self.kind):
            delivery.apply(vendor, answer, self.details)
        elif self.kind in EDITS:
            edit(self.kind, request, answer, self.details, self.memory)

    def _is_there(self, request: Request) -> bool:
        if self.where is None or callable(self.where):
            return self.where is None or self.where(request)
        found = {"path": request.path, "method": request.method, **request.values, **request.query}
        return all(found.get(name) in texts(value) for name, value in self.where.items())


def texts(value: object) -> list[str]:
    """Return a value, or each of a list of values, as texts."""
    return [str(each) for each in value] if isinstance(value, list | tuple | set) else [str(value)]
