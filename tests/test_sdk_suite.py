"""The standard tests of the Singer SDK, against a sandbox that runs while this module is tested."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from singer_sdk.testing import get_tap_test_class

from tap_usage import schema
from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.running import ImpatientTap

CONFIG = {f"{vendor}_client_{part}": "x" for vendor in Sandbox().vendors for part in ("id", "secret")}
CONFIG["pingone_environment_id"] = "x"


def complete(sandbox: Sandbox) -> None:
    """Have one row of each collection hold every documented field: the SDK wants to see them all."""
    rows = {
        "pingone_environments": sandbox.pingone.environments[0],
        "pingone_credential_types": next(iter(sandbox.pingone.credential_types.values()))[0],
        "pingone_issuance_rules": next(iter(sandbox.pingone.issuance_rules.values()))[0],
        "genesys_oauth_clients": sandbox.genesys.clients[0],
        "demandbase_api_usage": sandbox.demandbase.add_usage("2026-08-25", 1),
        "elasticpath_promotions": sandbox.elasticpath.promotions[0],
        "elasticpath_promotion_usages": next(iter(sandbox.elasticpath.usages.values()))[0],
    }
    for stream, row in rows.items():
        for field in schema.load(stream)["properties"]:
            row.setdefault(field, None)


@pytest.fixture(scope="module", autouse=True)
def vendors() -> Iterator[None]:
    """Point the settings, which the SDK took when this module was imported, at a sandbox."""
    with Sandbox(now=NOW) as sandbox:
        complete(sandbox)
        CONFIG.update(sandbox.config)
        yield


class TestTapUsage(get_tap_test_class(ImpatientTap, config=CONFIG, parse_env_config=False)):  # type: ignore[misc]
    """All of them, with no stream excepted."""
