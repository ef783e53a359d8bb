"""Many tenants on the engines: Airflow with two executors, Dagster, the command alone; then see that all is right.

A proof, not a test: it starts what it needs on loopback, in `output/orchestrate`, and takes some minutes.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from demo.postgres import postgres
from tests.orchestrate import prove_celery, prove_dagster, prove_fifty, prove_local
from tests.orchestrate.judge import Server
from tests.orchestrate.project import ROOT
from tests.orchestrate.services import timed

OUTPUT = ROOT / "output" / "orchestrate"
PROOFS: dict[str, Callable[[Server, Path], None]] = {
    "local": prove_local.prove,
    "celery": prove_celery.prove,
    "dagster": prove_dagster.prove,
    "fifty": prove_fifty.prove,
}


def main(chosen: list[str]) -> None:
    """Run all proofs, or some."""
    os.environ |= {"TAP_USAGE_ELASTICPATH_CLIENT_SECRET": "of the worker", "TARGET_POSTGRES_DATABASE": "of_the_worker"}
    shutil.rmtree(OUTPUT, ignore_errors=True)
    with ExitStack() as stack:
        server = Server(stack.enter_context(postgres()))
        for name in chosen or PROOFS:
            folder = OUTPUT / name
            folder.mkdir(parents=True)
            with timed(f"{name}: done"):
                PROOFS[name](server, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
