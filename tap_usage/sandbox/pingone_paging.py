"""Cursors and filters of the simulated PingOne's lists."""

import base64
import binascii
import json
import re

from tap_usage.sandbox.wire import Json, RefusedError

FILTER = re.compile(r'(name) sw "([^"]*)"|(id|organization\.id|license\.id|status) eq "([^"]*)"')


def cursor(position: int) -> str:
    """Return an opaque text that means a position in a list."""
    return base64.urlsafe_b64encode(json.dumps({"position": position}).encode()).rstrip(b"=").decode()


def cursor_position(text: str) -> int:
    """Return the position that a cursor means.

    Raises:
        RefusedError: 400, it was not handed out here.
    """
    try:
        return int(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))["position"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise RefusedError(400, "INVALID_VALUE", "cursor") from None


def matches(environment: Json, condition: str) -> bool:
    """Tell whether an environment meets a filter such as ``name sw "A" and status eq "ACTIVE"``.

    Raises:
        RefusedError: 400, the filter cannot be read.
    """
    for term in condition.split(" and ") if condition else ():
        found = FILTER.fullmatch(term.strip())
        if found is None:
            raise RefusedError(400, "INVALID_FILTER", "the filter cannot be read")
        prefix_of, prefix, attribute, value = found.groups()
        if prefix_of:
            met = str(environment["name"]).startswith(prefix)
        else:
            owner, _, member = attribute.partition(".")
            met = (environment[owner][member] if member else environment[owner]) == value
        if not met:
            return False
    return True
