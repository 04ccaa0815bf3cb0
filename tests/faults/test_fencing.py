"""The lock, when somebody or something works against it: never two at work."""

import asyncio
import time
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import pytest

from asyncmigrate import MigrationReport
from asyncmigrate.errors import (
    CommitUndecided,
    LockLost,
    LockNotAcquired,
    MigrationFailed,
    NeedsRepair,
)
from asyncmigrate.events import (
    ConnectionLost,
    LockTakenOver,
    MigrationStarted,
    Unattended,
)
from tests.kit.app import App, versions
from tests.kit.files import Files
from tests.kit.invariants import invariant
from tests.kit.locks import KEY, holders, lease, play_holder, sessions
from tests.kit.pausing import until_there
from tests.kit.polling import eventually
from tests.kit.proxy import listening

LEDGER = "CREATE TABLE ledger (version int);"
NOTE = "INSERT INTO ledger VALUES (2);"


async def asleep(app: App) -> int | None:
    """The backend of a migration that sleeps."""
    pid: int | None = await app.database.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        " AND datname = current_database()"
    )
    return pid


@invariant("I6")
async def test_a_keeper_whose_session_is_ended_comes_back_and_the_run_does_not_notice(
    app: App, tmp_path: Path
) -> None:
    app.add(_0001_ledger=LEDGER)
    await app.migrate()
    flag = tmp_path / "go on"
    app.files.add("0002_slow.py", until_there(flag))
    task = asyncio.ensure_future(app.migrate(lease_ttl=1.2))

    async def under_way() -> int | None:
        row = await lease(app.database)
        return row["backend_pid"] if row["current_version"] == "0002" else None

    pid = await eventually(under_way)

    async def keeper() -> int | None:
        found = [row["pid"] for row in await sessions(app.database)]
        return next((each for each in found if each != pid), None)

    async def beat() -> int:
        return int((await lease(app.database))["beat"])

    first = await eventually(keeper)
    await app.database.execute(f"SELECT pg_terminate_backend({first})")
    before = await beat()

    async def beats_on() -> bool:
        return await keeper() not in {None, first} and await beat() > before + 1

    assert await eventually(beats_on)
    flag.touch()
    assert versions(await task) == ["+0002"]
    assert app.told(Unattended) == []
    assert app.told(ConnectionLost) == []


@invariant("I6")
async def test_a_run_whose_keeper_gets_no_answer_cancels_itself_before_its_lease_ends(
    app: App,
) -> None:
    app.add(_0001_ledger=LEDGER)
    await app.migrate()
    app.add(_0002_slow=NOTE + "SELECT pg_sleep(60);")
    dials = 0
    async with listening(app.dsn) as proxy:

        async def connect() -> asyncpg.Connection:
            nonlocal dials
            dials += 1
            dsn = app.dsn if dials == 1 else proxy.dsn
            return await asyncpg.connect(dsn, timeout=1, statement_cache_size=0)

        task = asyncio.ensure_future(
            app.migrate(dsn=None, connect=connect, lease_ttl=1.2, lock_wait=0.5)
        )
        await eventually(lambda: asleep(app))
        proxy.is_deaf = True
        began = time.monotonic()
        with pytest.raises((LockLost, CommitUndecided)) as lost:
            await task

    assert "the lease could not be renewed for" in str(lost.value)
    assert time.monotonic() - began < 15
    assert await app.database.fetchval("SELECT count(*) FROM ledger") == 0
    assert len(await app.database.history()) == 1


@invariant("I6", "I2")
async def test_a_session_that_no_cancel_reaches_is_cut_when_the_lease_ends(
    app: App,
) -> None:
    if app.database.server.version < 14:
        pytest.skip("before 14 a server at work does not notice a client that is gone")
    app.add(_0001_ledger=LEDGER)
    await app.migrate()
    app.add(_0002_slow=NOTE + "SELECT pg_sleep(60);")
    async with listening(app.dsn) as proxy:
        task = asyncio.ensure_future(
            app.migrate(
                dsn=f"{proxy.dsn}&connect_timeout=1",
                lease_ttl=1.2,
                lock_wait=0.5,
                cleanup_grace=0.5,
            )
        )
        pid = await eventually(lambda: asleep(app))
        proxy.is_deaf = proxy.is_dumb = True
        with pytest.raises(CommitUndecided) as undecided:
            await task

        async def gone() -> bool:
            return pid not in [row["pid"] for row in await sessions(app.database)]

        assert undecided.value.version == "0002"
        assert await eventually(gone)

    assert await app.database.fetchval("SELECT count(*) FROM ledger") == 0
    assert await holders(app.database) == []
    app.add(_0002_slow=NOTE)
    assert versions(await app.migrate()) == ["+0002"]


@invariant("I5")
async def test_a_lease_that_names_another_backend_is_nobodys_who_holds_the_lock(
    app: App,
) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    app.add(_0002_b="SELECT 1;")
    # Whoever holds the key is no run at all; the row is of a run that is over.
    await (await play_holder(app.database)).close()
    other = await app.database.connect()
    await eventually(lambda: _taken(other))

    with pytest.raises(LockNotAcquired) as refused:
        await app.migrate(lease_ttl=0.3, lock_wait=0.8)

    assert f"the session with pid {other.get_server_pid()}" in str(refused.value)
    assert app.told(LockTakenOver) == []
    assert not other.is_closed()


