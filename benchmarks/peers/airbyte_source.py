"""An Airbyte declarative source, run as a connector: `airbyte_source.py read --config FILE --catalog FILE`."""

import sys
from pathlib import Path

from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch  # type: ignore[import-not-found]
from airbyte_cdk.sources.declarative.yaml_declarative_source import (  # type: ignore[import-not-found]
    YamlDeclarativeSource,
)


def main(words: list[str]) -> None:
    """Run the command."""
    settings = AirbyteEntrypoint.parse_args(words)
    source = YamlDeclarativeSource(
        path_to_yaml=str(Path(__file__).with_name("airbyte_manifest.yaml")),
        config=YamlDeclarativeSource.read_config(settings.config),
        catalog=YamlDeclarativeSource.read_catalog(settings.catalog),
        state=[],
        config_path=settings.config,
    )
    launch(source, words)


if __name__ == "__main__":
    main(sys.argv[1:])
