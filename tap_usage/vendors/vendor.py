"""What a vendor module declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from singer_sdk import typing as th

from tap_usage.reading.check import check
from tap_usage.reading.sheet import Sheet
from tap_usage.rest.host import Host
from tap_usage.settings import COMMON, Required, schema


@dataclass(frozen=True)
class Vendor:
    """One vendor: everything the tap has to know of it.

    Attributes:
        required: prefix and required settings.
        settings: all its settings.
        host: makes the connection's data sheet of the settings.
        streams: the sheets of its streams, parents before their children.

    Raises:
        SheetError: when a sheet speaks of what does not exist.
    """

    required: Required
    settings: th.PropertiesList
    host: Callable[[Mapping[str, Any]], Host]
    streams: tuple[type[Sheet], ...]

    def __post_init__(self) -> None:
        """Refuse sheets that cannot be true."""
        known = schema([COMMON, self.settings])["properties"]
        for sheet in self.streams:
            check(sheet, known)
