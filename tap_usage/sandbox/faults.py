"""Faults that a test asks for: which requests they hit and what they do to the answers.

Instead of the operation (nothing is carried out), with their details:

- ``status``: ``status`` (500), ``code`` and ``message`` of the vendor, ``body``, ``headers``, ``retry_after_seconds``,
  ``retry_after_date`` (seconds from the sandbox's now, sent as a date); ``unauthorized``, ``forbidden``, ``not_found``,
  ``method_not_allowed``: the same with a fixed status
- ``throttled``: the vendor's own way; Genesys' login answers 400, Demandbase locks the account out
- ``html`` (502), ``xml``, ``empty_body``, ``null_body``, ``list_body``, ``not_json``, ``token_missing``: ``status``
- ``deep_json``: ``depth``; ``huge``: ``size`` in bytes; ``redirect``: ``location``, ``status``

After the operation was carried out:

- ``truncated_json``: ``keep`` bytes; ``wrong_content_type``: ``content_type``
- ``reset_before_body``, ``reset_mid_body``, ``answer_lost`` (not even a status line is sent)
- ``drip``: ``interval_seconds``, ``total`` bytes; ``slow``: nothing but its ``delay_seconds``
- edits of the true answer, see :data:`tap_usage.sandbox.misbehaviour.EDITS`

Every kind takes ``delay_seconds``.
"""

import email.utils
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase

from tap_usage.sandbox.misbehaviour import EDITS, edit
from tap_usage.sandbox.vendor import Vendor
from tap_usage.sandbox.wire import Answer, Json, Request, json_answer

Where = Callable[[Request], bool] | Mapping[str, object] | None
REFUSALS = {"unauthorized": 401, "forbidden": 403, "not_found": 404, "method_not_allowed": 405}
REFUSAL_DETAILS = frozenset({"code", "message", "headers", "retry_after_seconds", "retry_after_date"})
BLOCK = 1 << 20


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
        unknown = set(self.details) - KINDS[self.kind] - {"delay_seconds"}
        missing = NEEDED.get(self.kind, frozenset()) - set(self.details)
        if unknown or missing:
            raise ValueError(f"unknown or missing details of {self.kind}: {', '.join(sorted(unknown | missing))}")

    def concerns(self, operation: str) -> bool:
        """Tell whether an operation is among those it hits: it fits the pattern, and the kind fits it."""
        fitting = EDITS[self.kind].operations if self.kind in EDITS else ("*",)
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

    def substitute(self, vendor: Vendor, request: Request) -> Answer | None:
        """Return the answer that stands in for the vendor's; None when the operation is carried out."""
        make = SUBSTITUTES.get(self.kind)
        if make is None:
            return None
        answer = make(vendor, request, self.details)
        for name, value in self.details.get("headers", {}).items():
            answer.headers[name] = str(value)
        if "retry_after_seconds" in self.details:
            answer.headers["Retry-After"] = str(self.details["retry_after_seconds"])
        if "retry_after_date" in self.details:
            at = vendor.clock.now() + timedelta(seconds=self.details["retry_after_date"])
            answer.headers["Retry-After"] = email.utils.format_datetime(at, usegmt=True)
        return answer

    def alter(self, request: Request, answer: Answer) -> None:
        """Change the answer of an operation that was carried out, or the way it is delivered."""
        answer.delay_seconds += self.details.get("delay_seconds", 0.0)
        if self.kind in DELIVERIES:
            DELIVERIES[self.kind](answer, self.details)
        elif self.kind in EDITS:
            edit(self.kind, request, answer, self.details, self.memory)

    def _is_there(self, request: Request) -> bool:
        if self.where is None or callable(self.where):
            return self.where is None or self.where(request)
        found = {"path": request.path, "method": request.method, **request.values, **request.query}
        return all(found.get(name) == str(value) for name, value in self.where.items())


def refuse(vendor: Vendor, request: Request, details: Json) -> Answer:
    """Answer with a status, and the vendor's error shape unless a body is given."""
    status = details.get("status", 500)
    if "body" in details:
        body = details["body"]
        return Answer(status, body.encode()) if isinstance(body, str) else json_answer(body, status)
    return vendor.error(request, status, details.get("code", ""), details.get("message", ""))


def refusal(status: int) -> Callable[[Vendor, Request, Json], Answer]:
    """Return what answers with one status in the vendor's error shape."""
    return lambda vendor, request, details: refuse(vendor, request, details | {"status": status})


def page_of_html(_vendor: Vendor, _request: Request, details: Json) -> Answer:
    """Answer as a gateway in front of the vendor does."""
    text = "<html><body><h1>502 Bad Gateway</h1></body></html>"
    return Answer(details.get("status", 502), text.encode(), "text/html")


