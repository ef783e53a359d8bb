"""Ways in which a true answer is delivered, and what comes with any answer."""

import email.utils
import time
from collections.abc import Callable
from datetime import timedelta

from tap_usage.sandbox.clock import instant
from tap_usage.sandbox.kinds import Kind, names
from tap_usage.sandbox.vendor import Vendor
from tap_usage.sandbox.wire import Answer, Json

Delivery = Callable[[Vendor, Answer, Json], None]


def wait(_vendor: Vendor, _answer: Answer, _details: Json) -> None:
    """Do nothing more than ``delay_seconds`` does."""


def cut(_vendor: Vendor, answer: Answer, details: Json) -> None:
    """Leave the end of the body out, and claim that this was all."""
    answer.body = answer.body[: details.get("keep", len(answer.body) // 2)]


def mark(_vendor: Vendor, answer: Answer, _details: Json) -> None:
    """Begin the body with a byte order mark."""
    answer.body = b"\xef\xbb\xbf" + answer.body


def relabel(_vendor: Vendor, answer: Answer, details: Json) -> None:
    """Give the body a wrong label."""
    answer.content_type = details.get("content_type", "text/html")


def reset_after_head(_vendor: Vendor, answer: Answer, _details: Json) -> None:
    """Send the head only, then reset the connection."""
    answer.length, answer.chunks, answer.reset = len(answer.body), (), True


def reset_after_half(_vendor: Vendor, answer: Answer, _details: Json) -> None:
    """Send half of the body, then reset the connection."""
    answer.length, answer.chunks, answer.reset = len(answer.body), (answer.body[: len(answer.body) // 2],), True


def lose(_vendor: Vendor, answer: Answer, _details: Json) -> None:
    """Reset the connection before anything is sent."""
    answer.lost = True


def drip(_vendor: Vendor, answer: Answer, details: Json) -> None:
    """Send one byte per interval; a body longer than the true one ends in blanks."""
    answer.length = details.get("total", len(answer.body))
    answer.body = answer.body[: answer.length].ljust(answer.length)
    answer.chunks = (answer.body[position : position + 1] for position in range(answer.length))
    answer.pause_seconds = details.get("interval_seconds", 1.0)


def hold_back(vendor: Vendor, answer: Answer, details: Json) -> None:
    """Have the API refuse the token that was issued: for so many seconds of the sandbox's clock, or requests."""
    if answer.good:
        seconds = details.get("seconds", 0.0)
        vendor.tokens.hold_back(timedelta(seconds=seconds), details.get("requests", 0 if seconds else 1))


DELIVERIES: dict[str, Kind[Delivery]] = {
    "slow": Kind(wait),
    "truncated_json": Kind(cut, details=names("keep")),
    "byte_order_mark": Kind(mark),
    "wrong_content_type": Kind(relabel, details=names("content_type")),
    "reset_before_body": Kind(reset_after_head),
    "reset_mid_body": Kind(reset_after_half),
    "answer_lost": Kind(lose),
    "drip": Kind(drip, details=names("interval_seconds", "total")),
    "token_lag": Kind(hold_back, ("*.token",), names("seconds", "requests")),
}


def inform(_vendor: Vendor, answer: Answer, details: Json) -> None:
    """Send informational heads first; ``pause_seconds`` pass between them and the answer."""
    answer.informational = tuple(details.get("statuses", (103,)))
    answer.informational_pause_seconds = details.get("pause_seconds", 0.0)


def misdate(vendor: Vendor, answer: Answer, details: Json) -> None:
    """Show another time in ``Date``, another form of it, or leave it out."""
    at = instant(details["at"]) if "at" in details else vendor.clock.now()
    at += timedelta(seconds=details.get("seconds", 0))
    text = email.utils.format_datetime(at, usegmt=True).removesuffix(" GMT")
    answer.headers["Date"] = {
        "http": f"{text} {details.get('zone', 'GMT')}".rstrip(),
        "asctime": time.asctime(at.timetuple()),
        "none": "",
    }[details.get("form", "http")]


ATTENDANTS: dict[str, Kind[Delivery]] = {
    "informational": Kind(inform, details=names("statuses", "pause_seconds", "only")),
    "clock": Kind(misdate, details=names("seconds", "at", "form", "zone", "only")),
}
