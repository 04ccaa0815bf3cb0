"""Connections that are lost, wherever it happens: what committed stands, once."""

import gc
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import asyncpg
import pytest

import asyncmigrate
from asyncmigrate._database.failures import SessionLost
from asyncmigrate._database.session import Names, Session
from asyncmigrate.embedded import EmbeddedPostgres
from asyncmigrate.errors import (
    CommitUndecided,
    ConflictsFound,
    DatabaseUnreachable,
    MigrationFailed,
)
from asyncmigrate.events import ConnectionLost, Event, LockWaiting, MigrationStarted
from tests.kit.app import App, versions
from tests.kit.databases import Database
from tests.kit.files import Files
from tests.kit.invariants import invariant
from tests.kit.locks import KEY, nothing_is_left
from tests.kit.polling import eventually
from tests.kit.proxy import before_the_first, listening

END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'asyncmigrate%'
"""

MIXED = {
    "0001_ledger.sql": "CREATE TABLE ledger (version int);",
    "0002_plain.sql": "INSERT INTO ledger VALUES (2); SELECT pg_sleep(0.1);",
    "0003_index.sql": "CREATE INDEX CONCURRENTLY ledger_version ON ledger (version);",
    "0004_python.py": """
import asyncio

async def up(connection):
    await connection.execute("INSERT INTO ledger VALUES (4)")
    await asyncio.sleep(0.1)
