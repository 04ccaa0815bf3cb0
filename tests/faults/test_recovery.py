"""Statements outside a transaction, interrupted: the catalogue decides, or a person."""

import asyncio
from collections.abc import Callable

import anyio
import pytest

from asyncmigrate.embedded import EmbeddedPostgres
from asyncmigrate.errors import InvalidUsage, NeedsRepair, TransactionEscaped
from asyncmigrate.events import ConnectionLost, Recorded
from asyncmigrate.results import RepairAction
from tests.kit.app import App, versions
from tests.kit.commands import Cli
from tests.kit.invariants import invariant
from tests.kit.polling import eventually
from tests.kit.proxy import listening

INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
USERS = (
    "CREATE TABLE users (id int PRIMARY KEY, email text);"
    "CREATE INDEX e ON users (email);"
    "INSERT INTO users SELECT x, 'user' || x FROM generate_series(1, 1000) AS x;"
)
PARTITIONS = (
    "CREATE TABLE p (a int) PARTITION BY LIST (a);"
    "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
)

AT_WORK = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query = $1"

# What is done to what, and a question that is true when it was done once.
STATEMENTS = {
    "CREATE INDEX CONCURRENTLY f ON users (email)": (
        USERS,
        "SELECT count(*) = 3 FROM pg_indexes WHERE tablename = 'users'",
    ),
    "CREATE INDEX CONCURRENTLY ON users (email)": (
        USERS,
        "SELECT count(*) = 3 FROM pg_indexes WHERE tablename = 'users'",
    ),
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS f ON users (email)": (
        USERS,
        "SELECT count(*) = 3 FROM pg_indexes WHERE tablename = 'users'",
    ),
    "DROP INDEX CONCURRENTLY e": (USERS, "SELECT to_regclass('e') IS NULL"),
    "REINDEX INDEX CONCURRENTLY e": (
        USERS,
        "SELECT count(*) = 2 FROM pg_indexes WHERE tablename = 'users'",
    ),
    "REINDEX TABLE CONCURRENTLY users": (
        USERS,
        "SELECT count(*) = 2 FROM pg_indexes WHERE tablename = 'users'",
    ),
    "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY": (
        PARTITIONS,
        "SELECT count(*) = 0 FROM pg_inherits",
    ),
    "VACUUM users": (USERS, "SELECT true"),
    "CREATE DATABASE {database}_new": (
        "SELECT 1;",
        "SELECT count(*) = 1 FROM pg_database WHERE datname = '{database}_new'",
    ),
    "DROP DATABASE {database}_new": (
        "SELECT 1;",
        "SELECT count(*) = 0 FROM pg_database WHERE datname = '{database}_new'",
    ),
    "ALTER SYSTEM RESET deadlock_timeout": ("SELECT 1;", "SELECT true"),
}


def since(statement: str) -> int:
    """The first server that has it."""
    return 14 if "DETACH" in statement else 0


async def prepared(app: App, statement: str) -> tuple[str, str]:
    """What it is about is there; statement and question for this test's database."""
    if app.database.server.version < since(statement):
        pytest.skip("this server does not have it yet")
    setup, question = STATEMENTS[statement]
    names = {"database": app.database.name}
    app.add(_0001_first=setup)
    await app.migrate()
    if statement.startswith("DROP DATABASE"):
        await app.database.execute(f"CREATE DATABASE {app.database.name}_new")
    return statement.format(**names), question.format(**names)


