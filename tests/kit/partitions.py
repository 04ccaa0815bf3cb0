"""A partition that is about to be detached, and a transaction that reads meanwhile."""

import asyncpg
import pytest

from tests.kit.app import App


async def about_to_detach(app: App, read: str) -> asyncpg.Connection:
    """A migration is pending that detaches p1 from p; a session that still reads *read*."""
    if app.database.server.version < 14:
        pytest.skip("DETACH PARTITION CONCURRENTLY came with PostgreSQL 14")
    app.add(
        _0001_parts="CREATE TABLE p (a int) PARTITION BY LIST (a);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
    )
    await app.migrate()
    app.add(_0002_detach="ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;")
    reader = await app.database.connect()
    await reader.execute(f"BEGIN; TABLE {read}")
    return reader
