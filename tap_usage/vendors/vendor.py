"""What a vendor module declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from singer_sdk import typing as th

from tap_usage.reading.check import check
from tap_usage.reading.sheet import Sheet, SheetError, meant
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
        SheetError: when it speaks of what does not exist.
    """

    required: Required
    settings: th.PropertiesList
    host: Callable[[Mapping[str, Any]], Host]
    streams: tuple[type[Sheet], ...]

    def problems(self, config: Mapping[str, Any]) -> list[str]:
        """Return one line for each thing that is wrong with good settings, as its streams see them."""
        there = [sheet for sheet in self.streams if sheet.grouping and sheet.exists(config)]
        found = [(sheet, sheet.grouping.problem(config)) for sheet in there if sheet.grouping]
        return [f"{problem}: {_whose(sheet, config)} knows no other dimension" for sheet, problem in found if problem]

    def __post_init__(self) -> None:
        """Refuse what cannot be true."""
        known = schema([COMMON, self.settings])["properties"]
        vendor = self.required.vendor
        for name in self.required.names:
            if name not in known:
                raise SheetError(f"{vendor}: required: `{name}` is not a setting{meant(name, known)}")
        try:
            self.host({name: setting.get("default") for name, setting in known.items()})
        except KeyError as error:
            (name,) = error.args
            raise SheetError(f"{vendor}: host: `{name}` is not a setting{meant(name, known)}") from error
        except ValueError as error:
            raise SheetError(f"{vendor}: host: {error}") from error
        check(vendor, self.streams, known, self.required.names)


def _whose(sheet: type[Sheet], config: Mapping[str, Any]) -> str:
    """Return a stream, and the setting because of which it is there."""
    setting = sheet.exists_if[0]
    return f"{sheet.name}" + (f", which `{setting}` {config[setting]} asks for," if setting else "")
