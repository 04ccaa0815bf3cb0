"""The directories of other tools, applied for real, rolled back, and applied again."""

import pytest

import asyncmigrate
from asyncmigrate._layouts import Layout
from asyncmigrate.errors import MigrationFailed
from tests.kit.databases import Database
from tests.layouts.formats import FOREIGN, fixture_of

every_layout = pytest.mark.parametrize("layout", FOREIGN, ids=lambda it: it.name)


@pytest.fixture(autouse=True)
def placeholders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FP__author", "Snorri")
    monkeypatch.setenv("AUTHOR", "Snorri")


def options(layout: Layout, database: Database) -> dict[str, object]:
    return {
        "dsn": database.dsn,
        "directory": str(fixture_of(layout)),
        "format": layout.name,
        "placeholders": {"DATABASE_NAME": database.name},
    }


@every_layout
async def test_a_directory_is_applied_once_and_is_then_current(
    layout: Layout, database: Database
) -> None:
    given = options(layout, database)

    report = await asyncmigrate.migrate(**given)  # type: ignore[arg-type]  # as the settings are

    rows = await database.history()
    assert {row["state"] for row in rows} == {"applied"}
    assert len(report) == len(rows) >= 4
    again = await asyncmigrate.migrate(**given)  # type: ignore[arg-type]  # as above
    assert list(again) == []
    assert (await asyncmigrate.status(**given)).healthy  # type: ignore[arg-type]  # as above
    indexes = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert await database.fetchval(indexes) == 0


@every_layout
async def test_what_has_a_down_is_rolled_back_and_applied_again(
    layout: Layout, database: Database
) -> None:
    given = options(layout, database)
    await asyncmigrate.migrate(**given)  # type: ignore[arg-type]  # as above
    before = await database.tables()
    newest = await undoable(database)

    if newest:
        await asyncmigrate.rollback(**given, steps=newest)  # type: ignore[arg-type]  # as above
    await asyncmigrate.migrate(**given)  # type: ignore[arg-type]  # as above

    assert await database.tables() == before
    assert (await asyncmigrate.status(**given)).healthy  # type: ignore[arg-type]  # as above


async def undoable(database: Database) -> int:
    """How many of the newest migrations have a DOWN."""
    rows = [row for row in await database.history() if row["kind"] == "versioned"]
    count = 0
    for row in reversed(rows):
        if row["down_checksum"] is None:
            break
        count += 1
    return count


async def test_an_empty_file_is_applied_with_a_warning(database: Database) -> None:
    (layout,) = (it for it in FOREIGN if it.name == "golang-migrate")

    report = await asyncmigrate.migrate(**options(layout, database))  # type: ignore[arg-type]  # as above

    assert report.warnings == (
        "12_nothing.up.sql has no statement; it is applied all the same",
    )


async def test_a_migration_with_two_transactions_keeps_the_first_when_the_second_fails(
    database: Database,
) -> None:
    database.files.add(
        "1_a.up.sql",
        "BEGIN;\nCREATE TABLE a ();\nCOMMIT;\nBEGIN;\nSELECT 1/0;\nCOMMIT;",
    )
    path = str(database.files)

    with pytest.raises(MigrationFailed) as caught:
        await asyncmigrate.migrate(database.dsn, path, format="golang-migrate")

    assert caught.value.line == 5
    assert await database.tables() == {"a"}
