"""Answers that stand in for the vendor's: the operation is not carried out."""

import email.utils
from collections.abc import Callable, Iterator
from datetime import timedelta

from tap_usage.sandbox.kinds import Kind, names
from tap_usage.sandbox.vendor import Vendor
from tap_usage.sandbox.wire import Answer, Json, Request, json_answer

Substitute = Callable[[Vendor, Request, Json], Answer]
BLOCK = 1 << 20


def refuse(vendor: Vendor, request: Request, details: Json) -> Answer:
    """Answer with a status, and the vendor's error shape unless a body is given."""
    status = details.get("status", 500)
    if "body" in details:
        body = details["body"]
        answer = Answer(status, body.encode()) if isinstance(body, str) else json_answer(body, status)
    else:
        answer = vendor.error(request, status, details.get("code", ""), details.get("message", ""))
    answer.headers |= {name: str(value) for name, value in details.get("headers", {}).items()}
    if "retry_after_seconds" in details:
        answer.headers["Retry-After"] = str(details["retry_after_seconds"])
    if "retry_after_date" in details:
        at = vendor.clock.now() + timedelta(seconds=details["retry_after_date"])
        answer.headers["Retry-After"] = email.utils.format_datetime(at, usegmt=True)
    return answer


def refusal(status: int) -> Substitute:
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


def fixed(body: bytes, content_type: str = "application/json") -> Kind[Substitute]:
    """Return what answers with a status (200 unless ``status`` is given) and always the same body."""
    return Kind(
        lambda _vendor, _request, details: Answer(details.get("status", 200), body, content_type),
        details=names("status"),
    )


REFUSAL = names("code", "message", "headers", "retry_after_seconds", "retry_after_date")
SUBSTITUTES: dict[str, Kind[Substitute]] = {
    "status": Kind(refuse, details=REFUSAL | {"status", "body"}),
    "unauthorized": Kind(refusal(401), details=REFUSAL),
    "forbidden": Kind(refusal(403), details=REFUSAL),
    "not_found": Kind(refusal(404), details=REFUSAL),
    "method_not_allowed": Kind(refusal(405), details=REFUSAL),
    "throttled": Kind(lambda vendor, request, _details: vendor.throttled(request)),
    "html": Kind(page_of_html, details=names("status")),
    "xml": fixed(b'<?xml version="1.0"?><answer/>', "application/xml"),
    "empty_body": fixed(b""),
    "null_body": fixed(b"null"),
    "list_body": fixed(b"[1,2,3]"),
    "not_json": fixed(b"access_token=sandbox"),
    "token_missing": fixed(b'{"token_type":"bearer","expires_in":3600}'),
    "deep_json": Kind(deep_json, details=names("depth")),
    "huge": Kind(huge, details=names("size")),
    "redirect": Kind(redirect, details=names("status"), needed=names("location")),
}
