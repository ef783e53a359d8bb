"""What a vendor module declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from singer_sdk import typing as th

from tap_usage.rest.host import Host
from tap_usage.settings import Required
from tap_usage.streams import UsageStream


@dataclass(frozen=True)
class Vendor:
    """One vendor: everything the tap has to know of it.

    Attributes:
        required: prefix and required settings.
        settings: all its settings.
        host: makes the connection's data sheet of the settings.
        streams: its streams, parents before their children.
    """

    required: Required
    settings: th.PropertiesList
    host: Callable[[Mapping[str, Any]], Host]
    streams: tuple[type[UsageStream], ...]
