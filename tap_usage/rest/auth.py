"""What a data sheet says about logging in: `Key`, `Basic` or `ClientCredentials`.

Each has the row of the error table for its refusals, and is opened once per run (`open`). What may be missing where
nothing is configured may be None; nothing is sent then.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import ClassVar
from urllib.parse import urlencode

from tap_usage.rest.clock import Clock
from tap_usage.rest.errors import Rule, Verdict, dig
from tap_usage.rest.login import Fixed, Headers, Login, Tokens
from tap_usage.rest.request import Answer, Check, Json

Post = Callable[[str, Headers, str, Check], Answer]
"""Sends a form that needs no login: absolute URL, headers, body, and what tells whether the answer is usable."""


def refusal(advice: str) -> Rule:
    """Return the row of the error table for requests whose login is refused."""
    return Rule((401,), Verdict.LOGIN, advice)


def basic_header(user: str | None, password: str | None) -> dict[str, str]:
    """Return the header of HTTP Basic, in UTF-8 (RFC 7617). What no text can hold is replaced."""
    pair = f"{user or ''}:{password or ''}".encode(errors="replace")
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


@dataclass(frozen=True)
class Key:
    """A key that goes with every request.

    Attributes:
        key: what no header can hold is replaced, and the vendor refuses it.
        header: where it goes.
        scheme: what stands before it.
    """

    key: str | None = field(repr=False)
    header: str = "Authorization"
    scheme: str = "Bearer "
    refusal: ClassVar = refusal("check the key")

    def open(self, _: Post, __: Clock, /) -> Login:
        """Return what requests carry."""
        key = "".join(character if character.isprintable() else "?" for character in self.key or "")
        return Fixed({self.header: self.scheme + key.encode(errors="replace").decode("latin-1")})


@dataclass(frozen=True)
class Basic:
    """User and password, which go with every request (HTTP Basic)."""

    user: str | None = field(repr=False)
    password: str | None = field(repr=False)
    refusal: ClassVar = refusal("check the user name and the password")

    def open(self, _: Post, __: Clock, /) -> Login:
        """Return what requests carry."""
        return Fixed(basic_header(self.user, self.password))


@dataclass(frozen=True)
class ClientCredentials:
    """Tokens, handed out for the id and the secret of a client.

    Attributes:
        url: absolute URL of the token endpoint, often on a host of its own.
        form: fields of the form-encoded body.
        basic: client id and secret for HTTP Basic, where the vendor wants them there.
        token: path of the token in the answer.
        lifetime: path of the lifetime in seconds.
        expiry: path of the expiry as text, and how to read it, where there is no lifetime.
        header: where the token goes.
        scheme: what stands before it.

    Raises:
        ValueError: when the URL is not absolute.
    """

    url: str
    form: Mapping[str, str | None] = field(repr=False)
    basic: tuple[str | None, str | None] | None = field(default=None, repr=False)
    token: str = "access_token"  # noqa: S105 - the name of a field
    lifetime: str = "expires_in"
    expiry: tuple[str, Callable[[str], datetime]] | None = None
    header: str = "Authorization"
    scheme: str = "Bearer "
    refusal: ClassVar = refusal("check the client id, the client secret and the region")

    def __post_init__(self) -> None:
        """Refuse a URL that leads nowhere."""
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("`ClientCredentials` needs the absolute URL of a token endpoint; for a key there is `Key`")

    def open(self, post: Post, clock: Clock, /) -> Login:
        """Return what requests carry; a token is fetched when the first one needs it."""
        return Tokens(partial(self._fetch, post), clock)

    def _fetch(self, post: Post) -> tuple[Headers, float | None]:
        answer = post(self.url, self.form_headers, self.body, self.problem)
        return {self.header: self.scheme + dig(answer.body, self.token)}, self.seconds(answer.body, answer.date)

    @property
    def body(self) -> str:
        """The form, encoded. What no text can hold is replaced, and the vendor refuses it."""
        return urlencode(self.form, encoding="utf-8", errors="replace")

    @property
    def form_headers(self) -> Headers:
        """Headers of the request for a token."""
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        return headers | basic_header(*self.basic) if self.basic else headers

    def problem(self, body: Json) -> str | None:
        """Return why an answer holds no usable token, or None. Never quotes it."""
        token = dig(body, self.token)
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
            return f"an answer without a usable `{self.token}`"
        return None

    def seconds(self, body: Json, answered: datetime) -> float | None:
        """Return the lifetime that the answer tells, None when it tells none that makes sense."""
        try:
            if self.expiry:
                path, read = self.expiry
                seconds = (read(str(dig(body, path))) - answered).total_seconds()
            else:
                seconds = float(dig(body, self.lifetime))
        except (TypeError, ValueError, OverflowError):
            return None
        return seconds if seconds > 0 else None


Auth = Key | Basic | ClientCredentials
