"""What a test gets, whichever plugin runs it, and without one."""

import pytest

from tests.pytest_plugin.conftest import Project

STRICT = ("pytest_asyncio.plugin",)
ANYIO = ("anyio.pytest_plugin",)
FUNCTION = {"asyncio_default_fixture_loop_scope": "function"}

ASYNCHRONOUS = """\
import asyncpg
import pytest
{imports}

@{fixture}
async def ada(migrated_connection):
    yield await migrated_connection.fetchval(
        "INSERT INTO users (name) VALUES ('Ada') RETURNING id"
    )
    await migrated_connection.execute("DELETE FROM users")

@{fixture}
async def pooled_ada(migrated_pool):
    await migrated_pool.execute("INSERT INTO users (name) VALUES ('Ada')")

async def test_a_fixture_and_its_test_share_the_transaction(migrated_connection, ada):
    assert isinstance(migrated_connection, asyncpg.Connection)
    assert await migrated_connection.fetchval("SELECT name FROM users") == "Ada"

@pytest.mark.parametrize("time", range(3))
async def test_nothing_of_it_is_left(migrated_connection, time):
    async with migrated_connection.transaction():
        assert await migrated_connection.fetch("SELECT FROM users") == []
        await migrated_connection.execute("INSERT INTO users (name) VALUES ('Bo')")
    with pytest.raises(ZeroDivisionError):
        async with migrated_connection.transaction():
            await migrated_connection.execute("DELETE FROM users")
            1 / 0
    assert await migrated_connection.fetchval("SELECT count(*) FROM users") == 1
    async for row in migrated_connection.cursor("SELECT name FROM users"):
        assert row["name"] == "Bo"

async def test_an_error_of_the_server_leaves_the_next_test_alone(migrated_connection):
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrated_connection.fetch("SELECT 1 / 0")

async def test_pool_and_url_are_one_database(
    migrated_pool, pooled_ada, migrated_dsn, migrated_connection
):
    one = await asyncpg.connect(migrated_dsn)
    for each in (migrated_pool, one, migrated_connection):
        assert await each.fetchval("SELECT count(*) FROM users") == 1
    await one.close()

@pytest.mark.parametrize("time", range(3))
async def test_each_test_has_a_database_of_its_own(migrated_pool, time):
    assert isinstance(migrated_pool, asyncpg.Pool)
    async with migrated_pool.acquire() as connection, connection.transaction():
        assert await connection.fetch("SELECT FROM users") == []
        await connection.execute("INSERT INTO users (name) VALUES ('Ada')")

async def test_rows_go_through_a_migration(migration_at):
    database = migration_at("1")
    await database.connection.execute("INSERT INTO users VALUES (DEFAULT, 'Ada L')")
    [result] = await database.step()
    assert (result.version, database.version) == ("0002", "0002")
    row = await database.connection.fetchrow("SELECT * FROM users")
    assert (row["first_name"], row["last_name"]) == ("Ada", "L")

async def test_what_is_left_open_disturbs_nobody(migrated_pool, migrated_connection):
    await migrated_pool.acquire()
    await migrated_connection.execute("DECLARE c CURSOR FOR SELECT 1")
"""

SYNCHRONOUS = """\
import asyncio
import asyncpg
import pytest

async def fetch(dsn):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("INSERT INTO users (name) VALUES ('Ada')")
        return await connection.fetchval("SELECT count(*) FROM users")
    finally:
        await connection.close()

@pytest.mark.parametrize("time", range(2))
def test_each_test_has_a_database_of_its_own(migrated_dsn, time):
    assert asyncio.run(fetch(migrated_dsn)) == 1

def test_a_step_and_a_jump(migration_at):
    database = migration_at("0")
    assert database.version == "0"
    [first] = database.step_sync()
    assert first.version == "0001"
    assert database.step_sync("2").results[0].version == "0002"
    with pytest.raises(Exception, match="no migration after 0002"):
        database.step_sync()

def test_each_loop_has_a_transaction_of_its_own(migrated_connection):
    async def insert():
        await migrated_connection.execute("INSERT INTO users (name) VALUES ('Ada')")
        return await migrated_connection.fetchval("SELECT count(*) FROM users")
    assert [asyncio.run(insert()), asyncio.run(insert())] == [1, 1]

def test_an_unknown_version_names_its_neighbours(migration_at):
    with pytest.raises(pytest.fail.Exception, match="0001, 0002"):
        migration_at("7")

def test_no_password_is_shown(migrated_dsn):
    assert repr(type(migrated_dsn)("postgresql://a:secret@b/c")).count("***") == 1
"""


def written_for(mode: str) -> str:
    imports, fixture = "", "pytest.fixture"
    if mode == "strict":
        imports = "import pytest_asyncio\npytestmark = pytest.mark.asyncio\n"
        fixture = "pytest_asyncio.fixture"
    if mode == "anyio":
        imports = (
            "pytestmark = pytest.mark.anyio\n"
            "@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n"
        )
    return ASYNCHRONOUS.replace("{imports}", imports).replace("{fixture}", fixture)


@pytest.mark.parametrize(
    ("mode", "plugins", "settings"),
    [
        ("strict", (*STRICT, *ANYIO), {"asyncio_mode": "strict", **FUNCTION}),
        ("auto", STRICT, {"asyncio_mode": "auto", **FUNCTION}),
        ("anyio", ANYIO, {}),
    ],
)
def test_asynchronous_tests_under_every_plugin(
    mode: str, plugins: tuple[str, ...], settings: dict[str, str], project: Project
) -> None:
    project.configure(**settings)
    project.tests(test_users=written_for(mode))

    project.run(plugins=plugins).assert_outcomes(passed=11)


def test_tests_that_share_a_loop_share_the_connection(project: Project) -> None:
    project.configure(
        asyncio_mode="auto",
        asyncio_default_test_loop_scope="session",
        asyncio_default_fixture_loop_scope="session",
    )
    same = (
        "import pytest\n"
        "pids = []\n"
        "@pytest.mark.parametrize('time', range(4))\n"
        "async def test_it_stays_connected(migrated_connection, time):\n"
        "    pids.append(await migrated_connection.fetchval('SELECT pg_backend_pid()'))\n"
        "    # The first cannot know that its loop is not its own.\n"
        "    assert len(set(pids[1:])) <= 1\n"
    )
    project.tests(test_same=same, test_users=written_for("auto"))

    project.run(plugins=STRICT).assert_outcomes(passed=15)


def test_synchronous_tests_without_any_plugin(project: Project) -> None:
    project.tests(test_users=SYNCHRONOUS)

    project.run().assert_outcomes(passed=6)


def test_a_session_that_uses_none_of_it_loads_none_of_it(project: Project) -> None:
    project.tests(
        test_nothing="import sys\n"
        "def test_nothing():\n"
        "    unwanted = {'asyncpg', 'anyio', 'asyncio', 'asyncmigrate._api'}\n"
        "    assert unwanted & set(sys.modules) == set()\n"
    )

    project.run(dsn=None).assert_outcomes(passed=1)
