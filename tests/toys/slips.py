"""What a newcomer may write in a sheet, and what the tap says then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.toys.house import SHEETS

IMPORTS = (
    "from tap_usage.rest.pages.links import NextCursor, NextLink\nfrom tap_usage.rest.pages.single import SinglePage\n"
    "from tap_usage.rest.auth import Basic, ClientCredentials, Key\nfrom tap_usage.reading.sheet import Setting\n"
)


@dataclass(frozen=True)
class Slip:
    """A slip.

    Attributes:
        toy: in whose sheet.
        was, became: what is written in its place.
        line: what the line says.
        fields: properties that the schema gets, by stream.
    """

    toy: str
    was: str
    became: str
    line: str
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def sheet(self) -> str:
        """The text of the sheet with the slip, which may use words that it does not import itself."""
        assert self.was in SHEETS[self.toy]
        sheet = SHEETS[self.toy].replace(self.was, self.became)
        return sheet.replace("from tap_usage.settings", f"{IMPORTS}from tap_usage.settings", 1)


def of_openai(was: str, became: str, line: str, **fields: object) -> Slip:
    return Slip("openai", was, became, line, {"openai_completions_usage": fields} if fields else {})


def of_twilio(was: str, became: str, line: str, stream: str = "", **fields: object) -> Slip:
    return Slip("twilio", was, became, line, {stream: fields} if stream else {})
