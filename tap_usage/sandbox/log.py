"""The log of what the vendors were asked."""

from dataclasses import dataclass

from tap_usage.sandbox.wire import Request


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that a vendor got. Requests to the sandbox's own controls are not among them.

    Attributes:
        origin: name of the listener, such as ``genesys api``.
        operation: such as ``genesys.clients``; empty when the vendor has no such operation.
        status: of the answer, as it was sent or would have been sent.
        fault: kind of the fault that hit it, or empty.
        authorization_ok: it carried a valid token, or, for a token operation, got one.
        at: reading of ``time.monotonic`` at its arrival.
        in_flight: requests of the same vendor that were not answered yet, with this one.
        request: all of it, with headers and body.
    """

    origin: str
    method: str
    path: str
    query: dict[str, str]
    operation: str
    status: int
    fault: str
    authorization_ok: bool
    at: float
    in_flight: int
    request: Request
