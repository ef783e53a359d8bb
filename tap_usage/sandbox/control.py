"""The sandbox's own controls over HTTP, the same on every listener, under ``/__sandbox__/``."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from tap_usage.sandbox.clock import timestamp
from tap_usage.sandbox.wire import Answer, Json, Request, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_usage.sandbox.simulator import Sandbox


def answer(sandbox: Sandbox, request: Request) -> Answer:
    """Answer ``/__sandbox__/...``; anything unknown or malformed is refused with a sentence."""
    action = ACTIONS.get((request.method, request.path.rpartition("/")[2]))
    if action is None:
        known = ", ".join(f"{method} {name}" for method, name in ACTIONS)
        return json_answer({"error": f"unknown control; known are {known}"}, 404)
    try:
        body = json.loads(request.body or b"{}")
        return json_answer(action(sandbox, **body))
    except (TypeError, ValueError) as error:
        return json_answer({"error": str(error)}, 400)


def health(sandbox: Sandbox) -> Json:
    """Tell that the sandbox is up, and its time."""
    return {"status": "ok", "now": timestamp(sandbox.clock.now())}


def requests(sandbox: Sandbox) -> Json:
    """Count requests per operation and status."""
    counts: dict[str, Counter[str]] = {}
    for seen in sandbox.requests:
        counts.setdefault(seen.operation, Counter())[str(seen.status)] += 1
    return {"total": len(sandbox.requests), "operations": counts}


def forget_requests(sandbox: Sandbox) -> Json:
    """Start counting anew."""
    sandbox.forget_requests()
    return requests(sandbox)


def move_clock(sandbox: Sandbox, advance_seconds: float) -> Json:
    """Move the clock forward."""
    sandbox.advance(seconds=advance_seconds)
    return health(sandbox)


def reset_counters(sandbox: Sandbox, to: int = 0, rule_id: str | None = None) -> Json:
    """Have the usage counts of a PingOne rule, or all counters and Demandbase's consumed credits, stand at ``to``."""
    sandbox.reset_counters(to, rule_id)
    return health(sandbox)


def add_fault(  # noqa: PLR0913, PLR0917  a fault has as many fields
    sandbox: Sandbox,
    operation: str,
    kind: str,
    times: int | None = 1,
    after: int = 0,
    where: dict[str, object] | None = None,
    **details: object,
) -> Json:
    """Let requests go wrong; the fields are those of :meth:`Sandbox.fault`."""
    sandbox.fault(operation, kind, times, after, where, **details)
    return {"operation": operation, "kind": kind}


def clear_faults(sandbox: Sandbox) -> Json:
    """Let everything go right again."""
    sandbox.clear_faults()
    return {}


def truth(sandbox: Sandbox) -> Json:
    """Count the rows of every collection."""
    return {name: vendor.truth() for name, vendor in sandbox.vendors.items()}


def stop(sandbox: Sandbox) -> Json:
    """Ask whoever runs the sandbox to end it."""
    sandbox.stopped.set()
    return {"status": "stopping"}


ACTIONS: dict[tuple[str, str], Callable[..., Json]] = {
    ("GET", "health"): health,
    ("GET", "requests"): requests,
    ("DELETE", "requests"): forget_requests,
    ("POST", "clock"): move_clock,
    ("POST", "counters"): reset_counters,
    ("POST", "faults"): add_fault,
    ("DELETE", "faults"): clear_faults,
    ("GET", "truth"): truth,
    ("POST", "stop"): stop,
}
