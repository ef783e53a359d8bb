"""The setting `tenant`: what lets the rows of many tenants stand in one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FIELD = "tenant"


class Tenancy:
    """Whose data a run reads: a field of every row, which comes first in every key; without a tenant neither is there.

    Args:
        config: the settings.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.row: dict[str, str] = {FIELD: config[FIELD]} if config.get(FIELD) else {}

    def keys(self, keys: Iterable[str]) -> list[str]:
        """Return the key of a stream."""
        return [*self.row, *(name for name in keys if name != FIELD)]

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON Schema of a stream."""
        field = {"type": "string", "description": f"The setting `{FIELD}`; added by the tap."}
        own = {name: definition for name, definition in schema["properties"].items() if name != FIELD}
        properties = {**dict.fromkeys(self.row, field), **own}
        return {**schema, "properties": properties, "required": self.keys(schema.get("required", ()))}

    def query(self, query: str) -> str:
        """Return what bookmarks depend on: what was read for one tenant was not read for another."""
        return " ".join(filter(None, (query, *(f"{FIELD}={name}" for name in self.row.values()))))
