"""The programs that are compared, and how each is told what to read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import environments
from benchmarks.data import DAYS, FIRST_DAY
from benchmarks.running import Server

TAP = Path(sys.executable).with_name("tap-usage")
PEERS = Path(__file__).parent / "peers"
POLL_SECONDS = (0.02, 0.1)
PAGE = 100


@dataclass(frozen=True)
class Job:
    """What a program is to read.

    Attributes:
        server: from where.
        folder: for its files.
        concurrency: requests in flight.
        page: rows per page.
        paced: the program is told of the server's limit.
        state: a Singer state to begin with.
    """

    server: Server
    folder: Path
    concurrency: int = 16
    page: int = PAGE
    paced: bool = False
    state: Any = None

    @property
    def per_second(self) -> float:
        """Requests per second that the program may send, 0 for no limit."""
        return self.server.shape.per_second if self.paced else 0

    def write(self, name: str, value: object) -> Path:
        """Write a JSON file and return its path."""
        path = self.folder / name
        path.write_text(json.dumps(value), encoding="utf-8")
        return path


@dataclass(frozen=True)
class Program:
    """A program.

    Attributes:
        name: in the tables.
        command: returns its command line.
        format: of its output, or the streams that it reads from the sandbox, with commas; for the check.
        sequential: one request at a time, whatever is asked for.
        versions: of what it is built on.
        files: returns what it wrote, given the file with its standard output.
    """

    name: str
    command: Callable[[Job], Sequence[str | Path]]
    format: str = "singer"
    sequential: bool = False
    versions: str = ""
    files: Callable[[Path], list[Path]] = field(default=lambda output: [output])


def tap(job: Job) -> Sequence[str | Path]:
    """Return the tap's command line for Elastic Path."""
    config = {
        "elasticpath_client_id": "bench",
        "elasticpath_client_secret": "bench",
        "elasticpath_api_url": job.server.origin,
        "elasticpath_requests_per_second": job.per_second,
        "elasticpath_page_size": job.page,
        "max_concurrency": job.concurrency,
    }
    command: list[str | Path] = [TAP, "--config", job.write("tap.json", config)]
    return [*command, "--state", job.write("state.json", job.state)] if job.state else command


def tap_genesys(job: Job) -> Sequence[str | Path]:
    """Return the tap's command line for the usage of Genesys clients."""
    config = {
        "genesys_client_id": "bench",
        "genesys_client_secret": "bench",
        "genesys_api_url": job.server.origin,
        "genesys_login_url": job.server.origin,
        "genesys_requests_per_minute": 0,
        "genesys_poll_initial_seconds": POLL_SECONDS[0],
        "genesys_poll_max_seconds": POLL_SECONDS[1],
        "start_date": FIRST_DAY.isoformat(),
        "end_date": (FIRST_DAY + timedelta(days=DAYS)).isoformat(),
        "max_concurrency": job.concurrency,
    }
    return selecting(job, config, {"genesys_oauth_clients", "genesys_client_usage"})


def selecting(job: Job, config: Mapping[str, Any], streams: Collection[str]) -> Sequence[str | Path]:
    """Return the tap's command line for some streams."""
    path = job.write("tap.json", config)
    catalog = json.loads(subprocess.check_output([TAP, "--config", path, "--discover"], stderr=subprocess.DEVNULL))  # noqa: S603
    for stream in catalog["streams"]:
        top = next(entry for entry in stream["metadata"] if not entry["breadcrumb"])
        top["metadata"]["selected"] = stream["tap_stream_id"] in streams
    return [TAP, "--config", path, "--catalog", job.write("catalog.json", catalog)]


def reading(name: str, streams: Collection[str], *, hasty: bool, **settings: object) -> Program:
    """Return the tap for some streams of the sandbox.

    Args:
        name: in the tables.
        streams: what it reads; it has the credentials and URLs of their vendors only.
        hasty: without rates and with short waits, instead of the defaults.
        settings: further ones.
    """
    vendors = tuple({f"{stream.partition('_')[0]}_" for stream in streams})

    def command(job: Job) -> Sequence[str | Path]:
        config = {
            name: value
            for name, value in job.server.config.items()
            if name.startswith(vendors) and (hasty or isinstance(value, str))
        }
        return selecting(job, config | settings, streams)

    return Program(name, command, ",".join(streams))


def floor(job: Job) -> list[str | Path]:
    """Return the floor's command line."""
    command: list[str | Path] = [environments.python("floor"), "-m", "benchmarks.floor", "--origin", job.server.origin]
    numbers = {"--concurrency": job.concurrency, "--page": job.page, "--per-second": job.per_second}
    return command + [word for name, number in numbers.items() for word in (name, str(number))]


def floor_genesys(job: Job) -> list[str | Path]:
    """Return the floor's command line for Genesys."""
    return [*floor(job), "--genesys", *map(str, POLL_SECONDS)]


def sdk(job: Job) -> Sequence[str | Path]:
    """Return the command line of a plain tap on the Singer SDK."""
    config = {"api_url": job.server.origin, "client_id": "bench", "client_secret": "bench"}
    return [environments.python("sdk"), PEERS / "sdk_tap.py", "--config", job.write("sdk.json", config)]


def bare(job: Job) -> Sequence[str | Path]:
    """Return the command line of the loop; the Singer SDK's environment has `requests`."""
    return [environments.python("sdk"), PEERS / "bare_loop.py", job.server.origin]


def dlt(job: Job) -> Sequence[str | Path]:
    """Return the command line of a dlt source."""
    command = [environments.python("dlt"), PEERS / "dlt_source.py"]
    return [*command, job.server.origin, str(job.concurrency), job.folder]


def airbyte(job: Job) -> Sequence[str | Path]:
    """Return the command line of an Airbyte source."""
    config = {
        "api_url": job.server.origin,
        "client_id": "bench",
        "client_secret": "bench",
        "workers": job.concurrency,
    }
    stream = {"name": "promotion_usages", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    modes = {"sync_mode": "full_refresh", "destination_sync_mode": "append"}
    catalog = job.write("airbyte_catalog.json", {"streams": [{"stream": stream, **modes}]})
    config_file = job.write("airbyte.json", config)
    source: list[str | Path] = [environments.python("airbyte"), PEERS / "airbyte_source.py"]
    return [*source, "read", "--config", config_file, "--catalog", catalog]


def load_package(output: Path) -> list[Path]:
    """Return the files that dlt's extract step wrote."""
    return sorted(output.parent.glob("pipelines/usage/normalize/extracted/*/new_jobs/promotion_usages.*"))


TAP_USAGE = Program("tap-usage", tap)
TAP_GENESYS = Program("tap-usage", tap_genesys, "genesys")
FLOOR = Program("floor", floor)
FLOOR_GENESYS = Program("floor", floor_genesys, "genesys")
SDK = Program("plain SDK tap", sdk, sequential=True, versions=environments.version("sdk"))
DLT = Program("dlt", dlt, "dlt", versions=environments.version("dlt"), files=load_package)
AIRBYTE = Program("Airbyte", airbyte, "airbyte", versions=environments.version("airbyte"))
BARE = Program("bare loop", bare, sequential=True)
