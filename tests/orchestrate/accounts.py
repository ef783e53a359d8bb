"""Tenants with an account each: data and credentials of their own, at simulated vendors of their own."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

from tap_usage.sandbox import Request, Sandbox
from tests.orchestrate.project import secrets_of
from tests.truth import TRUTH

USAGES = "elasticpath_promotion_usages"
NAMES = ("acme", "boreal", "cobalt", "dune", "ember", "fjord", "globex", "hooli")
FAILS, KILLED = "acme", "fjord"
SHARED = ("globex", "hooli")  # share the pool `shared`
OWN_USAGES = 200


class Account:
    """The account of one tenant.

    Attributes:
        name: of the tenant.
        sandbox: its vendors.
        secret: what nobody else may see.
        halfway: is set when the vendor keeps the tap waiting.
    """

    def __init__(self, name: str, number: int, sandbox: Sandbox) -> None:
        self.name = name
        self.sandbox = sandbox
        self.secret = [secrets.token_hex(16) for _ in range(5)]
        self.halfway = threading.Event()
        for vendor, secret in zip(sandbox.vendors.values(), self.secret, strict=False):
            vendor.client_id, vendor.client_secret = f"{name}-{vendor.name}", secret
        sandbox.genesys.requests_per_minute = 10**9  # or a minute of this machine's is waited for
        shop = sandbox.elasticpath
        self.own = shop.add_promotion(name=f"Of {name}")
        shop.add_usages(self.own, OWN_USAGES + number, datetime.now(UTC) - timedelta(days=20), 60)

    def variables(self, **others: object) -> dict[str, object]:
        """Return what the tenant's file holds; `password` is that of its warehouse."""
        return {**secrets_of(self.sandbox), "TARGET_POSTGRES_PASSWORD": self.secret[-1], **others}

    def refuse_once(self) -> None:
        """Refuse the promotion of its own once."""
        self.sandbox.fault("elasticpath.usages", "forbidden", where={"path": f"/v2/rule-promotions/{self.own}/usages"})

    def wait(self) -> None:
        """Keep the tap waiting from a promotion in the middle on, until :meth:`go_on`."""
        self.halfway.clear()

        def where(_request: Request) -> bool:
            self.halfway.set()
            return True

        self.sandbox.fault("elasticpath.usages", "slow", times=None, delay_seconds=50, after=8, where=where)

    def go_on(self) -> None:
        """Keep the tap waiting no more."""
        self.sandbox.clear_faults()

    @property
    def ids(self) -> set[str]:
        """Return the ids of all usages."""
        return {row["id"] for row in TRUTH[USAGES](self.sandbox)}


@contextmanager
def accounts(names: Sequence[str] = NAMES) -> Iterator[dict[str, Account]]:
    """Run the vendors of some tenants, at the time of this machine."""
    with ExitStack() as stack:
        yield {
            name: Account(name, number, stack.enter_context(Sandbox(seed=100 + number)))
            for number, name in enumerate(names)
        }
