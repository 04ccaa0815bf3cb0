"""PgBouncer between a test and its server, where this machine has one."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from asyncmigrate._embedded.account import choose_account
from asyncmigrate._embedded.processes import free_port

HOST: Final = "127.0.0.1"
PROGRAM: Final = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin")
"""Where it is; null where it is not installed."""

CONFIGURATION: Final = """\
[databases]
* = host={host} port={port} user={user} {password}

[pgbouncer]
listen_addr = {listen}
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
"""


@contextmanager
def pgbouncer(dsn: str, mode: str, *, size: int = 20) -> Generator[str]:
    """A PgBouncer in front of the server of *dsn*; the DSN through it.

    It refuses to be root, so it runs as whoever runs the embedded servers.
    """
    assert PROGRAM is not None
    parts = urlsplit(dsn)
    password = f"password={unquote(parts.password)}" if parts.password else ""
    account = choose_account()
    port = free_port(HOST)
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        file = Path(folder) / "pgbouncer.ini"
        file.write_text(
            CONFIGURATION.format(
                host=parts.hostname or HOST,
                port=parts.port or 5432,
                user=unquote(parts.username or "postgres"),
                password=password,
                listen=HOST,
                own_port=port,
                mode=mode,
                size=size,
            )
        )
        account.give(file)
        account.give(Path(folder))
        process = subprocess.Popen(
            [PROGRAM, "-q", str(file)],
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port, process)
            place = f"{parts.username or 'postgres'}@{HOST}:{port}"
            yield urlunsplit(parts._replace(netloc=place, query=""))
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.01)
    message = f"PgBouncer does not answer (exit {process.poll()})"
    raise RuntimeError(message)
