"""The tap: settings of all vendors, streams of those that are configured, one exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from copy import deepcopy
from functools import partial
from importlib.metadata import version
from types import FrameType
from typing import Any, ClassVar, cast

import click
from singer_sdk import Stream, Tap
from singer_sdk.exceptions import ConfigValidationError, StreamMapConfigError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.singerlib import Catalog

from tap_usage import cautions, inputs, logs, maps, schema, settings, summary
from tap_usage.command import CommandLine, IncompleteError
from tap_usage.output import BufferedWriter, OutputLost, StateWriter
from tap_usage.reading.finding import lines
from tap_usage.reading.look import Look
from tap_usage.reading.run import Run
from tap_usage.rest.clock import Clock, Stopped
from tap_usage.rest.connection import Connection
from tap_usage.rest.errors import plain
from tap_usage.rest.loop import Loop, Task
from tap_usage.rest.workers import Workers
from tap_usage.stream import UsageStream
from tap_usage.telling import Standing, tell
from tap_usage.vendors import VENDORS
from tap_usage.vendors.vendor import Vendor

SECONDS_IN_WHICH_A_SIGNAL_ENDS_THE_TARGET_TOO = 0.2


STREAMS = {sheet.name: sheet for vendor in VENDORS for sheet in vendor.streams}


class TapUsage(CommandLine):
    """Usage data of PingOne, Genesys Cloud, Demandbase and Elastic Path."""

    name = "tap-usage"
    package_name = "tap-usage"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.schema([settings.COMMON, *(v.settings for v in VENDORS)])
    message_writer: BufferedWriter
    clock_class: ClassVar[type[Clock]] = Clock

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - the SDK's arguments
        self.clock = self.clock_class()
        self.loop = Loop(self.clock)
        self.this_run = Run()
        self._unmapped: dict[str, maps.MapError] = {}
        self._workers: list[Workers] = []
        self._without_variables = not kwargs.get("parse_env_config")
        kwargs["message_writer"] = kwargs.get("message_writer") or BufferedWriter(self.clock)
        super().__init__(**kwargs)
        logs.quieten(self.metrics_logger)

    # Settings

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - a class property
        """Settings from the environment, and from `.env` in the working directory."""
        return dict(inputs.variables(cls._env_var_prefix))

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        self.append_builtin_config(self.config_jsonschema)
        self._config = dict(self._config)
        settings.normalize(self._config, self.config_jsonschema)
        vendors = [vendor.required for vendor in VENDORS]
        hint = inputs.forgotten(self._env_var_prefix) if self._without_variables else ""
        errors = settings.problems(self._config, self.config_jsonschema, vendors, hint)
        if not errors and (given := self._config.get("stream_maps")):
            fields = {name: schema.load(name)["properties"] for name in STREAMS}
            errors += maps.problems(given, fields, batches=bool(self._config.get("batch_config")))
        if errors and raise_errors:
            raise ConfigValidationError("Config validation failed", errors=errors, schema=self.config_jsonschema)
        return errors

    # Streams

    @property
    def vendors(self) -> Sequence[Vendor]:
        """The vendors that are configured; all of them when none is, to show what there is."""
        chosen = [vendor for vendor in VENDORS if not vendor.required.missing(self.config)]
        return chosen or VENDORS

    def discover_streams(self) -> list[UsageStream]:
        """Return the streams of the configured vendors."""
        defaults = {name: setting.get("default") for name, setting in self.config_jsonschema["properties"].items()}
        config = {name: value for name, value in defaults.items() if value is not None} | dict(self.config)
        streams = []
        for vendor in self.vendors:
            workers = Workers(self._connect(vendor), self.loop)
            self._workers.append(workers)
            streams += [UsageStream(self, sheet(config), self.this_run, workers) for sheet in vendor.streams]
        return streams

    @property
    def streams(self) -> dict[str, UsageStream]:  # type: ignore[override]
        """The streams by name, parents before their children, so that each list is asked for once."""
        if self._streams is None:
            loaded = super().streams
            self._streams = {name: loaded[name] for name in STREAMS if name in loaded}
        return cast("dict[str, UsageStream]", self._streams)

    def setup_mapper(self) -> None:
        """Read the stream maps; an expression that cannot be read is the failure of its stream."""
        super(Tap, self).setup_mapper()
        for entry in self.catalog.streams:
            name = entry.tap_stream_id
            try:
                self.mapper.register_raw_streams_from_catalog(Catalog([(name, entry)]))
            except StreamMapConfigError as error:
                raise ConfigValidationError("", errors=[f"`stream_maps`: {error}"], schema={}) from None
            except Exception:  # noqa: BLE001 - whatever the SDK stumbles over
                self.mapper.stream_maps[name] = [RemoveRecordTransform(name, {}, None, None)]
                rules = maps.rules_of(name, self.config["stream_maps"])
                self._unmapped[name] = maps.MapError.of_fields(maps.unreadable(rules))

    def _connect(self, vendor: Vendor) -> Connection:
        agent = self.config.get("user_agent") or f"{self.name}/{version(self.package_name)}"
        defaults = {name: setting.get("default") for name, setting in self.config_jsonschema["properties"].items()}
        config = defaults | dict(self.config)
        return Connection(
            vendor.host(config),
            self.clock,
            max_concurrency=config["max_concurrency"],
            timeout_seconds=config["request_timeout_seconds"],
            max_tries=config["max_retries"],
            user_agent=agent,
        )

    # Running

    def run_discovery(self) -> str:
        """Write the catalog to standard output and return it."""
        text = self.catalog_json_text
        self.message_writer.write(f"{text}\n".encode())
        self.message_writer.flush()
        return text

    def look(self) -> bool:
        """Look at each stream once, and tell on standard error which can be read, a line for each.

        Returns:
            Whether nothing failed.

        Raises:
            SystemExit: when it was ended by a signal.
        """
        look = Look((stream.sheet, stream.workers) for stream in self.streams.values())
        try:
            with contextlib.suppress(Stopped):
                self.loop.run(look.tasks())
        finally:
            self._close(1.0)
        findings = look.findings
        for line in lines(findings):
            click.echo(logs.NOT_PRINTABLE.sub(" ", line), err=True)
        if self.clock.stopping is not None:
            sys.exit(128 + (self.clock.stopping or signal.SIGTERM))
        return all(finding.readable is not False for finding in findings)

    def run(self) -> None:
        """Extract; the last lines of the log sum up each stream and name what failed.

        Raises:
            IncompleteError: when something could not be extracted.
            OutputLost: when standard output takes no more.
            SystemExit: when the run was ended by a signal.
        """
        lost: OutputLost | None = None
        over = False
        try:
            self._extract()
            over = True
        except OutputLost as error:
            lost = error
            with contextlib.suppress(Stopped):  # perhaps the target died of a signal that comes here too
                self.clock.wait(SECONDS_IN_WHICH_A_SIGNAL_ENDS_THE_TARGET_TOO)
        finally:
            self._close(1.0 if lost is None and self.clock.stopping is None else 0.0)
            self._sum_up(lost, over=over)
        for line in self.this_run.failures.lines:
            self.logger.error("%s", line)
        if self.clock.stopping is not None:
            self._tell_the_signal(self.clock.stopping, lost)
            sys.exit(128 + (self.clock.stopping or signal.SIGTERM))
        if lost:
            raise lost
        if self.this_run.failures:
            raise IncompleteError

    def _close(self, seconds: float) -> None:
        for workers in self._workers:
            workers.close(seconds)

    def _extract(self) -> None:
        self.message_writer.flush()  # an output that is closed is told before anything is asked for
        self._caution()
        with contextlib.suppress(Stopped):
            self.sync_all()
        self.this_run.save(last=True)

    def sync_all(self) -> None:  # type: ignore[misc]
        """Extract what is selected, all streams side by side."""
        self._sync([stream for stream in self.streams.values() if stream.selected])

    def run_sync_dry_run(  # type: ignore[misc]
        self, dry_run_record_limit: int | None = 1, streams: Iterable[Stream] | None = None
    ) -> bool:
        """Extract a few records of each stream, selected or not."""
        chosen = cast("Iterable[UsageStream]", streams or self.streams.values())
        for stream in chosen:
            stream.selected = True
        self._sync(chosen, dry_run_record_limit)
        return True

    def _sync(self, chosen: Iterable[UsageStream], most: int | None = None) -> None:
        self._reset_state_progress_markers()
        if self.state:
            self._state_writer.write_state(self.state)
        run = self.this_run
        run.state = cast("dict[str, Any]", self.state)
        run.told = deepcopy(run.state) if self.config.get("batch_config") else run.state
        run.states = StateWriter(self.message_writer, run.told, self.clock)
        for name in [stream.name for stream in chosen if stream.name in self._unmapped]:
            run.failed(self.streams[name].sheet, "", self._unmapped[name])
        read = {type(stream.sheet): stream for stream in chosen if stream.name not in self._unmapped}
        listed = {parent for sheet in read for parent in sheet.ancestors()}
        tasks = [
            self._task(stream, most, read=type(stream.sheet) in read, listed=type(stream.sheet) in listed)
            for stream in self.streams.values()
        ]
        sheets = [stream.sheet for stream in self.streams.values()]
        connections = [workers.connection for workers in self._workers]
        telling = tell(Standing(sheets, run.meters, connections, self.message_writer, self.clock))
        self.message_writer.meanwhile(partial(next, telling, None))
        self.loop.run(tasks, beside=[telling])

    def _task(self, stream: UsageStream, most: int | None, *, read: bool, listed: bool) -> Task:
        """Read a stream; what others depend on is listed in any case."""
        if read:
            yield from stream.steps(most)
        if listed:
            yield from stream.listing()

    def _caution(self) -> None:
        given = self.input_catalog
        entries = {name: entry.metadata.resolve_selection()[()] for name, entry in given.items()} if given else None
        selected = {name: stream.selected for name, stream in self.streams.items()}
        for line in (
            *cautions.of_settings(self.config, self.clock.now()),
            *cautions.of_selection(selected, STREAMS, entries),
        ):
            self.logger.warning("%s", line)

    def _tell_the_signal(self, number: int, lost: OutputLost | None) -> None:
        """Tell how the run ended; a target that got the same signal may have ended before it read the last line."""
        name = signal.Signals(number or signal.SIGTERM).name
        if lost is None and self.message_writer.was_taken(SECONDS_IN_WHICH_A_SIGNAL_ENDS_THE_TARGET_TOO):
            self.logger.warning("Ended by %s; the state is written, the next run goes on from there", name)
        else:
            why = f" ({lost})" if lost else ""
            self.logger.warning(
                "Ended by %s; the target did not take the last lines%s: the next run goes on from the last state "
                "that it saved",
                name,
                why,
            )

    def _sum_up(self, lost: OutputLost | None, *, over: bool) -> None:
        ended_by, code = None, 0 if over and not self.this_run.failures else 1
        if lost:
            ended_by = "lost output"
        if self.clock.stopping is not None and (over or lost):
            number = self.clock.stopping or signal.SIGTERM
            ended_by, code = signal.Signals(number).name, 128 + number
        summary.tell(summary.of(self.this_run, self.streams), code, ended_by, self.logger)

    # State

    def load_state(self, state: dict[str, Any]) -> None:
        """Take over the state that was given.

        Raises:
            click.UsageError: when it is none.
        """
        bookmarks = inputs.bookmarks_in(state)
        if bookmarks and not bookmarks.keys() & STREAMS.keys():
            self.logger.warning(
                "the given state holds no stream of this tap, but %s: everything is read as without a state",
                plain(", ".join(bookmarks)),
            )
        super().load_state({"bookmarks": bookmarks})

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the SDK's arguments
        """SIGTERM and Ctrl-C: have everything that waits or emits stop. A second signal ends the process at once."""
        if self.clock.stopping is not None:
            os._exit(128 + signum)
        self.clock.stop(signum)
