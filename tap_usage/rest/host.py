"""The data sheet of a connection: where a vendor is, how it names things, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tap_usage.rest.auth import Auth
from tap_usage.rest.errors import Rule


@dataclass(frozen=True)
class ErrorFields:
    """Where a vendor's error bodies and headers name code, description and correlation id (dotted paths)."""

    code: tuple[str, ...] = ("error",)
    text: tuple[str, ...] = ("error_description",)
    correlation: tuple[str, ...] = ()
    header: str = ""


@dataclass(frozen=True)
class Budget:
    """Response headers that tell how much of a rate limit is used up; `reset` is in seconds, `per` what it is for."""

    used: str
    allowed: str
    reset: str
    per: str = ""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What a vendor last said of its rate limit; `reset` is in seconds."""

    used: int
    allowed: int
    reset: float


@dataclass(frozen=True)
class Host:
    """The data sheet of a connection.

    Attributes:
        name: the vendor, as log lines and failures call it.
        url: base URL of the API; paths are below it.
        auth: how to log in.
        headers: sent with every API request.
        rules: the vendor's rows of the error table.
        errors: where its error bodies name things.
        budget: its rate limit headers, if it has any.
        per_second: requests per second at most, 0 for no limit.
    """

    name: str
    url: str
    auth: Auth
    headers: Mapping[str, str] = field(default_factory=lambda: {"Accept": "application/json"}, repr=False)
    rules: Iterable[Rule] = ()
    errors: ErrorFields = ErrorFields()
    budget: Budget | None = None
    per_second: float = 0.0
