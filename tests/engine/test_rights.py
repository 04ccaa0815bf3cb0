"""Rights: what each call needs, and what is said when it is not there."""

import asyncpg
import pytest

from asyncmigrate.errors import (
    DatabaseUnusable,
    MigrationFailed,
    PrivilegeMissing,
    TrackingLayoutTooNew,
    TrackingSchemaUnsafe,
)
from tests.kit.app import App, versions


@pytest.fixture
async def role(app: App) -> str:
    """A role that may connect, and nothing else."""
    return await app.database.role()


async def grant(app: App, what: str, role: str) -> None:
    await app.database.execute(f'GRANT {what} TO "{role}"')


async def own(app: App, role: str) -> None:
    """Let *role* make its own schemas and tables."""
    await grant(app, f'CREATE ON DATABASE "{app.database.name}"', role)
    await grant(app, "CREATE ON SCHEMA public", role)


async def test_a_role_that_may_create_schemas_needs_nothing_else(
    app: App, role: str
) -> None:
    await own(app, role)
    app.add(_0001_a="CREATE TABLE a (id int);")
    dsn = app.database.dsn_of(role)

    report = await app.migrate(dsn=dsn)

    assert versions(report) == ["+0001"]
    assert (await app.status(dsn=dsn)).healthy


async def test_without_create_the_error_has_the_grant_and_nothing_is_there(
    app: App, role: str
) -> None:
    app.add(_0001_a="SELECT 1;")

    with pytest.raises(PrivilegeMissing) as caught:
        await app.migrate(dsn=app.database.dsn_of(role))

    assert caught.value.exit_status == 5
    assert caught.value.sqlstate == "42501"
    assert "GRANT CREATE ON DATABASE" in (caught.value.hint or "")
    assert await app.database.fetchval("SELECT to_regnamespace('asyncmigrate')") is None


async def test_a_schema_that_an_administrator_made_for_the_role_is_enough(
    app: App, role: str
) -> None:
    await app.database.execute(f'CREATE SCHEMA asyncmigrate AUTHORIZATION "{role}"')
    app.add(_0001_a="SELECT 1;")

    assert versions(await app.migrate(dsn=app.database.dsn_of(role))) == ["+0001"]


@pytest.mark.parametrize(
    "rights",
    [
        (),
        ("USAGE ON SCHEMA asyncmigrate",),
        ("SELECT ON ALL TABLES IN SCHEMA asyncmigrate",),
    ],
)
async def test_a_history_that_may_not_be_read_is_never_taken_for_an_empty_one(
    app: App, role: str, rights: tuple[str, ...]
) -> None:
    await own(app, role)
    app.add(_0001_a="CREATE TABLE a (id int);")
    await app.migrate()
    for right in rights:
        await grant(app, right, role)
    dsn = app.database.dsn_of(role)

    for call in (app.migrate, app.rollback, app.status):
        with pytest.raises(PrivilegeMissing) as caught:
            await call(dsn=dsn)
        assert "GRANT USAGE ON SCHEMA" in (caught.value.hint or "")
        assert "GRANT SELECT ON ALL TABLES" in (caught.value.hint or "")
        assert caught.value.exit_status == 5


async def test_a_reader_sees_the_status_and_may_not_migrate(
    app: App, role: str
) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate(readers=[role])
    dsn = app.database.dsn_of(role)

    assert (await app.status(dsn=dsn)).healthy
    assert versions(await app.migrate(dsn=dsn)) == []
    app.add(_0002_b="SELECT 1;")
    with pytest.raises(PrivilegeMissing) as caught:
        await app.migrate(dsn=dsn)
    assert caught.value.sqlstate == "42501"
    assert await app.standing() == {"0001": "applied", "0002": "pending"}


async def test_a_statement_that_the_role_may_not_run_fails_as_a_migration(
    app: App, role: str
) -> None:
    await grant(app, f'CREATE ON DATABASE "{app.database.name}"', role)
    await app.database.execute("CREATE TABLE secret (id int)")
    app.add(_0001_a="SELECT * FROM secret;")

    with pytest.raises(MigrationFailed, match="permission denied for table secret"):
        await app.migrate(dsn=app.database.dsn_of(role))


@pytest.mark.parametrize(
    "schema", ["Tracking Schema", 'quo"ted', "select", "ünïcode", "a'b", "50%", "a\\b"]
)
async def test_a_tracking_schema_whose_name_needs_quoting(
    app: App, schema: str
) -> None:
    app.add(_0001_a="-- UP\nCREATE TABLE a (id int);\n-- DOWN\nDROP TABLE a;")

    up = await app.migrate(tracking_schema=schema)
    again = await app.migrate(tracking_schema=schema)
    status = await app.status(tracking_schema=schema)
    down = await app.rollback(tracking_schema=schema, target="0")

    assert versions(up) == ["+0001"]
    assert versions(again) == []
    assert status.healthy
    assert versions(down) == ["-0001"]
    names = await app.database.fetch("SELECT nspname FROM pg_namespace")
    assert schema in {row[0] for row in names}


async def test_the_table_of_another_tool_is_left_alone(app: App) -> None:
    await app.database.execute(
        "CREATE TABLE public.schema_migrations (version bigint, dirty boolean);"
        "INSERT INTO public.schema_migrations VALUES (7, true)"
    )
    app.add(_0001_a="CREATE TABLE a (id int);")

    await app.migrate()

    rows = await app.database.fetch("SELECT * FROM public.schema_migrations")
    assert [tuple(row) for row in rows] == [(7, True)]
    assert (await app.status()).healthy


