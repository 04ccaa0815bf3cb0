"""Whether the work was done, so that nothing is measured that was not."""

import asyncio
from collections.abc import Sequence

import asyncpg

from benchmarks.measuring import Failed
from benchmarks.workload import Change, Left, left_by

TABLES = r"""
SELECT c.relname,
       (SELECT count(*) FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_catalog.pg_class AS c
WHERE c.relkind = 'r' AND c.relname ~ '^(shop|stock)_\d+$'
"""
ROWS = "SELECT count(*) FROM {table} WHERE amount = 2"
"""As every one is that was inserted and then updated."""


def require_done(dsn: str, changes: Sequence[Change]) -> None:
    """Refuse a run that left something else than these migrations do."""
    found, wanted = asyncio.run(_look(dsn)), left_by(changes)
    if found != wanted:
        database = dsn.rpartition("/")[2]
        raise Failed(database, "is not as it should be", f"{found}, not {wanted}")


async def _look(dsn: str) -> Left:
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(TABLES)
        rows = [
            await connection.fetchval(ROWS.format(table=name))
            for name, _ in tables
            if name.startswith("stock")
        ]
    finally:
        await connection.close()
    return Left(len(tables), sum(count for _, count in tables), sum(rows))
