"""Elastic Path in the sandbox, as the tests of its traps look at it."""

from __future__ import annotations

from tap_usage.sandbox import Sandbox


def only(sandbox: Sandbox) -> str:
    """Empty Elastic Path but for one promotion without usages; return its id."""
    sandbox.elasticpath.clear()
    return sandbox.elasticpath.add_promotion()


def queries(sandbox: Sandbox, operation: str = "elasticpath.usages") -> list[dict[str, str]]:
    return [seen.query for seen in sandbox.requests if seen.operation == operation]


def named(sandbox: Sandbox, name: str) -> str:
    return next(str(row["id"]) for row in sandbox.elasticpath.promotions if row["name"] == name)
