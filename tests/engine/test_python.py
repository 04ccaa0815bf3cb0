import textwrap

import pytest

from asyncmigrate.errors import (
    ConflictsFound,
    MigrationFailed,
    NotReversible,
    TransactionEscaped,
)
from tests.kit.app import App, versions
from tests.kit.invariants import invariant


def add(app: App, name: str, text: str) -> None:
    app.files.add(f"{name}.py", textwrap.dedent(text))


TABLE = '''\
    """Make a table."""

    async def up(connection):
        await connection.execute("CREATE TABLE t (id int)")

    async def down(connection):
        await connection.execute("DROP TABLE t")
    '''


async def test_up_and_down_run_in_the_migrations_transaction(app: App) -> None:
    add(app, "0001_t", TABLE)
    app.add(_0002_u="-- UP\nSELECT 1;\n-- DOWN\nSELECT 1;")

    up = await app.migrate()
    tables = await app.database.tables()
    down = await app.rollback(target="0")

    assert versions(up) == ["+0001", "+0002"]
    assert tables == {"t"}
    assert versions(down) == ["-0002", "-0001"]
    assert await app.database.tables() == set()


async def test_it_may_use_transactions_of_its_own_as_savepoints(app: App) -> None:
    add(
        app,
        "0001_t",
        """\
        async def up(connection):
            await connection.execute("CREATE TABLE t (id int)")
            try:
                async with connection.transaction():
                    await connection.execute("INSERT INTO t VALUES (1)")
                    await connection.execute("SELECT 1 / 0")
            except Exception:
                pass
            async with connection.transaction():
                await connection.execute("INSERT INTO t VALUES (2)")
        """,
    )

    await app.migrate()

    assert [row["id"] for row in await app.database.fetch("SELECT id FROM t")] == [2]


@invariant("I2")
async def test_what_it_raises_is_told_with_its_line_and_nothing_stays(
    app: App,
) -> None:
    add(
        app,
        "0001_t",
        """\
        async def up(connection):
            await connection.execute("CREATE TABLE t (id int)")
            raise KeyError("colour")
        """,
    )

    with pytest.raises(MigrationFailed) as caught:
        await app.migrate()

    assert caught.value.place == "0001_t.py:3"
    assert "KeyError: 'colour'" in caught.value.message
    assert "the migration was rolled back" in caught.value.message
    assert isinstance(caught.value.__cause__, KeyError)
    assert await app.database.tables() == set()
    assert await app.database.history() == []


async def test_a_servers_error_in_it_keeps_its_sqlstate(app: App) -> None:
    add(
        app,
        "0001_t",
        """\
        async def up(connection):
            await connection.execute("SELECT 1 / 0")
        """,
    )

    with pytest.raises(MigrationFailed, match="division by zero") as caught:
        await app.migrate()

    assert caught.value.sqlstate == "22012"
    assert caught.value.line == 2


async def test_a_file_that_does_not_import_fails_as_a_migration(app: App) -> None:
    add(app, "0001_t", "import nothing_of_that_name\n\nasync def up(connection): ...\n")

    with pytest.raises(MigrationFailed, match="ModuleNotFoundError") as caught:
        await app.migrate()

    assert caught.value.line == 1


async def test_it_is_not_imported_before_it_is_applied(app: App) -> None:
    add(app, "0001_t", "raise SystemError\n\nasync def up(connection): ...\n")

    assert await app.standing() == {"0001": "pending"}


@pytest.mark.parametrize(
    "text", ["def up(connection): ...\n", "x = 1\n", "async def up(:\n"]
)
async def test_a_file_without_an_async_up_is_a_conflict(app: App, text: str) -> None:
    add(app, "0001_t", text)

    with pytest.raises(ConflictsFound, match=r"0001_t\.py"):
        await app.migrate()


@invariant("I2")
async def test_one_that_ends_the_transaction_stands_as_failed(app: App) -> None:
    add(
        app,
        "0001_t",
        """\
        async def up(connection):
            await connection.execute("CREATE TABLE t (id int)")
            await connection.execute("COMMIT")
        """,
    )

    with pytest.raises(TransactionEscaped) as caught:
        await app.migrate()

    assert caught.value.exit_status == 6
    assert "--mark-applied 0001" in (caught.value.hint or "")
    assert await app.database.tables() == {"t"}
    assert await app.standing() == {"0001": "failed"}
    (event,) = await app.database.fetch("SELECT * FROM asyncmigrate.migration_events")
    assert (event["event"], event["version"]) == ("escaped", "0001")


async def test_one_that_commits_and_then_fails_is_not_said_to_be_rolled_back(
    app: App,
) -> None:
    add(
        app,
        "0001_t",
        """\
        async def up(connection):
            await connection.execute("CREATE TABLE t (id int)")
            await connection.execute("COMMIT")
            raise ValueError("late")
        """,
    )

    with pytest.raises(TransactionEscaped, match="and then failed: late"):
        await app.migrate()

    assert await app.standing() == {"0001": "failed"}


async def test_one_that_takes_the_runs_lock_away_is_rolled_back(app: App) -> None:
    add(
        app,
        "0001_t",
        """\
        async def up(connection):
            await connection.execute("CREATE TABLE t (id int)")
            await connection.execute("SELECT pg_advisory_unlock_all()")
        """,
    )

    with pytest.raises(MigrationFailed, match="released the lock of the run"):
        await app.migrate()

    assert await app.database.tables() == set()


@invariant("I10")
async def test_what_it_does_to_its_connection_does_not_reach_the_next(
    app: App,
) -> None:
    add(
        app,
        "0001_t",
        """\
        async def up(connection):
            await connection.execute("LOAD 'plpgsql'; SET search_path = pg_catalog")
            await connection.set_type_codec(
                "int4", schema="pg_catalog", encoder=str, decoder=str
            )
        """,
    )
    add(
        app,
        "0002_u",
        """\
        async def up(connection):
            assert await connection.fetchval("SHOW search_path") != "pg_catalog"
            assert await connection.fetchval("SELECT 1::int4") == 1
            await connection.execute("CREATE TABLE u (id int)")
        """,
    )

    await app.migrate()

    assert await app.database.tables() == {"u"}


async def test_a_python_down_needs_its_file(app: App) -> None:
    add(app, "0001_t", TABLE)
    app.add(_0002_u="-- UP\nSELECT 1;\n-- DOWN\nSELECT 1;")
    await app.migrate()
    app.files.remove("0001_t.py")

    with pytest.raises(NotReversible, match="0001"):
        await app.rollback(target="0")

    assert await app.database.tables() == {"t"}


async def test_an_edit_of_comments_is_cosmetic_and_of_code_is_not(app: App) -> None:
    add(app, "0001_t", TABLE)
    await app.migrate()

    add(app, "0001_t", TABLE.replace("    async def up", "    # why\n    async def up"))
    cosmetic = await app.migrate()
    add(app, "0001_t", TABLE.replace("id int", "id bigint"))

    assert "comments or white space only" in cosmetic.warnings[0]
    with pytest.raises(ConflictsFound, match="was edited after it was applied"):
        await app.migrate()


async def test_one_that_asks_for_no_transaction_commits_by_itself(app: App) -> None:
    add(
        app,
        "0001_t",
        """\
        transaction = False

        async def up(connection):
            assert not connection.is_in_transaction()
            await connection.execute("CREATE TABLE t (id int)")
            await connection.execute("CREATE INDEX CONCURRENTLY i ON t (id)")
        """,
    )

    assert versions(await app.migrate()) == ["+0001"]
    assert (await app.status()).healthy
