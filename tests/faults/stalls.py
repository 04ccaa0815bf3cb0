"""How long a writer on a large table is held up: ``python -m tests.faults.stalls``.

Two numbers for each try: its longest stall while the migration waits for a lock that
somebody else holds, and while the migration rewrites the table.
"""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from asyncmigrate.errors import BlockLimitReached, TableLockNotAcquired
from tests.kit import servers
from tests.kit.app import App
from tests.kit.databases import new_database
from tests.kit.files import Files

LOCK_TIMEOUT: Final = 0.5
BLOCK_LIMIT: Final = 1.0

BIG: Final = (
    "CREATE TABLE big (id int PRIMARY KEY, n int NOT NULL, filler text);"
    "INSERT INTO big SELECT x, 0, repeat('x', 100) FROM generate_series(1, {rows}) AS x;"
)
# It must take longer than the limit on any machine, and the rewrite alone may not.
REWRITE: Final = (
    "ALTER TABLE big ALTER COLUMN n TYPE bigint USING n"
    " + CASE WHEN id % 1000 = 0 THEN length(pg_sleep(0.02)::text) ELSE 0 END;"
)


class Writer:
    """A service that writes one row after the other, and notes the longest wait."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.longest = 0.0
        self.stopped = False

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """It writes for as long as the block runs, and ends with a write."""
        task = asyncio.ensure_future(self._write())
        try:
            yield
        finally:
            self.stopped = True
            await task

    async def _write(self) -> None:
        while not self.stopped:
            began = time.monotonic()
            await self.connection.execute("UPDATE big SET n = n + 1 WHERE id = 1")
            self.longest = max(self.longest, time.monotonic() - began)
            await asyncio.sleep(0.001)


async def _big(app: App, rows: int) -> None:
    if await app.database.fetchval("SELECT to_regclass('big')") is None:
        app.add(_0001_big=BIG.format(rows=rows))
        await app.migrate()
    app.add(_0002_rewrite=REWRITE)


async def measure_waiting(app: App, *, tries: int, rows: int = 100_000) -> list[float]:
    """The longest stall of each try while somebody else's lock is waited for."""
    await _big(app, rows)
    reader = await app.database.connect()
    await reader.execute("BEGIN; SELECT * FROM big WHERE id = 1")
    stalls = []
    for _ in range(tries):
        writer = Writer(await app.database.connect())
        async with writer.at_work():
            with pytest.raises(TableLockNotAcquired):
                await app.migrate(
                    lock_timeout=LOCK_TIMEOUT, lock_retries=1, block_limit="off"
                )
        stalls.append(writer.longest)
        await writer.connection.close()
    await reader.execute("COMMIT")
    return stalls


async def measure_working(app: App, *, tries: int, rows: int = 100_000) -> list[float]:
    """The longest stall of each try while the table is rewritten."""
    await _big(app, rows)
    stalls = []
    for _ in range(tries):
        writer = Writer(await app.database.connect())
        async with writer.at_work():
            with pytest.raises(BlockLimitReached):
                await app.migrate(lock_timeout="60s", block_limit=BLOCK_LIMIT)
        stalls.append(writer.longest)
        await writer.connection.close()
    return stalls


def _line(name: str, limit: str, stalls: list[float]) -> str:
    middle = statistics.median(stalls)
    return (
        f"| {name} | {limit} | {len(stalls)} | {middle:.2f} s | {max(stalls):.2f} s |"
    )


async def _measure(tries: int, rows: int) -> None:
    folder = Path(tempfile.mkdtemp())
    with servers.launch() as started:
        dsn = started.dsn()
        server = servers.Server(dsn, started.version * 10_000)
        async with new_database(server, Files(folder / "migrations")) as database:
            waiting = await measure_waiting(App(database), tries=tries, rows=rows)
            working = await measure_working(App(database), tries=tries, rows=rows)
    shutil.rmtree(folder)
    lines = [
        "| the migration | limit | tries | median of the longest stalls | longest |",
        "| --- | --- | --- | --- | --- |",
        _line("waits for a lock", f"`lock_timeout` {LOCK_TIMEOUT:g} s", waiting),
        _line("rewrites the table", f"`block_limit` {BLOCK_LIMIT:g} s", working),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    asyncio.run(_measure(options.tries, options.rows))
