"""The commands on a real database: output, documents, exit statuses."""

import json

import pytest
from inline_snapshot import snapshot

from tests.kit.commands import Cli, mask
from tests.kit.databases import Database

USERS = "-- UP\nCREATE TABLE users (id int);\n-- DOWN\nDROP TABLE users;\n"
ORDERS = "-- UP\nCREATE TABLE orders (id int);\n-- DOWN\nDROP TABLE orders;\n"
PRINTING = """
import subprocess

async def up(connection):
    print("printed by the migration")
    subprocess.run(["echo", "echoed by a process"], check=True)
    await connection.execute("CREATE TABLE files (id int)")
"""


@pytest.fixture
def shop(cli: Cli, database: Database) -> Cli:
    """The command, with a database and two migrations."""
    cli.environment["DATABASE_URL"] = database.dsn
    database.files.add("0001_users.sql", USERS)
    database.files.add("0002_orders.sql", ORDERS)
    return cli


async def test_what_is_pending_is_applied_and_then_nothing_is_left(shop: Cli) -> None:
    first, second = await shop("migrate"), await shop("migrate")

    assert first.shown == snapshot("""\
exit 0
--- stdout
2 migrations applied in N ms
--- stderr
2 migrations to run
[1/2] applying 0001 users
[1/2] applied 0001 users in N s
[2/2] applying 0002 orders
[2/2] applied 0002 orders in N s\
""")
    assert second.shown == snapshot("""\
exit 0
--- stdout
nothing to do\
""")


async def test_a_run_is_one_document(shop: Cli, database: Database) -> None:
    database.files.add("0003_files.py", PRINTING)

    done = await shop("up", "--json")

    document = done.document
    assert (done.exit_status, document["command"], document["ok"]) == (
        0,
        "migrate",
        True,
    )
    assert [(r["version"], r["status"]) for r in document["results"]] == [
        ("0001", "applied"),
        ("0002", "applied"),
        ("0003", "applied"),
    ]
    assert "printed by the migration" in done.stderr
    assert "echoed by a process" in done.stderr


async def test_a_dry_run_shows_the_sql_and_changes_nothing(
    shop: Cli, database: Database
) -> None:
    text, document = (
        await shop("migrate", "--dry-run"),
        await shop("migrate", "--dry-run", "--json"),
    )

    assert text.shown == snapshot("""\
exit 0
--- stdout
-- 0001 users (0001_users.sql)
CREATE TABLE users (id int);

-- 0002 orders (0002_orders.sql)
CREATE TABLE orders (id int);

--- stderr
dry run: 2 migrations would be applied; nothing was changed\
""")
    assert document.document["dry_run"] is True
    assert document.document["plan"][0] == {
        "version": "0001",
        "name": "users",
        "direction": "up",
        "file": "0001_users.sql",
        "sql": "CREATE TABLE users (id int);",
    }
    assert await database.fetchval("SELECT to_regnamespace('asyncmigrate')") is None


async def test_the_sql_of_a_dry_run_can_be_run(shop: Cli, database: Database) -> None:
    script = (await shop("migrate", "--dry-run")).stdout

    await database.execute(script)

    assert await database.tables() == {"users", "orders"}


async def test_it_stops_at_the_version_that_is_asked_for(
    shop: Cli, database: Database
) -> None:
    stopped, unknown = (
        await shop("migrate", "--to", "1"),
        await shop("migrate", "--to", "9"),
    )

    assert stopped.exit_status == 0
    assert await database.tables() == {"users"}
    assert (unknown.exit_status, unknown.stdout) == (2, "")
    assert "there is no version 9" in unknown.stderr


