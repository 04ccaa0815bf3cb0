"""A transactional outbox: a library that brings its own tables.

Its migrations are in the package, and recorded in a namespace of their own: neither
their versions nor their lock meet those of the application that uses it.
"""

import asyncpg

import asyncmigrate

MIGRATIONS = "package:outbox/migrations"
NAMESPACE = "outbox"


async def migrate(dsn: str) -> asyncmigrate.MigrationReport:
    """Bring the library's own tables up to date; the application calls it at its start."""
    return await asyncmigrate.migrate(dsn, MIGRATIONS, namespace=NAMESPACE)


async def put(connection: asyncpg.Connection, topic: str, body: str) -> None:
    """Leave a message, in the transaction that the caller has open."""
    await connection.execute(
        "INSERT INTO outbox.messages (topic, body) VALUES ($1, $2)", topic, body
    )


async def take(
    connection: asyncpg.Connection, limit: int = 100
) -> list[asyncpg.Record]:
    """Messages that nobody else takes at the same time; gone when the caller commits."""
    return await connection.fetch(
        "DELETE FROM outbox.messages WHERE id IN ("
        " SELECT id FROM outbox.messages ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED"
        ") RETURNING topic, body",
        limit,
    )
