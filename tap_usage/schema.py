"""The JSON Schema files of the streams: in a wheel inside the package, in a checkout beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

PACKAGE = Path(__file__).parent


def directory() -> Path:
    """Return the folder that holds `<stream>.json`."""
    inside = PACKAGE / "schemas"
    return inside if inside.is_dir() else PACKAGE.parent / "schemas"


def load(stream: str) -> dict[str, Any]:
    """Return the schema of a stream.

    Raises:
        FileNotFoundError: if there is none.
    """
    schema = msgspec.json.decode((directory() / f"{stream}.json").read_bytes(), type=dict[str, Any])
    # Flattening in the SDK takes these two for properties of the same name, and ends in a TypeError.
    return {keyword: value for keyword, value in schema.items() if keyword not in {"title", "description"}}
