"""The command line: options, exit codes, and one line for whatever ends a run."""

from __future__ import annotations

import logging
import sys
from typing import IO, Any

import click
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import SingerCommand, _ConfigInput
from singer_sdk.tap_base import CliTestOptionValue

from tap_usage import inputs, output
from tap_usage.output import BufferedWriter, OutputLost


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
        why = str(lost)
        self.logger.error("%s", why[:1].upper() + why[1:])
        output.silence()

    def _unexpected(self, error: Exception) -> None:
        self.logger.error("unexpected %s, please report it (LOGLEVEL=DEBUG shows where)", type(error).__name__)
        self.logger.debug("Here:", exc_info=error)


class CommandLine(Tap):
    """The tap's options, and what they lead to."""

    message_writer: BufferedWriter

    def run(self) -> None:
        """Extract."""
        raise NotImplementedError

    def look(self) -> bool:
        """Look at each stream once; return whether nothing failed."""
        raise NotImplementedError

    def plan(self, form: str) -> None:
        """Tell what a run would do, as a `table` or as `json`."""
        raise NotImplementedError

    @classmethod
    def invoke(  # type: ignore[override]  # noqa: PLR0913 - options
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
        plan: str | None = None,
    ) -> None:
        """Extract everything that is selected, or tell what that would take (`--plan`).

        Raises:
            IncompleteError: when something could not be extracted.
        """
        if about:
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        tap = cls(
            config=config.config if config else None,
            state=inputs.read(state, "--state") if state else None,
            catalog=inputs.read_catalog(catalog) if catalog else None,
            parse_env_config=bool(config and config.parse_env),
        )
        if plan:
            tap.plan(plan)
        else:
            tap.run()

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> _ConfigInput:  # noqa: ARG003
        """Read the files given with `--config`; `ENV` stands for the environment."""
        config = inputs.read_config(path for path in value if path != "ENV")
        return _ConfigInput(config=config, parse_env="ENV" in value)

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:  # noqa: ARG003
        """Look at each stream once (`--test`), or write the schemas (`--test=schema`).

        Raises:
            IncompleteError: when a stream cannot be read.
        """
        if value == CliTestOptionValue.Disabled.value:
            return
        config: _ConfigInput = ctx.params["config"]
        tap = cls(config=config.config, parse_env_config=config.parse_env)
        if value == CliTestOptionValue.Schema.value:
            tap.write_schemas()
            tap.message_writer.flush()
        elif not tap.look():
            raise IncompleteError
        ctx.exit()

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command line."""
        command = super().get_singer_command()
        for option in command.params:
            if isinstance(option, click.Option) and option.name == "test":
                option.help = "Tell which streams can be read; with --test=schema write the schemas only."
            if isinstance(option.type, click.File):
                option.type = click.File(encoding=inputs.ENCODING)
        told = "Tell what a run would do: requests, queries, minutes, from when to when. --plan=json for programs."
        forms = click.Choice(["table", "json"])
        command.params.append(click.Option(["--plan"], is_flag=False, flag_value="table", type=forms, help=told))
        return Command(
            name=command.name,
            callback=command.callback,
            params=command.params,
            context_settings=command.context_settings,
            help="Extract usage data as Singer messages.",
            logger=cls.logger,
        )
