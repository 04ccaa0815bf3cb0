"""Statements that cannot be in a transaction: recorded one by one, and recovered."""

import asyncio
import contextlib

import asyncpg
import pytest

from asyncmigrate.errors import MigrationFailed, NeedsRepair
from asyncmigrate.events import Notice, Progressed
from asyncmigrate.results import RepairAction
from tests.kit.app import App, versions
from tests.kit.invariants import invariant
from tests.kit.partitions import about_to_detach
from tests.kit.polling import eventually

USERS = "CREATE TABLE users (id int, email text);"
TWINS = (
    "CREATE TABLE users (id int, email text);"
    "INSERT INTO users VALUES (1, 'a'), (2, 'a');"
)
INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"


async def state_of(app: App, version: str) -> tuple[str, int]:
    rows = await app.database.fetch(
        "SELECT state, statements_done FROM asyncmigrate.schema_migrations"
        " WHERE version = $1 AND rolled_back_at IS NULL",
        version,
    )
    return (rows[0][0], rows[0][1]) if rows else ("", 0)


async def test_a_file_of_such_statements_alone_needs_no_directive(app: App) -> None:
    app.add(
        _0001_users=USERS,
        _0002_index="-- UP\nCREATE INDEX CONCURRENTLY e ON users (email);\n"
        "-- DOWN\nDROP INDEX CONCURRENTLY e;",
    )

    await app.migrate()
    there = await app.database.fetchval("SELECT to_regclass('e') IS NOT NULL")
    await app.rollback()

    assert there
    assert await app.database.fetchval("SELECT to_regclass('e') IS NULL")
    assert await app.standing() == {"0001": "applied", "0002": "pending"}


@invariant("I12")
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY e ON users (email)",
        "CREATE INDEX CONCURRENTLY ON users (email)",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS e ON users (email)",
    ],
)
async def test_a_killed_index_build_is_built_again_and_leaves_nothing_invalid(
    app: App, statement: str
) -> None:
    app.add(_0001_users=USERS)
    await app.migrate()
    app.add(_0002_index=f"{statement};")
    writer = await app.database.connect()
    await writer.execute("BEGIN; INSERT INTO users VALUES (1, 'a')")
    task = asyncio.ensure_future(app.migrate(lock_wait="20s"))

    async def building() -> int | None:
        pid: int | None = await app.database.fetchval(
            "SELECT pid FROM pg_stat_progress_create_index"
            " WHERE datname = current_database()"
        )
        return pid

    pid = await eventually(building)
    await app.database.fetchval("SELECT pg_terminate_backend($1)", pid)
    await asyncio.sleep(0.3)
    await writer.execute("COMMIT")
    report = await task

    assert versions(report) == ["+0002"]
    assert await app.database.fetch(INVALID) == []
    indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = 'users'"
    assert await app.database.fetchval(indexes) == 1


async def test_a_unique_index_over_duplicates_is_dropped_and_reported(app: App) -> None:
    app.add(
        _0001_users=TWINS,
        _0002_unique="CREATE UNIQUE INDEX CONCURRENTLY e ON users (email);",
    )

    with pytest.raises(MigrationFailed, match="could not create unique index"):
        await app.migrate()

    assert await app.database.fetch(INVALID) == []
    assert await state_of(app, "0002") == ("", 0)

    await app.database.execute("DELETE FROM users WHERE id = 2")
    assert versions(await app.migrate()) == ["+0002"]


async def test_if_not_exists_never_passes_over_an_invalid_index(app: App) -> None:
    app.add(_0001_users=TWINS)
    await app.migrate()
    with contextlib.suppress(asyncpg.UniqueViolationError):
        await app.database.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY e ON users (email)"
        )
    app.add(_0002_index="CREATE INDEX CONCURRENTLY IF NOT EXISTS e ON users (email);")

    with pytest.raises(MigrationFailed, match="invalid"):
        await app.migrate()

    assert [row[0] for row in await app.database.fetch(INVALID)] == ["e"]


