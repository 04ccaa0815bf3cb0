"""A connection pooler between: refused, or coped with where its user knows it."""

from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any

import anyio
import asyncpg
import pytest

from asyncmigrate import adopt, history, wait_until_current
from asyncmigrate.errors import PoolerBetween
from asyncmigrate.events import Unattended
from asyncmigrate.results import MigrationReport
from tests.kit.app import App, versions
from tests.kit.invariants import invariant
from tests.kit.locks import holders, nothing_is_left
from tests.kit.polling import eventually
from tests.kit.poolers import PROGRAM, pgbouncer

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")

MIXED = {
    "_0001_ledger": "CREATE TABLE ledger (version int);",
    "_0002_index": "CREATE INDEX CONCURRENTLY ledger_version ON ledger (version);",
    "_0003_left": "SET search_path = ''; SET statement_timeout = 1;",
    "_0004_plain": "INSERT INTO ledger VALUES (4);",
}

SETTINGS = """
SELECT current_setting('search_path'), current_setting('lock_timeout'),
       current_setting('statement_timeout'), current_setting('row_security')
"""

Pool = Callable[..., str]


@pytest.fixture
def pool(app: App) -> Generator[Pool]:
    """Starts a pooler of a mode before this test's database; the DSN through it."""
    with ExitStack() as stack:
        yield lambda mode, **options: stack.enter_context(
            pgbouncer(app.dsn, mode, **options)
        )


async def settings_through(dsn: str) -> list[str]:
    """What an application meets on a backend of the pool."""
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        (row,) = await connection.fetch(SETTINGS)
        return [str(value) for value in row]
    finally:
        await connection.close()


@pytest.mark.parametrize("mode", ["transaction", "session", "statement"])
async def test_a_pooler_is_refused_and_its_backends_stay_as_they_were(
    app: App, pool: Pool, mode: str
) -> None:
    app.add(_0001_a="CREATE TABLE a ();")
    dsn = pool(mode, size=1)
    before = await settings_through(dsn)

    with pytest.raises(PoolerBetween, match="a connection pooler stands between") as no:
        await app.migrate(dsn=dsn)

    assert no.value.exit_status == 5
    assert "nothing was changed" in str(no.value)
    assert "use the direct address of the server" in (no.value.hint or "")
    assert await settings_through(dsn) == before
    assert await app.database.tables() == set()
    assert await app.database.fetchval("SELECT to_regnamespace('asyncmigrate')") is None


async def test_pooling_by_transaction_is_refused_even_when_poolers_are_allowed(
    app: App, pool: Pool
) -> None:
    app.add(_0001_a="CREATE TABLE a ();")
    dsn = pool("transaction")
    before = await settings_through(dsn)

    with pytest.raises(PoolerBetween, match="pools by transaction") as refused:
        await app.migrate(dsn=dsn, allow_pooler=True)

    assert refused.value.exit_status == 5
    assert "one that pools by session" in (refused.value.hint or "")
    assert await settings_through(dsn) == before
    assert await holders(app.database) == []
    assert await app.database.tables() == set()


async def test_reading_through_a_pooler_is_fine_and_sets_nothing(
    app: App, pool: Pool
) -> None:
    app.add(_0001_a="-- UP\nCREATE TABLE a ();\n-- DOWN\nDROP TABLE a;")
    await app.migrate()
    dsn = pool("transaction", size=1)
    before = await settings_through(dsn)

    assert versions(await app.migrate(dsn=dsn)) == []
    assert versions(await app.rollback(dsn=dsn, dry_run=True)) == ["?0001"]
    assert (await app.status(dsn=dsn)).healthy
    assert (await wait_until_current(dsn, str(app.files), timeout=5)).healthy
    assert len(await history(dsn)) == 1

    assert await settings_through(dsn) == before


async def test_another_tools_history_is_read_through_a_pooler_and_sets_nothing(
    app: App, pool: Pool
) -> None:
    app.files.add("0001_a.up.sql", "CREATE TABLE a ();")
    await app.database.execute(
        "CREATE TABLE public.schema_migrations (version bigint, dirty boolean);"
        "INSERT INTO public.schema_migrations VALUES (1, false)"
    )
    dsn = pool("transaction", size=1)
    before = await settings_through(dsn)
    options: Any = {"format": "golang-migrate"}

    planned = await adopt(dsn, str(app.files), dry_run=True, **options)
    with pytest.raises(PoolerBetween):
        await adopt(dsn, str(app.files), **options)

    assert planned.dry_run
    assert await settings_through(dsn) == before
    assert (await adopt(app.dsn, str(app.files), **options)).results == ()
    assert (await app.status(dsn=dsn, **options)).healthy
    assert await settings_through(dsn) == before


@invariant("I1", "I9")
async def test_pooling_by_session_works_for_those_who_allow_it(
    app: App, pool: Pool
) -> None:
    app.add(**MIXED)
    dsn = pool("session")
    before = await settings_through(dsn)
    reports: list[MigrationReport] = []

    async def runner() -> None:
        reports.append(await app.migrate(dsn=dsn, allow_pooler=True))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(runner)

    applied = ["+0001", "+0002", "+0003", "+0004"]
    assert sorted(map(versions, reports)) == [[], [], [], applied]
    assert await app.database.fetchval("SELECT count(*) FROM ledger") == 1
    assert await eventually(lambda: nothing_is_left(app.database))
    assert await settings_through(dsn) == before


async def test_a_pool_with_one_backend_leaves_a_run_unattended(
    app: App, pool: Pool
) -> None:
    app.add(_0001_a="CREATE TABLE a ();")

    report = await app.migrate(
        dsn=pool("session", size=1), allow_pooler=True, lease_ttl=1
    )

    assert versions(report) == ["+0001"]
    assert len(app.told(Unattended)) == 1
