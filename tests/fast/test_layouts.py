"""One directory, several layouts: only the keys of the one that is recognised count."""

import shutil
from pathlib import Path

import pytest

from asyncmigrate import migrate
from asyncmigrate._database.settled import digests_of
from asyncmigrate._digests import PlainDirectory
from asyncmigrate._layouts import LAYOUTS, Layout, read_directory
from asyncmigrate._migration import Kind
from asyncmigrate.errors import MigrationError
from tests.fast.test_fast_look import fast_says
from tests.kit.databases import Database
from tests.layouts.formats import fixture_of

MADE = "CREATE TABLE a (id int);\n"
PAIR = {"1_a.up.sql": MADE, "1_a.down.sql": "DROP TABLE a;\n"}
DBMATE = {"20240101000000_a.sql": f"-- migrate:up\n{MADE}"}
GOOSE = {"00001_a.sql": f"-- +goose Up\n{MADE}"}

RECOGNISED = {
    "native": {"repeatable/Views.sql": "SELECT 1;", **PAIR},
    "dbmate": DBMATE,
    "goose": GOOSE,
    "sql-migrate": {"1-a.sql": f"-- +migrate Up\n{MADE}", "b.sql": "-- +migrate Up\n"},
    "flyway": {"V1__a.sql": MADE, "R__b.sql": "SELECT 1;", "sub/V1_2__c.sql": "SELECT 2;"},
    "prisma": {"20240101_a/migration.sql": MADE},
    "diesel": {"2024-01-01-000000_a/up.sql": MADE},
}  # fmt: skip


def lay(database: Database, files: dict[str, str]) -> None:
    for file, text in files.items():
        database.files.add(file, text)


@pytest.mark.parametrize("layout", RECOGNISED)
async def test_a_start_in_the_layout_that_is_recognised_has_the_look(
    layout: str, database: Database
) -> None:
    lay(database, RECOGNISED[layout])
    source = read_directory([str(database.files.path)])
    await migrate(database.dsn, database.files.path)

    assert source.layout == layout
    assert await fast_says(database)


@pytest.mark.parametrize(
    ("format", "texts"),
    [
        ("golang-migrate", PAIR),
        ("golang-migrate-names", PAIR),
        ("sqlx", PAIR),
        ("sqlx", {"1_a.sql": MADE}),
        ("flyway", {"1__a.sql": MADE}),
        ("supabase", {"1_a.sql": MADE}),
        ("native", DBMATE),
        ("native", GOOSE),
    ],
)
async def test_rows_of_another_layout_are_left_to_the_planner(
    format: str,  # noqa: A002 - the setting's name
    texts: dict[str, str],
    database: Database,
) -> None:
    lay(database, texts)
    await migrate(database.dsn, database.files.path, format=format)
    assert not (await migrate(database.dsn, database.files.path, format=format)).results

    assert not await fast_says(database)
    with pytest.raises(MigrationError):
        await migrate(database.dsn, database.files.path)


# Ours has no directory there, and sqitch's files are none without its plan.
OTHERS = [layout for layout in LAYOUTS if layout.name not in {"native", "sqitch"}]


@pytest.mark.parametrize("layout", OTHERS, ids=lambda layout: layout.name)
def test_a_key_of_every_layout_begins_as_it_is_told_of_its_directory(
    layout: Layout, tmp_path: Path
) -> None:
    folder = tmp_path / "supabase" / "migrations"
    if layout.name != "supabase":
        folder = tmp_path / "migrations"
    shutil.copytree(fixture_of(layout), folder)
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".sql":
            path.unlink()

    plain = PlainDirectory(str(folder))
    source = read_directory([str(folder)])

    versioned = [file.key for file in source.files if file.kind is Kind.VERSIONED]
    assert versioned
    for key in versioned:
        begins = key[: key.find(":") + 1]
        assert begins in plain.keys, source.layout
    assert plain.is_plain


@pytest.mark.parametrize(
    "files",
    [{**DBMATE, **GOOSE}, {"supabase/migrations/0002_b.sql": "-- migrate:up\n"}],
    ids=["by their texts", "by the directory"],
)
def test_what_two_tools_may_claim_has_no_look(
    files: dict[str, str], tmp_path: Path
) -> None:
    for file, text in files.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder = next(tmp_path.rglob("*.sql")).parent

    assert not PlainDirectory(str(folder)).is_plain
    assert read_directory([str(folder)]).problems


def test_a_folder_whose_name_no_layout_takes_has_no_look(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text(MADE)
    odd = tmp_path / "x\udcff"
    odd.mkdir()
    (odd / "README.md").write_text("nothing")

    assert not PlainDirectory(str(tmp_path)).is_plain
    assert read_directory([str(tmp_path)]).problems


def test_a_row_with_the_key_of_another_layout_is_like_no_file() -> None:
    rows = [("1_a.up.sql", "digest", "n:")]

    assert digests_of(rows, ["n:"]) == {"1_a.up.sql": "digest"}
    assert digests_of(rows, [""]) == {"1_a.up.sql": None}
