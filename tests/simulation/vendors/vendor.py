"""What all simulated vendors share. What they hold is a function of time: nothing has to happen for it to change."""

from __future__ import annotations

import random
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from tests.simulation.clock import NEVER
from tests.simulation.faults import Fault

Json = dict[str, Any]
Made = tuple[int, Any, dict[str, str]]
LAG = 3.0
SHORT = 90.0


@dataclass(slots=True)
class Asked:
    """A request; `parts` are those of its path."""

    method: str
    origin: str
    parts: list[str]
    query: dict[str, str]
    headers: Mapping[str, str]
    body: str | bytes


class Refused(Exception):  # noqa: N818 - an answer
    """The vendor refuses a request."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(slots=True, eq=False)
class Thing:
    """Something that exists for a time."""

    id: str
    created: float = 0.0
    deleted: float = NEVER

    def exists(self, at: float) -> bool:
        return self.created <= at < self.deleted


Kind = TypeVar("Kind", bound=Thing)


@dataclass(slots=True)
class Owed:
    """What a loader has to hold: the least and the most of one figure (any, when both are None)."""

    low: int | None = None
    high: int | None = None


Owes = dict[str, dict[tuple[Any, ...], Owed]]


class Vendor(ABC):
    """One vendor.

    Args:
        dice: decides what it holds and how it is.
        at: when its life begins.
    """

    name: ClassVar[str]

    def __init__(self, dice: random.Random, at: float) -> None:
        self.dice = dice
        self.began = at
        self.lifetime = dice.choice((600, 3600, 86400))
        self._numbers = 0

    @property
    @abstractmethod
    def size(self) -> int:
        """About how many partitions there are."""

    @abstractmethod
    def operation(self, asked: Asked) -> str:
        """Return what is asked for, by name; its last word is `token` when it is a token."""

    @abstractmethod
    def carry_out(self, operation: str, asked: Asked, at: float, fault: Fault | None) -> Made:
        """Return status, body and headers of the answer.

        Raises:
            Refused: when it is refused.
        """

    @abstractmethod
    def error(self, asked: Asked, refused: Refused) -> Json:
        """Return an error in the vendor's own shape."""

    @abstractmethod
    def grow(self, since: float, at: float) -> None:
        """Have something happen between two runs, the first of which ended at `since`, and soon after `at`."""

    @abstractmethod
    def owes(self, begin: float, end: float, start_day: int) -> Owes:
        """Return what has to be held after a run from `begin` to `end`: by stream, identity and figure."""

    @abstractmethod
    def choose(self) -> Json:
        """Return settings of the life."""

    def detour(self) -> Json:
        """Return settings of a run that reads something else, or not everything."""
        return {}

    def settle(self, at: float) -> None:  # noqa: B027 - for many it is
        """Have everything be well from now on, where that is not so by itself."""

    def answer(self, asked: Asked, at: float, fault: Fault | None) -> Made:
        """Answer a request."""
        operation = self.operation(asked)
        if operation.endswith(".token"):
            return self.issue(at, fault)
        _, known, expiry = self.token_of(asked).split("/") if "/" in self.token_of(asked) else ("", "inf", "0")
        if not float(known) <= at < float(expiry):
            raise Refused(401)
        return self.carry_out(operation, asked, at, fault)

    def token_of(self, asked: Asked) -> str:
        return asked.headers.get("Authorization", "").removeprefix("Bearer ")

    def issue(self, at: float, fault: Fault | None) -> Made:
        """Answer with a token, which says itself from when until when it is good."""
        kind = fault.kind if fault else ""
        lifetime = SHORT if kind == "short_token" else self.lifetime
        known = at + LAG * self.dice.random() if kind == "late_token" else at
        token = self.token(f"{self.name}/{known:.3f}/{at + lifetime:.3f}", at + lifetime)
        return 200, {} if kind == "no_token" else token, {}

    def token(self, token: str, expiry: float) -> Json:  # noqa: ARG002 - for one that tells it as a time
        return {"access_token": token, "token_type": "bearer", "expires_in": self.lifetime}

    def new_id(self, kind: str) -> str:
        """Return an id; later ones are not always greater."""
        self._numbers += 1
        return f"{kind}-{self._numbers * 7 % 10}{self._numbers}"

    def moment(self, since: float, at: float) -> float:
        """Return a time between two runs or, often, during the next one."""
        dice = self.dice
        return at + dice.random() ** 3 * 1500 if dice.random() < 0.5 else since + (at - since) * dice.random()


def existing(things: Iterable[Kind], at: float) -> list[Kind]:
    return [thing for thing in things if thing.created <= at < thing.deleted]


def listed(things: Iterable[Kind], at: float, fault: Fault | None) -> list[Kind]:
    """Return what a list shows: with a fault only some, or nothing."""
    found = existing(things, at)
    if fault and fault.kind == "unlisted":
        number = fault.number
        return [each for each in found if number % 4 and zlib.crc32(f"{number}{each.id}".encode()) % 2]
    return found


def staying(things: Iterable[Kind], begin: float, end: float) -> list[Kind]:
    """Return what exists from before `begin` until after `end`."""
    return [thing for thing in things if thing.created < begin and end < thing.deleted]


def some(things: Iterable[Thing], dice: random.Random) -> list[str] | None:
    """Return ids of some things, whether they exist yet or not; None for no choice."""
    return [thing.id for thing in things if dice.random() < 0.5] or None
