"""Whose databases are dropped, and whose never."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from asyncmigrate._database import databases
from asyncmigrate._database import server as server_sql
from asyncmigrate._database.address import read_address
from asyncmigrate._database.connect import open_session
from asyncmigrate._database.session import Names, Session
from asyncmigrate._settings import Settings
from asyncmigrate._testing.wishes import Wishes, draw
from asyncmigrate._testing.yard import Yard
from asyncmigrate.embedded import EmbeddedPostgres
from asyncmigrate.errors import MigrationFailed, PrivilegeMissing
from tests.kit.databases import Database
from tests.kit.files import Files
from tests.kit.servers import Server

DAY = 24 * 60 * 60
NAMES = Names("asyncmigrate", "default")


@pytest.fixture
def wishes(files: Files, tmp_path: Path) -> Wishes:
    files.add("0001_users.sql", "CREATE TABLE users (id int);")
    return Wishes(
        dsn=None,
        settings=Settings(directory=(str(files.path),)),
        project=f"{tmp_path.name} {secrets.token_hex(4)}",
    )


@pytest.fixture
async def admin(server: Server, anyio_backend: str) -> AsyncGenerator[Session]:  # noqa: ARG001 - makes it async
    async with connected(server.admin_dsn) as session:
        yield session


@asynccontextmanager
async def connected(dsn: str) -> AsyncGenerator[Session]:
    session = await open_session(read_address(dsn, {}), NAMES, None, "test")
    try:
        await server_sql.settle(session)
        yield session
    finally:
        await session.close()


@pytest.fixture
async def yard(server: Server, wishes: Wishes, admin: Session) -> AsyncGenerator[Yard]:
    yard = Yard(wishes, server.admin_dsn)
    yield yard
    await yard.close(sweep=True)
    for known in await databases.list_databases(admin):
        if known.notes.get("project") == wishes.project:
            await databases.drop_database(admin, known.name)


async def names(admin: Session) -> set[str]:
    rows = await admin.ask("SELECT datname FROM pg_catalog.pg_database")
    return {row[0] or "" for row in rows}


async def test_what_bears_no_mark_is_not_ours_whatever_its_name(
    yard: Yard, admin: Session
) -> None:
    stranger = databases.clone_name(secrets.token_hex(8), 1)
    await admin.execute(f'CREATE DATABASE "{stranger}" TEMPLATE template0')

    await yard.sweep()

    assert stranger in await names(admin)
    await databases.drop_database(admin, stranger)


async def test_what_a_dead_session_left_is_dropped_and_a_living_one_keeps_its_own(
    yard: Yard, admin: Session
) -> None:
    dead, living = secrets.token_hex(8), secrets.token_hex(8)
    await databases.hold(admin, living)
    for owner in (dead, living):
        await databases.create_database(admin, databases.clone_name(owner, 1))
        await databases.create_database(admin, databases.draft_name(owner, 2))

    await yard.sweep()

    left = await names(admin)
    assert {name for name in left if dead in name} == set()
    assert {name for name in left if living in name} == {
        databases.clone_name(living, 1),
        databases.draft_name(living, 2),
    }
    await databases.drop_database(admin, databases.clone_name(living, 1))
    await databases.drop_database(admin, databases.draft_name(living, 2))


async def test_a_template_stays_while_it_is_in_use_or_was_used_lately(
    yard: Yard, admin: Session, wishes: Wishes
) -> None:
    _, now = await databases.fastest_strategy(admin)
    await yard.clone(draw(wishes))
    kept, replaced, lately, forgotten, held = (secrets.token_hex(8) for _ in range(5))
    made: dict[str, dict[str, object]] = {
        kept: {"project": wishes.project, "target": "0001", "used": now},
        replaced: {"project": wishes.project, "target": None, "used": now},
        lately: {"project": "another", "target": None, "used": now - 6 * DAY},
        forgotten: {"project": "another", "target": None, "used": now - 8 * DAY},
        held: {"project": wishes.project, "target": None, "used": now - 8 * DAY},
    }
    await databases.hold(admin, held)
    for key, notes in made.items():
        draft = databases.draft_name(held, 1)
        await databases.create_database(admin, draft)
        name = databases.template_name(key)
        await databases.publish_template(admin, draft, name, notes)

    await yard.sweep()

    left = await names(admin)
    stayed = {key for key in made if databases.template_name(key) in left}
    for key in made:
        await databases.drop_database(admin, databases.template_name(key))
    assert stayed == {kept, lately, held}


async def test_a_template_that_is_gone_all_the_same_is_built_again(
    yard: Yard, admin: Session, wishes: Wishes
) -> None:
    blueprint = draw(wishes)
    await yard.clone(blueprint)
    await databases.drop_database(admin, databases.template_name(blueprint.key))

    name = await yard.clone(blueprint)

    assert name in await names(admin)


async def test_the_use_of_a_template_is_noted_once_a_day(
    yard: Yard, admin: Session, wishes: Wishes
) -> None:
    blueprint = draw(wishes)
    name = await yard.template(blueprint)
    [known] = [it for it in await databases.list_databases(admin) if it.name == name]
    old = {**known.notes, "used": known.now - 2 * DAY}
    await databases.note_use(admin, name, old)
    other = Yard(wishes, yard.address.at_database("postgres"))

    await other.template(blueprint)

    [known] = [it for it in await databases.list_databases(admin) if it.name == name]
    await other.close(sweep=False)
    assert known.now - known.notes["used"] < DAY


async def test_a_lost_connection_is_replaced_and_its_databases_stay_ours(
    yard: Yard, admin: Session, wishes: Wishes
) -> None:
    before = await yard.clone(draw(wishes))
    [[pid]] = await admin.ask(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory'"  # noqa: S608 - a number
        f" AND classid = {int(yard.owner[:8], 16)}"
    )
    await admin.execute(f"SELECT pg_terminate_backend({pid})")

    after = await yard.clone(draw(wishes))

    known = {each.name: each for each in await databases.list_databases(admin)}
    assert known[before].in_use
    assert known[after].in_use


async def test_two_who_build_one_template_in_different_databases_share_it(
    yard: Yard, database: Database, wishes: Wishes, admin: Session
) -> None:
    # Keys are held for a database each, so that only the name decides.
    other = Yard(wishes, database.dsn)
    blueprint = draw(wishes)

    one, two = await asyncio.gather(yard.template(blueprint), other.template(blueprint))

    drafts = [it for it in await databases.list_databases(admin) if it.kind == "draft"]
    await other.close(sweep=True)
    assert one == two == databases.template_name(blueprint.key)
    assert {it.key for it in drafts} & {yard.owner, other.owner} == set()


async def test_scripts_stand_around_the_migrations_and_a_wrong_one_is_named(
    yard: Yard, wishes: Wishes, tmp_path: Path
) -> None:
    before, after = tmp_path / "before.sql", tmp_path / "after.sql"
    before.write_text("CREATE SCHEMA first; SET search_path = first;")
    after.write_text("INSERT INTO users VALUES (1);")
    yard.wishes = replace(wishes, before=(before,), after=(after,))
    name = await yard.clone(draw(yard.wishes))
    connection = await asyncpg.connect(yard.address.at_database(name))
    rows = await connection.fetchval("SELECT count(*) FROM users")
    await connection.close()
    after.write_text("SELECT nothing;")

    with pytest.raises(MigrationFailed, match=r"after\.sql: column .nothing. does not"):
        await yard.clone(draw(yard.wishes))

    assert rows == 1


async def test_a_role_that_may_make_no_database_is_told_the_remedy(
    database: Database, wishes: Wishes
) -> None:
    yard = Yard(wishes, database.dsn_of(await database.role()))

    with pytest.raises(PrivilegeMissing, match="ALTER ROLE … CREATEDB"):
        await yard.clone(draw(wishes))

    await yard.close(sweep=True)


async def test_a_role_that_may_make_databases_needs_no_other_right(
    database: Database, wishes: Wishes
) -> None:
    yard = Yard(wishes, database.dsn_of(await database.role("LOGIN CREATEDB")))

    name = await yard.clone(draw(wishes))
    connection = await asyncpg.connect(yard.address.at_database(name))
    rows = await connection.fetchval("SELECT count(*) FROM users")
    await connection.close()
    key = draw(wishes).key
    await yard.close(sweep=True)

    assert rows == 0
    await database.execute(f'DROP DATABASE "{databases.template_name(key)}"')


async def test_copying_files_is_chosen_where_nothing_is_synced(
    admin: Session,
    server: Server,
    own_server: Callable[..., EmbeddedPostgres],
) -> None:
    synced = own_server(fsync=True)

    async with connected(synced.dsn()) as session:
        with_fsync, _ = await databases.fastest_strategy(session)
    without, _ = await databases.fastest_strategy(admin)

    if server.version < 15:
        assert (with_fsync, without) == ("", "")
    else:
        assert with_fsync == " STRATEGY wal_log"
        assert without == " STRATEGY file_copy"
