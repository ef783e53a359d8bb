"""Where requests to the vendors come in: the operation is found, faults hit it, and it is noted in the log."""

import itertools
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus

from tap_usage.sandbox.faults import Fault
from tap_usage.sandbox.log import Seen
from tap_usage.sandbox.vendor import Vendor
from tap_usage.sandbox.wire import Answer, RefusedError, Request, Route


class Desk:
    """Takes one request at a time: whoever asks holds a lock.

    Attributes:
        routes: the operations of all vendors.
        faults: what is to go wrong, in the order in which it is tried.
        seen: what was asked, in the order of the answers.
    """

    def __init__(self, vendors: Iterable[Vendor]) -> None:
        """Begin without faults."""
        self.routes = [route for vendor in vendors for route in vendor.routes()]
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self._in_flight: Counter[str] = Counter()

    def answer(self, vendor: Vendor, request: Request) -> Answer:
        """Return what a vendor answers to a request."""
        at = time.monotonic()
        self._in_flight[vendor.name] += 1
        route, request = self._find(request)
        operation = route.operation if route else ""
        authorized = vendor.authorized(request)
        principals = (fault for fault in self.faults if not fault.attends and fault.takes(operation, request))
        faults = list(itertools.islice(principals, 1))
        answer = self._made(faults, vendor, route, request)
        faults += [fault for fault in self.faults if fault.joins(operation, request, answer)]
        for fault in faults:
            fault.alter(vendor, request, answer)
        answer.headers = vendor.headers(request, answer) | answer.headers
        took_token = route is not None and not route.needs_token and answer.status == HTTPStatus.OK
        self.seen.append(
            Seen(
                origin=request.origin,
                method=request.method,
                path=request.path,
                query=request.query,
                operation=operation,
                status=answer.status,
                fault=faults[0].kind if faults else "",
                authorization_ok=took_token or authorized,
                at=at,
                in_flight=self._in_flight[vendor.name],
                request=request,
            )
        )
        return answer

    def sent(self, vendor: Vendor) -> None:
        """An answer of a vendor is on its way."""
        self._in_flight[vendor.name] -= 1

    def _made(self, faults: list[Fault], vendor: Vendor, route: Route | None, request: Request) -> Answer:
        for fault in faults:
            if answer := fault.substitute(vendor, request):
                return answer
            vendor.scene = fault.stage()
        try:
            return self._carry_out(vendor, route, request)
        finally:
            vendor.scene = {}

    def _find(self, request: Request) -> tuple[Route | None, Request]:
        for route in self.routes:
            if (route.origin, route.method) == (request.origin, request.method):
                values = route.match(request.path)
                if values is not None:
                    return route, replace(request, values=values)
        return None, request

    def _is_path(self, request: Request) -> bool:
        return any(route.origin == request.origin and route.match(request.path) is not None for route in self.routes)

    def _carry_out(self, vendor: Vendor, route: Route | None, request: Request) -> Answer:
        try:
            if route is None:
                return vendor.error(request, 405 if self._is_path(request) else 404)
            vendor.admit(request, route)
            return route.answer(request)
        except RefusedError as refused:
            return vendor.error(request, refused.status, refused.code, refused.message)
