"""The server that a test session runs against, and private ones.

``ASYNCMIGRATE_TEST_DSN`` names a server that is there, by a superuser's DSN. Without it
an embedded one is started, of the version ``ASYNCMIGRATE_TEST_POSTGRES_VERSION`` or
from the binaries in ``ASYNCMIGRATE_TEST_POSTGRES_BIN``.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from asyncmigrate.embedded import EmbeddedPostgres

DSN = "ASYNCMIGRATE_TEST_DSN"
VERSION = "ASYNCMIGRATE_TEST_POSTGRES_VERSION"
BINARIES = "ASYNCMIGRATE_TEST_POSTGRES_BIN"

SETTINGS = {
    "max_connections": "200",
    "max_prepared_transactions": "20",
    "shared_buffers": "32MB",
}


@dataclass(frozen=True, slots=True)
class Server:
    """What tests may know of the shared server."""

    admin_dsn: str
    """Of a superuser, to the database `postgres` or whichever was given."""

    version_number: int
    """As `server_version_num`: 180004."""

    @property
    def version(self) -> int:
        """The major version: 18."""
        return self.version_number // 10_000

    def dsn(self, database: str, user: str | None = None) -> str:
        """The same server, another database, another user (without a password)."""
        parts = urlsplit(self.admin_dsn)
        place = parts.netloc
        if user is not None:
            place = f"{quote(user, safe='')}@{place.rpartition('@')[2]}"
        name = quote(database, safe="")
        return urlunsplit(parts._replace(netloc=place, path=f"/{name}"))


def binaries() -> Path | None:
    """Where the binaries are that this test session is told to use."""
    given = os.environ.get(BINARIES)
    return Path(given) if given else None


def launch(**options: Any) -> EmbeddedPostgres:
    """Start an embedded server of the version that this test session is about."""
    settings: Mapping[str, str] = options.pop("settings", None) or {}
    server = EmbeddedPostgres(
        **{
            "version": os.environ.get(VERSION) or None,
            "binaries": os.environ.get(BINARIES) or None,
            "settings": {**SETTINGS, **settings},
            **options,
        }
    )
    server.start()
    return server


def inspect_server(dsn: str) -> Server:
    async def ask() -> int:
        connection = await asyncpg.connect(dsn)
        try:
            return int(await connection.fetchval("SHOW server_version_num"))
        finally:
            await connection.close()

    return Server(admin_dsn=dsn, version_number=asyncio.run(ask()))
