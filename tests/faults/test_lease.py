"""Who holds the lock, for how long, and who may take it away."""

import signal
import time
from pathlib import Path

import anyio
import pytest

from asyncmigrate.errors import LockNotAcquired
from asyncmigrate.events import LockTakenOver, LockWaiting, Unattended
from tests.kit.app import App, versions
from tests.kit.commands import Cli
from tests.kit.databases import Database
from tests.kit.invariants import invariant
from tests.kit.locks import holders, lease, play_holder, sessions
from tests.kit.polling import eventually
from tests.kit.proxy import listening

LEDGER = "CREATE TABLE ledger (version text);"
NOTE = "INSERT INTO ledger VALUES ('{}');"

# Sleeps only while the file is there, and leaves a line in the ledger.
SLEEPER = """
import {how}, pathlib

async def up(connection):
    await connection.execute("INSERT INTO ledger VALUES ('2')")
    if pathlib.Path({flag!r}).exists():
        {sleep}
"""


async def under_way(database: Database, version: str) -> bool:
    return (await lease(database)).get("current_version") == version


@invariant("I5", "I6", "I2")
@pytest.mark.parametrize("kind", ["python", "sql"])
async def test_a_sleeper_that_wakes_after_its_lease_was_taken_changes_nothing(
    app: App, shop: Cli, tmp_path: Path, kind: str
) -> None:
    flag = tmp_path / "sleep"
    flag.touch()
    app.add(_0001_ledger=LEDGER)
    if kind == "python":
        text = SLEEPER.format(
            how="asyncio", flag=str(flag), sleep="await asyncio.sleep(600)"
        )
        app.files.add("0002_slow.py", text)
    else:
        app.add(_0002_slow=NOTE.format(2) + "SELECT pg_sleep(1);")
    app.add(_0003_more=NOTE.format(3))
    sleeper = await shop.start("migrate")
    await eventually(lambda: under_way(app.database, "0002"))
    sleeper.send_signal(signal.SIGSTOP)
    flag.unlink()

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(lambda: app.migrate(lease_ttl=2))
    sleeper.send_signal(signal.SIGCONT)
    with anyio.fail_after(30):
        status = await sleeper.wait()

    ledger = await app.database.fetch("SELECT version FROM ledger ORDER BY version")
    assert [row[0] for row in ledger] == ["2", "3"]
    assert len(await app.database.history()) == 3
    assert len(app.told(LockTakenOver)) == 1
    events = await app.database.fetch("SELECT event FROM asyncmigrate.migration_events")
    assert [row[0] for row in events] == ["taken_over"]
    assert status in {0, 3}


@invariant("I6")
async def test_a_migration_that_blocks_its_event_loop_keeps_the_lease(
    app: App, shop: Cli, tmp_path: Path
) -> None:
    app.add(_0001_ledger=LEDGER)
    flag = tmp_path / "sleep"
    flag.touch()
    text = SLEEPER.format(how="time", flag=str(flag), sleep="time.sleep(4)")
    app.files.add("0002_blocks.py", text)
    holder = await shop.start("migrate")
    await eventually(lambda: under_way(app.database, "0002"))
    before = (await lease(app.database))["beat"]

    report = await app.migrate(lease_ttl=2)

    assert await holder.wait() == 0
    assert versions(report) == []
    assert app.told(LockTakenOver) == []
    assert any("at 0002" in line for line in app.told(LockWaiting))
    assert await app.database.fetchval("SELECT count(*) FROM ledger") == 1
    assert before is not None


@invariant("I5")
async def test_a_dead_session_is_ended_only_when_its_lease_has_stood_still(
    app: App,
) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    app.add(_0002_b="SELECT 1;")
    dead = await play_holder(app.database)
    began = time.monotonic()

    report = await app.migrate(lease_ttl=1)

    assert time.monotonic() - began >= 1 + 1 / 3
    assert versions(report) == ["+0002"]
    assert dead.is_closed()
    assert app.told(LockTakenOver) == [
        f"ended backend {dead.get_server_pid()} of a dead run: a dead host"
    ]
    assert (await lease(app.database))["fencing_token"] == 42


@invariant("I5", "I3")
@pytest.mark.parametrize("why", ["unattended", "at work", "beating"])
async def test_a_session_that_may_be_alive_is_waited_for(app: App, why: str) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    app.add(_0002_b="SELECT 1;")
    holder = await play_holder(app.database, beat=None if why == "unattended" else 7)
    async with anyio.create_task_group() as group:
        if why == "at work":
            group.start_soon(holder.execute, "SELECT pg_sleep(3)")
        if why == "beating":
            group.start_soon(_beat, app.database)
        with pytest.raises(LockNotAcquired) as refused:
            await app.migrate(lease_ttl=0.9, lock_wait=1.8)
        group.cancel_scope.cancel()

    assert refused.value.exit_status == 3
    assert not holder.is_closed()
    assert await holders(app.database) == [holder.get_server_pid()]


