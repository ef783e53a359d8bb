"""The command line's exit codes, and one line for whatever ends a run."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import SingerCommand

from tap_usage import output
from tap_usage.output import OutputLost


class IncompleteError(Exception):
    """Something that was selected could not be extracted; the log has a line for each."""


class Command(SingerCommand):
    """The command line, with exit codes that tell the truth and no traceback for what a user can cause."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run the command, with warnings in the log."""
        logging.captureWarnings(capture=True)
        return click.Command.invoke(self, ctx)

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as click has it
        """Run, and turn what may happen to any run into an exit code."""
        try:
            try:
                return super().main(*args, **kwargs)
            finally:
                output.settle()
        except IncompleteError:
            pass
        except ConfigValidationError as error:
            for line in error.errors:
                self.logger.error("%s", line)  # noqa: TRY400 - no traceback
        except OutputLost as lost:
            self._output_is_lost(lost)
        except OSError as error:
            if error.filename is not None:
                self._unexpected(error)
            else:  # what opens a file names it: only `print` comes here
                self._output_is_lost(OutputLost.because(error))
        except Exception as error:  # noqa: BLE001 - a fault of the tap
            self._unexpected(error)
        sys.exit(1)

    def _output_is_lost(self, lost: OutputLost) -> None:
        self.logger.error("%s", lost)
        output.silence()

    def _unexpected(self, error: Exception) -> None:
        self.logger.error("unexpected %s, please report it (LOGLEVEL=DEBUG shows where)", type(error).__name__)
        self.logger.debug("Here:", exc_info=error)
