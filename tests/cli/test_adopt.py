"""`adopt` as its user meets it: the table, the document, the exit statuses."""

import shutil

import pytest
from inline_snapshot import snapshot

from tests.adopt.tools import ALEMBIC, IN_PLACE
from tests.kit.commands import Cli
from tests.kit.databases import Database

(FLYWAY,) = (tool for tool in IN_PLACE if tool.name == "flyway")


@pytest.fixture
async def flyway(cli: Cli, database: Database) -> Cli:
    """The command where Flyway has applied all but the newest migration."""
    cli.environment["DATABASE_URL"] = database.dsn
    cli.environment["FP__author"] = "Snorri"
    shutil.rmtree(database.files.path)
    shutil.copytree(FLYWAY.directory, database.files.path)
    await FLYWAY.fill(await database.connect(), FLYWAY.files()[:-1])
    return cli


@pytest.fixture
async def alembic(cli: Cli, database: Database) -> Cli:
    """The command where Alembic has, and the files are our own."""
    cli.environment["DATABASE_URL"] = database.dsn
    await database.execute(ALEMBIC)
    await database.execute("INSERT INTO alembic_version VALUES ('ae1027a6acf')")
    for version in ("0001", "0002"):
        database.files.add(f"{version}_t.sql", f"CREATE TABLE t{version} ();")
    return cli


async def test_a_dry_run_shows_the_mapping(flyway: Cli) -> None:
    shown = await flyway("adopt", "--dry-run")

    assert shown.shown == snapshot("""\
exit 0
--- stdout
version         name     applied at (UTC)      took  by   taken over
1               authors  TIME  N ms  ada  by checksum
1.2             books    TIME  N ms  ada  by checksum
1.10            touch    TIME  N ms  ada  by checksum
13.1.0          index    TIME  N ms  ada  by checksum
13.2            title    TIME  N ms  ada  by checksum
20240318090000  seed_2   TIME  N ms  ada  by checksum

flyway's history in public.flyway_schema_history: 6 verified by checksum
--- stderr
warning: B1__all.sql is a baseline: passed over, since the versions that it stands for are there
dry run: 6 history entries would be written; nothing was changed\
""")


async def test_what_is_taken_over_is_told_and_kept_in_the_audit_trail(
    flyway: Cli,
) -> None:
    done = await flyway("adopt", "--quiet")
    again = await flyway("adopt")
    trail = await flyway("history", "--json")

    assert (done.exit_status, done.stdout) == (0, "")
    assert again.stdout.endswith("6 taken over already\nnothing to do\n")
    entries = trail.document["history"]
    assert [entry["what"] for entry in entries] == ["adopt"] * 7
    assert entries[0]["at"].startswith("2024-05-06T07:08:09")
    assert entries[-1]["detail"].startswith(
        "took over 6 migrations of flyway: 6 rows of public.flyway_schema_history,"
    )


async def test_the_document_has_the_mapping(flyway: Cli) -> None:
    done = await flyway("adopt", "--json")

    document = done.document
    assert (document["ok"], document["tool"], document["table"]) == (
        True,
        "flyway",
        "public.flyway_schema_history",
    )
    assert len(document["written"]) == len(document["mapping"]) == 6
    assert document["mapping"][1] == snapshot(
        {
            "version": "1.2",
            "name": "books",
            "file": "V1.2__books.sql",
            "old_key": "1.2",
            "applied_at": "2024-05-06T07:08:09.123456Z",
            "applied_by": "ada",
            "execution_time_ms": 42,
            "verified": True,
            "standing": False,
        }
    )
    assert document["results"] == []


async def test_everything_that_is_refused_is_told_at_once(
    flyway: Cli, database: Database
) -> None:
    database.files.add("V1__authors.sql", "SELECT 'edited';")
    database.files.remove("V1.2__books.sql")

    done = await flyway("adopt")

    assert done.shown == snapshot("""\
exit 4
--- stderr
error: 2 conflicts; nothing was changed

- V1__authors.sql: this is not what flyway applied as 1 authors: its checksum is another one
  hint: put the old text back, or have Flyway accept the new one first (`flyway repair`)

- flyway has applied 1.2 books, but there is no file for it
  hint: put the file back; or, where it is gone for good, `--at V` with the newest version that is applied: every file up to it then counts as applied, and rows without a file are passed over\
""")


async def test_alembic_is_asked_about_and_checked(alembic: Cli) -> None:
    asked = await alembic("adopt")
    wrong = await alembic("adopt", "--at", "1=ffff")
    right = await alembic("adopt", "--at", "1=ae1027a6acf")

    assert asked.shown == snapshot("""\
exit 2
--- stderr
error: files of alembic are not read in place; nothing was changed

hint: say up to which of these files the database has come, `--at V`: alembic stands at ae1027a6acf\
""")
    assert (wrong.exit_status, right.exit_status) == (4, 0)
    assert right.stdout == snapshot("""\
version  name  taken over
0001     t     on trust

alembic's history in public.alembic_version: 1 taken on trust
1 history entry written
""")


async def test_a_start_with_nothing_to_do_still_warns_of_the_old_tool(
    alembic: Cli, database: Database
) -> None:
    await alembic("adopt", "--at", "2")
    quiet = await alembic("migrate")
    await database.execute("UPDATE alembic_version SET version_num = 'ffff'")

    warned = await alembic("migrate")

    assert (quiet.stdout, quiet.stderr) == ("nothing to do\n", "")
    assert "somebody still runs alembic" in warned.stderr


async def test_a_protected_database_wants_a_yes(alembic: Cli) -> None:
    protected = {"ASYNCMIGRATE_PROTECTED": "true"}

    refused = await alembic("adopt", "--at", "2", env=protected)
    done = await alembic("adopt", "--at", "2", "--yes", env=protected)
    seen = await alembic("adopt", "--at", "2", "--dry-run", env=protected)

    assert (refused.exit_status, done.exit_status, seen.exit_status) == (2, 0, 0)
