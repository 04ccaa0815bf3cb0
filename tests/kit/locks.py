"""The lock as the database shows it, and holders that the tests play themselves."""

import uuid
from typing import Any

import asyncpg

from asyncmigrate._database.session import Names
from tests.kit.databases import Database

NAMES = Names("asyncmigrate", "default")
KEY = NAMES.key_of("default")

HOLDERS = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid::bigint << 32) | objid::bigint = $1
"""

SESSIONS = """
SELECT pid, state, query, wait_event, backend_xmin, xact_start FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'asyncmigrate%'
"""


async def holders(database: Database) -> list[int]:
    """The backends that hold the lock."""
    return [row[0] for row in await database.fetch(HOLDERS, KEY)]


async def lease(database: Database) -> dict[str, Any]:
    """The lease row of the default namespace; empty when there is none."""
    if await database.fetchval("SELECT to_regclass('asyncmigrate.migration_locks')"):
        rows = await database.fetch("SELECT * FROM asyncmigrate.migration_locks")
        return dict(rows[0]) if rows else {}
    return {}


async def sessions(database: Database) -> list[asyncpg.Record]:
    """What is open of any run."""
    return await database.fetch(SESSIONS)


async def nothing_is_left(database: Database) -> bool:
    """No session, no lock, no lease."""
    row = await lease(database)
    return not (
        await sessions(database)
        or await holders(database)
        or row.get("run_id")
        or row.get("backend_pid")
    )


async def play_holder(
    database: Database, dsn: str | None = None, *, beat: int | None = 7
) -> asyncpg.Connection:
    """A session that holds the lock under a lease that nobody renews.

    The tracking tables must be there.
    """
    connection = await database.connect(dsn)
    await connection.execute(f"SELECT pg_advisory_lock({KEY})")
    await database.execute(
        "UPDATE asyncmigrate.migration_locks SET run_id = $1, locked_by = 'a dead host',"
        " backend_pid = $2, beat = $3, locked_at = now(), fencing_token = 41",
        uuid.uuid4(),
        connection.get_server_pid(),
        beat,
    )
    return connection
