"""Whether the work was done, so that nothing is measured that was not."""

import asyncio

import asyncpg

from benchmarks.measuring import Failed

TABLES = r"""
SELECT count(*) FROM pg_catalog.pg_class
WHERE relkind = 'r' AND relname ~ '^(shop|stock)_\d+$'
"""


def require_tables(dsn: str, count: int) -> None:
    """Refuse a run that left another number of the workload's tables."""
    found = asyncio.run(_count(dsn))
    if found != count:
        raise Failed(
            dsn.rpartition("/")[2], "is not as it should be", f"{found} tables"
        )


async def _count(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval(TABLES))
    finally:
        await connection.close()