async def _beat(database: Database) -> None:
    while True:
        await database.execute(
            "UPDATE asyncmigrate.migration_locks SET beat = beat + 1"
        )
        await anyio.sleep(0.2)


@invariant("I5")
async def test_a_role_that_may_not_end_a_dead_session_says_what_an_administrator_can(
    app: App, shop: Cli
) -> None:
    database = app.database
    owner, other = await database.role(), await database.role("LOGIN NOINHERIT")
    await database.execute(f'GRANT CREATE ON DATABASE "{database.name}" TO "{owner}"')
    app.add(_0001_a="SELECT 1;")
    app.dsn = database.dsn_of(owner)
    await app.migrate()
    await database.execute(f'GRANT "{owner}" TO "{other}"')
    await database.execute(f'GRANT USAGE ON SCHEMA asyncmigrate TO "{other}"')
    await database.execute(
        f'GRANT ALL ON ALL TABLES IN SCHEMA asyncmigrate TO "{other}"'
    )
    app.add(_0002_b="SELECT 1;")
    dead = await play_holder(database, database.dsn_of(owner))
    shop.environment["DATABASE_URL"] = database.dsn_of(other)
    shop.environment["ASYNCMIGRATE_LEASE_TTL"] = "1s"

    outcome = await shop("migrate")

    assert outcome.exit_status == 3
    assert f"SELECT pg_terminate_backend({dead.get_server_pid()})" in outcome.stderr
    assert "a dead host (dead: its lease has not moved for" in outcome.stderr
    assert not dead.is_closed()
    await database.execute(f'DROP OWNED BY "{other}", "{owner}" CASCADE')


@invariant("I6")
async def test_a_role_with_one_connection_runs_unattended_and_says_so(
    app: App,
) -> None:
    database = app.database
    role = await database.role("LOGIN CONNECTION LIMIT 1")
    await database.execute(f'GRANT ALL ON DATABASE "{database.name}" TO "{role}"')
    await database.execute(f'GRANT ALL ON SCHEMA public TO "{role}"')
    app.dsn = database.dsn_of(role)
    app.add(_0001_ledger=LEDGER + "SELECT pg_sleep(1.5);")
    beats: set[int | None] = set()

    async def watch() -> None:
        while True:
            row = await lease(database)
            if row.get("current_version") or row.get("run_id"):
                beats.add(row["beat"])
            await anyio.sleep(0.2)

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        report = await app.migrate(lease_ttl=1)
        group.cancel_scope.cancel()

    assert versions(report) == ["+0001"]
    assert None in beats
    assert beats <= {0, None}
    assert "too many connections for role" in app.told(Unattended)[0]
    await database.execute(f'DROP OWNED BY "{role}" CASCADE')


@invariant("I9")
async def test_the_lease_and_the_lock_are_given_back_after_every_ending(
    app: App,
) -> None:
    app.add(_0001_a="SELECT 1;", _0002_b="SELECT 1/0;")

    with pytest.raises(Exception, match="division by zero"):
        await app.migrate()

    row = await lease(app.database)
    assert row["run_id"] is row["backend_pid"] is row["beat"] is None
    assert row["fencing_token"] == 1
    assert await holders(app.database) == []
    assert await sessions(app.database) == []


@invariant("I5")
async def test_a_first_run_that_stands_still_before_it_has_a_lease_is_passed_by(
    app: App, shop: Cli
) -> None:
    app.add(_0001_a="CREATE TABLE a ();")
    async with listening(app.dsn) as proxy:
        making = anyio.Event()

        async def stand_still(text: str) -> bool:
            if "CREATE TABLE" in text and ".meta" in text:
                sleeper.send_signal(signal.SIGSTOP)
                making.set()
                return False
            return True

        proxy.on_query = stand_still
        sleeper = await shop.start("migrate", env={"DATABASE_URL": proxy.dsn})
        with anyio.fail_after(20):
            await making.wait()

        report = await app.migrate(lock_wait=20)

        assert versions(report) == ["+0001"]
        proxy.on_query = None
        sleeper.send_signal(signal.SIGCONT)
        assert await sleeper.wait() == 0
    assert len(await app.database.history()) == 1
