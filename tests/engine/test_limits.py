"""How long a migration waits for others, and others for a migration."""

import asyncio

import pytest

from asyncmigrate.errors import (
    ConflictsFound,
    MigrationFailed,
    TableLockNotAcquired,
)
from asyncmigrate.events import MigrationRetried
from tests.kit.app import App, versions
from tests.kit.invariants import invariant

USERS = "CREATE TABLE users (id int, email text);"


@invariant("I13")
async def test_a_lock_that_is_not_free_is_given_up_with_its_holder_named(
    app: App,
) -> None:
    app.add(_0001_users=USERS)
    await app.migrate()
    app.add(_0002_add="ALTER TABLE users ADD COLUMN a int;")
    reader = await app.database.connect(
        server_settings={"application_name": "long report"}
    )
    await reader.execute("BEGIN; SELECT * FROM users")

    with pytest.raises(TableLockNotAcquired) as caught:
        await app.migrate(lock_timeout="700ms", lock_retries=2)

    assert "long report" in str(caught.value)
    assert caught.value.line == 1
    assert len(app.told(MigrationRetried)) == 1
    assert await app.standing() == {"0001": "applied", "0002": "pending"}


@invariant("I13")
async def test_a_lock_that_becomes_free_is_had_in_a_later_try(app: App) -> None:
    app.add(_0001_users=USERS)
    await app.migrate()
    app.add(_0002_add="ALTER TABLE users ADD COLUMN a int;")
    reader = await app.database.connect()
    await reader.execute("BEGIN; SELECT * FROM users")
    task = asyncio.ensure_future(app.migrate(lock_timeout="200ms"))
    while not app.told(MigrationRetried):  # noqa: ASYNC110 - asked of the server
        await asyncio.sleep(0.02)
    await reader.execute("COMMIT")

    report = await task

    assert versions(report) == ["+0002"]
    assert report[0].attempts > 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("CREATE TABLE t ();\nCOMMIT;\nSELECT 1;", 2),
        ("SELECT 1;\n\\i other.sql\n", 2),
        ("BEGIN;\nSELECT 1;\nROLLBACK;", 1),
        ("SELECT 1;\nPREPARE TRANSACTION 'x';", 2),
        ("DISCARD ALL;", 1),
    ],
)
async def test_what_would_end_the_transaction_is_refused_before_anything_runs(
    app: App, text: str, line: int
) -> None:
    app.add(_0001_first="CREATE TABLE first ();", _0002_odd=text)

    with pytest.raises(ConflictsFound) as caught:
        await app.migrate()

    assert caught.value.conflicts[0].line == line
    assert await app.database.tables() == set()


@pytest.mark.parametrize("bad", [False, True])
async def test_a_single_transaction_is_all_or_nothing(app: App, *, bad: bool) -> None:
    app.add(_0001_a="CREATE TABLE a ();", _0002_b="CREATE TABLE b ();")
    if bad:
        app.add(_0003_c="CREATE TABLE nonsense (;")
        with pytest.raises(MigrationFailed) as caught:
            await app.migrate(single_transaction=True)
        assert [str(r.status) for r in caught.value.results] == [
            "skipped",
            "skipped",
            "failed",
        ]
        assert await app.database.tables() == set()
    else:
        report = await app.migrate(single_transaction=True)
        assert versions(report) == ["+0001", "+0002"]


async def test_a_single_transaction_names_the_file_that_cannot_be_in_one(
    app: App,
) -> None:
    app.add(_0001_a="CREATE TABLE a ();", _0002_v="VACUUM;")

    with pytest.raises(ConflictsFound, match="single-transaction") as caught:
        await app.migrate(single_transaction=True)

    assert caught.value.file == "0002_v.sql"
    assert await app.database.tables() == set()