""",
    "0005_plain.sql": "INSERT INTO ledger VALUES (5); SELECT pg_sleep(0.1);",
}


def add(files: Files, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        files.add(name, text)


async def ledger(database: Database) -> list[int]:
    rows = await database.fetch("SELECT version FROM ledger ORDER BY version")
    return [row[0] for row in rows]


@invariant("I11", "I2")
@pytest.mark.parametrize("seed", range(6))
async def test_a_run_whose_sessions_are_ended_at_random_recovers_by_itself(
    app: App, seed: int
) -> None:
    add(app.files, MIXED)
    rng = random.Random(seed)  # noqa: S311 - a schedule, not a secret

    async def end_now_and_then() -> None:
        for _ in range(3):
            await anyio.sleep(rng.uniform(0.02, 0.4))
            await app.database.fetch(END)

    async with anyio.create_task_group() as group:
        group.start_soon(end_now_and_then)
        report = await app.migrate()
        group.cancel_scope.cancel()

    assert versions(report) == ["+0001", "+0002", "+0003", "+0004", "+0005"]
    assert await ledger(app.database) == [2, 4, 5]
    assert [row["state"] for row in await app.database.history()] == ["applied"] * 5
    assert await eventually(lambda: nothing_is_left(app.database))


@pytest.mark.parametrize("steps", range(4))
async def test_a_backend_ended_between_two_questions_is_lost_without_noise(
    app: App, steps: int
) -> None:
    # Noise is an exception that nobody retrieves: anyio's runner fails the test for it.
    connection = await app.database.connect()
    session = Session(connection, Names("asyncmigrate", "default"))
    pid = connection.get_server_pid()
    await app.database.execute("SELECT pg_terminate_backend($1)", pid)
    time.sleep(0.2)  # noqa: ASYNC251 - word and end of the backend lie in the socket
    for _ in range(steps):  # after one of them the driver has read its last word alone
        await anyio.lowlevel.checkpoint()

    with pytest.raises(SessionLost):
        await session.ask("SELECT 1")

    del session
    gc.collect()


@invariant("I11", "I2")
@pytest.mark.parametrize("when", ["before", "after", "held", "refused"])
async def test_a_commit_in_doubt_is_never_decided_wrongly(app: App, when: str) -> None:
    app.add(_0001_ledger="CREATE TABLE ledger (version int);")
    await app.migrate()
    app.add(_0002_doubt="INSERT INTO ledger VALUES (2);")
    cuts = 0
    async with listening(app.dsn) as proxy:

        async def on_query(text: str) -> bool:
            nonlocal cuts
            if "INSERT INTO ledger" not in text or cuts:
                return True
            cuts += 1
            if when in {"before", "refused"}:
                proxy.cut()
                return False
            if when == "after":
                proxy.is_deaf = True
                cutting.start_soon(cut_soon)
                return True
            proxy.cut_clients()
            await anyio.sleep(0.3)
            return True

        async def cut_soon() -> None:
            await anyio.sleep(0.2)
            proxy.cut()
            proxy.is_deaf = False

        proxy.on_query = on_query
        async with anyio.create_task_group() as cutting:
            report = await app.migrate(dsn=proxy.dsn)

    assert cuts == 1
    assert versions(report) == ["+0002"]
    assert await ledger(app.database) == [2]
    assert len(await app.database.history()) == 2
    assert len(app.told(ConnectionLost)) == 1


@invariant("I11")
async def test_a_commit_in_doubt_is_settled_before_a_conflict_is_told(
    app: App, tmp_path: Path
) -> None:
    app.add(_0001_ledger="CREATE TABLE ledger (version int);")
    await app.migrate()
    app.add(_0002_doubt="INSERT INTO ledger VALUES (2);", _0003_last="SELECT 3;")
    newer = Files(tmp_path / "newer")
    newer.add("0001_ledger.sql", "CREATE TABLE ledger (version int);")
    newer.add("0002_doubt.sql", "INSERT INTO ledger VALUES (2);")
    newer.add("0004_newer.sql", "SELECT 4;")
    reports: list[asyncmigrate.MigrationReport] = []
    async with listening(app.dsn) as proxy:

        async def on_query(text: str) -> bool:
            if "INSERT INTO ledger" in text:
                proxy.cut_clients()
            elif app.told(ConnectionLost) and "COPY" in text and not reports:
                reports.append(await asyncmigrate.migrate(app.dsn, str(newer)))
            return True

        proxy.on_query = on_query
        with pytest.raises(ConflictsFound, match="0003 is older") as late:
            await app.migrate(dsn=proxy.dsn)

    assert [versions(report) for report in reports] == [["+0004"]]
    assert [result.version for result in late.value.results] == ["0002"]
    assert "nothing was changed" not in str(late.value)
    assert "1 migration of this run stands" in str(late.value)


@invariant("I11")
@pytest.mark.parametrize("together", ["all", "repeatables"])
async def test_every_migration_of_a_commit_in_doubt_is_in_the_report(
    app: App, together: str
) -> None:
    app.add(_0001_ledger="CREATE TABLE ledger (version int);")
    single = together == "all"
    if single:
        app.add(_0002_more="INSERT INTO ledger VALUES (2);")
    app.files.add("repeatable/a.sql", "CREATE OR REPLACE VIEW a AS SELECT 1 AS x;")
    app.files.add("repeatable/b.sql", "CREATE OR REPLACE VIEW b AS SELECT 1 AS x;")
    async with listening(app.dsn) as proxy:

        async def lose(text: str) -> bool:
            if text == "COMMIT" and not app.told(ConnectionLost):
                proxy.is_deaf = True
                cutting.start_soon(cut_soon)
            return True

        async def cut_soon() -> None:
            await anyio.sleep(0.2)
            proxy.cut()
            proxy.is_deaf = False

        proxy.on_query = lose
        async with anyio.create_task_group() as cutting:
            report = await app.migrate(dsn=proxy.dsn, single_transaction=single)

    assert len(app.told(ConnectionLost)) == 1
    expected = ["+0001", "+0002", "+repeatable/a.sql", "+repeatable/b.sql"]
    assert versions(report) == [each for each in expected if single or each != "+0002"]
    assert [row["state"] for row in await app.database.history()] == ["applied"] * (
        len(report)
    )


@pytest.mark.parametrize("lost", ["COPY", "pg_try_advisory_lock"])
async def test_a_reply_that_is_lost_before_there_is_a_keeper_is_not_waited_for(
    app: App, lost: str
) -> None:
    app.add(_0001_ledger="CREATE TABLE ledger (version int);")
    await app.migrate()
    app.add(_0002_more="INSERT INTO ledger VALUES (2);")
    async with listening(app.dsn) as proxy:

        async def deafen(text: str) -> bool:
            if lost in text and len(proxy.connections) == 1:
                proxy.deaf_to.add(0)
            return True

        proxy.on_query = deafen
        report = await app.migrate(dsn=proxy.dsn, lease_ttl=0.5)

    assert proxy.deaf_to
    assert versions(report) == ["+0002"]
    assert "gave no answer within 5.5 s" in app.told(ConnectionLost)[0]
    assert await ledger(app.database) == [2]


SILENCED = {
    "0002_doubt.sql": "INSERT INTO ledger VALUES (2);",
    "0002_execute.py": """
async def up(connection):
    await connection.execute("INSERT INTO ledger VALUES (2)")
""",
    "0002_fetch.py": """
async def up(connection):
    await connection.execute("SELECT 'INSERT INTO ledger comes next'")
    await connection.fetchval("INSERT INTO ledger VALUES ($1) RETURNING version", 2)
