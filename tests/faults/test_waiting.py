"""Those who wait for the lock disturb nobody, and nobody waits for nothing."""

import asyncio
import os

import anyio
import pytest

from asyncmigrate.errors import LockNotAcquired
from asyncmigrate.events import LockWaiting, MigrationStarted
from asyncmigrate.results import MigrationReport
from tests.kit.app import App, versions
from tests.kit.commands import Cli
from tests.kit.invariants import invariant
from tests.kit.locks import KEY, holders, lease, play_holder, sessions
from tests.kit.polling import eventually

WAITERS = 20


@invariant("I4", "I1")
async def test_twenty_waiters_do_not_hold_up_an_index_built_concurrently(
    app: App,
) -> None:
    app.add(
        _0001_ledger="CREATE TABLE ledger (id int); INSERT INTO ledger VALUES (1);",
        _0002_index="CREATE INDEX CONCURRENTLY ledger_id ON ledger (id);",
    )
    await app.migrate(target="0001")
    writer = await app.database.connect()
    await writer.execute("BEGIN; INSERT INTO ledger VALUES (2)")
    reports: list[MigrationReport] = []

    async def runner() -> None:
        reports.append(await app.migrate())

    async def building() -> bool:
        return bool((await lease(app.database))["current_version"] == "0002")

    async with anyio.create_task_group() as group:
        for _ in range(WAITERS + 1):
            group.start_soon(runner)
        await eventually(building)
        await anyio.sleep(0.7)
        seen = await sessions(app.database)
        await writer.execute("COMMIT")

    waiting = [row for row in seen if "CONCURRENTLY" not in row["query"]]
    assert len(waiting) >= WAITERS
    assert [row for row in waiting if str(row["state"]).startswith("idle in")] == []
    assert [
        row for row in waiting if row["state"] == "idle" and row["backend_xmin"]
    ] == []
    assert sorted(map(versions, reports)) == [[]] * WAITERS + [["+0002"]]
    assert await app.database.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ledger_id'::regclass"
    )


async def test_a_waiter_gives_up_in_time_and_says_who_holds_the_lock(app: App) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    app.add(_0002_b="CREATE TABLE b ();")
    await play_holder(app.database, beat=None)

    with pytest.raises(LockNotAcquired, match=r"within 0.3 s; held by a dead host"):
        await app.migrate(lock_wait=0.3)

    assert await app.database.tables() == set()


async def test_a_waiter_is_told_at_which_migration_the_holder_is(app: App) -> None:
    app.add(_0001_a="SELECT 1;", _0002_slow="SELECT pg_sleep(4);")

    async def wait() -> None:
        await eventually(lambda: running(app))
        assert versions(await app.migrate()) == []

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await app.migrate()

    assert any(", at 0002" in line for line in app.told(LockWaiting))


async def running(app: App) -> bool:
    return any("applying 0002" in line for line in app.told(MigrationStarted))


async def test_a_first_run_waits_for_a_lock_without_tables_too(app: App) -> None:
    app.add(_0001_a="CREATE TABLE a ();")
    holder = await app.database.connect()
    await holder.execute(f"SELECT pg_advisory_lock({KEY})")

    with pytest.raises(LockNotAcquired, match=f"pid {holder.get_server_pid()}"):
        await app.migrate(lock_wait=0.3)
    await holder.close()

    assert versions(await app.migrate()) == ["+0001"]


async def test_an_open_transaction_on_the_lease_row_is_waited_for_and_keeps_no_lock(
    app: App,
) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    app.add(_0002_b="SELECT 1;")
    admin = await app.database.connect()
    await admin.execute("BEGIN; UPDATE asyncmigrate.migration_locks SET progress = 'x'")
    reports: list[MigrationReport] = []

    async def run() -> None:
        reports.append(await app.migrate())

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.sleep(5.6)  # past the lock_timeout of our own statements
        assert reports == []
        await admin.execute("ROLLBACK")

    assert versions(reports[0]) == ["+0002"]


@invariant("I4")
async def test_a_waiter_leaves_while_the_lock_is_held_once_nothing_is_pending(
    app: App,
) -> None:
    app.add(_0001_a="SELECT 1;", _0002_b="SELECT 1;")
    await app.migrate()
    standing = "UPDATE asyncmigrate.schema_migrations SET rolled_back_at = {}"
    await app.database.execute(f"{standing.format('now()')} WHERE version = '0002'")
    holder = await play_holder(app.database, beat=None)
    reports: list[MigrationReport] = []

    async def run() -> None:
        reports.append(await app.migrate())

    async def waits() -> bool:
        return bool(app.told(LockWaiting))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await eventually(waits)
        await app.database.execute(standing.format("NULL"))

    assert versions(reports[0]) == []
    assert await holders(app.database) == [holder.get_server_pid()]
    assert (await lease(app.database))["fencing_token"] == 41


@invariant("I4")
async def test_waiters_are_shown_who_builds_which_index_and_how_far_it_is(
    app: App, shop: Cli
) -> None:
    app.add(
        _0001_ledger="CREATE TABLE ledger (id int); INSERT INTO ledger VALUES (1);",
        _0002_index="CREATE INDEX CONCURRENTLY ledger_id ON ledger (id);",
    )
    await app.migrate(target="0001")
    writer = await app.database.connect()
    await writer.execute("BEGIN; INSERT INTO ledger VALUES (2)")
    task = asyncio.ensure_future(app.migrate())

    async def building() -> bool:
        return "waiting for writers" in str((await lease(app.database))["progress"])

    await eventually(building)
    waiter = await shop.start("migrate")
    assert waiter.stderr is not None
    shown = ""
    while "waiting for the lock" not in shown:
        shown += (await waiter.stderr.receive()).decode()
    await writer.execute("COMMIT")

    assert f"process {os.getpid()}" in shown
    assert "at 0002" in shown
    assert "waiting for writers" in shown
    assert versions(await task) == ["+0002"]
    assert await waiter.wait() == 0