@invariant("I12")
async def test_a_corrected_file_goes_on_after_what_stands(app: App) -> None:
    off = "-- asyncmigrate: transaction=off\n-- UP\n"
    first = "CREATE SCHEMA s; SET search_path = s; CREATE TABLE t (a int);\n"
    app.add(_0001_mixed=f"{off}{first}CREATE TABLE broken (x nonsense);")

    with pytest.raises(MigrationFailed, match="nonsense"):
        await app.migrate()
    half = await state_of(app, "0001")
    app.add(_0001_mixed=f"{off}{first}CREATE TABLE mended (x int);")
    report = await app.migrate()

    assert half == ("failed", 3)
    assert versions(report) == ["+0001"]
    assert await app.database.tables() == {"s.t", "s.mended"}


async def test_what_stands_may_not_be_rewritten(app: App) -> None:
    off = "-- asyncmigrate: transaction=off\n-- UP\n"
    app.add(_0001_mixed=f"{off}CREATE TABLE a (); CREATE TABLE a ();")
    with pytest.raises(MigrationFailed):
        await app.migrate()

    app.add(_0001_mixed=f"{off}CREATE TABLE b (); CREATE TABLE c ();")
    with pytest.raises(NeedsRepair, match="not the ones"):
        await app.migrate()

    assert await app.database.tables() == {"a"}


async def test_what_no_catalogue_can_decide_waits_for_a_person(app: App) -> None:
    app.add(
        _0001_procedure="CREATE TABLE t (x int);"
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$BEGIN"
        " INSERT INTO t VALUES (1); COMMIT; RAISE 'stop'; END$$;",
        _0002_call="-- asyncmigrate: transaction=off\nCALL p();",
        _0003_after="CREATE TABLE after ();",
    )

    with pytest.raises(NeedsRepair) as caught:
        await app.migrate()
    with pytest.raises(NeedsRepair):
        await app.migrate()
    await app.repair(RepairAction.RESUME)
    report = await app.migrate()

    assert caught.value.exit_status == 6
    assert versions(report) == ["+0002", "+0003"]
    assert await app.database.fetchval("SELECT count(*) FROM t") == 1


async def test_mixed_statements_without_the_directive_are_refused_with_their_place(
    app: App,
) -> None:
    app.add(_0001_mixed="CREATE TABLE t (a int);\nVACUUM t;")

    with pytest.raises(Exception, match="transaction=off") as caught:
        await app.migrate()

    assert getattr(caught.value, "line", None) == 2
    assert await app.database.history() == []


async def test_a_detach_that_stands_half_done_is_finalised(app: App) -> None:
    reader = await about_to_detach(app, "p")
    task = asyncio.ensure_future(app.migrate(lock_wait="20s"))

    async def pending() -> int | None:
        pid: int | None = await app.database.fetchval(
            "SELECT a.pid FROM pg_stat_activity AS a, pg_inherits AS h"
            " WHERE h.inhdetachpending AND a.wait_event_type = 'Lock'"
            " AND a.datname = current_database()"
        )
        return pid

    pid = await eventually(pending)
    await app.database.fetchval("SELECT pg_terminate_backend($1)", pid)
    await asyncio.sleep(0.2)
    await reader.execute("COMMIT")
    report = await task

    assert versions(report) == ["+0002"]
    attached = await app.database.fetchval("SELECT count(*) FROM pg_inherits")
    assert attached == 0


async def test_a_vacuum_says_how_far_it_is(app: App) -> None:
    app.add(
        _0001_big="CREATE TABLE big AS SELECT repeat('x', 700) AS t"
        " FROM generate_series(1, 400);",
        _0002_vacuum="-- asyncmigrate: transaction=off\n"
        "SET vacuum_cost_limit = 1; SET vacuum_cost_delay = '50ms'; VACUUM big;",
    )

    await app.migrate()

    assert any("vacuum: scanning heap" in line for line in app.told(Progressed))


async def test_of_a_transaction_that_never_was_the_server_has_nothing_to_say(
    app: App,
) -> None:
    app.add(_0001_index="CREATE INDEX CONCURRENTLY e ON users (email);")

    with pytest.raises(MigrationFailed, match='relation "users" does not exist'):
        await app.migrate()

    assert app.told(Notice) == []
