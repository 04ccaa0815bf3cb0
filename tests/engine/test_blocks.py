"""Scripts whose own transactions count, run for real."""

import pytest

from asyncmigrate.errors import ConflictsFound, MigrationFailed
from tests.kit.app import App


def blocks(script: str) -> str:
    return f"-- asyncmigrate: blocks=on\n{script}"


async def test_each_of_the_scripts_own_transactions_stands_by_itself(app: App) -> None:
    app.add(
        _1=blocks("""
        BEGIN; CREATE TABLE a (id int); INSERT INTO a VALUES (1); COMMIT;
        BEGIN ISOLATION LEVEL SERIALIZABLE;
        CREATE TABLE b AS SELECT current_setting('transaction_isolation') AS level;
        COMMIT;
        CREATE TABLE c (id int); INSERT INTO c SELECT 1 / 0;""")
    )

    with pytest.raises(MigrationFailed) as caught:
        await app.migrate()

    assert await app.database.tables() == {"a", "b"}
    assert await app.database.fetchval("SELECT level FROM b") == "serializable"
    assert caught.value.line == 7
    assert caught.value.statement == "INSERT INTO c SELECT 1 / 0"
    (row,) = await app.database.history()
    assert (row["state"], row["statements_done"], row["statements_total"]) == (
        "failed",
        3,
        5,
    )


async def test_a_corrected_script_goes_on_with_the_transaction_that_failed(
    app: App,
) -> None:
    script = blocks("CREATE TABLE a (id int); COMMIT; CREATE TABLE b (); SELECT 1/%s;")
    app.add(_1=script % 0)
    with pytest.raises(MigrationFailed):
        await app.migrate()

    app.add(_1=script % 1)
    await app.migrate()

    assert await app.database.tables() == {"a", "b"}
    (row,) = await app.database.history()
    assert (row["state"], row["statements_done"]) == ("applied", 3)


async def test_copy_data_and_settings_reach_the_transactions_that_follow(
    app: App,
) -> None:
    app.add(
        _1=blocks(
            "CREATE SCHEMA s; SET search_path = s; COMMIT;\n"
            "CREATE TABLE a (id int);\nCOPY a FROM stdin;\n1\n2\n\\.\n"
            "SET lock_timeout = 0;\nCOMMIT;\nLOCK TABLE a;\nDELETE FROM a WHERE id = 1;"
        )
    )

    await app.migrate()

    assert await app.database.tables() == {"s.a"}
    assert await app.database.fetchval("SELECT array_agg(id) FROM s.a") == [2]


async def test_what_cannot_be_in_a_transaction_is_a_step_between_them(
    app: App,
) -> None:
    app.add(
        _1=blocks(
            "CREATE TABLE a (id int); CREATE INDEX CONCURRENTLY i ON a (id);"
            "INSERT INTO a VALUES (1);"
        )
    )

    await app.migrate()

    assert await app.database.fetchval("SELECT to_regclass('i') IS NOT NULL")


async def test_a_placeholders_value_is_run_and_neither_stored_nor_shown(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FP__password", "hunter2hunter2")
    app.add(
        _1="-- asyncmigrate: placeholders=flyway\n"
        "CREATE TABLE a AS SELECT '${password}' AS b;",
        _2="-- asyncmigrate: placeholders=flyway\nSELECT '${password}'::int;",
    )

    with pytest.raises(MigrationFailed) as caught:
        await app.migrate()

    assert await app.database.fetchval("SELECT b FROM a") == "hunter2hunter2"
    assert caught.value.statement == "SELECT '${password}'::int"
    assert "hunter2" not in str(caught.value)
    script = "SELECT string_agg(script, ' ') FROM asyncmigrate.migration_scripts"
    assert "hunter2" not in await app.database.fetchval(script)


async def test_a_stored_down_keeps_its_blocks_and_its_placeholders(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FP__name", "a")
    app.add(
        _1="-- asyncmigrate: blocks=on placeholders=flyway\n-- UP\n"
        "CREATE TABLE ${name} (id int);\n-- DOWN\n"
        "BEGIN; DELETE FROM ${name}; COMMIT; DROP TABLE ${name};"
    )
    await app.migrate()
    app.add(_2="SELECT 1;")
    (app.files.path / "1.sql").unlink()

    await app.rollback()

    assert await app.database.tables() == set()


async def test_a_placeholder_without_a_value_stops_the_run_before_it_begins(
    app: App,
) -> None:
    app.add(
        _1="CREATE TABLE a (id int);",
        _2="-- asyncmigrate: placeholders=flyway\nSELECT 1,\n  '${gone}';",
    )

    with pytest.raises(ConflictsFound) as caught:
        await app.migrate()

    assert (caught.value.file, caught.value.line, caught.value.column) == (
        "2.sql",
        3,
        4,
    )
    assert await app.database.tables() == set()
