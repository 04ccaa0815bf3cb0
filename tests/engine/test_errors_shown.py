import pytest

from asyncmigrate.errors import (
    BlockLimitReached,
    ConflictsFound,
    MigrationFailed,
    TransactionEscaped,
)
from asyncmigrate.results import Outcome
from tests.kit.app import App, versions
from tests.kit.invariants import invariant


async def failure(app: App, **options: object) -> MigrationFailed:
    with pytest.raises(MigrationFailed) as caught:
        await app.migrate(**options)
    assert not isinstance(caught.value, BlockLimitReached)
    return caught.value


async def test_a_failing_statement_is_shown_with_everything_that_helps(
    app: App,
) -> None:
    app.add(
        _0001_a="CREATE TABLE a (id int PRIMARY KEY);",
        _0002_b="-- what and why\n-- UP\nINSERT INTO a VALUES (1);\n\n"
        "INSERT INTO a\nVALUES (1);\n-- DOWN\nSELECT 1;",
    )

    error = await failure(app)

    assert error.place == "0002_b.sql:5:1"
    assert error.statement == "INSERT INTO a\nVALUES (1)"
    assert error.sqlstate == "23505"
    assert error.detail == "Key (id)=(1) already exists."
    assert error.message == (
        'duplicate key value violates unique constraint "a_pkey" (SQLSTATE 23505);'
        " migration 0002 failed: the migration was rolled back;"
        " 1 migration of this run stands"
    )
    assert str(error).startswith("0002_b.sql:5:1: duplicate key")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
async def test_the_place_is_right_whatever_ends_a_line(
    app: App, end: str, mark: str
) -> None:
    lines = ["-- ä 表", "-- UP", "SELECT 'ü',", "  '表', nothing;", "SELECT 2;"]
    app.add(_0001_a=mark + end.join(lines))

    error = await failure(app)

    assert error.place == "0001_a.sql:4:8"
    assert error.sqlstate == "42703"


async def test_a_syntax_error_is_placed_at_its_token(app: App) -> None:
    app.add(_0001_a="CREATE TABLE a (id int);\n\n  SELEC 1;\n")

    error = await failure(app)

    assert error.place == "0001_a.sql:3:3"
    assert error.statement == "SELEC 1"
    assert error.position == 0


async def test_the_servers_hint_is_passed_on(app: App) -> None:
    app.add(_0001_a="CREATE TABLE a (name text);\nSELECT nam FROM a;")

    error = await failure(app)

    assert error.hint is not None
    assert 'reference the column "a.name"' in error.hint


async def test_an_error_inside_a_function_is_placed_at_the_call(app: App) -> None:
    app.add(
        _0001_a="CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\n"
        "BEGIN\n  RETURN 1 / 0;\nEND $$;",
        _0002_b="SELECT 1;\nSELECT f();\n",
    )

    error = await failure(app)

    assert error.place == "0002_b.sql:2:1"
    assert error.statement == "SELECT f()"
    assert "PL/pgSQL function f() line 3" in (error.detail or "")


async def test_a_statement_that_fails_without_a_position_is_found_by_a_second_try(
    app: App,
) -> None:
    app.add(
        _0001_a="CREATE TABLE a (id int CHECK (id > 0));\n"
        "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (-1);\n"
        "INSERT INTO a VALUES (2);"
    )

    error = await failure(app)

    assert error.place == "0001_a.sql:3:1"
    assert error.statement == "INSERT INTO a VALUES (-1)"
    assert await app.database.tables() == set()


@invariant("I2")
async def test_a_deferred_constraint_fails_the_migration_and_not_the_commit(
    app: App,
) -> None:
    app.add(
        _0001_a="CREATE TABLE a (id int PRIMARY KEY,"
        " b int REFERENCES a DEFERRABLE INITIALLY DEFERRED);",
        _0002_b="INSERT INTO a VALUES (1, 2);",
    )

    error = await failure(app)

    assert error.sqlstate == "23503"
    assert error.file == "0002_b.sql"
    assert "rolled back" in error.message
    assert await app.standing() == {"0001": "applied", "0002": "pending"}


async def test_a_deferred_constraint_that_holds_at_the_end_is_fine(app: App) -> None:
    app.add(
        _0001_a="CREATE TABLE a (id int PRIMARY KEY,"
        " b int REFERENCES a DEFERRABLE INITIALLY DEFERRED);"
        "INSERT INTO a VALUES (1, 2); INSERT INTO a VALUES (2, 1);"
    )

    assert versions(await app.migrate()) == ["+0001"]


async def test_an_error_in_copy_data_names_its_line_of_the_data(app: App) -> None:
    app.add(
        _0001_a="CREATE TABLE a (id int);\nCOPY a FROM stdin;\n1\nx\n\\.\nSELECT 1;\n"
    )

    error = await failure(app)

    assert error.place == "0001_a.sql:2:1"
    assert 'COPY a, line 2, column id: "x"' in (error.detail or "")
    assert (error.statement or "").startswith("COPY a FROM stdin")


