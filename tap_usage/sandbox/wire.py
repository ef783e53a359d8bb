"""What goes over the wire: requests, answers, routes, refusals."""

import base64
import binascii
import json
import random
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

Value = Any
Json = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a listener read it.

    Attributes:
        origin: name of the listener, such as ``genesys api``.
        path: as sent, still percent-encoded, without the query.
        query: decoded parameters.
        repeated: names of parameters that were sent more than once.
        headers: names in lower case.
        values: the variable parts of the path, by the names of the route.
    """

    origin: str
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    repeated: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Answer:
    """An answer and the way in which it is delivered.

    Attributes:
        body: the whole body, unless ``chunks`` is given.
        chunks: pieces that are sent one after the other instead of ``body``.
        headers: one with an empty value is left out.
        length: the Content-Length that is claimed for ``chunks``.
        delay_seconds: wait before anything is sent.
        informational: statuses of heads that come before the answer.
        informational_pause_seconds: wait after them.
        pause_seconds: wait after each chunk.
        reset: the connection is reset after the last chunk.
        lost: the connection is reset before anything is sent.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] | None = None
    length: int | None = None
    delay_seconds: float = 0.0
    informational: tuple[int, ...] = ()
    informational_pause_seconds: float = 0.0
    pause_seconds: float = 0.0
    reset: bool = False
    lost: bool = False

    @property
    def good(self) -> bool:
        """Whether the status tells no error."""
        return self.status < HTTPStatus.BAD_REQUEST


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of a vendor.

    Attributes:
        path: template, such as ``/v1/environments/{environment_id}``.
        parameters: names of the query parameters it takes; any other is refused.
        needs_token: False for the token operations.
    """

    origin: str
    method: str
    path: str
    operation: str
    answer: Callable[[Request], Answer]
    parameters: frozenset[str] = frozenset()
    needs_token: bool = True

    def match(self, path: str) -> dict[str, str] | None:
        """Return the variable parts of ``path``, or None when it is another path."""
        wanted, parts = self.path.split("/"), path.split("/")
        if len(wanted) != len(parts):
            return None
        values = {}
        for want, part in zip(wanted, parts, strict=True):
            if want.startswith("{") and part:
                values[want[1:-1]] = unquote(part)
            elif want != part:
                return None
        return values


class RefusedError(Exception):
    """The vendor refuses a request; it writes the answer in its own error shape."""

    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        """Refuse with an HTTP status and, where it matters, the vendor's code and sentence."""
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message


def json_answer(value: object, status: int = 200, indent: int | None = None) -> Answer:
    """Return an answer with ``value`` as its JSON body."""
    separators = (",", ":") if indent is None else None
    return Answer(status, json.dumps(value, indent=indent, separators=separators).encode())


def form_fields(request: Request) -> dict[str, str]:
    """Return the fields of a form-encoded body.

    Raises:
        RefusedError: 400, the body is labelled otherwise or repeats a field.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise RefusedError(400, "invalid_request", "the body is not form-encoded")
    pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    if len(dict(pairs)) < len(pairs):
        raise RefusedError(400, "invalid_request", "a field is repeated")
    return dict(pairs)


def basic_credentials(request: Request) -> tuple[str, str] | None:
    """Return user and password of HTTP Basic authentication, or None without it."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password


def noise(seed: int, *parts: object) -> int:
    """Return a number that looks random but is the same for the same parts, 0..2**32-1."""
    return zlib.crc32("|".join(map(str, parts)).encode(), seed)


def dice(seed: int | str) -> random.Random:
    """Return a source of made-up data that is the same for the same seed."""
    return random.Random(seed)  # noqa: S311  no secret is made of it
