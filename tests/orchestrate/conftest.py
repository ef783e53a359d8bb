from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tap_usage.sandbox import Request, Sandbox
from tests.orchestrate.project import Project, secrets_of


@pytest.fixture
def sandbox(sandbox_of_today: Sandbox) -> Sandbox:
    return sandbox_of_today


@pytest.fixture
def project(sandbox: Sandbox, tmp_path: Path) -> Project:
    """A project with the plain pipe and one tenant, who has one vendor."""
    made = Project(tmp_path, "pipe", "target-jsonl", destination_path="output/{tenant}")
    made.add("acme", secrets_of(sandbox, "elasticpath"))
    return made


@pytest.fixture
def halfway(sandbox: Sandbox) -> threading.Event:
    """Have the vendor keep the tap waiting when it has given some promotions; the event is set then."""
    there = threading.Event()

    def where(_request: Request) -> bool:
        there.set()
        return True

    sandbox.fault("elasticpath.usages", "slow", delay_seconds=30, times=None, after=6, where=where)
    return there
