"""A dlt `rest_api` source, its extract step: `dlt_source.py ORIGIN WORKERS FOLDER`.

The extract step ends with rows in files, which is what a tap's run ends with; normalizing and loading come after it.
"""

import os
import sys

ORIGIN, WORKERS, FOLDER = sys.argv[1:]
os.environ.update(
    RUNTIME__DLTHUB_TELEMETRY="false",
    RUNTIME__LOG_LEVEL="ERROR",
    EXTRACT__WORKERS=WORKERS,
    EXTRACT__MAX_PARALLEL_ITEMS=str(2 * int(WORKERS)),
    DLT_DATA_DIR=f"{FOLDER}/data",
)

import dlt  # type: ignore[import-not-found]  # noqa: E402 - it reads the environment
from dlt.sources.helpers.rest_client.auth import (  # type: ignore[import-not-found]  # noqa: E402
    OAuth2ClientCredentials,
)
from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found]  # noqa: E402

SOURCE = {
    "client": {
        "base_url": ORIGIN,
        "auth": OAuth2ClientCredentials(
            access_token_url=f"{ORIGIN}/oauth/access_token",
            client_id="bench",
            client_secret="bench",  # noqa: S106 - the server takes any
        ),
        "paginator": {
            "type": "offset",
            "limit": 100,
            "limit_param": "page[limit]",
            "offset_param": "page[offset]",
            "total_path": "meta.results.total",
        },
    },
    "resource_defaults": {
        "primary_key": "id",
        "write_disposition": "append",
        "parallelized": True,
        "endpoint": {"data_selector": "data"},
    },
    "resources": [
        {"name": "promotions", "endpoint": {"path": "v2/rule-promotions"}},
        {
            "name": "promotion_usages",
            "include_from_parent": ["id"],
            "endpoint": {
                "path": "v2/rule-promotions/{resources.promotions.id}/usages",
                "params": {"sort": "used_on"},
            },
        },
    ],
}


def main() -> None:
    """Extract."""
    pipeline = dlt.pipeline(
        pipeline_name="usage",
        destination=dlt.destinations.filesystem(bucket_url=f"file://{FOLDER}/bucket"),
        dataset_name="usage",
        pipelines_dir=f"{FOLDER}/pipelines",
    )
    pipeline.extract(rest_api_source(SOURCE))


if __name__ == "__main__":
    main()