async def test_a_newer_layout_that_we_can_read_is_used_as_it_is(app: App) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    await app.database.execute(
        "ALTER TABLE asyncmigrate.schema_migrations ADD mood text;"
        "UPDATE asyncmigrate.meta SET layout = 7"
    )
    app.add(_0002_b="SELECT 1;")

    assert versions(await app.migrate()) == ["+0002"]
    assert await app.database.fetchval("SELECT layout FROM asyncmigrate.meta") == 7


async def test_a_newer_layout_that_we_cannot_read_asks_for_an_upgrade(
    app: App,
) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    await app.database.execute("UPDATE asyncmigrate.meta SET layout=7, min_reader=7")

    for call in (app.migrate, app.rollback, app.status):
        with pytest.raises(TrackingLayoutTooNew) as caught:
            await call()
        assert "upgrade asyncmigrate" in (caught.value.hint or "")
        assert caught.value.exit_status == 5


UNSAFE = {
    "the schema belongs to": 'ALTER SCHEMA asyncmigrate OWNER TO "{role}"',
    "schema_migrations belongs to": (
        'ALTER TABLE asyncmigrate.schema_migrations OWNER TO "{role}"'
    ),
    "has the trigger": (
        "CREATE TRIGGER mine BEFORE INSERT ON asyncmigrate.schema_migrations"
        " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    ),
    "has the rule": (
        "CREATE RULE mine AS ON INSERT TO asyncmigrate.migration_events DO ALSO NOTHING"
    ),
    "may be written by": 'GRANT INSERT ON asyncmigrate.migration_scripts TO "{role}"',
    "may be written by PUBLIC": "GRANT UPDATE ON asyncmigrate.migration_locks TO PUBLIC",
    "has columns that may be written by": (
        'GRANT UPDATE (checksum) ON asyncmigrate.schema_migrations TO "{role}"'
    ),
    "may be added to by": 'GRANT CREATE ON SCHEMA asyncmigrate TO "{role}"',
    "has row security": (
        "ALTER TABLE asyncmigrate.migration_scripts ENABLE ROW LEVEL SECURITY"
    ),
}


@pytest.mark.parametrize("finding", UNSAFE)
async def test_tables_that_somebody_else_could_forge_are_not_written_to(
    app: App, role: str, finding: str
) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    await app.database.execute(UNSAFE[finding].format(role=role))
    app.add(_0002_b="SELECT 1;")

    with pytest.raises(TrackingSchemaUnsafe, match=finding) as caught:
        await app.migrate()

    assert caught.value.exit_status == 5
    assert len(await app.database.history()) == 1
    # So that the role can be dropped after the test.
    await app.database.execute(f'DROP OWNED BY "{role}" CASCADE')


async def test_a_schema_that_another_role_laid_in_wait_is_not_used(
    app: App, role: str
) -> None:
    await own(app, role)
    await app.database.execute(f'CREATE SCHEMA asyncmigrate AUTHORIZATION "{role}"')
    app.add(_0001_a="SELECT 1;")

    with pytest.raises(TrackingSchemaUnsafe, match="the schema belongs to"):
        await app.migrate()


async def test_row_security_that_hides_rows_is_never_taken_for_an_empty_history(
    app: App, role: str
) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate(readers=[role])
    await app.database.execute(
        "ALTER TABLE asyncmigrate.schema_migrations ENABLE ROW LEVEL SECURITY"
    )

    with pytest.raises(TrackingSchemaUnsafe, match="row security hides rows"):
        await app.status(dsn=app.database.dsn_of(role))


@pytest.mark.parametrize("table", ["schema_migrations", "meta", "migration_locks"])
async def test_a_lost_table_is_never_taken_for_an_empty_history(
    app: App, table: str
) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    await app.database.execute(f"DROP TABLE asyncmigrate.{table}")
    app.add(_0002_b="SELECT 1;")

    with pytest.raises(DatabaseUnusable, match=table):
        await app.migrate()


async def test_a_lost_meta_row_is_told(app: App) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    await app.database.execute("DELETE FROM asyncmigrate.meta")

    with pytest.raises(TrackingSchemaUnsafe, match="has lost its `meta` row"):
        await app.status()


async def test_functions_of_a_neighbour_are_not_called(app: App) -> None:
    await app.database.execute(
        "CREATE FUNCTION public.pg_try_advisory_lock(bigint) RETURNS boolean"
        " LANGUAGE sql AS 'SELECT 1 / 0 = 1';"
        "CREATE FUNCTION public.pg_try_advisory_lock(integer) RETURNS boolean"
        " LANGUAGE sql AS 'SELECT 1 / 0 = 1';"
        "CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text"
        " LANGUAGE sql AS 'SELECT (1 / 0)::text';"
        "CREATE FUNCTION public.never(text, text) RETURNS boolean"
        " LANGUAGE sql AS 'SELECT 1 / 0 = 1';"
        "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text,"
        " FUNCTION = public.never);"
        f'ALTER DATABASE "{app.database.name}" SET search_path = public, pg_catalog'
    )
    app.add(_0001_a="-- UP\nSELECT 1;\n-- DOWN\nSELECT 1;")

    assert versions(await app.migrate()) == ["+0001"]
    assert (await app.status()).healthy
    assert versions(await app.rollback()) == ["-0001"]


async def test_a_role_that_may_not_connect_is_told_the_grant(
    app: App, role: str
) -> None:
    await app.database.execute(
        f'REVOKE CONNECT ON DATABASE "{app.database.name}" FROM PUBLIC'
    )
    app.add(_0001_a="SELECT 1;")

    with pytest.raises(PrivilegeMissing) as caught:
        await app.migrate(dsn=app.database.dsn_of(role))

    assert "grant CONNECT" in (caught.value.hint or "")
    assert isinstance(caught.value.__cause__, asyncpg.PostgresError)
