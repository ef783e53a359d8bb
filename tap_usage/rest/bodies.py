"""Bodies of answers: JSON, and what vendors take for it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec

HALF_PAIR = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Body:
    """A body, decoded.

    Attributes:
        value: what it holds, None if it is not JSON.
        problem: why there is no value, or None.
        replaced: halves of surrogate pairs were replaced, because no text can hold them.
    """

    value: Any
    problem: str | None = None
    replaced: bool = False


def decode(content: bytes | bytearray) -> Body:
    """Return what a body holds; a nesting bomb is no JSON."""
    try:
        return Body(msgspec.json.decode(content))
    except RecursionError:
        return Body(None, "an answer that is not JSON")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_leniently(content)


def _decode_leniently(content: bytes | bytearray) -> Body:
    """Read over a byte order mark, and replace halves of surrogate pairs."""
    try:
        value = json.loads(content.decode("utf-8-sig", "surrogatepass"), parse_constant=_refuse)
        text, replaced = HALF_PAIR.subn(REPLACEMENT, json.dumps(value, ensure_ascii=False))
        return Body(msgspec.json.decode(text), replaced=replaced > 0)
    except (ValueError, msgspec.DecodeError, RecursionError):
        return Body(None, "an answer that is not JSON")


def _refuse(constant: str) -> None:
    raise ValueError(constant)
