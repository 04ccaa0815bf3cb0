"""Starts that find the same to do: one goes on, the others wait for little."""

import sys

import anyio
import anyio.to_thread
import asyncpg
import pytest

from asyncmigrate import migrate
from asyncmigrate._fast import Look, Request, queue
from tests.fast.test_fast_look import environment
from tests.kit.databases import Database
from tests.kit.polling import eventually

LOOKS = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name LIKE 'asyncmigrate look%' AND datname = current_database()
"""


@pytest.fixture(params=["new", "known"])
async def pending(database: Database, request: pytest.FixtureRequest) -> Database:
    """A database for which there is something to do, the first thing or another."""
    if request.param == "known":
        database.files.add("0001_a.sql", "CREATE TABLE a ();")
        await migrate(database.dsn, database.files.path)
    database.files.add("0002_b.sql", "CREATE TABLE b ();")
    return database


async def named(database: Database, name: str) -> asyncpg.Connection:
    """A session that others take for a start or a run."""
    return await database.connect(server_settings={"application_name": name})


async def take(look: Look, database: Database, *options: str) -> Request | None:
    arguments = ["migrate", "-d", str(database.files.path), *options]

    def once() -> Request | None:
        with environment(DATABASE_URL=f"{database.dsn}?sslmode=disable"):
            return look.nothing_to_do(arguments)

    return await anyio.to_thread.run_sync(once)


async def test_a_start_that_nobody_is_before_keeps_its_place_until_it_has_loaded(
    pending: Database,
) -> None:
    look = Look()

    assert await take(look, pending) is None
    assert look.keeps_a_place
    assert await pending.fetchval(LOOKS) == 1

    look.leave()
    assert not look.keeps_a_place

    async def gone() -> bool:
        return bool(await pending.fetchval(LOOKS) == 0)

    assert await eventually(gone)


@pytest.mark.parametrize("name", ["asyncmigrate look", "asyncmigrate 01234567"])
async def test_a_start_waits_for_the_one_before_it_and_finds_nothing_left(
    pending: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(queue, "PATIENCE", 60.0)
    first = await named(pending, name)
    found: list[Request | None] = []

    async def second() -> None:
        found.append(await take(Look(), pending))

    async def both_are_there() -> bool:
        looks = 1 + name.endswith("look")
        return bool(await pending.fetchval(LOOKS) == looks)

    async with anyio.create_task_group() as group:
        group.start_soon(second)
        await eventually(both_are_there)
        await migrate(pending.dsn, pending.files.path)
        assert found == []
        await first.close()

    (request,) = found
    assert request is not None


async def test_whoever_has_waited_long_enough_goes_on(
    pending: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PATIENCE", 0.3)
    await named(pending, "asyncmigrate look")
    look = Look()

    assert await take(look, pending) is None
    assert look.keeps_a_place
    look.leave()


MAIN = """
import sys
from asyncmigrate import _fast
from asyncmigrate.__main__ import main

leave = _fast.Look.leave

def told(look):
    if look.keeps_a_place:
        print("asyncpg" in sys.modules, "asyncmigrate._engine.run" in sys.modules)
    leave(look)

_fast.Look.leave = told
main()
"""


async def test_a_place_is_kept_until_the_engine_is_loaded(pending: Database) -> None:
    done = await anyio.run_process(
        [sys.executable, "-c", MAIN, "migrate", "-d", str(pending.files.path)],
        env={"DATABASE_URL": f"{pending.dsn}?sslmode=disable", "HOME": "/nowhere"},
    )

    assert done.stdout.startswith(b"True True\n")
    assert await pending.tables() >= {"b"}


@pytest.mark.parametrize(
    "option", [["--lock-wait", "1s"], ["--namespace", "other"]], ids=lambda o: o[0]
)
async def test_nobody_is_waited_for_who_is_not_before_it(
    pending: Database, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    monkeypatch.setattr(queue, "PATIENCE", 600.0)
    for name in ("look", "look api", "89abcdef reading", "89abcdef keeper"):
        await named(pending, f"asyncmigrate {name}")
    run = await named(pending, "asyncmigrate 01234567")
    await run.execute("SELECT pg_advisory_lock(1)")  # of another namespace, at work
    look = Look()

    assert await take(look, pending, *option) is None
    # Whoever says how long the lock is waited for gets just that.
    assert look.keeps_a_place is (option[0] == "--namespace")
    look.leave()
