"""What a script leaves in its session: nothing of it reaches the next migration."""

import pytest

from asyncmigrate.errors import MigrationFailed
from asyncmigrate.events import LockWaiting
from tests.kit.app import App, versions
from tests.kit.invariants import invariant

pytestmark = invariant("I10")

# Each of these is an error when what the first script left is still there.
LEFT_BEHIND = {
    "search_path": (
        "SELECT pg_catalog.set_config('search_path', '', false);",
        "CREATE TABLE t (id int);",
    ),
    "settings": (
        (
            "SET work_mem = '1MB'; SET lock_timeout = 0; SET statement_timeout = '1min';"
            " SET default_transaction_isolation = serializable; SET row_security = off;"
        ),
        (
            "DO $$ BEGIN"
            " ASSERT current_setting('work_mem') <> '1MB', 'work_mem';"
            " ASSERT current_setting('lock_timeout') = '5s', 'lock_timeout';"
            " ASSERT current_setting('statement_timeout') = '0', 'statement_timeout';"
            " ASSERT current_setting('transaction_isolation') = 'read committed', 'level';"
            " ASSERT current_setting('row_security') = 'on', 'row_security';"
            " END $$;"
        ),
    ),
    "settings of its own": (
        "SET my.flag = 'on';",
        (
            "DO $$ BEGIN ASSERT coalesce(current_setting('my.flag', true), '') = '';"
            " END $$;"
        ),
    ),
    "temporary tables": (
        "CREATE TEMP TABLE x (id int);",
        "CREATE TEMP TABLE x (id text);",
    ),
    "a temporary table in the way": (
        (
            "CREATE TEMP TABLE schema_migrations (id int);"
            "CREATE TEMP TABLE pg_class (oid int);"
        ),
        "SELECT 1;",
    ),
    "prepared statements": ("PREPARE p AS SELECT 1;", "PREPARE p AS SELECT 2;"),
    "cursors": (
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1;",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 2;",
    ),
    "listening": (
        "LISTEN news;",
        "DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM pg_listening_channels()); END $$;",
    ),
    "sequences": (
        "CREATE SEQUENCE s; SELECT nextval('s');",
        (
            "DO $$ BEGIN PERFORM lastval(); RAISE 'lastval is known';"
            " EXCEPTION WHEN object_not_in_prerequisite_state THEN END $$;"
        ),
    ),
    "constraints": (
        "SET CONSTRAINTS ALL DEFERRED;",
        "SELECT 1;",
    ),
    "a client encoding": (
        "SET client_encoding = 'LATIN1';",
        "DO $$ BEGIN ASSERT length('ä€') = 2; END $$;",
    ),
    "a replication role": (
        "SET session_replication_role = replica;",
        (
            "DO $$ BEGIN ASSERT current_setting('session_replication_role') = 'origin';"
            " END $$;"
        ),
    ),
    "read only from now on": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;",
        "CREATE TABLE t (id int);",
    ),
}


@pytest.mark.parametrize("left", LEFT_BEHIND)
@pytest.mark.parametrize("together", [False, True])
async def test_nothing_that_a_script_leaves_reaches_the_next(
    app: App, left: str, *, together: bool
) -> None:
    first, second = LEFT_BEHIND[left]
    app.add(_0001_a=first, _0002_b=second)

    report = await app.migrate(single_transaction=together)

    assert versions(report) == ["+0001", "+0002"]


@pytest.mark.parametrize(
    "leave", ["SET ROLE {role};", "SET SESSION AUTHORIZATION {role};"]
)
async def test_a_role_that_is_left_on_records_and_migrates_nothing(
    app: App, leave: str
) -> None:
    role = await app.database.role()
    app.add(
        _0001_a=leave.format(role=f'"{role}"'),
        _0002_b="CREATE TABLE t AS SELECT current_user AS me;",
    )

    await app.migrate()

    assert await app.database.fetchval("SELECT me FROM t") != role
    assert {row["applied_by"] for row in await app.database.history()} == {
        await app.database.fetchval("SELECT session_user")
    }


