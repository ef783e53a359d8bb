"""A tap on the Singer SDK with one stream that reads nothing: what every tap needs to start."""

from collections.abc import Iterable, Sequence

from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.helpers.types import Context, Record


class Nothing(Stream):
    """No rows."""

    name = "nothing"
    schema = th.PropertiesList(th.Property("id", th.StringType)).to_dict()

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002
        return []


class EmptyTap(Tap):
    """One stream."""

    name = "tap-empty"
    config_jsonschema = th.PropertiesList().to_dict()

    def discover_streams(self) -> Sequence[Stream]:
        return [Nothing(self)]


if __name__ == "__main__":
    EmptyTap.cli()
