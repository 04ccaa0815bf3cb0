"""All in one transaction, when something goes wrong: all of it stands, or nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import pytest

from asyncmigrate.errors import (
    BlockLimitReached,
    CommitUndecided,
    ConflictsFound,
    TableLockNotAcquired,
)
from asyncmigrate.events import ConnectionLost, MigrationRetried
from asyncmigrate.results import MigrationResult
from tests.kit.app import App, versions
from tests.kit.invariants import invariant
from tests.kit.locks import KEY, nothing_is_left
from tests.kit.polling import eventually
from tests.kit.proxy import Proxy, listening

LEDGER = "CREATE TABLE ledger (version int);"
NOTES = {
    "_0002_note": "INSERT INTO ledger VALUES (2);",
    "_0003_note": "INSERT INTO ledger VALUES (3);",
    "_0004_note": "INSERT INTO ledger VALUES (4);",
}
REPEATABLES = {
    f"repeatable/{name}": f"CREATE OR REPLACE VIEW {name} AS SELECT 1 AS x;"
    for name in "abc"
}


@pytest.fixture
async def ledger(app: App) -> App:
    app.add(_0001_ledger=LEDGER)
    await app.migrate()
    return app


async def noted(app: App) -> list[int]:
    rows = await app.database.fetch("SELECT version FROM ledger ORDER BY version")
    return [row[0] for row in rows]


def told(results: tuple[MigrationResult, ...]) -> list[str]:
    return [f"{result.version} {result.status}" for result in results]


def at_commit(proxy: Proxy, act: Callable[[], Awaitable[bool]]) -> None:
    """Have *act* done when the first COMMIT of a transaction is on its way."""

    async def on_query(text: str) -> bool:
        if text != "COMMIT":
            return True
        proxy.on_query = None
        return await act()

    proxy.on_query = on_query


@invariant("I11", "I2")
@pytest.mark.parametrize("reaches", [True, False])
@pytest.mark.parametrize("kind", ["versioned", "repeatable"])
async def test_a_commit_in_doubt_is_told_of_every_migration_that_it_was_about(
    ledger: App, kind: str, *, reaches: bool
) -> None:
    ledger.add(**(NOTES if kind == "versioned" else REPEATABLES))
    async with listening(ledger.dsn) as proxy:

        async def cut() -> bool:
            if reaches:
                proxy.cut_clients()
            else:
                proxy.cut()
            return reaches

        at_commit(proxy, cut)
        report = await ledger.migrate(
            dsn=proxy.dsn, single_transaction=kind == "versioned"
        )

    if kind == "versioned":
        assert versions(report) == ["+0002", "+0003", "+0004"]
        assert await noted(ledger) == [2, 3, 4]
    else:
        assert sorted(versions(report)) == [f"+{name}.sql" for name in REPEATABLES]
    assert len(ledger.told(ConnectionLost)) == 1
    assert len(await ledger.database.history()) == 4
    assert await eventually(lambda: nothing_is_left(ledger.database))


@invariant("I11")
async def test_a_lock_that_a_rival_has_first_leaves_a_commit_undecided(
    ledger: App,
) -> None:
    ledger.add(**NOTES)
    rival = await ledger.database.connect()
    async with anyio.create_task_group() as group, listening(ledger.dsn) as proxy:

        async def cut() -> bool:
            # It waits in the server, and so has the lock before anybody who asks.
            group.start_soon(rival.execute, f"SELECT pg_advisory_lock({KEY})")
            await anyio.sleep(0.3)
            proxy.cut_clients()
            return True

        at_commit(proxy, cut)
        with pytest.raises(CommitUndecided) as undecided:
            await ledger.migrate(dsn=proxy.dsn, single_transaction=True, lock_wait=0.5)

    assert undecided.value.exit_status == 6
    assert "the transaction of 0002 to 0004 was under way, and whether" in str(
        undecided.value
    )
    await rival.close()
    assert versions(await ledger.migrate()) == []
    assert await noted(ledger) == [2, 3, 4]


@invariant("I2")
async def test_a_session_that_is_ended_half_way_takes_all_of_them_along(
    ledger: App,
) -> None:
    ledger.add(**NOTES)
    ledger.add(_0003_note="INSERT INTO ledger VALUES (3); SELECT pg_sleep(0.7);")
    task = asyncio.ensure_future(ledger.migrate(single_transaction=True))

    async def asleep() -> int | None:
        pid: int | None = await ledger.database.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            " AND datname = current_database()"
        )
        return pid

    pid = await eventually(asleep)
    await ledger.database.execute(f"SELECT pg_terminate_backend({pid})")
    between = await noted(ledger)
    report = await task

    assert between == []
    assert versions(report) == ["+0002", "+0003", "+0004"]
    assert await noted(ledger) == [2, 3, 4]


@invariant("I13")
async def test_a_lock_that_is_not_free_has_all_of_them_tried_again(
    ledger: App,
) -> None:
    ledger.add(**NOTES)
    ledger.add(_0003_note="ALTER TABLE ledger ADD COLUMN x int;")
    reader = await ledger.database.connect()
    await reader.execute("BEGIN; SELECT * FROM ledger")
    limits = {"single_transaction": True, "lock_timeout": "200ms"}

    with pytest.raises(TableLockNotAcquired) as refused:
        await ledger.migrate(lock_retries=2, **limits)
    task = asyncio.ensure_future(ledger.migrate(**limits))

    async def retried() -> bool:
        return len(ledger.told(MigrationRetried)) > 1

    await eventually(retried)
    await reader.execute("COMMIT")

    assert "the single transaction was rolled back" in str(refused.value)
    assert told(refused.value.results) == ["0002 skipped", "0003 failed"]
    assert versions(await task) == ["+0002", "+0003", "+0004"]
    assert await noted(ledger) == [2, 4]


@invariant("I13")
async def test_who_holds_others_up_in_a_single_transaction_fails_for_all(
    ledger: App,
) -> None:
    ledger.add(**NOTES)
    ledger.files.add(
        "0005_idles.py",
        "import asyncio\n\nasync def up(connection):\n"
        "    await connection.execute('ALTER TABLE ledger ADD COLUMN x int')\n"
        "    await asyncio.sleep(30)\n",
    )
    writer = await ledger.database.connect()

    async def write() -> None:
        await anyio.sleep(0.5)
        await writer.execute("INSERT INTO ledger VALUES (1)")

    writing = asyncio.ensure_future(write())
    with pytest.raises(BlockLimitReached) as reached:
        await ledger.migrate(single_transaction=True, block_limit="400ms")
    await writing

    assert reached.value.version == "0005"
    assert told(reached.value.results) == [
        "0002 skipped",
        "0003 skipped",
        "0004 skipped",
        "0005 failed",
    ]
    assert await noted(ledger) == [1]
    assert len(await ledger.database.history()) == 1


async def test_a_caller_who_gives_up_half_way_finds_none_of_them(ledger: App) -> None:
    ledger.add(**NOTES)
    ledger.add(_0004_note="INSERT INTO ledger VALUES (4); SELECT pg_sleep(30);")

    with anyio.move_on_after(0.7):
        await ledger.migrate(single_transaction=True)

    assert await eventually(lambda: nothing_is_left(ledger.database))
    assert await noted(ledger) == []
    assert len(await ledger.database.history()) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("0003_x.sql", "CREATE INDEX CONCURRENTLY i ON ledger (version);"),
        ("0003_x.sql", "-- asyncmigrate: transaction=off\nSELECT 1;"),
        ("0003_x.py", "transaction = False\n\nasync def up(connection): ...\n"),
        ("0003_x.sql", "BEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT 1;\nCOMMIT;"),
    ],
)
async def test_what_cannot_share_the_transaction_is_refused_with_its_file(
    ledger: App, name: str, text: str
) -> None:
    ledger.add(_0002_note=NOTES["_0002_note"])
    ledger.files.add(name, text)

    with pytest.raises(ConflictsFound) as refused:
        await ledger.migrate(single_transaction=True)

    assert refused.value.file == name
    assert "nothing was changed" in str(refused.value)
    assert await noted(ledger) == []