def deep_json(_vendor: Vendor, _request: Request, details: Json) -> Answer:
    """Answer with lists in lists."""
    depth = details.get("depth", 100_000)
    return Answer(200, b"[" * depth + b"]" * depth)


def huge(_vendor: Vendor, _request: Request, details: Json) -> Answer:
    """Answer with one long JSON string in an object."""
    size = details.get("size", 100_000_000)
    opening, closing = b'{"padding":"', b'"}'

    def chunks() -> Iterator[bytes]:
        left = size - len(opening) - len(closing)
        yield opening
        while left > 0:
            yield b"x" * min(left, BLOCK)
            left -= BLOCK
        yield closing

    return Answer(200, chunks=chunks(), length=size)


def redirect(_vendor: Vendor, _request: Request, details: Json) -> Answer:
    """Send the client elsewhere."""
    return Answer(details.get("status", 302), headers={"Location": details["location"]})


def fixed(body: bytes, content_type: str = "application/json") -> Callable[[Vendor, Request, Json], Answer]:
    """Return what answers with a status (200 unless ``status`` is given) and always the same body."""
    return lambda _vendor, _request, details: Answer(details.get("status", 200), body, content_type)


SUBSTITUTES: dict[str, Callable[[Vendor, Request, Json], Answer]] = {
    "status": refuse,
    **{kind: refusal(status) for kind, status in REFUSALS.items()},
    "throttled": lambda vendor, request, _details: vendor.throttled(request),
    "html": page_of_html,
    "xml": fixed(b'<?xml version="1.0"?><answer/>', "application/xml"),
    "empty_body": fixed(b""),
    "null_body": fixed(b"null"),
    "list_body": fixed(b"[1,2,3]"),
    "not_json": fixed(b"access_token=sandbox"),
    "token_missing": fixed(b'{"token_type":"bearer","expires_in":3600}'),
    "deep_json": deep_json,
    "huge": huge,
    "redirect": redirect,
}


def cut(answer: Answer, details: Json) -> None:
    """Leave the end of the body out, and claim that this was all."""
    answer.body = answer.body[: details.get("keep", len(answer.body) // 2)]


def relabel(answer: Answer, details: Json) -> None:
    """Give the body a wrong label."""
    answer.content_type = details.get("content_type", "text/html")


def reset_after_head(answer: Answer, _details: Json) -> None:
    """Send the head only, then reset the connection."""
    answer.length, answer.chunks, answer.reset = len(answer.body), (), True


def reset_after_half(answer: Answer, _details: Json) -> None:
    """Send half of the body, then reset the connection."""
    answer.length, answer.chunks, answer.reset = len(answer.body), (answer.body[: len(answer.body) // 2],), True


def lose(answer: Answer, _details: Json) -> None:
    """Reset the connection before anything is sent."""
    answer.lost = True


def drip(answer: Answer, details: Json) -> None:
    """Send one byte per interval; a body longer than the true one ends in blanks."""
    answer.length = details.get("total", len(answer.body))
    answer.body = answer.body[: answer.length].ljust(answer.length)
    answer.chunks = (answer.body[position : position + 1] for position in range(answer.length))
    answer.pause_seconds = details.get("interval_seconds", 1.0)


def wait(_answer: Answer, _details: Json) -> None:
    """Do nothing more than ``delay_seconds`` does."""


DELIVERIES: dict[str, Callable[[Answer, Json], None]] = {
    "truncated_json": cut,
    "wrong_content_type": relabel,
    "reset_before_body": reset_after_head,
    "reset_mid_body": reset_after_half,
    "answer_lost": lose,
    "drip": drip,
    "slow": wait,
}
NEEDED = {"redirect": frozenset({"location"}), **{kind: made.needed for kind, made in EDITS.items()}}
KINDS: dict[str, frozenset[str]] = {
    **dict.fromkeys(SUBSTITUTES, frozenset({"status"})),
    **dict.fromkeys((*DELIVERIES, "throttled"), frozenset[str]()),
    **dict.fromkeys(REFUSALS, REFUSAL_DETAILS),
    **{kind: made.details | made.needed for kind, made in EDITS.items()},
    "status": REFUSAL_DETAILS | {"status", "body"},
    "deep_json": frozenset({"depth"}),
    "huge": frozenset({"size"}),
    "redirect": frozenset({"status", "location"}),
    "truncated_json": frozenset({"keep"}),
    "wrong_content_type": frozenset({"content_type"}),
    "drip": frozenset({"interval_seconds", "total"}),
}