async def test_the_down_of_a_pair_is_placed_in_its_own_file(app: App) -> None:
    app.files.add("0001_a.up.sql", "SELECT 1;")
    app.files.add("0001_a.down.sql", "\n\nDROP TABLE nothing;")
    await app.migrate()

    with pytest.raises(MigrationFailed) as caught:
        await app.rollback()

    assert caught.value.file == "0001_a.down.sql"
    assert caught.value.line == 3


async def test_a_new_enum_value_used_at_once_gets_the_remedy(app: App) -> None:
    app.add(
        _0001_a="CREATE TYPE e AS ENUM ('a');",
        _0002_b="ALTER TYPE e ADD VALUE 'b';\nSELECT 'b'::e;",
    )

    error = await failure(app)

    assert error.sqlstate == "55P04"
    assert "into the next migration" in (error.hint or "")


async def test_a_new_enum_value_in_a_single_transaction_gets_another_remedy(
    app: App,
) -> None:
    app.add(_0001_a="CREATE TYPE e AS ENUM ('a');")
    await app.migrate()
    app.add(_0002_b="ALTER TYPE e ADD VALUE 'b';", _0003_c="SELECT 'b'::e;")

    error = await failure(app, single_transaction=True)

    assert error.place == "0003_c.sql:1:8"
    assert "leave `--single-transaction` out" in (error.hint or "")
    assert versions(await app.migrate()) == ["+0002", "+0003"]


async def test_the_whole_of_a_single_transaction_is_undone_and_the_rest_skipped(
    app: App,
) -> None:
    app.add(
        _0001_a="CREATE TABLE a (id int CHECK (id > 0));",
        _0002_b="SELECT 1;\nINSERT INTO a VALUES (-1);",
        _0003_c="SELECT 1;",
    )

    error = await failure(app, single_transaction=True)

    assert "the single transaction was rolled back" in error.message
    assert "no migration of this run stands" in error.message
    assert error.place == "0002_b.sql:2:1"
    assert [(r.version, r.status) for r in error.results] == [
        ("0001", Outcome.SKIPPED),
        ("0002", Outcome.FAILED),
    ]
    assert await app.database.tables() == set()
    assert await app.standing() == dict.fromkeys(["0001", "0002", "0003"], "pending")


async def test_a_single_transaction_applies_and_undoes_all(app: App) -> None:
    app.add(
        _0001_a="-- UP\nCREATE TABLE a (id int);\n-- DOWN\nDROP TABLE a;",
        _0002_b="-- UP\nCOPY a FROM stdin;\n1\n\\.\n-- DOWN\nDELETE FROM a;",
    )
    app.files.add(
        "0003_c.py",
        "async def up(connection):\n    await connection.execute('SELECT 1')\n"
        "async def down(connection):\n    ...\n",
    )

    up = await app.migrate(single_transaction=True)
    down = await app.rollback(target="0", single_transaction=True)

    assert versions(up) == ["+0001", "+0002", "+0003"]
    assert versions(down) == ["-0003", "-0002", "-0001"]


async def test_a_script_that_escapes_a_single_transaction_is_not_said_to_be_undone(
    app: App,
) -> None:
    app.add(_0001_a="CREATE TABLE a (id int);")
    app.files.add(
        "0002_b.py",
        "async def up(connection):\n    await connection.execute('COMMIT')\n",
    )

    with pytest.raises(TransactionEscaped) as caught:
        await app.migrate(single_transaction=True)

    assert [(r.version, r.status) for r in caught.value.results] == [
        ("0001", Outcome.APPLIED),
        ("0002", Outcome.FAILED),
    ]
    assert await app.standing() == {"0001": "applied", "0002": "failed"}


async def test_what_cannot_share_a_transaction_is_refused_before_it_runs(
    app: App,
) -> None:
    app.add(
        _0001_a="CREATE TABLE a (id int);",
        _0002_b="CREATE INDEX CONCURRENTLY i ON a (id);",
        _0003_c="BEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT 1;\nCOMMIT;",
    )

    with pytest.raises(ConflictsFound) as caught:
        await app.migrate(single_transaction=True)

    assert [each.version for each in caught.value.conflicts] == ["0002", "0003"]
    assert await app.database.tables() == set()


async def test_a_role_that_is_not_there_is_told_as_the_migrations_error(
    app: App,
) -> None:
    app.add(_0001_a="-- asyncmigrate: role=nobody_here\nSELECT 1;")

    error = await failure(app)

    assert 'role "nobody_here" does not exist' in error.message
    assert error.file == "0001_a.sql"
