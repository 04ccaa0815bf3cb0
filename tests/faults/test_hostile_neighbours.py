"""Those who may make objects in our database: none of them gets in, each is named.

Mallory may create schemas, and objects in ``public``. Every trap of hers tries to make
her a superuser, as which the victim of each test runs.
"""

import anyio
import pytest

from asyncmigrate import history, wait_until_current
from asyncmigrate.errors import TrackingSchemaUnsafe
from asyncmigrate.results import MigrationReport
from tests.kit.app import App, versions
from tests.kit.commands import Cli
from tests.kit.invariants import invariant
from tests.kit.locks import nothing_is_left

UP_DOWN = "-- UP\nCREATE TABLE {0} (id int);\n-- DOWN\nDROP TABLE {0};"

# Runs as whoever is trapped, from a function, an operator, a trigger or a view.
TRAP = """
CREATE FUNCTION public.trap() RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog AS $$ BEGIN
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    EXECUTE 'ALTER ROLE {mallory} SUPERUSER';
  END IF;
  RETURN '0001';
END $$;
"""

FUNCTIONS = (
    "pg_try_advisory_lock(integer) RETURNS boolean",
    "pg_try_advisory_lock(bigint) RETURNS boolean",
    "pg_try_advisory_xact_lock(bigint) RETURNS boolean",
    "pg_advisory_unlock(bigint) RETURNS boolean",
    "pg_advisory_unlock_all() RETURNS boolean",
    "pg_backend_pid() RETURNS boolean",
    "clock_timestamp() RETURNS boolean",
    "current_setting(text) RETURNS boolean",
    "current_setting(text, boolean) RETURNS boolean",
    "set_config(text, text, boolean) RETURNS boolean",
    "pg_current_xact_id() RETURNS boolean",
    "concat(text, text, text) RETURNS boolean",
    "format_type(oid, integer) RETURNS boolean",
    "quote_ident(text) RETURNS boolean",
    "lower(text) RETURNS boolean",
)

OPERATORS = (
    ("=", "text", "varchar"),
    ("=", "text", "text"),
    ("=", "text", "name"),
    ("=", "name", "name"),
    ("=", "bigint", "integer"),
    ("=", "bigint", "bigint"),
    ("=", "integer", "integer"),
    ("=", "oid", "oid"),
    ("=", "uuid", "uuid"),
    ("=", "smallint", "integer"),
    ("<>", "text", "text"),
    (">", "integer", "integer"),
    ("+", "bigint", "integer"),
    ("-", "timestamptz", "timestamptz"),
    ("||", "text", "text"),
    ("~~", "text", "text"),
    ("~", "name", "text"),
)


class Mallory:
    """A role of her own, with what she may do, and with what she wants."""

    def __init__(self, app: App, name: str) -> None:
        self.app = app
        self.name = name
        self.dsn = app.database.dsn_of(name)

    async def sets(self, sql: str) -> None:
        connection = await self.app.database.connect(self.dsn)
        await connection.execute(sql)

    async def has_won(self) -> bool:
        query = "SELECT rolsuper FROM pg_roles WHERE rolname = $1"
        return bool(await self.app.database.fetchval(query, self.name))

    async def goes(self) -> None:
        """Takes everything of hers along, so that she can be dropped."""
        await self.app.database.execute(f'DROP OWNED BY "{self.name}" CASCADE')


@pytest.fixture
async def mallory(app: App) -> Mallory:
    database = app.database
    name = await database.role()
    await database.execute(f'GRANT CREATE ON DATABASE "{database.name}" TO "{name}"')
    await database.execute(f'GRANT ALL ON SCHEMA public TO "{name}"')
    mallory = Mallory(app, name)
    await mallory.sets(TRAP.format(mallory=f'"{name}"'))
    app.add(_0001_a=UP_DOWN.format("a"), _0002_b=UP_DOWN.format("b"))
    return mallory


