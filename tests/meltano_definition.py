"""The definition of the tap for a Meltano project of someone else's, made of `meltano.yml`.

`python -m tests.meltano_definition` writes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
FILE = ROOT / "examples" / "meltano" / "tap-usage.yml"
HEADER = """\
# For a Meltano project of your own, see docs/install.md. Made of meltano.yml by `python -m tests.meltano_definition`.
"""
OWN: dict[str, Any] = {
    "name": "tap-usage",
    "variant": "tap-usage",
    "label": "Usage of PingOne, Genesys Cloud, Demandbase and Elastic Path",
    "description": "Usage data of four vendors' APIs: issued credentials, API requests, transactions, promotions.",
    "pip_url": "$PACKAGE_OF_TAP_USAGE",
}


def definition() -> dict[str, Any]:
    """Return the block of `meltano.yml`, with what a project elsewhere needs in place of this repository's paths."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    block: dict[str, Any] = project["plugins"]["extractors"][0]
    return OWN | {name: value for name, value in block.items() if name not in OWN}


if __name__ == "__main__":
    FILE.write_text(HEADER + yaml.safe_dump(definition(), sort_keys=False, width=118), encoding="utf-8")
