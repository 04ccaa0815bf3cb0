"""Roles and databases whose settings are against us: coped with, or refused in words."""

import pytest

from asyncmigrate.errors import NotWritable
from asyncmigrate.events import Unattended
from tests.kit.app import App, versions
from tests.kit.commands import Cli
from tests.kit.locks import nothing_is_left
from tests.kit.polling import eventually

# With the server that knows each first.
HOSTILE = {
    "statement_timeout": ("'300ms'", 0),
    "idle_in_transaction_session_timeout": ("'300ms'", 0),
    "idle_session_timeout": ("'300ms'", 14),
    "transaction_timeout": ("'300ms'", 17),
    "lock_timeout": ("'1ms'", 0),
    "row_security": ("off", 0),
    "default_transaction_deferrable": ("on", 0),
    "default_transaction_isolation": ("serializable", 0),
    "synchronous_commit": ("off", 0),
    "transform_null_equals": ("on", 0),
    "standard_conforming_strings": ("off", 0),
    "client_min_messages": ("error", 0),
    "client_encoding": ("'LATIN1'", 0),
    '"DateStyle"': ("'German'", 0),
    '"TimeZone"': ("'Asia/Kolkata'", 0),
    "extra_float_digits": ("-15", 0),
    "quote_all_identifiers": ("on", 0),
}

MIXED = {
    "0001_ledger.sql": "CREATE TABLE ledger (version int, note text);",
    "0002_slow.sql": r"SELECT pg_sleep(0.5); INSERT INTO ledger VALUES (2, 'a\b');",
    "0003_idle.py": """
import asyncio

async def up(connection):
    await connection.execute("INSERT INTO ledger VALUES (3)")
    await asyncio.sleep(0.5)
""",
    "0004_index.sql": "CREATE INDEX CONCURRENTLY ledger_version ON ledger (version);",
    "0005_vacuum.sql": "-- asyncmigrate: transaction=off\nSELECT pg_sleep(0.5);\n"
    "VACUUM ledger;",
}


async def hostile_role(app: App, *names: str, options: str = "LOGIN") -> str:
    """A role that carries these settings, and may do what a migration does."""
    database = app.database
    role = await database.role(options)
    await database.execute(f'GRANT CREATE ON DATABASE "{database.name}" TO "{role}"')
    await database.execute(f'GRANT ALL ON SCHEMA public TO "{role}"')
    for name in names:
        value, since = HOSTILE[name]
        if database.server.version >= since:
            await database.execute(f'ALTER ROLE "{role}" SET {name} = {value}')
    return role


async def test_a_role_that_carries_every_unkind_setting_migrates_all_the_same(
    app: App,
) -> None:
    role = await hostile_role(app, *HOSTILE)
    dsn = app.database.dsn_of(role)
    for name, text in MIXED.items():
        app.files.add(name, text)

    report = await app.migrate(dsn=dsn, lease_ttl=2)

    assert versions(report) == ["+0001", "+0002", "+0003", "+0004", "+0005"]
    assert report.warnings == ()
    assert app.told(Unattended) == []
    note = "SELECT note FROM ledger WHERE version = 2"
    assert await app.database.fetchval(note) == r"a\b"
    status = await app.status(dsn=dsn)
    assert status.healthy
    assert await eventually(lambda: nothing_is_left(app.database))


async def test_an_empty_search_path_is_told_with_the_remedy_and_costs_nothing(
    app: App, shop: Cli
) -> None:
    role = await hostile_role(app)
    await app.database.execute(f"ALTER ROLE \"{role}\" SET search_path = ''")
    shop.environment["DATABASE_URL"] = app.database.dsn_of(role)
    app.add(_0001_a="CREATE TABLE public.a ();", _0002_b="CREATE TABLE b ();")

    outcome = await shop("migrate")

    assert outcome.exit_status == 1
    assert "no schema has been selected to create in" in outcome.stderr
    assert "the role's `search_path` is empty; write names with" in outcome.stderr
    assert await app.database.tables() == {"a"}
    assert await app.standing() == {"0001": "applied", "0002": "pending"}


@pytest.mark.parametrize(
    ("how", "remedy"),
    [
        ("ROLE {role}", "`ALTER ROLE {role} RESET default_transaction_read_only`"),
        ("DATABASE {name}", "`ALTER DATABASE {name} RESET"),
        ("ROLE {role} IN DATABASE {name}", "`ALTER ROLE {role} IN DATABASE {name} RES"),
        (None, "take `default_transaction_read_only` out of the DSN or PGOPTIONS"),
    ],
)
async def test_a_read_only_session_is_refused_with_what_makes_it_so(
    app: App, how: str | None, remedy: str
) -> None:
    database = app.database
    role = await hostile_role(app)
    names = {"role": f'"{role}"', "name": f'"{database.name}"'}
    dsn = database.dsn_of(role)
    if how is None:
        dsn += "?default_transaction_read_only=on"
    else:
        place = how.format(**names)
        await database.execute(f"ALTER {place} SET default_transaction_read_only = on")
    app.add(_0001_a="CREATE TABLE a ();")

    status = await app.status(dsn=dsn)
    with pytest.raises(NotWritable, match="read-only; nothing was changed") as refused:
        await app.migrate(dsn=dsn)

    assert status.pending == 1
    assert remedy.format(**names) in (refused.value.hint or "")
    assert await database.tables() == set()


async def test_a_superuser_whose_triggers_are_off_is_warned(app: App) -> None:
    role = await hostile_role(app, options="LOGIN SUPERUSER")
    await app.database.execute(
        f'ALTER ROLE "{role}" SET session_replication_role = replica'
    )
    app.add(_0001_a="CREATE TABLE a ();")

    report = await app.migrate(dsn=app.database.dsn_of(role))

    assert versions(report) == ["+0001"]
    assert report.warnings == (
        "session_replication_role is `replica`: triggers and foreign keys are off",
    )
    await app.database.execute(f'DROP OWNED BY "{role}" CASCADE')