async def test_a_failing_statement_is_shown_with_its_place(
    shop: Cli, database: Database
) -> None:
    database.files.add(
        "0003_view.sql",
        "CREATE TABLE t (id int);\n\nCREATE VIEW v AS\n\tSELECT id\n\tFROM userz;\n",
    )

    text = await shop("migrate")
    document = await shop("migrate", "--json")

    assert text.shown == snapshot("""\
exit 1
--- stderr
3 migrations to run
[1/3] applying 0001 users
[1/3] applied 0001 users in N s
[2/3] applying 0002 orders
[2/3] applied 0002 orders in N s
[3/3] applying 0003 view
[3/3] failed 0003: relation "userz" does not exist (SQLSTATE 42P01); migration 0003 failed: the migration was rolled back; 2 migrations of this run stand
error: relation "userz" does not exist (SQLSTATE 42P01)
  migration 0003 failed: the migration was rolled back; 2 migrations of this run stand
  at 0003_view.sql:5:7

3 | CREATE VIEW v AS
4 |     SELECT id
5 |     FROM userz
  |          ^

what stands: 0001 users to 0002 orders\
""")
    error = document.document["error"]
    assert (document.exit_status, error["code"]) == (1, "migration_failed")
    assert (error["file"], error["line"], error["column"]) == ("0003_view.sql", 5, 7)
    assert (error["sqlstate"], error["version"]) == ("42P01", "0003")
    assert error["statement"].startswith("CREATE VIEW v")
    assert document.document["results"][-1]["status"] == "failed"


async def test_every_conflict_is_told_and_exits_with_4(
    shop: Cli, database: Database
) -> None:
    await shop("migrate", "--quiet")
    database.files.add("0001_users.sql", USERS.replace("id int", "id bigint"))
    database.files.remove("0002_orders.sql")
    database.files.add("0003_more.sql", "SELECT 1;")

    text, document = await shop("migrate"), await shop("validate", "--json")

    assert text.shown == snapshot("""\
exit 4
--- stderr
error: 2 conflicts; nothing was changed

- 0001_users.sql: migration 0001 was edited after it was applied
  hint: put the old text back and write a new migration; or, if the database has what the file says, `asyncmigrate repair --accept-checksums`
    --- 0001_users.sql (applied)
    +++ 0001_users.sql
    @@ -1 +1 @@
    -CREATE TABLE users (id int);
    +CREATE TABLE users (id bigint);

- migration 0002 orders is applied, but its file 0002_orders.sql is gone
  hint: put the file back; or, if its effects are gone too, `asyncmigrate repair --mark-pending 0002`\
""")
    assert document.exit_status == 4
    kinds = [c["kind"] for c in document.document["error"]["conflicts"]]
    assert kinds == ["edited", "missing"]


async def test_validate_tells_what_a_run_would_refuse_of_what_is_pending(
    shop: Cli, database: Database
) -> None:
    await shop("migrate", "--quiet")
    database.files.add("9001_vacuum.sql", "SELECT 1;\nVACUUM;\n")
    database.files.add("9002_commit.sql", "SELECT 1;\nCOMMIT;\nSELECT 2;\n")

    outcome = await shop("validate")

    assert outcome.exit_status == 4
    assert "9001_vacuum.sql:2:1: VACUUM cannot be in a transaction" in outcome.stderr
    assert "9002_commit.sql:2:1" in outcome.stderr


async def test_the_newest_is_undone_and_done_again(
    shop: Cli, database: Database
) -> None:
    await shop("migrate", "--quiet")

    redone = await shop("redo")
    undone = await shop("down", "--json")
    database.files.remove("0001_users.sql")
    stored = await shop("rollback", "--to", "0")

    assert mask(redone.stdout) == snapshot(
        "1 migration rolled back, 1 migration applied in N ms"
    )
    assert [r["status"] for r in undone.document["results"]] == ["rolled_back"]
    assert "DOWN from the database" in stored.stderr
    assert await database.tables() == set()


async def test_quiet_says_nothing_when_all_is_well(shop: Cli) -> None:
    for command in ("migrate", "status", "validate", "rollback"):
        done = await shop(command, "--quiet")
        assert done.shown == "exit 0", command


async def test_a_status_tells_counts_and_every_migration(shop: Cli) -> None:
    await shop("migrate", "--to", "1", "--quiet")

    text, document = await shop("status"), (await shop("status", "--json")).document

    assert text.shown == snapshot("""\
exit 0
--- stdout
   version  name    status   applied at (UTC)     took
✓  0001     users   applied  TIME  N ms
·  0002     orders  pending

1 applied, 1 pending; the newest applied is 0001\
""")
    assert (document["applied"], document["pending"]) == (1, 1)
    assert (document["last_applied"], document["healthy"]) == ("0001", False)
    assert document["lock"] is None
    assert [m["status"] for m in document["migrations"]] == ["applied", "pending"]


