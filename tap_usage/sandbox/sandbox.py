"""The sandbox itself: the simulator behind seven listeners, and its controls over HTTP."""

import email.utils
from types import TracebackType
from typing import Self

from tap_usage.sandbox import control
from tap_usage.sandbox.pingone import HOME_ENVIRONMENT
from tap_usage.sandbox.server import Listener
from tap_usage.sandbox.simulator import Simulator
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


class Sandbox(Simulator):
    """Four simulated vendors on loopback; a context manager that leaves no thread behind.

    Attributes:
        latency_seconds: added to every answer of a vendor.
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
        super().__init__(now, seed)
        self.latency_seconds = 0.0
        self.defects: list[Exception] = []
        self._address = (host, port)
        self._listeners: dict[str, Listener] = {}

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
        return self.vendor(origin).origins[origin]

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

    def _open(self, origin: str, port: int) -> None:
        listener = Listener((self._address[0], port), origin, self._answer, self._sent)
        self._listeners[origin] = listener
        self.vendor(origin).origins[origin] = listener.url
        listener.start()

    def _answer(self, request: Request) -> Answer:
        with self.lock:
            at_control = request.path.startswith(CONTROL)
            try:
                answer = control.answer(self, request) if at_control else self.answer(request)
            except Exception as error:  # noqa: BLE001  whatever it is, leaving the context raises it
                self.defects.append(error)
                answer = json_answer({"defect of the sandbox": repr(error)}, 500)
            answer.delay_seconds += 0.0 if at_control else self.latency_seconds
            answer.headers.setdefault("Date", email.utils.format_datetime(self.clock.now(), usegmt=True))
            return answer

    def _sent(self, request: Request) -> None:
        if not request.path.startswith(CONTROL):
            self.sent(request)