""",
}


@invariant("I6")
@pytest.mark.parametrize("name", SILENCED)
async def test_a_reply_that_never_comes_is_a_lost_connection(
    app: App, name: str
) -> None:
    app.add(_0001_ledger="CREATE TABLE ledger (version int);")
    await app.migrate()
    app.files.add(name, SILENCED[name])
    # Only the first session's replies get lost; the keeper's do not.
    async with before_the_first(app.dsn) as (proxy, options):

        async def on_query(text: str) -> bool:
            proxy.is_deaf = proxy.is_deaf or "INSERT INTO ledger" in text
            return True

        proxy.on_query = on_query
        report = await app.migrate(**options, lease_ttl=1.5)

    assert versions(report) == ["+0002"]
    assert await ledger(app.database) == [2]
    assert len(app.told(ConnectionLost)) == 1


async def test_a_migration_that_always_loses_its_connection_is_given_up(
    app: App,
) -> None:
    app.add(
        _0001_a="CREATE TABLE a ();",
        _0002_crash="SELECT pg_terminate_backend(pg_backend_pid());",
    )

    with pytest.raises(MigrationFailed, match="lost 5 times in a row") as failed:
        await app.migrate()

    assert failed.value.version == "0002"
    assert failed.value.exit_status == 1
    assert "1 migration of this run stands" in str(failed.value)
    assert [result.version for result in failed.value.results] == ["0001", "0002"]
    assert await eventually(lambda: nothing_is_left(app.database))


@pytest.fixture
def fragile(own_server: Callable[..., EmbeddedPostgres]) -> EmbeddedPostgres:
    return own_server()


class Private:
    """Runs against a private server, told event by event."""

    def __init__(self, server: EmbeddedPostgres, files: Files) -> None:
        self.server = server
        self.files = files
        self.events: list[Event] = []
        self.on: Callable[[Event], object] = lambda _: None

    def _told(self, event: Event) -> None:
        self.events.append(event)
        self.on(event)

    async def migrate(self, **options: Any) -> asyncmigrate.MigrationReport:
        return await asyncmigrate.migrate(
            self.server.dsn(), str(self.files), on_event=self._told, **options
        )

    async def ask(self, sql: str) -> Any:
        connection = await asyncpg.connect(self.server.dsn())
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()


@invariant("I11")
async def test_a_run_goes_on_after_the_server_crashed_and_came_back(
    fragile: EmbeddedPostgres, files: Files
) -> None:
    private = Private(fragile, files)
    files.add("0001_ledger.sql", "CREATE TABLE ledger (version int);")
    files.add("0002_slow.sql", "INSERT INTO ledger VALUES (2); SELECT pg_sleep(0.7);")
    files.add("0003_last.sql", "INSERT INTO ledger VALUES (3);")

    def restart() -> None:
        fragile.stop("immediate")
        fragile.start()

    async def crash_in_0002() -> None:
        await eventually(under_way)
        await anyio.to_thread.run_sync(restart)

    async def under_way() -> bool:
        return any(
            isinstance(event, MigrationStarted) and event.version == "0002"
            for event in private.events
        )

    async with anyio.create_task_group() as group:
        group.start_soon(crash_in_0002)
        report = await private.migrate(lock_wait=20)

    assert versions(report) == ["+0001", "+0002", "+0003"]
    assert await private.ask("SELECT array_agg(version) FROM ledger") == [2, 3]


@invariant("I11")
async def test_a_server_that_never_comes_back_leaves_a_commit_undecided(
    fragile: EmbeddedPostgres, files: Files
) -> None:
    private = Private(fragile, files)
    files.add("0001_a.sql", "CREATE TABLE a ();")
    files.add("0002_slow.sql", "SELECT pg_sleep(20);")

    def crash(event: Event) -> None:
        if isinstance(event, MigrationStarted) and event.version == "0002":
            fragile.stop("immediate")

    private.on = crash
    with pytest.raises(CommitUndecided) as undecided:
        await private.migrate(lock_wait=1)

    assert undecided.value.exit_status == 6
    assert undecided.value.version == "0002"
    assert "whether it was committed could not be found out" in str(undecided.value)
    assert [result.version for result in undecided.value.results] == ["0001"]


async def test_a_server_that_goes_while_a_run_waits_is_told_as_unreachable(
    fragile: EmbeddedPostgres, files: Files
) -> None:
    private = Private(fragile, files)
    files.add("0001_a.sql", "CREATE TABLE a ();")
    await private.migrate()
    files.add("0002_b.sql", "CREATE TABLE b ();")
    holder = await asyncpg.connect(fragile.dsn())
    await holder.execute(f"SELECT pg_advisory_lock({KEY})")

    def crash(event: Event) -> None:
        if isinstance(event, LockWaiting):
            fragile.stop("immediate")

    private.on = crash
    with pytest.raises(DatabaseUnreachable, match="not to be had again") as gone:
        await private.migrate(lock_wait=1)

    assert gone.value.exit_status == 5
    holder.terminate()
