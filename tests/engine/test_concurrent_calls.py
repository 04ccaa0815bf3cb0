from collections import Counter

import anyio
import pytest

from asyncmigrate.errors import ConflictsFound
from asyncmigrate.events import LockWaiting, MigrationStarted
from tests.kit.app import App, versions
from tests.kit.commands import Cli, Outcome
from tests.kit.databases import new_database
from tests.kit.files import Files
from tests.kit.invariants import invariant


def add_many(files: Files, count: int) -> list[str]:
    names = [f"{number:04}" for number in range(1, count + 1)]
    for name in names:
        files.add(f"{name}_t.sql", f"CREATE TABLE t{name} (id int);")
    return names


async def test_two_calls_on_two_databases_run_at_once_in_one_loop(app: App) -> None:
    app.add(_0001_a="SELECT pg_sleep(0.3); CREATE TABLE a (id int);")
    order: list[str] = []

    async with new_database(app.database.server, app.files) as database:
        second = App(database)

        async def migrate(name: str, which: App) -> None:
            order.append(f"{name} begins")
            assert versions(await which.migrate()) == ["+0001"]
            order.append(f"{name} ends")

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(migrate, "first", app)
                group.start_soon(migrate, "second", second)

        assert await database.tables() == {"a"}
    assert set(order[:2]) == {"first begins", "second begins"}
    assert await app.database.tables() == {"a"}


@invariant("I1", "I3")
@pytest.mark.parametrize("first_run", [True, False])
async def test_ten_calls_at_once_apply_each_migration_once(
    app: App, *, first_run: bool
) -> None:
    if not first_run:
        app.add(_0000_first="SELECT 1;")
        await app.migrate()
    names = add_many(app.files, 12)
    # Long enough for those who wait to see who holds the lock.
    app.add(_9000_slow="SELECT pg_sleep(0.5);")
    done: Counter[str] = Counter()

    async def migrate() -> None:
        done.update(versions(await app.migrate()))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(migrate)

    assert done == Counter({f"+{name}": 1 for name in [*names, "9000"]})
    rows = [row for row in await app.database.history() if row["name"] == "t"]
    assert [row["version"] for row in rows] == names
    tokens = [row["fencing_token"] for row in rows]
    assert tokens == sorted(tokens)
    assert app.told(LockWaiting) != []


@invariant("I3")
async def test_the_fencing_token_grows_from_run_to_run(app: App) -> None:
    tokens = []
    for number in range(1, 4):
        app.files.add(f"{number}_a.sql", "SELECT 1;")
        await app.migrate()
        tokens.append((await app.database.history())[-1]["fencing_token"])

    assert tokens == [1, 2, 3]
    lock = "SELECT fencing_token FROM asyncmigrate.migration_locks"
    assert await app.database.fetchval(lock) == 3


@invariant("I1", "I7")
async def test_redos_and_migrates_at_once_take_turns(app: App) -> None:
    app.add(
        _0001_a="-- UP\nCREATE TABLE a (id int);\n-- DOWN\nDROP TABLE a;",
        _0002_b="-- UP\nCREATE TABLE b (id int);\n-- DOWN\nDROP TABLE b;",
    )
    await app.migrate()

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(app.redo)
            group.start_soon(app.migrate)

    assert await app.database.tables() == {"a", "b"}
    assert (await app.status()).healthy


@invariant("I7")
async def test_a_roll_back_that_waited_undoes_nothing_below_what_came_meanwhile(
    app: App,
) -> None:
    app.add(_0001_a="-- UP\nCREATE TABLE a (id int);\n-- DOWN\nDROP TABLE a;")
    await app.migrate()
    app.add(_0002_b="SELECT pg_sleep(0.4);")
    started = anyio.Event()

    def on_event(event: object) -> None:
        if isinstance(event, MigrationStarted):
            started.set()

    async with anyio.create_task_group() as group:

        async def migrate() -> None:
            await app.migrate(on_event=on_event)

        group.start_soon(migrate)
        await started.wait()
        with pytest.raises(ConflictsFound, match="applied by another run"):
            await app.rollback()

    assert await app.standing() == {"0001": "applied", "0002": "applied"}


@invariant("I1")
async def test_two_processes_apply_each_of_a_hundred_migrations_once(
    app: App, cli: Cli
) -> None:
    names = add_many(app.files, 100)
    outcomes: list[Outcome] = []

    async def migrate() -> None:
        outcomes.append(await cli("migrate", "--dsn", app.dsn, "--json"))

    async with anyio.create_task_group() as group:
        group.start_soon(migrate)
        group.start_soon(migrate)

    assert [outcome.exit_status for outcome in outcomes] == [0, 0], outcomes
    applied = [
        result["version"]
        for outcome in outcomes
        for result in outcome.document["results"]
    ]
    assert sorted(applied) == names
    assert [row["version"] for row in await app.database.history()] == names
