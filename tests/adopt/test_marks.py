"""Tools whose files are not read in place: up to a version of ours, on trust."""

import pytest

import asyncmigrate
from asyncmigrate.errors import ConflictsFound, InvalidUsage, UnknownVersion
from asyncmigrate.results import AdoptionReport
from tests.adopt.tools import ALEMBIC, RAILS, TERN, YOYO
from tests.kit.databases import Database

TABLES = {
    "alembic": (ALEMBIC, "INSERT INTO alembic_version VALUES ('ae1027a6acf')"),
    "rails": (RAILS, "INSERT INTO schema_migrations VALUES ('20240102'), ('20240101')"),
    "tern": (TERN, "INSERT INTO schema_version VALUES (2)"),
    "yoyo": (
        YOYO,
        "INSERT INTO _yoyo_migration VALUES ('1', '0001.a', now()), ('2', '0002.b', now())",
    ),
}
HEADS = {
    "alembic": "ae1027a6acf",
    "rails": "20240102",
    "tern": "2",
    "yoyo": "0002.b",
}

every_tool = pytest.mark.parametrize("tool", TABLES)


@pytest.fixture
async def three(database: Database) -> Database:
    for number, name in enumerate("abc", 1):
        database.files.add(
            f"000{number}_{name}.sql",
            f"-- UP\nCREATE TABLE {name} ();\n-- DOWN\nDROP TABLE {name};",
        )
    return database


async def adopt(database: Database, **options: object) -> AdoptionReport:
    return await asyncmigrate.adopt(database.dsn, str(database.files), **options)  # type: ignore[arg-type]  # as the settings are


@every_tool
async def test_files_up_to_a_version_count_as_applied_on_trust(
    tool: str, three: Database
) -> None:
    for sql in TABLES[tool]:
        await three.execute(sql)
    await three.execute("CREATE TABLE a (); CREATE TABLE b ()")

    with pytest.raises(InvalidUsage) as asked:
        await adopt(three)
    await adopt(three, at="2")

    assert f"{tool} stands at {HEADS[tool]}" in (asked.value.hint or "")
    rows = await three.history()
    assert [(row["version"], row["origin"], row["applied_at"]) for row in rows] == [
        ("0001", "adopt", None),
        ("0002", "adopt", None),
    ]
    await asyncmigrate.migrate(three.dsn, str(three.files))
    status = await asyncmigrate.status(three.dsn, str(three.files))
    assert status.healthy
    assert status.warnings == ()
    await asyncmigrate.rollback(three.dsn, str(three.files), steps=2)
    assert {"b", "c"}.isdisjoint(await three.tables())


@every_tool
async def test_the_head_is_checked_where_it_is_named(
    tool: str, three: Database
) -> None:
    for sql in TABLES[tool]:
        await three.execute(sql)

    with pytest.raises(ConflictsFound) as caught:
        await adopt(three, at="2=1")
    shown = await adopt(three, at=f"2={HEADS[tool]}", dry_run=True)

    assert f"{tool} stands at {HEADS[tool]}, not at 1" in caught.value.message
    assert len(shown.mapping) == 2


async def test_several_heads_of_alembic_are_refused(three: Database) -> None:
    await three.execute(ALEMBIC)
    await three.execute("INSERT INTO alembic_version VALUES ('a'), ('b')")

    with pytest.raises(ConflictsFound, match="several heads, a and b") as caught:
        await adopt(three, at="2")

    assert "alembic merge heads" in (caught.value.hint or "")


async def test_a_head_that_moves_on_is_noticed(three: Database) -> None:
    for sql in TABLES["alembic"]:
        await three.execute(sql)
    await adopt(three, at="2")
    await three.execute("UPDATE alembic_version SET version_num = 'other'")

    status = await asyncmigrate.status(three.dsn, str(three.files))

    assert "1 row then, 1 now" in status.warnings[0]
    await adopt(three, at="3=other")
    status = await asyncmigrate.status(three.dsn, str(three.files))
    assert status.healthy
    assert status.warnings == ()


@pytest.mark.parametrize("at", ["9", "2=", "=2", ""])
async def test_a_mark_that_is_no_version_is_refused(at: str, three: Database) -> None:
    for sql in TABLES["tern"]:
        await three.execute(sql)

    with pytest.raises((UnknownVersion, InvalidUsage)):
        await adopt(three, at=at)


async def test_a_tern_that_stands_at_zero_has_applied_nothing(three: Database) -> None:
    await three.execute(TERN)
    await three.execute("INSERT INTO schema_version VALUES (0)")

    with pytest.raises(ConflictsFound, match="says that nothing is applied"):
        await adopt(three, at="1")