@invariant("I1")
async def test_no_function_or_operator_of_a_neighbour_is_called(
    app: App, mallory: Mallory
) -> None:
    # Hers says that the lock is free, to everybody.
    body = "LANGUAGE sql AS 'SELECT public.trap() IS NOT NULL'"
    for signature in FUNCTIONS:
        await mallory.sets(f"CREATE FUNCTION public.{signature} {body}")
    for operator, left, right in OPERATORS:
        name = f"op_{left}_{right}_{ord(operator[0])}_{len(operator)}"
        await mallory.sets(
            f"CREATE FUNCTION public.{name}({left}, {right}) RETURNS boolean {body};"
            f"CREATE OPERATOR public.{operator} (LEFTARG = {left}, RIGHTARG = {right},"
            f" FUNCTION = public.{name})"
        )
    await app.database.execute(
        f'ALTER DATABASE "{app.database.name}" SET search_path = public, pg_catalog'
    )
    reports: list[MigrationReport] = []

    async def runner() -> None:
        reports.append(await app.migrate())

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(runner)
    app.add(_0003_c="CREATE INDEX CONCURRENTLY a_id ON a (id);")
    reports.append(await app.migrate(block_limit="5s"))

    assert sorted(map(versions, reports)) == [[], [], [], ["+0001", "+0002"], ["+0003"]]
    assert (await app.status()).healthy
    assert (await wait_until_current(app.dsn, str(app.files), timeout=5)).healthy
    assert len(await history(app.dsn)) == 3
    app.files.remove("0003_c.sql")
    await app.database.execute("DROP INDEX a_id")
    await app.database.execute(
        "DELETE FROM asyncmigrate.schema_migrations WHERE version = '0003'"
    )
    assert versions(await app.rollback(target="0")) == ["-0002", "-0001"]
    assert not await mallory.has_won()
    assert await nothing_is_left(app.database)
    # Her traps do work, on those who name things as most people do.
    await (await app.database.connect()).execute("SELECT pg_try_advisory_lock(42)")
    assert await mallory.has_won()


async def lay_in_wait(app: App, mallory: Mallory) -> None:
    """Tracking tables, just as ours are, that are hers."""
    await app.migrate(dsn=mallory.dsn, target="0001")


WATCHED = (
    "meta",
    "schema_migrations",
    "migration_scripts",
    "migration_locks",
    "migration_events",
)


async def test_tables_made_beforehand_with_triggers_are_not_written_to(
    app: App, shop: Cli, mallory: Mallory
) -> None:
    await lay_in_wait(app, mallory)
    await mallory.sets(
        "CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM public.trap(); RETURN NEW; END $$"
    )
    for table in WATCHED:
        await mallory.sets(
            f"CREATE TRIGGER t BEFORE INSERT OR UPDATE ON asyncmigrate.{table}"
            " FOR EACH ROW EXECUTE FUNCTION public.fire()"
        )

    outcome = await shop("migrate")

    assert outcome.exit_status == 5
    assert not await mallory.has_won()
    assert await app.database.tables() == {"a"}
    await mallory.goes()


READ_TRAPS = {
    "a view": (
        "ALTER TABLE asyncmigrate.{table} RENAME TO old;"
        "CREATE VIEW asyncmigrate.{table} AS SELECT * FROM asyncmigrate.old"
        " WHERE public.trap() IS NOT NULL"
    ),
    "an index": (
        "ALTER FUNCTION public.trap() IMMUTABLE;"
        "CREATE INDEX i ON asyncmigrate.{table} ((public.trap()))"
    ),
    "a constraint": (
        "ALTER FUNCTION public.trap() IMMUTABLE;"
        "ALTER TABLE asyncmigrate.{table} ADD CHECK (public.trap() IS NOT NULL)"
    ),
    "a policy": (
        "ALTER TABLE asyncmigrate.{table} ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY p ON asyncmigrate.{table} USING (public.trap() IS NOT NULL)"
    ),
    "a type": (
        "CREATE DOMAIN public.d AS text CHECK (public.trap() IS NOT NULL);"
        "ALTER TABLE asyncmigrate.{table} ADD COLUMN x public.d"
    ),
}


