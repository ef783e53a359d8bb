"""The log: one line for each record, with its stream's name in it, and nothing that only the SDK cares for."""

from __future__ import annotations

import logging
import os
import re
from typing import ClassVar

TAP = "tap-usage"
VARIABLES = ("TAP_USAGE_LOGLEVEL", "LOGLEVEL")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Line(logging.LogRecord):
    """A record whose text is one line: what a vendor sends cannot begin another one.

    The name of a stream stands in the text, because Meltano does not print the logger's.
    """

    noise: ClassVar[frozenset[str]] = frozenset(
        {"Skipping parse of env var settings...", "Parsing env var for settings config..."}
    )

    def getMessage(self) -> str:  # noqa: N802 - as logging has it
        """Return the text."""
        text = NOT_PRINTABLE.sub(" ", super().getMessage())
        stream = self.name.partition(f"{TAP}.")[2]
        return text if not stream or stream in text else f"{stream}: {text}"


def set_up() -> None:
    """Set the log up, before the SDK does: lines as they should be, and a level that there is."""
    logging.setLogRecordFactory(Line)
    logger = logging.getLogger(TAP)
    logger.addFilter(_is_worth_a_line)
    for variable in VARIABLES:
        level = os.environ.pop(variable, "")
        if level.upper() in LEVELS:
            os.environ[variable] = level
        elif level:
            logger.warning("%s is no level of the log, one of %s; INFO is taken", variable, ", ".join(LEVELS))


def quieten(metrics: logging.Logger) -> None:
    """Have the SDK's metrics logged at DEBUG only, unless a log configuration has a handler for them."""
    if not metrics.handlers and not metrics.isEnabledFor(logging.DEBUG):
        metrics.setLevel(logging.WARNING)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return record.msg not in Line.noise