async def test_a_check_exits_with_7_unless_all_is_well(shop: Cli) -> None:
    pending, document = (
        await shop("status", "--check"),
        await shop("status", "--check", "--json"),
    )
    await shop("migrate", "--quiet")
    well = await shop("status", "--check", "--json")

    assert pending.exit_status == document.exit_status == 7
    assert "error: 2 migrations pending" in pending.stderr
    assert document.document["error"]["code"] == "check_failed"
    assert document.document["pending"] == 2
    assert (well.exit_status, well.document["healthy"]) == (0, True)


async def test_waiting_ends_when_it_is_current_or_out_of_time(shop: Cli) -> None:
    late = await shop("wait", "--timeout", "0.3s", "--json")
    await shop("migrate", "--quiet")
    current = await shop("wait")

    assert (late.exit_status, late.document["error"]["code"]) == (7, "check_failed")
    assert current.exit_status == 0
    assert mask(current.stdout) == snapshot(
        "current: 2 applied, 0 pending; the newest applied is 0002"
    )


async def test_history_tells_who_did_what_and_keeps_the_scripts(
    shop: Cli, database: Database
) -> None:
    await shop("migrate", "--quiet", "--release", "1.4")
    await shop("rollback", "--quiet")
    database.files.remove("0001_users.sql")

    trail = (await shop("history", "--json")).document["history"]
    script = await shop("history", "--show", "1")
    document = (await shop("history", "--show", "1", "--json")).document
    unknown = await shop("history", "--show", "77")

    assert [(e["version"], e["release"]) for e in trail][:2] == [
        ("0001", "1.4"),
        ("0002", "1.4"),
    ]
    assert script.stdout == snapshot("""\
-- UP
CREATE TABLE users (id int);

-- DOWN
DROP TABLE users;
""")
    assert document["script"].rstrip() == script.stdout.rstrip()
    assert unknown.exit_status == 2


async def test_a_new_file_is_named_on_standard_output(shop: Cli) -> None:
    text = await shop("new", "add", "Shelf")
    pair = await shop("new", "more shelves", "--pair", "--json")
    python = await shop("new", "move", "--python")

    assert (text.exit_status, text.stderr) == (0, "")
    assert text.stdout.strip().endswith("_add_shelf.sql")
    assert (shop.cwd / text.stdout.strip()).is_file()
    assert [f.rsplit(".", 2)[1] for f in pair.document["files"]] == ["up", "down"]
    assert python.stdout.strip().endswith(".py")


async def test_files_alone_are_valid_or_not_without_a_database(cli: Cli) -> None:
    folder = cli.cwd / "migrations"
    folder.mkdir()
    (folder / "0001_users.sql").write_text(USERS)
    valid = await cli("validate")

    (folder / "01_twice.sql").write_text(USERS)
    (folder / "0003_empty.sql").write_text("-- nothing\n")
    invalid = await cli("validate")

    assert valid.shown == snapshot("""\
exit 0
--- stdout
the files are valid
--- stderr
the files alone were checked, since there is no DSN\
""")
    assert invalid.shown == snapshot("""\
exit 4
--- stderr
error: 2 conflicts; nothing was changed

- 01_twice.sql: `0001_users.sql` and `01_twice.sql` have one version, 01
  hint: renumber the one that is not applied yet

- 0003_empty.sql:1:1: UP has no statement; write `SELECT 1;` when that is on purpose\
""")


async def test_a_baseline_marks_what_is_there_already(
    shop: Cli, database: Database
) -> None:
    await database.execute("CREATE TABLE users (id int)")

    planned = await shop("baseline", "1", "--dry-run")
    nothing = await database.history()
    done = await shop("baseline", "1")
    rest = await shop("migrate", "--json")

    assert planned.shown == snapshot("""\
exit 0
--- stdout
marked 0001 users as there already
--- stderr
dry run: 1 history entry would be written; nothing was changed\
""")
    assert nothing == []
    assert done.shown == snapshot("""\
exit 0
--- stdout
1 history entry written
--- stderr
baseline 0001: marked 0001 users as there already\
""")
    assert [r["version"] for r in rest.document["results"]] == ["0002"]


