"""Cancelled at any moment: rolled back, released, and out in time."""

import asyncio
import gc
import os
import random
import signal
import time
from collections.abc import Callable

import anyio
import asyncpg
import pytest

from asyncmigrate import migrate
from asyncmigrate.embedded import EmbeddedPostgres
from tests.kit.app import App, versions
from tests.kit.commands import Cli
from tests.kit.files import Files
from tests.kit.invariants import invariant
from tests.kit.locks import lease, nothing_is_left, sessions
from tests.kit.polling import eventually
from tests.kit.proxy import listening

SLOWLY = "INSERT INTO ledger VALUES ({0}); SELECT pg_sleep(0.02);"
GENEROUS = 8.0
"""Seconds; the promise is two, on a machine that has nothing else to do."""


@invariant("I9", "I2")
@pytest.mark.parametrize("how", ["task", "scope"])
async def test_a_library_call_cancelled_at_random_leaves_no_trace_of_itself(
    app: App, how: str
) -> None:
    rng = random.Random(how)  # noqa: S311 - a schedule, not a secret
    app.add(_0001_ledger="CREATE TABLE ledger (version int);")
    await app.migrate()
    for version in range(2, 8):
        app.files.add(f"000{version}_more.sql", SLOWLY.format(version))
    app.files.add(
        "0008_python.py",
        "import asyncio\n\nasync def up(connection):\n"
        "    await connection.execute('INSERT INTO ledger VALUES (8)')\n"
        "    await asyncio.sleep(0.02)\n",
    )
    for _ in range(8):
        moment = rng.uniform(0.002, 0.12)
        if how == "task":
            task = asyncio.ensure_future(app.migrate())
            await asyncio.sleep(moment)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or versions(task.result()) is not None
        else:
            with anyio.move_on_after(moment):
                await app.migrate()

        assert await eventually(lambda: nothing_is_left(app.database))
        rows = await app.database.fetch("SELECT version FROM ledger ORDER BY version")
        history = await app.database.history()
        assert [row["state"] for row in history] == ["applied"] * len(history)
        assert [f"000{row[0]}" for row in rows] == [
            row["version"] for row in history[1:]
        ]

    await app.migrate()
    assert await app.database.fetchval("SELECT count(*) FROM ledger") == 7


@invariant("I9")
async def test_a_first_run_cancelled_at_random_leaves_a_database_for_the_next(
    app: App,
) -> None:
    rng = random.Random(1)  # noqa: S311 - a schedule, not a secret
    app.add(_0001_a="CREATE TABLE a ();")
    for _ in range(10):
        with anyio.move_on_after(rng.uniform(0.0, 0.05)):
            await app.migrate()
        assert await eventually(lambda: nothing_is_left(app.database))

    await app.migrate()

    assert await app.database.tables() == {"a"}
    assert len(await app.database.history()) == 1


@invariant("I9")
async def test_a_cancel_that_overtakes_its_statement_is_repeated(app: App) -> None:
    app.add(_0001_slow="CREATE TABLE slow (); SELECT pg_sleep(60);")
    async with listening(app.dsn) as proxy:

        async def overtaken(text: str) -> bool:
            if "0001_slow.sql" in text:
                task.cancel()
                await asyncio.sleep(0.4)
            return True

        proxy.on_query = overtaken
        task = asyncio.ensure_future(app.migrate(dsn=proxy.dsn, cleanup_grace=40))
        done, _ = await asyncio.wait([task], timeout=20)

    assert done
    assert task.cancelled()
    assert await nothing_is_left(app.database)


@invariant("I9")
async def test_a_keeper_told_to_end_while_it_connects_leaves_no_session(
    app: App,
) -> None:
    app.add(_0001_a="CREATE TABLE a ();")
    async with listening(app.dsn) as proxy:

        async def never_answered(text: str) -> bool:
            settles = "client_connection_check_interval" in text
            if settles and len(proxy.connections) > 1:
                task.cancel()
                return False
            return True

        proxy.on_query = never_answered
        task = asyncio.ensure_future(app.migrate(dsn=proxy.dsn))
        gc.disable()
        try:
            await asyncio.wait([task])
            assert await eventually(lambda: nothing_is_left(app.database))
        finally:
            gc.enable()

    assert await app.database.tables() == set()


@invariant("I9")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
async def test_a_signal_ends_the_statement_on_the_server_and_gives_everything_back(
    app: App, shop: Cli, number: signal.Signals, status: int
) -> None:
    app.add(_0001_slow="CREATE TABLE slow (); SELECT pg_sleep(60);")
    process = await shop.start("migrate")

    async def asleep() -> bool:
        seen = await sessions(app.database)
        return any(
            row["wait_event"] == "PgSleep" and "0001_slow.sql" in row["query"]
            for row in seen
        )

    await eventually(asleep)
    began = time.monotonic()
    process.send_signal(number)
    ended = await process.wait()

    assert ended == status
    assert time.monotonic() - began < GENEROUS
    assert await nothing_is_left(app.database)
    assert await app.database.tables() == set()
    assert (await lease(app.database))["fencing_token"] == 1


@invariant("I9")
async def test_a_waiter_that_is_told_to_end_leaves_the_holder_alone(
    app: App, shop: Cli
) -> None:
    app.add(_0001_slow="CREATE TABLE slow (); SELECT pg_sleep(60);")
    holder = await shop.start("migrate")

    async def held() -> bool:
        return bool((await lease(app.database)).get("current_version"))

    await eventually(held)
    waiter = await shop.start("migrate")
    assert waiter.stderr is not None
    while b"waiting for the lock" not in await waiter.stderr.receive():
        pass
    waiter.send_signal(signal.SIGTERM)

    assert await waiter.wait() == 143
    assert holder.returncode is None
    assert await held()


@invariant("I9")
@pytest.mark.parametrize("how", ["task", "scope"])
async def test_a_frozen_backend_costs_a_cancelled_caller_no_more_than_the_grace(
    own_server: Callable[..., EmbeddedPostgres], files: Files, how: str
) -> None:
    server = own_server()
    files.add("0001_slow.sql", "CREATE TABLE slow (); SELECT pg_sleep(60);")
    observer = await asyncpg.connect(server.dsn())

    async def backend() -> int | None:
        pid: int | None = await observer.fetchval(
            "SELECT pid FROM pg_stat_activity"
            " WHERE wait_event = 'PgSleep' AND query LIKE '%0001_slow.sql%'"
        )
        return pid

    task = asyncio.ensure_future(migrate(server.dsn(), str(files), cleanup_grace=0.5))
    pid = await eventually(backend)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        if how == "task":
            task.cancel()
            await asyncio.wait([task], timeout=20)
        else:
            with anyio.move_on_after(0.1):
                await task
        took = time.monotonic() - began
    finally:
        os.kill(pid, signal.SIGCONT)

    assert task.cancelled()
    assert took < GENEROUS
    assert await eventually(lambda: _gone(observer, pid))
    assert await observer.fetchval("SELECT to_regclass('slow')") is None
    await observer.close()


async def _gone(observer: asyncpg.Connection, pid: int) -> bool:
    return not await observer.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid
    )


async def test_a_migration_that_cancels_itself_is_rolled_back_and_raises_that(
    app: App,
) -> None:
    app.files.add(
        "0001_odd.py",
        "import asyncio\n\nasync def up(connection):\n"
        "    await connection.execute('CREATE TABLE odd ()')\n"
        "    raise asyncio.CancelledError\n",
    )

    with pytest.raises(asyncio.CancelledError):
        await app.migrate()

    assert await app.database.tables() == set()
    assert await eventually(lambda: nothing_is_left(app.database))
