"""One test's own database: empty when it starts, gone when it ends."""

import itertools
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from tests.kit.files import Files
from tests.kit.servers import Server

PREFIX = "asyncmigrate_test_"

_numbers = itertools.count(1)

TABLES = """
SELECT CASE namespace.nspname WHEN 'public' THEN '' ELSE namespace.nspname || '.' END
       || class.relname
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p')
  AND namespace.nspname NOT IN ('asyncmigrate', 'information_schema')
  AND namespace.nspname !~ '^pg_'
"""


class Database:
    """What a test sees of its database, through connections of its own."""

    def __init__(self, server: Server, name: str, files: Files) -> None:
        self.server = server
        self.name = name
        self.files = files
        self.dsn = server.dsn(name)
        self._connections: list[asyncpg.Connection] = []
        self._roles: list[str] = []
        self._own: asyncpg.Connection | None = None

    async def connect(
        self, dsn: str | None = None, **options: Any
    ) -> asyncpg.Connection:
        """A connection that is closed when the test ends, if not before."""
        connection: asyncpg.Connection = await asyncpg.connect(
            dsn or self.dsn, **options
        )
        self._connections.append(connection)
        return connection

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        return await (await self._observer()).fetch(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        return await (await self._observer()).fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        return await (await self._observer()).execute(sql, *args)

    async def tables(self) -> set[str]:
        """The user's tables, outside `public` with their schema."""
        return {row[0] for row in await self.fetch(TABLES)}

    async def history(self, schema: str = "asyncmigrate") -> list[dict[str, Any]]:
        """The rows of schema_migrations, in order; none when there is no such table."""
        table = f'"{schema}".schema_migrations'
        if await self.fetchval("SELECT to_regclass($1)", table) is None:
            return []
        query = f"SELECT * FROM {table} ORDER BY id"  # noqa: S608 - a test's own name
        return [dict(row) for row in await self.fetch(query)]

    async def role(self, options: str = "LOGIN") -> str:
        """A new role, unique on this server and dropped after the test."""
        name = f"{self.name}_role{len(self._roles) + 1}"
        await self.execute(f'CREATE ROLE "{name}" {options}')
        self._roles.append(name)
        return name

    def dsn_of(self, role: str) -> str:
        return self.server.dsn(self.name, role)

    async def close(self) -> None:
        # Cut, not closed: a test may leave one in the middle of a statement.
        for connection in self._connections:
            connection.terminate()

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self._roles)

    async def _observer(self) -> asyncpg.Connection:
        if self._own is None or self._own.is_closed():
            self._own = await self.connect(server_settings={"application_name": "test"})
        return self._own


@asynccontextmanager
async def new_database(server: Server, files: Files) -> AsyncGenerator[Database]:
    name = f"{PREFIX}{os.getpid()}_{next(_numbers)}"
    # 8 ms, where the default (wal_log) takes 20; without fsync its checkpoints are cheap.
    strategy = " STRATEGY file_copy" if server.version >= 15 else ""
    await _as_admin(server, f'CREATE DATABASE "{name}" TEMPLATE template0{strategy}')
    database = Database(server, name, files)
    try:
        yield database
    finally:
        await database.close()
        await _as_admin(
            server,
            f'DROP DATABASE "{name}" WITH (FORCE)',
            *(f'DROP ROLE "{role}"' for role in database.roles),
        )


async def _as_admin(server: Server, *statements: str) -> None:
    connection = await asyncpg.connect(server.admin_dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
