"""The transport's seam: a vendor answers in place, and what goes wrong goes wrong here."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import IncompleteRead
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from urllib3.exceptions import NewConnectionError

from tap_usage.rest.request import Wire as Sent
from tests.simulation.clock import NEVER, SimulatedClock, StandsStillError, http_date
from tests.simulation.faults import Fault
from tests.simulation.vendors.vendor import Asked, Refused, Vendor

Headers = dict[str, str]
MONTH = 30 * 86400
MOST_REQUESTS = 2_000
TIMEOUT_SECONDS = 60.0
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
STATUSES = {"500": 500, "502": 502, "503": 503, "408": 408, "429": 429, "401": 401, "403": 403, "405": 405}
BODIES = {"html": HTML, "null": b"null", "list": b"[1,2]", "empty": b""}
encode = msgspec.json.Encoder().encode


@dataclass(eq=False)
class Response:
    """An answer, as much of the transport's as is used.

    Attributes:
        error: comes after the body.
        seconds: each piece of the body takes so long.
    """

    status: int
    headers: Headers
    body: bytes
    clock: SimulatedClock
    error: Exception | None = None
    seconds: float = 0.0

    def read1(self, amount: int) -> bytes:  # noqa: ARG002 - as the transport's has it
        self.clock.spend(self.seconds)
        body, self.body = self.body, b""
        if not body and self.error:
            raise self.error
        return body

    def close(self) -> None: ...


@dataclass
class Weather:
    """What a run has to live with, shared by all its vendors.

    Attributes:
        dice: decides what is random.
        faults: that may hit requests.
        outages: from when to when there is no connection to a vendor, by name.
        latency: seconds of an answer at most.
        dates: seconds that `Date` is off in all answers.
        requests: how many were sent, by operation.
        hit: how many of them went wrong, by kind of fault.
        tell: is told what is asked.
    """

    dice: random.Random
    faults: Sequence[Fault] = ()
    outages: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    latency: float = 0.2
    dates: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    tell: Callable[[str], object] | None = None


class Wire:
    """Stands in for the transport of one vendor."""

    def __init__(self, vendor: Vendor, clock: SimulatedClock, weather: Weather) -> None:
        self._vendor = vendor
        self._clock = clock
        self._weather = weather
        self._outage = weather.outages.get(vendor.name, (NEVER, NEVER))
        self._left = MOST_REQUESTS

    def close(self) -> None: ...

    def way_to(self, origin: str) -> str:
        return origin

    def exchange(self, sent: Sent, reach: float) -> Response:  # noqa: ARG002 - as the transport has it
        clock, weather, vendor = self._clock, self._weather, self._vendor
        path, _, query = sent.target.partition("?")
        params = dict(parse_qsl(query)) if query else {}
        asked = Asked(sent.method, sent.origin, path.split("/")[1:], params, sent.headers, sent.body or b"")
        operation = vendor.operation(asked)
        weather.requests[operation] += 1
        self._left -= 1
        if not self._left:
            raise StandsStillError(f"{MOST_REQUESTS} requests to {vendor.name}")
        fault = next((fault for fault in weather.faults if fault.hits(operation)), None)
        kind = fault.kind if fault else ""
        if self._outage[0] <= clock.at < self._outage[1]:
            fault, kind = None, "refused"
        if kind:
            weather.hit[kind] += 1
        if weather.tell:
            weather.tell(f"{clock.at:.3f} {sent.method} {sent.origin}{sent.target} {kind}".rstrip())
        clock.spend(weather.latency * weather.dice.random())
        if kind in BEFORE:
            clock.spend(TIMEOUT_SECONDS if kind == "timeout" else 0.0)
            error = BEFORE[kind]()
            raise error
        if kind in STATUSES or kind.startswith("429_"):
            status, made, more = self._refusal(kind, asked)
        else:
            status, made, more = self._carry_out(asked, fault)
        clock.spend(weather.latency * weather.dice.random() * 0.5 + (40.0 if kind == "slow" else 0.0))
        if kind == "lost":
            raise ConnectionResetError
        return self._deliver(kind, status, made, more)

    def _carry_out(self, asked: Asked, fault: Fault | None) -> tuple[int, Any, Headers]:
        vendor, at = self._vendor, self._clock.at
        if fault and fault.kind == "not_found":
            return 404, vendor.error(asked, Refused(404)), {}
        try:
            return vendor.answer(asked, at, fault)
        except Refused as refused:
            return refused.status, vendor.error(asked, refused), {}

    def _refusal(self, kind: str, asked: Asked) -> tuple[int, Any, Headers]:
        more = {}
        if kind == "429_soon":
            more["Retry-After"] = str(1 + int(self._weather.dice.random() * 20))
        elif kind == "429_date":
            more["Retry-After"] = http_date(int(self._clock.at) + 30)
        status = STATUSES[kind.partition("_")[0]]
        return status, self._vendor.error(asked, Refused(status)), more

    def _deliver(self, kind: str, status: int, made: Any, more: Headers) -> Response:  # noqa: ANN401 - JSON
        weather, clock = self._weather, self._clock
        body = BODIES[kind] if kind in BODIES else encode(made)
        date = clock.at + weather.dates + (MONTH if kind == "odd_date" else 0)
        response = Response(status, {"Date": http_date(int(date)), **more}, body, clock)
        if kind == "cut":
            response.body = body[: len(body) // 2]
        elif kind == "mark":
            response.body = b"\xef\xbb\xbf" + body
        elif kind == "no_content":
            response.status, response.body = 204, b""
        elif kind == "broken_off":
            response.body, response.error = body[: len(body) // 2], IncompleteRead(b"")
        elif kind == "drips":
            response.seconds = 61.0
        elif kind == "no_date":
            del response.headers["Date"]
        return response


BEFORE = {
    "refused": lambda: NewConnectionError(None, "Connection refused"),  # type: ignore[arg-type]
    "reset": ConnectionResetError,
    "timeout": TimeoutError,
}