@invariant("I12", "I11")
@pytest.mark.parametrize("statement", STATEMENTS)
async def test_what_was_done_and_not_recorded_is_found_by_the_catalogue(
    app: App, statement: str
) -> None:
    text, question = await prepared(app, statement)
    app.add(_0002_outside=f"{text};", _0003_after="CREATE TABLE after ();")
    cuts = 0
    async with listening(app.dsn) as proxy:

        async def on_query(sent: str) -> bool:
            nonlocal cuts
            if sent == text and not cuts:
                cuts += 1
                cutting.start_soon(cut_soon)
            return True

        async def done() -> bool:
            return bool(
                await app.database.fetchval(question)
                and not await app.database.fetch(INVALID)
                and not await app.database.fetch(AT_WORK, text)
            )

        async def cut_soon() -> None:
            proxy.is_deaf = True
            await eventually(done)
            proxy.cut()
            proxy.is_deaf = False

        proxy.on_query = on_query
        async with anyio.create_task_group() as cutting:
            report = await app.migrate(dsn=proxy.dsn)

    assert cuts == 1
    assert len(app.told(ConnectionLost)) == 1
    assert versions(report) == ["+0002", "+0003"]
    assert await app.database.fetchval(question)
    assert await app.database.fetch(INVALID) == []
    if statement.startswith("CREATE DATABASE"):
        await app.database.execute(f"DROP DATABASE {app.database.name}_new")


@invariant("I12")
@pytest.mark.parametrize(
    "statement",
    [each for each in STATEMENTS if "CONCURRENTLY" in each and "DETACH" not in each],
)
async def test_what_was_ended_half_way_is_done_again_and_leaves_nothing_behind(
    app: App, statement: str
) -> None:
    text, question = await prepared(app, statement)
    app.add(_0002_outside=f"{text};")
    writer = await app.database.connect()
    await writer.execute("BEGIN; UPDATE users SET email = 'x' WHERE id = 1")

    async def waits() -> int | None:
        pid: int | None = await app.database.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database() AND query LIKE '%CONCURRENTLY%'"
        )
        return pid

    task = asyncio.ensure_future(app.migrate(lock_wait="30s"))
    pid = await eventually(waits)
    left = await app.database.fetch(INVALID)
    await app.database.execute(f"SELECT pg_terminate_backend({pid})")
    await writer.execute("COMMIT")
    report = await task

    assert len(left) >= 1 or "DROP" in statement
    assert versions(report) == ["+0002"]
    assert await app.database.fetchval(question)
    assert await app.database.fetch(INVALID) == []
    if left and "DROP" not in statement:
        assert any("dropped" in line for line in app.told(Recorded))


@invariant("I12")
async def test_a_subscription_that_was_made_and_not_recorded_is_not_made_twice(
    app: App, own_server: Callable[..., EmbeddedPostgres]
) -> None:
    publisher = own_server(settings={"wal_level": "logical", "max_wal_senders": "4"})
    name = f"{app.database.name}_sub"
    app.add(
        _0001_subscribe=f"CREATE SUBSCRIPTION {name} CONNECTION"
        f" 'host={publisher.host} port={publisher.port} user=postgres'"
        " PUBLICATION nothing WITH (enabled = false);",
        _0002_after="CREATE TABLE after ();",
    )
    async with listening(app.dsn) as proxy:

        async def on_query(sent: str) -> bool:
            if "CREATE SUBSCRIPTION" in sent and "INSERT" not in sent:
                proxy.on_query = None
                proxy.is_deaf = True
                cutting.start_soon(cut_soon)
            return True

        async def made() -> bool:
            query = "SELECT count(*) = 1 FROM pg_subscription WHERE subname = $1"
            return bool(await app.database.fetchval(query, name))

        async def cut_soon() -> None:
            await eventually(made)
            proxy.cut()
            proxy.is_deaf = False

        proxy.on_query = on_query
        async with anyio.create_task_group() as cutting:
            report = await app.migrate(dsn=proxy.dsn)

    assert versions(report) == ["+0001", "+0002"]
    assert len(app.told(ConnectionLost)) == 1
    await app.database.execute(f"DROP SUBSCRIPTION {name}")


