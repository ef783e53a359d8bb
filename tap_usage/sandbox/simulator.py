"""The sandbox itself: seven listeners, four vendors, one clock, the faults and the log of requests."""

import email.utils
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

from tap_usage.sandbox import control, data
from tap_usage.sandbox.clock import Clock
from tap_usage.sandbox.demandbase import Demandbase
from tap_usage.sandbox.desk import Desk
from tap_usage.sandbox.elasticpath import ElasticPath
from tap_usage.sandbox.faults import Fault
from tap_usage.sandbox.genesys import Genesys
from tap_usage.sandbox.log import Seen
from tap_usage.sandbox.pingone import HOME_ENVIRONMENT, PingOne
from tap_usage.sandbox.server import Listener
from tap_usage.sandbox.vendor import Vendor
from tap_usage.sandbox.wire import Answer, Json, Request, json_answer

ORIGINS = (
    "pingone api",
    "pingone auth",
    "genesys api",
    "genesys login",
    "demandbase api",
    "demandbase login",
    "elasticpath",
)
CONTROL = "/__sandbox__/"


class Sandbox:
    """Four simulated vendors on loopback; a context manager that leaves no thread behind.

    Attributes:
        lock: held while an answer is made; hold it to change vendors' data while requests are in flight.
        clock: the vendors' common clock.
        pingone, genesys, demandbase, elasticpath: the vendors.
        vendors: the same four by name.
        latency_seconds: added to every answer of a vendor.
        stopped: is set when somebody asked for the end over HTTP, or :meth:`stop` was called.
        defects: exceptions of the sandbox itself; leaving the context raises the first one.
    """

    def __init__(self, now: str | None = None, seed: int = 7, host: str = "127.0.0.1", port: int = 0) -> None:
        """Make the vendors with their default data.

        Args:
            now: ISO 8601 time at which the clock stands; None lets it run in real time.
            seed: what made-up figures and ids depend on.
            host: address to listen on.
            port: first of seven ports, in the order of :data:`ORIGINS`; 0 takes free ones.
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
        self.latency_seconds = 0.0
        self.stopped = threading.Event()
        self.defects: list[Exception] = []
        self._address = (host, port)
        self._desk = Desk(self.vendors.values())
        self._listeners: dict[str, Listener] = {}
        data.fill_pingone(self.pingone)
        data.fill_genesys(self.genesys)
        data.fill_demandbase(self.demandbase)
        data.fill_elasticpath(self.elasticpath)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and raise what went wrong in the sandbox itself."""
        self.stop()
        if error is None and self.defects:
            raise self.defects[0]

    def start(self) -> None:
        """Open all listeners.

        Raises:
            OSError: a port is in use; ``filename`` names the address.
        """
        host, first = self._address
        for number, origin in enumerate(ORIGINS):
            port = first + number if first else 0
            try:
                self._open(origin, port)
            except (OSError, OverflowError) as error:
                self.stop()
                raise OSError(
                    getattr(error, "errno", 0), getattr(error, "strerror", None) or str(error), f"{host}:{port}"
                ) from None

    def stop(self) -> None:
        """Close all listeners and connections, and wait for their threads."""
        self.stopped.set()
        for listener in self._listeners.values():
            listener.stop()
        self._listeners.clear()

    def close_listener(self, origin: str) -> None:
        """Refuse connections to one origin from now on, and reset the open ones."""
        self._listeners.pop(origin).stop()

    def open_listener(self, origin: str) -> None:
        """Listen again at the address that a closed listener had."""
        self._open(origin, int(self.url(origin).rsplit(":", 1)[1]))

    def url(self, origin: str) -> str:
        """Return the base URL of an origin, such as ``http://127.0.0.1:8970``."""
        return self.vendors[vendor_of(origin)].origins[origin]

    @property
    def config(self) -> Json:
        """The settings of a tap that reads from this sandbox, without rate limits and with short waits."""
        credentials: Json = {
            f"{vendor.name}_{part}": getattr(vendor, part)
            for vendor in self.vendors.values()
            for part in ("client_id", "client_secret")
        }
        urls = {
            f"{origin.replace(' ', '_') if ' ' in origin else origin + '_api'}_url": self.url(origin)
            for origin in ORIGINS
        }
        return {
            "pingone_environment_id": HOME_ENVIRONMENT,
            **credentials,
            **urls,
            "pingone_requests_per_second": 0,
            "genesys_requests_per_minute": 0,
            "genesys_poll_initial_seconds": 0.05,
            "genesys_poll_max_seconds": 0.2,
            "elasticpath_requests_per_second": 0,
        }

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

    def _open(self, origin: str, port: int) -> None:
        listener = Listener((self._address[0], port), origin, self._answer, self._sent)
        self._listeners[origin] = listener
        self.vendors[vendor_of(origin)].origins[origin] = listener.url
        listener.start()

    def _answer(self, request: Request) -> Answer:
        with self.lock:
            at_control = request.path.startswith(CONTROL)
            try:
                answer = (
                    control.answer(self, request)
                    if at_control
                    else self._desk.answer(self.vendors[vendor_of(request.origin)], request)
                )
            except Exception as error:  # noqa: BLE001  whatever it is, leaving the context raises it
                self.defects.append(error)
                answer = json_answer({"defect of the sandbox": repr(error)}, 500)
            answer.delay_seconds += 0.0 if at_control else self.latency_seconds
            answer.headers.setdefault("Date", email.utils.format_datetime(self.clock.now(), usegmt=True))
            return answer

    def _sent(self, request: Request) -> None:
        if not request.path.startswith(CONTROL):
            with self.lock:
                self._desk.sent(self.vendors[vendor_of(request.origin)])


def vendor_of(origin: str) -> str:
    """Return the name of the vendor that an origin belongs to."""
    return origin.partition(" ")[0]
