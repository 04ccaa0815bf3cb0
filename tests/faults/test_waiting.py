"""Those who wait for the lock disturb nobody, and nobody waits for nothing."""

import asyncio
import os
import time

import anyio
import pytest

from asyncmigrate._database.address import Address
from asyncmigrate._database.failures import SessionLost
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.doubt import Losses
from asyncmigrate._settings import Settings
from asyncmigrate.errors import CommitUndecided, DatabaseUnreachable, LockNotAcquired
from asyncmigrate.events import (
    ConnectionLost,
    LockAcquired,
    LockWaiting,
    MigrationStarted,
)
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


END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'asyncmigrate%'
"""


@pytest.mark.parametrize("losses", [1, 4])
async def test_a_waiter_that_loses_its_session_does_not_wait_anew(
    app: App, losses: int
) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    app.add(_0002_b="CREATE TABLE b ();")
    await play_holder(app.database, beat=None)

    async def lose() -> None:
        for _ in range(losses):
            await anyio.sleep(1.5 / losses)
            await app.database.fetch(END)

    began = time.monotonic()
    async with anyio.create_task_group() as group:
        group.start_soon(lose)
        with pytest.raises(LockNotAcquired, match=r"within 2 s; .*nothing was") as late:
            await app.migrate(lock_wait=2)

    assert late.value.exit_status == 3
    assert 2 <= time.monotonic() - began < 3.3
    assert app.told(ConnectionLost)


async def test_a_run_that_has_held_the_lock_waits_for_it_anew(app: App) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    app.add(_0002_slow="SELECT pg_sleep(5);")
    app.events.clear()
    holder = await play_holder(app.database, beat=None)
    rival = await app.database.connect()
    began = time.monotonic()

    async def interfere() -> None:
        await anyio.sleep(1)
        await holder.execute("SELECT pg_advisory_unlock_all()")
        await eventually(lambda: running(app))
        queued = asyncio.ensure_future(rival.execute(f"SELECT pg_advisory_lock({KEY})"))
        await anyio.sleep(0.1)
        await app.database.fetch(END)
        await queued

    async with anyio.create_task_group() as group:
        group.start_soon(interfere)
        with pytest.raises(CommitUndecided, match=r"within 1\.5 s"):
            await app.migrate(lock_wait=1.5)

    assert len(app.told(LockAcquired)) == 1
    assert time.monotonic() - began > 1 + 1.5


async def test_a_lock_that_another_run_has_got_meanwhile_is_told_with_what_stands(
    app: App,
) -> None:
    # A session that is changed gives the lock to whoever queues for it.
    app.add(_0001_a="SELECT 1;", _0003_c="SELECT 1;")
    app.files.add(
        "0002_b.py",
        "import asyncio\nasync def up(connection):\n    await asyncio.sleep(1)\n",
    )
    await app.migrate(target="0001")
    rival = await app.database.connect()

    async def queue() -> None:
        await eventually(lambda: running(app))
        await rival.execute(f"SELECT pg_advisory_lock({KEY})")

    async with anyio.create_task_group() as group:
        group.start_soon(queue)
        with pytest.raises(LockNotAcquired, match=r"; 1 migration of this") as late:
            await app.migrate(lock_wait=0.5, cleanup_grace=0.5)

    assert [result.version for result in late.value.results] == ["0002"]


async def test_a_lost_connection_is_tried_again_while_the_lock_may_still_be_had() -> (
    None
):
    run = Run(
        settings=Settings(lock_wait=0.2), address=Address(dsn=None), emit=lambda _: None
    )
    losses = Losses(run)
    losses.begin()
    losses.count(SessionLost("gone"))
    await anyio.sleep(0.15)
    run.waiting_since = time.monotonic()  # it was had again
    await anyio.sleep(0.1)

    patience, _ = losses.count(SessionLost("gone again"))

    assert 0 < patience <= 0.1
    await anyio.sleep(patience)
    with pytest.raises(DatabaseUnreachable, match="not to be had again"):
        losses.count(SessionLost("gone for good"))


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
