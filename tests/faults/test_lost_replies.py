"""Replies and requests that something between swallows: every run ends all the same.

And what only looks like it: slow work, slow rows, a server that does not say.
"""

import asyncio

import asyncpg
import pytest

from asyncmigrate.errors import BlockLimitReached
from asyncmigrate.events import ConnectionLost, OthersBlocked, TableLockWaiting
from tests.kit.app import App, versions
from tests.kit.invariants import invariant
from tests.kit.partitions import about_to_detach
from tests.kit.polling import eventually
from tests.kit.proxy import before_the_first

LEDGER = "CREATE TABLE ledger (version int);"
COPIED = """COPY ledger FROM stdin;
1
2
\\.
"""
SLOW_ROWS = """
import asyncio

async def rows():
    yield b"1\\n"
    await asyncio.sleep({seconds})
    yield b"2\\n"

async def up(connection):
    await connection.copy_to_table("ledger", source=rows())
"""


@pytest.fixture
async def ledger(app: App) -> App:
    app.add(_0001_ledger=LEDGER)
    await app.migrate()
    return app


@invariant("I6")
async def test_rows_of_a_copy_that_never_arrive_are_a_lost_connection(
    ledger: App,
) -> None:
    ledger.add(_0002_copy=COPIED)
    async with before_the_first(ledger.dsn) as (proxy, options):

        async def swallow_what_follows(text: str) -> bool:
            if text.startswith("COPY ledger"):
                proxy.is_dumb = True
            return True

        proxy.on_query = swallow_what_follows
        report = await ledger.migrate(**options, lease_ttl=0.9)

    assert versions(report) == ["+0002"]
    assert len(ledger.told(ConnectionLost)) == 1
    assert await ledger.database.fetchval("SELECT count(*) FROM ledger") == 2


@invariant("I6")
async def test_rows_that_a_python_migration_makes_slowly_are_waited_for(
    ledger: App,
) -> None:
    ledger.files.add("0002_rows.py", SLOW_ROWS.format(seconds=2))

    report = await ledger.migrate(lease_ttl=0.6)

    assert versions(report) == ["+0002"]
    assert ledger.told(ConnectionLost) == []


@invariant("I6")
async def test_a_server_that_does_not_say_what_it_does_is_not_taken_for_silent(
    ledger: App,
) -> None:
    try:
        await ledger.database.execute(
            f'ALTER DATABASE "{ledger.database.name}" SET track_activities = off'
        )
    except asyncpg.InsufficientPrivilegeError:
        pytest.skip("this role may not set track_activities")
    ledger.add(_0002_slow="SELECT pg_sleep(2);")

    report = await ledger.migrate(lease_ttl=0.6)

    assert versions(report) == ["+0002"]
    assert ledger.told(ConnectionLost) == []


@invariant("I6")
async def test_a_reply_that_lies_unread_in_a_busy_program_is_not_lost(
    ledger: App,
) -> None:
    ledger.files.add(
        "0002_busy.py",
        """
import asyncio
import time

async def up(connection):
    asked = asyncio.ensure_future(connection.execute("SELECT 1"))
    await asyncio.sleep(0)
    time.sleep(2)
    await asked
""",
    )

    report = await ledger.migrate(lease_ttl=0.6)

    assert versions(report) == ["+0002"]
    assert ledger.told(ConnectionLost) == []


@invariant("I13")
async def test_a_copy_that_waits_for_its_rows_holds_nobody_up_for_longer(
    ledger: App,
) -> None:
    ledger.files.add(
        "0002_rows.py",
        SLOW_ROWS.format(seconds=60).replace(
            "    await connection.copy",
            '    await connection.execute("LOCK TABLE ledger")\n'
            "    await connection.copy",
        ),
    )
    task = asyncio.ensure_future(ledger.migrate(block_limit=0.3))

    async def copying() -> bool:
        return bool(
            await ledger.database.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientRead'"
                " AND state = 'active' AND datname = current_database()"
            )
        )

    await eventually(copying)
    reader = await ledger.database.connect()
    # It waits until the run has let go.
    assert await reader.fetchval("SELECT count(*) FROM ledger") == 0
    with pytest.raises(BlockLimitReached):
        await task

    assert await ledger.standing() == {"0001": "applied", "0002": "pending"}


@invariant("I13")
async def test_who_waits_behind_a_detach_waits_no_longer_than_the_limit(
    app: App,
) -> None:
    long_reader = await about_to_detach(app, "p1")
    task = asyncio.ensure_future(app.migrate(block_limit=0.3, lock_timeout=0.2))

    async def waits_for_the_partition() -> bool:
        return bool(
            await app.database.fetchval(
                "SELECT count(*) FROM pg_locks WHERE relation = 'p1'::regclass"
                " AND mode = 'AccessExclusiveLock' AND NOT granted"
            )
        )

    await eventually(waits_for_the_partition)
    # It is served although the long one is still there.
    reader = await app.database.connect()
    assert await reader.fetchval("SELECT count(*) FROM p1") == 0
    await long_reader.execute("COMMIT")

    assert versions(await task) == ["+0002"]
    assert await app.database.fetchval("SELECT count(*) FROM pg_inherits") == 0


async def test_who_waits_for_the_table_as_a_whole_while_a_detach_waits_does_not_count(
    app: App,
) -> None:
    reader = await about_to_detach(app, "p")
    task = asyncio.ensure_future(app.migrate(block_limit=0.2))
    other = await app.database.connect()

    async def waits_for_the_reader() -> bool:
        return bool(app.told(TableLockWaiting))

    await eventually(waits_for_the_reader)
    analysing = asyncio.ensure_future(other.execute("ANALYZE p1"))
    await asyncio.sleep(1.2)
    assert app.told(OthersBlocked) == []
    await reader.execute("COMMIT")

    assert versions(await task) == ["+0002"]
    await analysing