async def test_a_repair_shows_what_it_found_and_writes(
    shop: Cli, database: Database
) -> None:
    await shop("migrate", "--quiet")
    database.files.add("0001_users.sql", USERS.replace("id int", "id bigint"))

    planned = await shop("repair", "--accept-checksums", "--dry-run", "--json")
    refused = await shop("migrate", "--quiet")
    done = await shop("repair", "--accept-checksums", "1")
    again = await shop("repair", "--accept-checksums", "--json")
    accepted = await shop("migrate")

    assert planned.document["dry_run"] is True
    assert "+CREATE TABLE users (id bigint);" in planned.document["diffs"][0]
    assert refused.exit_status == 4
    assert "will be written:\n  - " in done.stdout
    assert "+CREATE TABLE users (id bigint);" in done.stdout
    assert done.stdout.rstrip().endswith("1 history entry written")
    assert (again.exit_status, again.document["writes"]) == (0, [])
    assert accepted.exit_status == 0


async def test_marks_and_new_numbers_are_written(shop: Cli, database: Database) -> None:
    marked = await shop("repair", "--mark-applied", "1", "2")
    unmarked = await shop("repair", "--mark-pending", "0002")
    database.files.rename("0001_users.sql", "0005_users.sql")
    renumbered = await shop("repair", "--renumber", "1=5", "--json")

    assert marked.exit_status == unmarked.exit_status == renumbered.exit_status == 0
    assert marked.stdout.rstrip().endswith("2 history entries written")
    status = (await shop("status", "--json")).document["migrations"]
    assert {m["version"]: m["status"] for m in status} == {
        "0002": "pending",
        "0005": "applied",
    }


async def test_what_is_protected_needs_a_yes_where_nobody_can_be_asked(
    shop: Cli, database: Database
) -> None:
    shop.environment["ASYNCMIGRATE_PROTECTED"] = "true"
    await shop("migrate", "--quiet")

    refused = [
        await shop(*command, "--json")
        for command in (
            ["rollback"],
            ["redo"],
            ["baseline", "1"],
            ["repair", "--mark-pending", "2"],
        )
    ]
    looked = await shop("rollback", "--dry-run")
    allowed = await shop("rollback", "--yes")

    for each in refused:
        assert each.exit_status == 2
        assert each.document["error"]["code"] == "confirmation_needed"
    assert (looked.exit_status, allowed.exit_status) == (0, 0)
    assert await database.tables() == {"users"}


async def test_a_database_that_is_not_there_exits_with_5(cli: Cli) -> None:
    (cli.cwd / "migrations").mkdir()
    (cli.cwd / "migrations" / "1_a.sql").write_text("SELECT 1;")

    gone = await cli("migrate", "--dsn", "postgresql://u:s3cr3t@127.0.0.1:1/d")

    assert gone.exit_status == 5
    assert gone.stderr.startswith("error: ")
    assert "s3cr3t" not in gone.stderr


async def test_logs_are_json_lines_when_asked_for(shop: Cli) -> None:
    done = await shop("migrate", "--log-format", "json")
    failed = await shop("migrate", "--log-format", "json", "--to", "9")

    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    error = json.loads(failed.stderr.splitlines()[-1])
    assert done.stdout == ""
    assert events[0] == "lock.acquired" or events[0] == "run.planned"
    assert events.count("migration.applied") == 2
    assert (error["event"], error["code"]) == ("command.failed", "unknown_version")


async def test_names_and_messages_cannot_steer_the_terminal(
    shop: Cli, database: Database
) -> None:
    database.files.add(
        "0003_a\x1b[31m\nb.sql", "DO $$BEGIN RAISE NOTICE E'\x1b[2J'; END$$;"
    )

    outputs = [await shop("migrate"), await shop("status"), await shop("history")]

    for each in outputs:
        assert each.exit_status == 0
        assert "\x1b" not in each.stdout + each.stderr
