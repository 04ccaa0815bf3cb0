"""What cannot be taken over as it stands: why, where, and what to do about it."""

import pytest

import asyncmigrate
from asyncmigrate.errors import (
    ConflictsFound,
    DatabaseUnusable,
    InvalidUsage,
    PrivilegeMissing,
)
from tests.adopt.conftest import Switch, SwitchFrom
from tests.adopt.test_in_place import BY_NAME
from tests.adopt.tools import RAILS, crc
from tests.kit.databases import Database


async def conflicts(switch: Switch, **options: object) -> list[tuple[str, str, str]]:
    """Kind, what is said, and the remedy, of everything that is told at once."""
    with pytest.raises(ConflictsFound) as caught:
        await switch.adopt(**options)
    assert await switch.database.history() == []
    assert all(each.hint for each in caught.value.conflicts)
    return [
        (each.kind, each.message, each.hint or "") for each in caught.value.conflicts
    ]


UNFINISHED = """
UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '0_init'
"""
A_VIEW = """
ALTER TABLE goose_db_version RENAME TO old;
CREATE VIEW goose_db_version AS SELECT * FROM old
"""


@pytest.mark.parametrize(
    ("name", "spoil", "says", "remedy"),
    [
        (
            "golang-migrate",
            "UPDATE schema_migrations SET dirty = true",
            "version 12 is dirty",
            "`migrate force VERSION`",
        ),
        (
            "flyway",
            "UPDATE flyway_schema_history SET success = false WHERE version = '1.2'",
            "migration 1.2 books failed",
            "`flyway repair`",
        ),
        (
            "sqlx",
            "UPDATE _sqlx_migrations SET success = false WHERE version = 2",
            "migration 2 books is dirty",
            "set the row's `success`",
        ),
        (
            "prisma",
            UNFINISHED,
            "migration 0_init failed",
            "`prisma migrate resolve --rolled-back 0_init`",
        ),
    ],
)
async def test_a_history_that_is_dirty_or_failed_names_the_tools_own_remedy(
    name: str, spoil: str, says: str, remedy: str, switch_from: SwitchFrom
) -> None:
    switch = await switch_from(BY_NAME[name])
    await switch.database.execute(spoil)

    found = await conflicts(switch, allow_out_of_order=True)

    ((_, message, hint),) = [each for each in found if each[0] == "half_done"]
    assert says in message
    assert switch.tool.table in message
    assert remedy in hint


@pytest.mark.parametrize("name", ["golang-migrate", "goose", "dbmate"])
async def test_an_empty_table_is_nothing_to_take_over(
    name: str, switch_from: SwitchFrom
) -> None:
    tool = BY_NAME[name]
    switch = await switch_from(tool)
    await switch.database.execute(f"TRUNCATE {tool.place}")

    found = await conflicts(switch)

    assert found == [
        (
            "empty",
            f"public.{tool.table}, of {tool.name}, says that nothing is applied",
            found[0][2],
        )
    ]
    assert "asyncmigrate migrate" in found[0][2]


@pytest.mark.parametrize("name", ["flyway", "sqlx", "prisma", "sqitch"])
async def test_files_that_are_not_what_was_applied_are_all_told_with_the_rest(
    name: str, switch_from: SwitchFrom
) -> None:
    switch = await switch_from(BY_NAME[name])
    first, second = switch.files()[:2]
    gone = switch.directory / second.file
    for each in (first, second):
        path = switch.directory / each.file
        path.write_bytes(path.read_bytes() + b"\n-- edited\n")
    if name != "sqitch":  # whose plan says that the file must be there
        gone.unlink()
        gone.parent.rmdir() if name == "prisma" else None

    found = await conflicts(switch)

    kinds = [kind for kind, *_ in found]
    assert kinds == (
        ["edited", "edited"] if name == "sqitch" else ["edited", "missing"]
    )
    assert first.key in found[0][1]
    assert second.key in found[1][1]


