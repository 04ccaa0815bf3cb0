"""A run that goes on with a new session keeps its lock, whoever asks for it meanwhile."""

from typing import Any

import anyio
import asyncpg
import pytest

from asyncmigrate._engine import inheriting
from asyncmigrate.events import ConnectionLost, LockAcquired, MigrationApplied, Planned
from tests.kit.app import App, versions
from tests.kit.invariants import invariant
from tests.kit.locks import KEY, nothing_is_left
from tests.kit.polling import eventually
from tests.kit.proxy import listening

PYTHON = "async def up(connection):\n    await connection.execute('SELECT 1')\n"
COUNT = 12


@pytest.fixture
def renewing(app: App) -> App:
    """After each of its migrations the run goes on with a new session."""
    for number in range(1, COUNT + 1):
        app.files.add(f"{number:04}_python.py", PYTHON)
    return app


@invariant("I1", "I10")
async def test_nobody_gets_the_lock_while_a_run_changes_its_session(
    renewing: App,
) -> None:
    rivals = [await renewing.database.connect() for _ in range(2)]
    asked = slipped_in = 0

    async def ask_again_and_again(rival: asyncpg.Connection) -> None:
        nonlocal asked, slipped_in
        while not renewing.told(LockAcquired):  # noqa: ASYNC110 - a list, of events
            await anyio.sleep(0.001)
        while len(renewing.told(MigrationApplied)) < COUNT:
            asked += 1
            if await rival.fetchval(f"SELECT pg_try_advisory_lock({KEY})"):
                slipped_in += len(renewing.told(MigrationApplied)) < COUNT
                await rival.execute("SELECT pg_advisory_unlock_all()")

    async with anyio.create_task_group() as group:
        for rival in rivals:
            group.start_soon(ask_again_and_again, rival)
        report = await renewing.migrate()

    assert versions(report) == [f"+{number:04}" for number in range(1, COUNT + 1)]
    assert slipped_in == 0
    assert asked > COUNT
    assert len(renewing.told(LockAcquired)) == len(renewing.told(Planned)) == 1
    tokens = {row["fencing_token"] for row in await renewing.database.history()}
    assert tokens == {1}


@invariant("I9", "I10")
async def test_a_run_cancelled_while_it_changes_its_session_leaves_nothing(
    renewing: App,
) -> None:
    for hundredth in range(2, 26, 2):
        with anyio.move_on_after(hundredth / 100):
            await renewing.migrate()
        assert await eventually(lambda: nothing_is_left(renewing.database))

    await renewing.migrate()
    rows = await renewing.database.history()
    assert [row["state"] for row in rows] == ["applied"] * COUNT


@pytest.mark.parametrize("lost", ["pg_is_in_recovery", ".pg_advisory_lock("])
async def test_a_new_session_that_hears_nothing_is_done_without(
    renewing: App, lost: str
) -> None:
    async with listening(renewing.dsn) as proxy:

        async def deafen(text: str) -> bool:
            # Not the run's first session nor its keeper.
            newest = len(proxy.connections) - 1
            if lost in text and newest > 1 and not proxy.deaf_to:
                proxy.deaf_to.add(newest)
            return True

        proxy.on_query = deafen
        report = await renewing.migrate(dsn=proxy.dsn, lease_ttl=0.5, cleanup_grace=1)

    assert proxy.deaf_to
    assert len(report) == COUNT
    assert len(renewing.told(LockAcquired)) == 2


async def test_a_new_session_that_is_ended_at_once_is_a_lost_connection(
    renewing: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_on = inheriting._pass_on  # noqa: SLF001 - between it and the next await

    async def end_it(old: Any, heir: Any, run: Any) -> bool:
        monkeypatch.setattr(inheriting, "_pass_on", passed_on)
        passed = await passed_on(old, heir, run)
        await renewing.database.fetch("SELECT pg_terminate_backend($1)", heir.pid)
        await eventually(lambda: gone(heir))
        return passed

    async def gone(heir: Any) -> bool:
        return bool(heir.is_closed)

    monkeypatch.setattr(inheriting, "_pass_on", end_it)

    assert len(await renewing.migrate()) == COUNT
    assert len(renewing.told(ConnectionLost)) == 1


@invariant("I10")
async def test_a_role_with_one_connection_gives_the_lock_back_and_takes_it_again(
    renewing: App,
) -> None:
    database = renewing.database
    role = await database.role("LOGIN CONNECTION LIMIT 1")
    await database.execute(f'GRANT ALL ON DATABASE "{database.name}" TO "{role}"')
    renewing.dsn = database.dsn_of(role)

    report = await renewing.migrate()

    assert len(report) == COUNT
    assert len(renewing.told(LockAcquired)) == COUNT
    assert len(renewing.told(Planned)) == 1
    await database.execute(f'DROP OWNED BY "{role}" CASCADE')


@invariant("I10")
async def test_what_a_python_migration_left_behind_does_not_hinder_the_change(
    app: App,
) -> None:
    role = await app.database.role("NOLOGIN")
    app.files.add(
        "0001_odd.py",
        "async def up(connection):\n"
        f"    await connection.execute('SET SESSION ROLE \"{role}\"')\n"
        "    await connection.execute('SET search_path = nowhere')\n"
        "    await connection.execute('SET statement_timeout = 1')\n",
    )
    app.add(_0002_a="CREATE TABLE a ();")

    report = await app.migrate()

    assert versions(report) == ["+0001", "+0002"]
    assert await app.database.tables() == {"a"}
    assert len(app.told(LockAcquired)) == 1