@pytest.mark.parametrize(
    ("table", "trap"),
    [
        *(("schema_migrations", trap) for trap in READ_TRAPS),
        ("meta", "a view"),
        ("migration_locks", "a view"),
    ],
)
async def test_reading_tables_made_beforehand_runs_nobodys_code(
    app: App, mallory: Mallory, table: str, trap: str
) -> None:
    await lay_in_wait(app, mallory)
    await mallory.sets(READ_TRAPS[trap].format(table=table))

    for call in (app.status, app.migrate, app.rollback):
        with pytest.raises(TrackingSchemaUnsafe, match="somebody else's code") as told:
            await call()
        assert f"{table} of {mallory.name}" in str(told.value)
        assert told.value.exit_status == 5
    with pytest.raises(TrackingSchemaUnsafe):
        await history(app.dsn)

    assert not await mallory.has_won()
    await mallory.goes()


async def test_plain_tables_of_another_role_may_be_read_and_not_be_written_to(
    app: App, mallory: Mallory
) -> None:
    await lay_in_wait(app, mallory)
    # A person's view on the history is no trap.
    await mallory.sets("CREATE VIEW public.v AS SELECT * FROM asyncmigrate.meta")

    assert (await app.status()).pending == 1
    with pytest.raises(TrackingSchemaUnsafe, match=f"belongs to {mallory.name}"):
        await app.migrate()

    await mallory.goes()


@pytest.mark.parametrize(
    ("how", "finding"),
    [
        ("ENABLE", "schema_migrations has row security"),
        ("FORCE", "row security hides rows of"),
    ],
)
async def test_row_security_stops_even_the_owner_who_may_not_see_every_row(
    app: App, mallory: Mallory, how: str, finding: str
) -> None:
    # Here she is the victim: the tables are hers, and so is the run.
    await lay_in_wait(app, mallory)
    table = "asyncmigrate.schema_migrations"
    await mallory.sets(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    await mallory.sets(f"ALTER TABLE {table} {how} ROW LEVEL SECURITY")

    with pytest.raises(TrackingSchemaUnsafe, match=finding) as refused:
        await app.migrate(dsn=mallory.dsn)

    assert "nothing was changed" in str(refused.value)
    assert await app.database.tables() == {"a"}
    await mallory.goes()


async def test_default_privileges_give_nobody_a_right_to_write_the_history(
    app: App, mallory: Mallory
) -> None:
    await app.database.execute(
        f'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO "{mallory.name}", PUBLIC;'
        f'ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO "{mallory.name}";'
    )

    first = await app.migrate(target="0001")
    second = await app.migrate()

    assert versions(first) == ["+0001"]
    assert versions(second) == ["+0002"]
    assert await app.database.fetchval(
        "SELECT has_table_privilege($1, 'asyncmigrate.schema_migrations', 'SELECT')",
        mallory.name,
    )
    await app.database.execute(
        f'ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM "{mallory.name}", PUBLIC;'
        f'ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM "{mallory.name}";'
    )
    await mallory.goes()


@pytest.mark.parametrize("seed", range(3))
async def test_first_runs_that_race_to_make_the_schema_all_find_it_made(
    app: App, seed: int
) -> None:
    app.add(_0001_a="SELECT 1;")
    reports: list[MigrationReport] = []

    async def runner(namespace: str) -> None:
        reports.append(await app.migrate(namespace=namespace))

    async with anyio.create_task_group() as group:
        for number in range(4):
            for _ in range(2):
                group.start_soon(runner, f"tenant {seed} {number}")

    assert sorted(map(versions, reports)) == [[]] * 4 + [["+0001"]] * 4
    assert len(await app.database.history()) == 4
