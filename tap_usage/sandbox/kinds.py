"""What the tables of faults are made of."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Apply = TypeVar("Apply")
EVERY = ("*",)


@dataclass(frozen=True, slots=True)
class Kind(Generic[Apply]):
    """A kind of fault: a row of one of the tables.

    Attributes:
        apply: what it does; the table tells with what it is called.
        operations: names or patterns of the operations that it can hit.
        details: its options.
        needed: those of its options that have no default.
    """

    apply: Apply
    operations: tuple[str, ...] = EVERY
    details: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()


def names(*details: str) -> frozenset[str]:
    """Return names of details as a set."""
    return frozenset(details)