async def test_a_file_that_was_edited_is_named_and_so_is_a_remedy(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["flyway"])
    path = switch.directory / "V1__authors.sql"
    path.write_bytes(path.read_bytes() + b"-- edited\n")

    with pytest.raises(ConflictsFound) as caught:
        await switch.adopt()

    assert caught.value.exit_status == 4
    assert str(caught.value) == (
        "V1__authors.sql: this is not what flyway applied as 1 authors: its checksum is"
        " another one; nothing was changed\n\nhint: put the old text back, or have Flyway"
        " accept the new one first (`flyway repair`)"
    )


@pytest.mark.parametrize("name", ["flyway", "prisma"])
async def test_line_ends_are_no_edit_where_the_tool_does_not_mind(
    name: str, switch_from: SwitchFrom
) -> None:
    switch = await switch_from(BY_NAME[name])
    path = switch.directory / switch.files()[0].file
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    await switch.adopt()

    assert {each["origin"] for each in await switch.database.history()} == {"adopt"}


async def test_a_file_that_the_tool_passed_over_is_late(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    await switch.database.execute("DELETE FROM goose_db_version WHERE version_id = 2")

    found = await conflicts(switch)

    assert [(kind, message) for kind, message, _ in found] == [
        ("late", "goose has not applied it, but newer ones")
    ]
    await switch.adopt(allow_out_of_order=True)
    assert await switch.standing() == [
        "applied",
        "pending",
        "applied",
        "applied",
        "pending",
    ]


async def test_rows_without_a_file_are_passed_over_where_a_mark_says_what_counts(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    (switch.directory / "00002_books.sql").unlink()
    ((kind, message, hint),) = await conflicts(switch)
    assert (kind, message) == (
        "missing",
        "goose has applied 2, but there is no file for it",
    )
    assert "`--at V`" in hint

    report = await switch.adopt(at="11")

    assert report.warnings == (
        "goose has applied 2, for which there is no file: passed over",
    )
    assert await switch.standing() == ["applied", "applied", "applied", "pending"]
    assert (await switch.status()).problems == ()


async def test_a_mark_below_what_the_tool_has_applied_is_refused(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])

    found = await conflicts(switch, at="2")

    assert [kind for kind, *_ in found] == ["beyond", "beyond"]
    assert found[1][1] == "goose has applied 11, which is newer than 2"


async def test_what_the_tool_has_undone_since_is_told(switch_from: SwitchFrom) -> None:
    switch = await switch_from(BY_NAME["goose"])
    await switch.adopt()
    await switch.database.execute("DELETE FROM goose_db_version WHERE version_id = 11")

    with pytest.raises(ConflictsFound) as caught:
        await switch.adopt()

    (conflict,) = caught.value.conflicts
    assert conflict.kind == "undone"
    assert "repair --mark-pending 00011" in (conflict.hint or "")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            "ALTER TABLE goose_db_version ADD checksum text",
            "its column `checksum` is not known",
        ),
        ("ALTER TABLE goose_db_version DROP tstamp", "it has no column `tstamp`"),
        (
            "ALTER TABLE goose_db_version ALTER version_id TYPE text",
            "its column `version_id` is text",
        ),
        (A_VIEW, "it is a view"),
    ],
)
async def test_a_table_of_a_version_that_is_not_known_is_not_read(
    spoil: str, says: str, switch_from: SwitchFrom
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    await switch.database.execute(spoil)

    with pytest.raises(DatabaseUnusable) as caught:
        await switch.adopt()

    assert "public.goose_db_version is not a table of goose" in caught.value.message
    assert says in caught.value.message
    assert caught.value.exit_status == 5
    assert "current release of goose" in (caught.value.hint or "")


async def test_rows_that_row_security_hides_are_not_taken_for_all_rows(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["dbmate"])
    database = switch.database
    role = await database.role()
    await database.execute(
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{role}";'
        f'GRANT SELECT, UPDATE ON schema_migrations TO "{role}";'
        "ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY"
    )

    with pytest.raises(DatabaseUnusable, match="row security hides rows"):
        await switch.adopt(dsn=database.dsn_of(role))

    await switch.adopt()  # its owner sees everything
    assert len(await database.history()) == len(switch.files()) - 1


async def test_a_role_that_may_not_read_the_table_is_told_what_it_needs(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    role = await switch.database.role()

    with pytest.raises(PrivilegeMissing) as caught:
        await switch.adopt(dsn=switch.database.dsn_of(role))

    assert "GRANT SELECT ON public.goose_db_version" in (caught.value.hint or "")


async def test_several_histories_are_asked_about(switch_from: SwitchFrom) -> None:
    switch = await switch_from(BY_NAME["goose"])
    await switch.database.execute(
        "CREATE SCHEMA app; CREATE TABLE app.goose_db_version"
        " (LIKE public.goose_db_version INCLUDING ALL);"
        " INSERT INTO app.goose_db_version SELECT * FROM public.goose_db_version"
    )

    with pytest.raises(InvalidUsage) as caught:
        await switch.adopt()

    assert "goose's app.goose_db_version; goose's public.goose_db_version" in str(
        caught.value
    )
    assert "`--from goose:app.goose_db_version`" in (caught.value.hint or "")
    await switch.adopt(tool="goose:app.goose_db_version")
    assert "pending" in await switch.standing()


async def test_a_table_of_another_name_is_taken_over_when_it_is_named(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    await switch.database.execute(
        'ALTER TABLE goose_db_version RENAME TO "odd ""name"""'
    )
    with pytest.raises(InvalidUsage, match="there is no history of another tool"):
        await switch.adopt()

    await switch.adopt(tool='goose:"odd ""name"""')

    await switch.database.execute('INSERT INTO "odd ""name""" VALUES (99, 99, true)')
    (warning,) = (await switch.status()).warnings
    assert 'public."odd ""name""" has changed' in warning


async def test_rails_is_told_from_dbmate_by_its_other_table(database: Database) -> None:
    await database.execute(RAILS)
    await database.execute("INSERT INTO schema_migrations VALUES ('20240101')")
    database.files.add("20240101_a.sql", "SELECT 1;")

    with pytest.raises(InvalidUsage) as caught:
        await asyncmigrate.adopt(database.dsn, str(database.files))

    assert "rails stands at 20240101" in (caught.value.hint or "")


async def test_files_of_another_layout_are_asked_about(database: Database) -> None:
    await database.execute(
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT"
        " NULL); INSERT INTO schema_migrations VALUES (1, false)"
    )
    database.files.add("1_a.up.sql", "SELECT 1;")

    with pytest.raises(InvalidUsage) as caught:
        await asyncmigrate.adopt(database.dsn, str(database.files))

    assert "the files are read as `native`" in caught.value.message
    assert "`--format golang-migrate`" in (caught.value.hint or "")
    assert "`--at V`" in (caught.value.hint or "")


async def test_a_tool_that_is_not_known_is_answered_with_those_that_are(
    database: Database,
) -> None:
    database.files.add("0001_a.sql", "SELECT 1;")

    with pytest.raises(InvalidUsage, match="there is no tool `liquibase`") as caught:
        await asyncmigrate.adopt(database.dsn, str(database.files), tool="liquibase")

    assert "golang-migrate, goose, dbmate, flyway" in (caught.value.hint or "")


async def test_a_table_of_ours_is_nobody_elses(database: Database) -> None:
    database.files.add("0001_a.sql", "SELECT 1;")
    await asyncmigrate.migrate(database.dsn, str(database.files))

    with pytest.raises(InvalidUsage, match="there is no history of another tool"):
        await asyncmigrate.adopt(database.dsn, str(database.files))


async def test_flyways_repeatables_are_taken_over_while_they_are_as_they_were(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["flyway"])
    insert = (
        "INSERT INTO flyway_schema_history SELECT max(installed_rank) + 1, NULL,"
        " 'book list', 'SQL', 'R__book_list.sql', $1, 'ada', now(), 1, true"
        " FROM flyway_schema_history"
    )
    content = (switch.directory / "R__book_list.sql").read_bytes()
    await switch.database.execute(insert, crc(content) + 1)
    report = await switch.adopt(dry_run=True)
    changed = "R__book_list.sql has changed since flyway applied it: it is pending"
    assert changed in report.warnings

    await switch.database.execute(insert, crc(content))
    await switch.adopt()

    rows = await switch.database.history()
    assert rows[-1]["version"] == "R__book_list.sql"
    assert rows[-1]["kind"] == "repeatable"