HALF = {
    "_0001_procedure": (
        "CREATE TABLE t (x int);"
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$BEGIN"
        " INSERT INTO t VALUES (1); COMMIT; RAISE 'stop'; END$$;"
    ),
    "_0002_call": (
        "-- asyncmigrate: transaction=off\nINSERT INTO t VALUES (0);\nCALL p();\n"
        "INSERT INTO t VALUES (2);"
    ),
}
FOUND = (
    "found:\n  - 0002 call stands failed: 1 of 3 statements are done, and what became"
    " of statement 2 is open"
)
HOW = {
    "resume": (
        "0002 call: goes on after statement 2 of 3, which is taken as done",
        [0, 1, 2],
    ),
    "mark-applied": ("marked 0002 call as applied; it stood failed: 1 of 3", [0, 1]),
    "mark-pending": ("marked 0002 call as pending without undoing it", [0, 0, 1, 1]),
}


@pytest.fixture
async def half(app: App) -> App:
    """A migration of which no catalogue can say how far it came."""
    app.add(**HALF)
    with pytest.raises(NeedsRepair) as told:
        await app.migrate()
    assert told.value.exit_status == 6
    return app


async def test_repair_shows_what_it_found_and_will_write_before_it_does(
    half: App, shop: Cli
) -> None:
    status = await shop("status")
    planned = {
        way: await shop("repair", f"--{way}", *which, "--dry-run")
        for way, which in {
            "resume": [],
            "mark-applied": ["0002"],
            "mark-pending": ["0002"],
        }.items()
    }
    rows = await half.database.history()
    done = await shop("repair", "--resume")

    assert "1 of 3 statements are done, and what became of statement 2" in status.stdout
    assert "look at what it left, then `asyncmigrate repair`" in status.stdout
    for way, outcome in {**planned, "resume": done}.items():
        assert outcome.exit_status == 0
        assert FOUND in outcome.stdout
        assert f"will be written:\n  - {HOW[way][0]}" in outcome.stdout
    assert [row["statements_done"] for row in rows] == [0, 1]
    assert "`asyncmigrate migrate` goes on there" in done.stderr
    assert versions(await half.migrate()) == ["+0002"]


@pytest.mark.parametrize("way", HOW)
async def test_each_way_of_repair_has_its_effect_and_is_kept_in_the_trail(
    half: App, way: str
) -> None:
    which = [] if way == "resume" else ["0002"]

    await half.repair(RepairAction(way), *which)
    if way == "mark-pending":
        with pytest.raises(NeedsRepair):
            await half.migrate()
    else:
        await half.migrate()

    found = await half.database.fetch("SELECT x FROM t ORDER BY x")
    assert [row[0] for row in found] == HOW[way][1]
    events = await half.database.fetch(
        "SELECT detail FROM asyncmigrate.migration_events WHERE event = $1", way
    )
    assert [row[0].startswith(HOW[way][0]) for row in events] == [True]


async def test_what_has_no_place_to_go_on_from_is_not_resumed(app: App) -> None:
    app.files.add(
        "0001_escapes.py",
        "async def up(connection):\n    await connection.execute('COMMIT')\n",
    )
    with pytest.raises(TransactionEscaped):
        await app.migrate()

    with pytest.raises(InvalidUsage, match="0001 cannot go on") as refused:
        await app.repair(RepairAction.RESUME)

    assert "--mark-pending 0001" in (refused.value.hint or "")
    (problem,) = (await app.status()).problems
    assert problem == (
        "migration 0001 stands half done: how far it came is not known; look at what it"
        " left, then `asyncmigrate repair`"
    )


@invariant("I12")
async def test_a_resume_that_was_not_needed_leaves_the_decision_to_the_catalogue(
    app: App,
) -> None:
    app.add(_0001_first=USERS)
    await app.migrate()
    app.add(_0002_index="CREATE INDEX CONCURRENTLY f ON users (email);")
    writer = await app.database.connect()
    await writer.execute("BEGIN; UPDATE users SET email = 'x' WHERE id = 1")
    with anyio.move_on_after(1):
        await app.migrate()
    await writer.execute("COMMIT")
    left = await app.database.fetch(INVALID)

    await app.repair(RepairAction.RESUME)
    report = await app.migrate()

    assert [row[0] for row in left] == ["f"]
    assert versions(report) == ["+0002"]
    assert await app.database.fetch(INVALID) == []