async def test_a_script_runs_under_the_role_of_its_directive_or_of_the_setting(
    app: App,
) -> None:
    mine, theirs = await app.database.role(), await app.database.role()
    await app.database.execute(f'GRANT CREATE ON SCHEMA public TO "{mine}", "{theirs}"')
    app.add(
        _0001_a="CREATE TABLE a (id int);",
        _0002_b=f"-- asyncmigrate: role={theirs}\nCREATE TABLE b (id int);",
    )

    await app.migrate(role=mine)

    owners = "SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert {tuple(row) for row in await app.database.fetch(owners)} == {
        ("a", mine),
        ("b", theirs),
    }


async def test_a_read_only_transaction_is_told_and_leaves_nothing(app: App) -> None:
    app.add(_0001_a="SELECT 1;\nSET TRANSACTION READ ONLY;")

    with pytest.raises(MigrationFailed) as caught:
        await app.migrate()

    assert caught.value.sqlstate == "25006"
    assert "take READ ONLY out of the script" in (caught.value.hint or "")
    app.add(_0001_a="SELECT 1;")
    assert versions(await app.migrate()) == ["+0001"]


async def test_an_advisory_lock_that_a_script_keeps_is_given_back(app: App) -> None:
    app.add(
        _0001_a="SELECT pg_advisory_lock(42), pg_advisory_lock_shared(43);",
        _0002_b="DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_locks"
        " WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        " AND objid IN (42, 43)) = 0; END $$;",
    )

    assert versions(await app.migrate()) == ["+0001", "+0002"]


async def test_a_script_that_gives_the_runs_lock_away_is_rolled_back(
    app: App,
) -> None:
    app.add(_0001_a="CREATE TABLE a (id int);\nSELECT pg_advisory_unlock_all();")

    with pytest.raises(MigrationFailed, match="released the lock of the run") as caught:
        await app.migrate()

    assert caught.value.file == "0001_a.sql"
    assert await app.database.tables() == set()
    assert app.told(LockWaiting) == []


async def test_a_dump_runs_as_pg_dump_writes_it_and_the_next_file_does_not_notice(
    app: App,
) -> None:
    app.add(
        _0001_dump="""\
\\restrict abcDEF123

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;

CREATE TABLE public.t (id integer NOT NULL, name text);

COPY public.t (id, name) FROM stdin;
1\tone
2\ttwo
\\.

ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);

\\unrestrict abcDEF123
""",
        _0002_b="INSERT INTO t VALUES (3, 'three');",
    )

    await app.migrate()

    assert await app.database.fetchval("SELECT count(*) FROM t") == 3


async def test_settings_that_the_login_role_carries_do_not_limit_a_run(
    app: App,
) -> None:
    role = await app.database.role("LOGIN")
    await app.database.execute(
        f'GRANT CREATE ON DATABASE "{app.database.name}" TO "{role}"'
    )
    for setting in ("statement_timeout = '50ms'", "lock_timeout = '1ms'"):
        await app.database.execute(f'ALTER ROLE "{role}" SET {setting}')
    app.add(_0001_a="SELECT pg_sleep(0.2);")

    report = await app.migrate(dsn=app.database.dsn_of(role))

    assert versions(report) == ["+0001"]


@pytest.mark.parametrize(
    "script",
    [
        "SET client_encoding = 'LATIN1';\nCOPY t (name) FROM stdin;\nä€\n\\.\n",
        (
            "-- asyncmigrate: transaction=off\nSET NAMES 'LATIN1';\nVACUUM;\n"
            "INSERT INTO t VALUES ('ä€');"
        ),
    ],
)
async def test_a_files_text_arrives_as_it_is_whatever_encoding_it_sets(
    app: App, script: str
) -> None:
    app.add(_0001_t="CREATE TABLE t (name text);", _0002_rows=script)

    await app.migrate()

    assert await app.database.fetchval("SELECT name FROM t") == "ä€"
