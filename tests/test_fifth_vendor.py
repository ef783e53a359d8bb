"""A fifth vendor is one file and one schema: nothing else has to change."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.command import PROJECT, environment, messages, written
from tests.declared import EVERY_STREAM

SHEET = '''
"""Acme: deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singer_sdk import typing as th

from tap_usage.rest.auth import Key
from tap_usage.rest.host import Host
from tap_usage.rest.pages.links import NextLink
from tap_usage.settings import Required
from tap_usage.reading.sheet import Sheet
from tap_usage.vendors.vendor import Vendor

SETTINGS = th.PropertiesList(
    th.Property("acme_api_url", th.StringType, description="API URL"),
    th.Property("acme_api_key", th.StringType, secret=True, description="API key"),
)


def host(config: Mapping[str, Any]) -> Host:
    """Return the connection's data sheet."""
    url = config["acme_api_url"] or "https://api.example.com"
    return Host(name="acme", url=url, auth=Key(config["acme_api_key"]))


class Deliveries(Sheet):
    """Deliveries."""

    name = "acme_deliveries"
    path = "/deliveries"
    paging = NextLink("next")
    rows = "deliveries"
    primary_keys = ("id",)


VENDOR = Vendor(required=Required("acme", ("acme_api_url", "acme_api_key")), settings=SETTINGS, host=host,
                streams=(Deliveries,))
'''
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "acme_deliveries",
    "type": "object",
    "properties": {"id": {"type": "string"}, "weight": {"type": ["integer", "null"]}},
    "required": ["id"],
    "additionalProperties": True,
}
PAGES = {
    "/deliveries": {"deliveries": [{"id": "1", "weight": 3}], "next": "/deliveries?page=2"},
    "/deliveries?page=2": {"deliveries": [{"id": "2", "weight": None}]},
}


class Acme(BaseHTTPRequestHandler):
    """A vendor of two answers."""

    def do_GET(self) -> None:
        allowed = self.headers.get("Authorization") == "Bearer k"
        body = json.dumps(PAGES[self.path]).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def acme() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Acme) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tap with one vendor file and one schema more."""
    folder = tmp_path_factory.mktemp("copied")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "tap_usage", folder / "tap_usage", ignore=ignored)
    shutil.copytree(PROJECT / "schemas", folder / "schemas", ignore=ignored)
    (folder / "tap_usage" / "vendors" / "acme.py").write_text(SHEET, encoding="utf-8")
    written(folder / "schemas" / "acme_deliveries.json", SCHEMA)
    return folder


def tap(folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "tap_usage", *arguments],
        cwd=folder,
        env=environment(PYTHONPATH=str(folder)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_discover_lists_the_streams_of_a_new_vendor_file(copied: Path) -> None:
    catalog = json.loads(tap(copied, "--discover"))
    assert {entry["tap_stream_id"] for entry in catalog["streams"]} == {*EVERY_STREAM, "acme_deliveries"}


def test_about_tells_of_its_settings(copied: Path) -> None:
    settings = json.loads(tap(copied, "--about", "--format=json"))["settings"]["properties"]
    assert settings["acme_api_key"]["secret"] is True


def test_a_run_extracts_its_rows(copied: Path, acme: str) -> None:
    config = written(copied / "config.json", {"acme_api_url": acme, "acme_api_key": "k"})
    told = messages(tap(copied, "--config", config))
    assert [message["record"] for message in told if message["type"] == "RECORD"] == [
        {"id": "1", "weight": 3},
        {"id": "2", "weight": None},
    ]
