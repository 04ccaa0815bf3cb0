"""What goes wrong is told once, where it can be read, and spoils nothing else."""

from inline_snapshot import snapshot

from tests.kit.commands import mask
from tests.pytest_plugin.conftest import Project

TWICE = """\
def test_one(migrated_dsn): pass
def test_two(migrated_dsn): pass
def test_three(migrated_connection): pass
def test_other(): pass
"""


def test_a_broken_migration_is_told_in_full_once_and_leaves_no_database(
    project: Project,
) -> None:
    project.files.add("0003_broken.sql", "ALTER TABLE userz ADD COLUMN a int;")
    project.tests(test_users=TWICE)

    ran = project.run()

    ran.assert_outcomes(passed=1, errors=3)
    text = mask(ran.stdout.str(), project.path)
    told = text.partition("= ERRORS =")[2].partition("= short")[0]
    assert "Traceback" not in told
    assert "pytest_plugin.py" not in told
    assert "\n".join(told.splitlines()[1:-1]) == snapshot("""\
__________________________ ERROR at setup of test_one __________________________
error: relation "userz" does not exist (SQLSTATE 42P01)
  migration 0003 failed: the migration was rolled back; 2 migrations of this run stand
  at 0003_broken.sql:1:1

  | ALTER TABLE userz ADD COLUMN a int

It happened in a new database, which was dropped.
__________________________ ERROR at setup of test_two __________________________
no migrated database, as told before: relation "userz" does not exist (SQLSTATE 42P01)
_________________________ ERROR at setup of test_three _________________________
no migrated database, as told before: relation "userz" does not exist (SQLSTATE 42P01)\
""")
    assert project.templates() == set()


def test_workers_do_not_build_again_what_failed_for_one_of_them(
    project: Project,
) -> None:
    project.files.add("0001_broken.sql", "SELECT 1 / 0;")
    project.files.remove("0001_users.sql")
    project.tests(test_users="def test_one(migrated_dsn): pass\n")

    ran = project.run("-n2", "--dist=each", plugins=("xdist",))

    ran.assert_outcomes(errors=2)
    told, _, _ = ran.stdout.str().partition("short test summary info")
    assert told.count("SELECT 1 / 0") == 1  # where CI is set, the summary is whole
    assert "another process of this test run" in ran.stdout.str()


def test_a_server_that_is_not_there_is_told_with_the_remedy(project: Project) -> None:
    project.tests(test_users=TWICE)

    ran = project.run(dsn="postgresql://someone:secret@127.0.0.1:1/postgres")

    ran.assert_outcomes(passed=1, errors=3)
    ran.stdout.fnmatch_lines(["*cannot connect to 127.0.0.1:1/postgres*"])
    assert "secret" not in ran.stdout.str()


def test_what_was_told_wrongly_is_refused_before_anything_is_started(
    project: Project,
) -> None:
    project.tests(test_users=TWICE)
    project.configure(asyncmigrate_before="not_there.sql", asyncmigrate_format="none")

    ran = project.run("--asyncmigrate-postgres=sixteen", dsn=None)

    ran.assert_outcomes(passed=1, errors=3)
    ran.stdout.fnmatch_lines(["*'sixteen' is no major version of PostgreSQL*"])


def test_the_end_of_the_transaction_is_refused_and_one_that_slips_through_is_told(
    project: Project,
) -> None:
    project.configure(
        asyncio_mode="auto", asyncio_default_fixture_loop_scope="function"
    )
    project.tests(
        test_users=(
            "async def test_refused(migrated_connection):\n"
            "    try:\n"
            "        await migrated_connection.execute('INSERT INTO users; COMMIT')\n"
            "    except Exception:\n"
            "        pass\n"
            "async def test_slips_through(migrated_connection):\n"
            "    await migrated_connection.fetch('INSERT INTO users DEFAULT VALUES')\n"
            "    await migrated_connection._protocol.query('COMMIT', None)\n"
            "async def test_goes_unharmed(migrated_connection):\n"
            "    assert await migrated_connection.fetch('SELECT FROM users') == []\n"
        )
    )

    ran = project.run(plugins=("pytest_asyncio.plugin",))

    ran.assert_outcomes(passed=2, failed=1, errors=1)
    ran.stdout.fnmatch_lines(
        [
            "*Failed: COMMIT would begin or end the transaction*it was not sent*",
            "*hint: use `connection.transaction()`*",
        ]
    )
    ran.stdout.fnmatch_lines(["*was ended by the test or the code under test*"])


def test_under_another_event_loop_it_says_so(project: Project) -> None:
    project.tests(
        test_users=(
            "import asyncmigrate.errors, pytest\n"
            "def test_nowhere(migrated_connection):\n"
            "    coroutine = migrated_connection.fetch('SELECT 1')\n"
            "    with pytest.raises(asyncmigrate.MigrationError, match='asyncio alone'):\n"
            "        coroutine.send(None)\n"
        )
    )

    project.run().assert_outcomes(passed=1)
