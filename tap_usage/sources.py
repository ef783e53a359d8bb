"""Settings of all vendors, streams of those that are configured, and the state they begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, ClassVar, cast

from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError, StreamMapConfigError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.singerlib import Catalog, Schema

from tap_usage import inputs, logs, maps, schema, settings
from tap_usage.command import CommandLine
from tap_usage.output import BufferedWriter
from tap_usage.reading.run import Run
from tap_usage.reading.tenancy import Tenancy
from tap_usage.rest.clock import Clock
from tap_usage.rest.connection import Connection
from tap_usage.rest.errors import plain
from tap_usage.rest.loop import Loop
from tap_usage.rest.workers import Workers
from tap_usage.stream import UsageStream
from tap_usage.vendors import VENDORS
from tap_usage.vendors.vendor import Vendor

STREAMS = {sheet.name: sheet for vendor in VENDORS for sheet in vendor.streams}


class Sources(CommandLine):
    """What a run reads from: everything but the reading itself."""

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
            fields = {name: [*schema.load(name)["properties"], *Tenancy(self._config).row] for name in STREAMS}
            errors += maps.problems(given, fields, batches=bool(self._config.get("batch_config")))
        if not errors:
            errors += [line for vendor in self.vendors for line in vendor.problems(self.config)]
        if errors and raise_errors:
            raise ConfigValidationError("Config validation failed", errors=errors, schema=self.config_jsonschema)
        return errors

    # Streams

    @property
    def vendors(self) -> Sequence[Vendor]:
        """The vendors that are configured; all of them when none is, to show what there is."""
        return self._configured or VENDORS

    @property
    def _configured(self) -> list[Vendor]:
        return [vendor for vendor in VENDORS if not vendor.required.missing(self.config)]

    def discover_streams(self) -> list[UsageStream]:
        """Return the streams of the configured vendors that are there with these settings, or all there can be."""
        known = self.config_jsonschema["properties"]
        config = {name: setting.get("default") for name, setting in known.items()} | dict(self.config)
        given = {name: value for name, value in config.items() if value is not None}
        streams = []
        for vendor in self.vendors:
            workers = Workers(self._connect(vendor, config), self.loop)
            self._workers.append(workers)
            there = [sheet for sheet in vendor.streams if not self._configured or sheet.exists(given)]
            streams += [UsageStream(self, sheet(given), self.this_run, workers) for sheet in there]
        return streams

    @property
    def left_out(self) -> dict[str, str]:
        """Streams of the configured vendors that are not there with these settings, and the setting that decides it."""
        sheets = [sheet for vendor in self._configured for sheet in vendor.streams]
        return {sheet.name: sheet.exists_if[0] for sheet in sheets if not sheet.exists(self.config)}

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
        self._settle_the_tenant()
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

    def _settle_the_tenant(self) -> None:
        """Have the settings say whether there is a tenant, whatever they were when the given catalog was made."""
        tenancy = Tenancy(self.config)
        for entry in (self.input_catalog or {}).values():
            entry.key_properties = entry.key_properties and tenancy.keys(entry.key_properties)
            entry.schema = Schema.from_dict(tenancy.schema(entry.schema.to_dict()))

    def _connect(self, vendor: Vendor, config: Mapping[str, Any]) -> Connection:
        agent = config["user_agent"] or f"{self.name}/{version(self.package_name)}"
        return Connection(
            vendor.host(config),
            self.clock,
            max_concurrency=config["max_concurrency"],
            timeout_seconds=config["request_timeout_seconds"],
            max_tries=config["max_retries"],
            user_agent=agent,
        )

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