async def _taken(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval(f"SELECT pg_try_advisory_lock({KEY})"))


RELEASES = {
    "a statement": "SELECT pg_advisory_unlock_all();",
    "the key itself": f"SELECT pg_advisory_unlock({KEY});",
    "a deferred trigger": (
        "CREATE FUNCTION let_go() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_advisory_unlock_all(); RETURN NULL; END $$;"
        "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON ledger DEFERRABLE INITIALLY"
        " DEFERRED FOR EACH ROW EXECUTE FUNCTION let_go();"
        "INSERT INTO ledger VALUES (2);"
    ),
}


@invariant("I1", "I2")
@pytest.mark.parametrize("release", RELEASES)
async def test_a_script_that_lets_go_of_the_lock_lets_no_rival_in(
    app: App, tmp_path: Path, release: str
) -> None:
    app.add(_0001_ledger=LEDGER)
    await app.migrate()
    # The rival has the file as it should be.
    good = Files(tmp_path / "good")
    good.add("0001_ledger.sql", LEDGER)
    good.add("0002_b.sql", "CREATE TABLE b ();")
    app.add(_0002_b=NOTE + RELEASES[release] + "SELECT pg_sleep(0.5);")

    first = asyncio.ensure_future(app.migrate())
    pid = await eventually(lambda: asleep(app))
    rival = App(app.database)
    second = asyncio.ensure_future(rival.migrate(directory=str(good)))
    await anyio.sleep(0.3)
    during = await holders(app.database)
    started = rival.told(MigrationStarted)
    with pytest.raises(MigrationFailed, match="released the lock of the run") as failed:
        await first

    assert during == [pid]
    assert started == []
    assert failed.value.file == "0002_b.sql"
    assert "take `pg_advisory_unlock_all()` out" in (failed.value.hint or "")
    assert versions(await second) == ["+0002"]
    assert await app.database.fetchval("SELECT count(*) FROM ledger") == 0


# Each lets go of the lock when it is told to, and is at work until the rival has been.
TOLD = "EXISTS (SELECT FROM ledger WHERE version = 0)"
THERE = "EXISTS (SELECT FROM asyncmigrate.schema_migrations WHERE state = 'failed')"
LET_GO = f"""
CREATE PROCEDURE let_go() LANGUAGE plpgsql AS $$ BEGIN
  COMMIT;
  WHILE NOT {TOLD} LOOP PERFORM pg_sleep(0.02); END LOOP;
  PERFORM pg_advisory_unlock_all();
  COMMIT;
  WHILE NOT {THERE} LOOP PERFORM pg_sleep(0.02); END LOOP;
END $$;
"""
OUTSIDE = {
    "0002_b.py": f"""
import asyncio

transaction = False

async def until(connection, what):
    while not await connection.fetchval("SELECT " + what):
        await asyncio.sleep(0.02)

async def up(connection):
    await connection.execute({NOTE!r})
    await until(connection, {TOLD!r})
    await connection.execute("DISCARD ALL")
    await until(connection, {THERE!r})
""",
    "0002_b.sql": f"-- asyncmigrate: transaction=off\n{NOTE} CALL let_go();",
}


async def start_letting_go(
    app: App, name: str, **options: Any
) -> "asyncio.Task[MigrationReport]":
    """A run whose migration has let go of the lock, and is at work."""
    app.add(_0001_ledger=LEDGER + LET_GO)
    await app.migrate()
    app.files.add(name, OUTSIDE[name])
    task = asyncio.ensure_future(app.migrate(**options))

    async def is_shown() -> bool:
        # All that is news is told by now, so the next beat is a whole interval away.
        row = await lease(app.database)
        at_work = None if name.endswith(".py") else "statement 2 of 2"
        return (row["current_version"], row["progress"]) == ("0002", at_work)

    async def has_let_go() -> bool:
        return await holders(app.database) == []

    await eventually(is_shown)
    await app.database.execute("INSERT INTO ledger VALUES (0)")
    await eventually(has_let_go)
    return task


@invariant("I1", "I12")
@pytest.mark.parametrize("name", OUTSIDE)
async def test_what_lets_go_of_the_lock_outside_a_transaction_stops_everybody(
    app: App, name: str
) -> None:
    run = await start_letting_go(app, name)

    # What is under way may or may not come to stand; the rival must not run it again.
    with pytest.raises(NeedsRepair):
        await App(app.database).migrate()
    with pytest.raises(LockLost, match=r"what .* stays") as ended:
        await run

    assert ended.value.exit_status == 3
    assert await app.database.fetchval("SELECT count(*) FROM ledger") == 2
    assert await app.standing() == {"0001": "applied", "0002": "failed"}


@invariant("I1", "I12")
@pytest.mark.parametrize("name", OUTSIDE)
async def test_a_keeper_that_finds_the_lock_let_go_of_ends_what_is_under_way(
    app: App, name: str
) -> None:
    run = await start_letting_go(app, name, lease_ttl=1.2)

    with pytest.raises(NeedsRepair, match="no catalogue can say how far") as ended:
        await run

    assert ended.value.exit_status == 6
    assert len(app.told(ConnectionLost)) == 1
    assert await app.database.fetchval("SELECT count(*) FROM ledger") == 2
    assert await app.standing() == {"0001": "applied", "0002": "failed"}
