"""Four vendors, one clock, the faults and the log of requests: all of the sandbox but its sockets."""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

from tap_usage.sandbox import data
from tap_usage.sandbox.clock import Clock
from tap_usage.sandbox.demandbase import Demandbase
from tap_usage.sandbox.desk import Desk
from tap_usage.sandbox.elasticpath import ElasticPath
from tap_usage.sandbox.faults import Fault
from tap_usage.sandbox.genesys import Genesys
from tap_usage.sandbox.log import Seen
from tap_usage.sandbox.pingone import PingOne
from tap_usage.sandbox.vendor import Vendor
from tap_usage.sandbox.wire import Answer, Request


class Simulator:
    """Four simulated vendors that answer requests.

    Attributes:
        lock: held while an answer is made; hold it to change vendors' data while requests are in flight.
        clock: the vendors' common clock.
        pingone, genesys, demandbase, elasticpath: the vendors.
        vendors: the same four by name.
        stopped: is set when somebody asked for the end.
    """

    def __init__(self, now: str | None = None, seed: int = 7) -> None:
        """Make the vendors with their default data.

        Args:
            now: ISO 8601 time at which the clock stands; None lets it run in real time.
            seed: what made-up figures and ids depend on.
        """
        self.lock = threading.RLock()
        self.clock = Clock(now)
        self.pingone = PingOne(self.clock, seed)
        self.genesys = Genesys(self.clock, seed)
        self.demandbase = Demandbase(self.clock, seed)
        self.elasticpath = ElasticPath(self.clock, seed)
        self.vendors: dict[str, Vendor] = {
            vendor.name: vendor for vendor in (self.pingone, self.genesys, self.demandbase, self.elasticpath)
        }
        self.stopped = threading.Event()
        self._desk = Desk(self.vendors.values())
        data.fill_pingone(self.pingone)
        data.fill_genesys(self.genesys)
        data.fill_demandbase(self.demandbase)
        data.fill_elasticpath(self.elasticpath)

    @property
    def operations(self) -> tuple[str, ...]:
        """Names of all operations."""
        return tuple(dict.fromkeys(route.operation for route in self._desk.routes))

    @property
    def requests(self) -> list[Seen]:
        """What the vendors were asked so far, in the order of the answers."""
        with self.lock:
            return list(self._desk.seen)

    def count(self, operation: str, status: int | None = None) -> int:
        """Return how many requests an operation got (with that status)."""
        return sum(seen.operation == operation and status in (None, seen.status) for seen in self.requests)

    def forget_requests(self) -> None:
        """Empty the log of requests."""
        with self.lock:
            self._desk.seen.clear()

    def advance(self, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move the clock forward."""
        with self.lock:
            self.clock.advance(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))

    def expire_tokens(self, vendor: str) -> None:
        """Expire all tokens that a vendor has issued."""
        with self.lock:
            self.vendors[vendor].tokens.expire()

    def reset_counters(self, to: int = 0, rule_id: str | None = None) -> None:
        """Have the usage counts of a rule, or of all rules and the consumed credits, stand at ``to`` now.

        Raises:
            ValueError: there is no such rule.
        """
        with self.lock:
            known = [rule["id"] for rules in self.pingone.issuance_rules.values() for rule in rules]
            if rule_id is None:
                self.demandbase.ledger.reset_credits(to)
            elif rule_id not in known:
                raise ValueError(f"unknown rule: {rule_id}")
            for rule in known if rule_id is None else [rule_id]:
                self.pingone.reset_counts(rule, to)

    def fault(
        self,
        operation: str,
        kind: str,
        times: int | None = 1,
        after: int = 0,
        where: Callable[[Request], bool] | Mapping[str, object] | None = None,
        **details: object,
    ) -> Fault:
        """Let requests go wrong. Faults are tried in the order in which they were made; the first one hits.

        What comes beside any other fault (see :mod:`~tap_usage.sandbox.faults`) hits in any number.

        Args:
            operation: name of an operation, or a pattern such as ``genesys.*``.
            kind: see :data:`~tap_usage.sandbox.faults.KINDS`.
            times: how many requests it hits; None for all.
            after: how many matching requests pass before.
            where: a condition on the request: a function, or values (a list: one of them) by the names of query
                parameters, of the variable parts of the path, or ``path`` and ``method``.
            details: options of the kind.

        Returns:
            The fault; its ``hits`` count.

        Raises:
            ValueError: operation, kind or a detail does not exist.
        """
        fault = Fault(operation, kind, times, after, where, details)
        if not any(fault.concerns(known) for known in self.operations):
            known = ", ".join(self.operations)
            raise ValueError(f"unknown operation, or one that {kind} cannot hit: {operation}; known are {known}")
        with self.lock:
            self._desk.faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all data of all vendors."""
        with self.lock:
            for vendor in self.vendors.values():
                vendor.clear()

    def clear_faults(self) -> None:
        """Let everything go right again."""
        with self.lock:
            self._desk.faults.clear()

    def vendor(self, origin: str) -> Vendor:
        """Return the vendor that an origin belongs to."""
        return self.vendors[origin.partition(" ")[0]]

    def answer(self, request: Request) -> Answer:
        """Return what a vendor answers to a request."""
        with self.lock:
            return self._desk.answer(self.vendor(request.origin), request)

    def sent(self, request: Request) -> None:
        """Take note that the answer to a request is on its way."""
        with self.lock:
            self._desk.sent(self.vendor(request.origin))
