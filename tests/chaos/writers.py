"""Writers at work on a large table while a migration wants to rewrite it.

What is measured is how long each of their statements takes: none may stand still for
longer than ``lock_timeout`` while the migration waits for its turn, nor for longer than
``block_limit`` and a second while it works.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import anyio
import asyncpg

from tests.chaos.arena import HANG, Arena
from tests.chaos.runners import Runner
from tests.chaos.scores import Score
from tests.kit.databases import Database, new_database
from tests.kit.files import Files

LOCK_TIMEOUT = 0.4
BLOCK_LIMIT = 0.6
MORE = 1.0
"""Seconds past its limit within which a cancelled migration has let go."""

SLACK = 0.15
"""Seconds that busy processors may keep a writer from seeing its answer."""

TRIES = 102
WRITERS = 3
ROWS = 800_000

TABLE = """
CREATE TABLE accounts (id int PRIMARY KEY, owner text, balance int NOT NULL);
CREATE INDEX ON accounts (owner);
"""
FILL = """
INSERT INTO accounts SELECT last + i, md5(i::text), 0
FROM (SELECT coalesce(max(id), 0) AS last FROM accounts) AS before,
  generate_series(1, {rows}) AS i
"""
REWRITE = "ALTER TABLE accounts ALTER COLUMN balance TYPE numeric USING balance * 1.0;"
SLOW = """
CREATE FUNCTION slowly(balance int) RETURNS numeric LANGUAGE sql
AS 'SELECT balance::numeric FROM pg_sleep(0.01)';
"""
SLOW_REWRITE = REWRITE.replace("balance * 1.0", "slowly(balance)")
"""For a small table, where there is no time to fill a large one."""

WRITE = "UPDATE accounts SET balance = balance + 1 WHERE id = $1"
READ = "SELECT count(*) FROM accounts WHERE id < 100"
TYPE = """
SELECT atttypid::regtype::text FROM pg_attribute
WHERE attrelid = 'accounts'::regclass AND attname = 'balance'
"""

How: TypeAlias = Literal["waits", "works", "waits and works"]
"""What the migration gets to do: a reader's transaction holds it up for all of a try,
not at all, or for a while."""

CODES: dict[How, str] = {
    "waits": "table_lock_not_acquired",
    "works": "block_limit_reached",
    "waits and works": "block_limit_reached",
}
"""How it must fail."""

HOWS = tuple(CODES)


@dataclass(slots=True)
class Stalls:
    """The longest time, in seconds, that a statement of a writer took."""

    waits: float = 0.0
    works: float = 0.0
    writes: int = 0


async def writers(arena: Arena, score: Score) -> None:
    """An ALTER that rewrites a large table under live traffic."""
    files = Files(arena.scratch / "writers")
    files.add("0001_rewrite.sql", REWRITE)
    async with new_database(arena.server, files) as database:
        await database.execute(TABLE)
        took = 0.0
        while took < 2 * (BLOCK_LIMIT + MORE):
            await database.execute(FILL.format(rows=ROWS))
            took = await _measure(database)
        rows = await database.fetchval("SELECT count(*) FROM accounts")
        stalls = await try_to_rewrite(arena, score, database)
    score.notes.append(
        f"longest stall of a writer in {score.faults} tries to rewrite {rows} rows,"
        f" which takes {took:.1f} s: {stalls.waits:.2f} s while the migration waited"
        f" (lock_timeout {LOCK_TIMEOUT:g} s), {stalls.works:.2f} s while it worked"
        f" (block_limit {BLOCK_LIMIT:g} s); {stalls.writes} writes"
    )


async def _measure(database: Database) -> float:
    """Seconds that the rewrite takes when nobody is in its way; it is rolled back."""
    connection = await database.connect()
    began = time.monotonic()
    await connection.execute(f"BEGIN; {REWRITE} ROLLBACK")
    await connection.close()
    return time.monotonic() - began


async def try_to_rewrite(arena: Arena, score: Score, database: Database) -> Stalls:
    """Try it as often as the scale says, in the three ways by turns."""
    stalls = Stalls()
    rows = await database.fetchval("SELECT count(*) FROM accounts")
    for number in range(max(len(HOWS), arena.count(TRIES))):
        rng = arena.rng(score.scenario, number)
        how = HOWS[number % len(HOWS)]
        async with _traffic(database, rng, rows, stalls, how):
            await anyio.sleep(rng.uniform(0, 0.1))
            await _try(arena, score, database, rng, how)
        score.faults += 1
    score.rounds = 1
    if await database.fetchval(TYPE) != "integer":
        score.blame("lost", "the migration was recorded as failed, and is done")
    if stalls.waits >= LOCK_TIMEOUT + SLACK:
        score.blame("unexpected", f"a writer stood still for {stalls.waits:.2f} s")
    if stalls.works >= BLOCK_LIMIT + MORE:
        score.blame("unexpected", f"a writer stood still for {stalls.works:.2f} s")
    return stalls


async def _try(
    arena: Arena, score: Score, database: Database, rng: random.Random, how: How
) -> None:
    reader = None
    if how != "works":
        reader = await database.connect()
        await reader.execute(f"BEGIN; {READ}")
    runner = await arena.runners.start(
        database.dsn,
        database.files.path,
        "--json",
        settings={
            "lock_timeout": f"{LOCK_TIMEOUT}s",
            "block_limit": f"{BLOCK_LIMIT}s",
            "lock_retries": "1" if how == "waits" else "10",
        },
    )
    score.runs += 1
    if reader is not None and how == "waits and works":
        await runner.wait(rng.uniform(0.1, 1.5 * LOCK_TIMEOUT))
        await reader.close()
    await _judge(score, runner, CODES[how])
    if reader is not None:
        await reader.close()


async def _judge(score: Score, runner: Runner, code: str) -> None:
    status = await runner.wait(HANG)
    if status is not None:
        score.exits[status] = score.exits.get(status, 0) + 1
    if status != 1 or f'"code": "{code}"' not in runner.said():
        text = f"exit {status}, not for {code}: {runner.said()[-2000:]}"
        score.blame("unexpected", text)
        runner.kill()


@asynccontextmanager
async def _traffic(
    database: Database, rng: random.Random, rows: int, stalls: Stalls, how: How
) -> AsyncGenerator[None]:
    """Writers at work for as long as the block runs, each timed."""
    over = asyncio.Event()

    async def write(connection: asyncpg.Connection) -> None:
        statement = await connection.prepare(WRITE)
        while not over.is_set():
            began = time.monotonic()
            await statement.fetch(rng.randrange(rows) + 1)
            took = time.monotonic() - began
            stalls.writes += 1
            if how == "waits":
                stalls.waits = max(stalls.waits, took)
            else:
                stalls.works = max(stalls.works, took)
            await anyio.sleep(0.002)

    connections = [await database.connect() for _ in range(WRITERS)]
    async with anyio.create_task_group() as group:
        for connection in connections:
            group.start_soon(write, connection)
        yield
        over.set()
    for connection in connections:
        await connection.close()
