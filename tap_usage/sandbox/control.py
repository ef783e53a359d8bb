"""The sandbox's own controls over HTTP, the same on every listener, under ``/__sandbox__/``."""

import json
from collections import Counter
from collections.abc import Callable

from tap_usage.sandbox.clock import timestamp
from tap_usage.sandbox.simulator import Simulator
from tap_usage.sandbox.wire import Answer, Json, Request, Value, json_answer


def answer(simulator: Simulator, request: Request) -> Answer:
    """Answer ``/__sandbox__/...``; anything unknown or malformed is refused with a sentence."""
    action = ACTIONS.get((request.method, request.path.rpartition("/")[2]))
    if action is None:
        known = ", ".join(f"{method} {name}" for method, name in ACTIONS)
        return json_answer({"error": f"unknown control; known are {known}"}, 404)
    try:
        body = json.loads(request.body or b"{}")
        return json_answer(action(simulator, **body))
    except (TypeError, ValueError) as error:
        return json_answer({"error": str(error)}, 400)


def health(simulator: Simulator) -> Json:
    """Tell that the sandbox is up, and its time."""
    return {"status": "ok", "now": timestamp(simulator.clock.now())}


def requests(simulator: Simulator) -> Json:
    """Count requests per operation and status."""
    counts: dict[str, Counter[str]] = {}
    for seen in simulator.requests:
        counts.setdefault(seen.operation, Counter())[str(seen.status)] += 1
    return {"total": len(simulator.requests), "operations": counts}


def forget_requests(simulator: Simulator) -> Json:
    """Start counting anew."""
    simulator.forget_requests()
    return requests(simulator)


def move_clock(simulator: Simulator, advance_seconds: float) -> Json:
    """Move the clock forward."""
    simulator.advance(seconds=advance_seconds)
    return health(simulator)


def reset_counters(simulator: Simulator, to: int = 0, rule_id: str | None = None) -> Json:
    """Have the usage counts of a PingOne rule, or all counters and Demandbase's consumed credits, stand at ``to``."""
    simulator.reset_counters(to, rule_id)
    return health(simulator)


def add_fault(simulator: Simulator, operation: str, kind: str, **details: Value) -> Json:
    """Let requests go wrong; the fields are those of :meth:`Simulator.fault`."""
    simulator.fault(operation, kind, **details)
    return {"operation": operation, "kind": kind}


def clear_faults(simulator: Simulator) -> Json:
    """Let everything go right again."""
    simulator.clear_faults()
    return {}


def truth(simulator: Simulator) -> Json:
    """Count the rows of every collection."""
    return {name: vendor.truth() for name, vendor in simulator.vendors.items()}


def stop(simulator: Simulator) -> Json:
    """Ask whoever runs the sandbox to end it."""
    simulator.stopped.set()
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
