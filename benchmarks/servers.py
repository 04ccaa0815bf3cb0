"""The two servers: an ordinary one on the disk, and one that never waits for a disk.

Everybody connects in the same way: over TCP on the loopback, with a password, without
TLS.
"""

import asyncio
import itertools
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from asyncmigrate.embedded import EmbeddedPostgres, embedded_postgres

PASSWORD = "bench"  # noqa: S105 - of a server that lives as long as this run
SETTINGS = {
    "max_connections": "400",
    "shared_buffers": "256MB",
    # A checkpoint falls between two runs, where one is asked for, not into one.
    "checkpoint_timeout": "1h",
    "max_wal_size": "8GB",
    "autovacuum": "off",
}

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Server:
    """A running PostgreSQL."""

    title: str
    key: str
    postgres: EmbeddedPostgres

    @property
    def psql(self) -> Path:
        """The client of the same version, where the server's binaries have one."""
        return Path(f"/proc/{self.postgres.pid}/exe").resolve().with_name("psql")

    def dsn(self, database: str = "postgres") -> str:
        """How everybody connects."""
        return f"{self.postgres.dsn(database)}?sslmode=disable"

    @contextmanager
    def database(self, template: str = "template0") -> Generator[str]:
        """The DSN of a new database, which is dropped afterwards."""
        name = f"bench_{next(_numbers)}"
        strategy = "STRATEGY wal_log" if self.key == "disk" else "STRATEGY file_copy"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {strategy}')
        if self.key == "disk":
            self.execute("CHECKPOINT")
        try:
            yield self.dsn(name)
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the administrator."""
        asyncio.run(_execute(self.dsn(database), statements))


@dataclass(slots=True)
class Servers:
    """Each is started when it is first asked for."""

    _running: dict[str, Server] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def memory(self) -> Server:
        """Without fsync, its data in memory."""
        return self._started("memory", "fsync off, data in memory", on_disk=False)

    @property
    def disk(self) -> Server:
        """With fsync, on the disk of the temporary directory."""
        return self._started("disk", "fsync on, ordinary disk", on_disk=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def _started(self, key: str, title: str, *, on_disk: bool) -> Server:
        if key not in self._running:
            postgres = self._stack.enter_context(
                embedded_postgres(
                    settings=SETTINGS,
                    fsync=on_disk,
                    in_memory=not on_disk,
                    password=PASSWORD,
                )
            )
            self._running[key] = Server(title, key, postgres)
        return self._running[key]


async def _execute(dsn: str, statements: tuple[str, ...]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
