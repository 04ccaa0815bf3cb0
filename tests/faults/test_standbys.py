"""Standbys: refused as a target, waited for at COMMIT, and promoted behind our back."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import anyio
import asyncpg
import pytest

from asyncmigrate.errors import CommitUndecided, NotWritable
from asyncmigrate.events import ConnectionLost, LockTakenOver, LockWaiting, Warned
from asyncmigrate.results import MigrationReport
from tests.kit.app import App, versions
from tests.kit.commands import Cli
from tests.kit.databases import Database, new_database
from tests.kit.files import Files
from tests.kit.invariants import invariant
from tests.kit.locks import lease, nothing_is_left
from tests.kit.pausing import until_there
from tests.kit.polling import eventually
from tests.kit.proxy import listening
from tests.kit.servers import Server
from tests.kit.standbys import Pair, replicating


@pytest.fixture(scope="module")
def pair() -> Generator[Pair]:
    with replicating() as pair:
        yield pair


@pytest.fixture
async def database(
    pair: Pair,
    files: Files,
    anyio_backend: str,  # noqa: ARG001 - makes this fixture async in every test
) -> AsyncGenerator[Database]:
    """On the primary of the pair, where COMMIT waits for nobody as yet."""
    primary = pair.primary
    server = Server(primary.dsn(), primary.version * 10_000)
    async with new_database(server, files) as database:
        yield database


async def follows(database: Database) -> bool:
    """Whether the standby has all that the primary has written."""
    behind = (
        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) = 0"
        " FROM pg_stat_replication"
    )
    return bool(await database.fetchval(behind))


async def test_a_standby_can_be_read_and_is_refused_before_anything_is_written(
    app: App, shop: Cli, pair: Pair
) -> None:
    app.add(_0001_a="CREATE TABLE a ();")
    await app.migrate()
    await eventually(lambda: follows(app.database))
    dsn = pair.standby.dsn(app.database.name)

    assert (await app.status(dsn=dsn)).healthy
    assert versions(await app.migrate(dsn=dsn)) == []
    app.add(_0002_b="CREATE TABLE b ();")
    shop.environment["DATABASE_URL"] = dsn
    outcome = await shop("migrate")

    assert outcome.exit_status == 5
    assert "the server is a standby" in outcome.stderr
    assert "nothing was changed" in outcome.stderr
    assert "target_session_attrs=read-write" in outcome.stderr


async def test_the_primary_is_found_among_several_hosts(app: App, pair: Pair) -> None:
    app.add(_0001_a="CREATE TABLE a ();")
    first, second = pair.standby, pair.primary
    hosts = f"{first.host}:{first.port},{second.host}:{second.port}"
    dsn = f"postgresql://postgres@{hosts}/{app.database.name}"
    await eventually(lambda: follows(app.database))

    with pytest.raises(NotWritable):
        await app.migrate(dsn=dsn)
    report = await app.migrate(dsn=f"{dsn}?target_session_attrs=read-write")

    assert versions(report) == ["+0001"]


async def at_commit(database: Database) -> int:
    """The backend of a run whose COMMIT waits for a standby; 0 while there is none."""
    pid = await database.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        " AND datname = current_database() AND query LIKE '%0002_doubt.sql%'"
    )
    return int(pid or 0)


@pytest.fixture
async def ledger(app: App) -> App:
    """One migration is applied, another pending, and COMMIT waits for a standby."""
    app.add(_0001_ledger="CREATE TABLE ledger (version int);")
    await app.migrate()
    app.add(_0002_doubt="INSERT INTO ledger VALUES (2);")
    await app.database.execute(
        f'ALTER DATABASE "{app.database.name}" SET synchronous_commit = on'
    )
    return app


async def stands_once(app: App) -> bool:
    rows = await app.database.fetch("SELECT version FROM ledger")
    states = [row["state"] for row in await app.database.history()]
    return [row[0] for row in rows] == [2] and states == ["applied"] * 2


@invariant("I11", "I2")
@pytest.mark.parametrize("how", ["cancelled", "ended", "cut"])
async def test_a_commit_that_waits_for_a_standby_is_never_taken_for_rolled_back(
    ledger: App, how: str
) -> None:
    async with listening(ledger.dsn) as proxy:
        task = asyncio.ensure_future(ledger.migrate(dsn=proxy.dsn))
        pid = await eventually(lambda: at_commit(ledger.database))
        if how == "cut":
            proxy.cut_clients()
        else:
            end = "cancel" if how == "cancelled" else "terminate"
            await ledger.database.execute(f"SELECT pg_{end}_backend({pid})")
        report = await task

    assert versions(report) == ["+0002"]
    assert await stands_once(ledger)
    assert len(ledger.told(ConnectionLost)) == (how != "cancelled")
    (warning,) = report.warnings
    assert "0002 is committed, but may not be replicated yet" in warning
    assert len(ledger.told(Warned)) == 1
    assert await eventually(lambda: nothing_is_left(ledger.database))


@invariant("I13", "I2")
async def test_who_waits_behind_the_one_commit_of_all_waits_no_longer_than_the_limit(
    ledger: App,
) -> None:
    ledger.add(_0003_more="INSERT INTO ledger VALUES (3);")
    task = asyncio.ensure_future(
        ledger.migrate(single_transaction=True, block_limit=0.3)
    )

    async def waits_for_the_standby() -> bool:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        return bool(await ledger.database.fetchval(waiting))

    await eventually(waits_for_the_standby)
    other = await ledger.database.connect()
    # It has the lock as soon as the run's COMMIT waits no more.
    await other.execute("BEGIN; LOCK TABLE ledger IN SHARE MODE; ROLLBACK")
    report = await task

    assert versions(report) == ["+0002", "+0003"]
    assert "may not be replicated yet" in report.warnings[0]
    assert await ledger.standing() == dict.fromkeys(("0001", "0002", "0003"), "applied")


@invariant("I9", "I2")
async def test_a_caller_who_gives_up_at_commit_finds_it_applied(ledger: App) -> None:
    task = asyncio.ensure_future(ledger.migrate())
    await eventually(lambda: at_commit(ledger.database))

    task.cancel()
    await asyncio.wait([task], timeout=20)

    assert task.cancelled()
    assert await stands_once(ledger)
    assert versions(await ledger.migrate()) == []
    assert await eventually(lambda: nothing_is_left(ledger.database))


@invariant("I5", "I2")
async def test_a_dead_hosts_backend_that_is_told_to_end_may_first_finish_its_commit(
    ledger: App, shop: Cli
) -> None:
    dead = await shop.start("migrate")
    pid = await eventually(lambda: at_commit(ledger.database))
    dead.send_signal(signal.SIGSTOP)

    task = asyncio.ensure_future(ledger.migrate(lease_ttl=0.6))
    await eventually(lambda: said_who_holds_it(ledger))
    await anyio.sleep(1)
    still_waiting = not task.done()
    await ledger.database.execute(f"SELECT pg_terminate_backend({pid})")
    report = await task
    dead.send_signal(signal.SIGCONT)

    assert still_waiting
    assert versions(report) == []
    assert await stands_once(ledger)
    assert ledger.told(LockTakenOver) == []
    assert await dead.wait() in {0, 3}
    assert await stands_once(ledger)


async def said_who_holds_it(app: App) -> bool:
    return bool(app.told(LockWaiting))


NOTE = "INSERT INTO ledger VALUES (2)"


class Failover:
    """A run on a primary whose standby is promoted under its feet, as a name moves."""

    def __init__(self, app: App, old: str, new: str, place: Path) -> None:
        self.app = app
        self.never = place / "never"
        self.soon = place / "soon"
        self.here = old
        self.new = new
        self.dials = 0

    async def connect(self) -> asyncpg.Connection:
        self.dials += 1
        settings = {"application_name": f"dial {self.dials}"}
        return await asyncpg.connect(
            self.here, statement_cache_size=0, server_settings=settings
        )

    async def begin(self) -> "asyncio.Task[MigrationReport]":
        """A run that has come to 0002, known to the standby."""
        self.app.files.add("0002_slow.py", until_there(self.never, NOTE))
        run = self.app.migrate(dsn=None, connect=self.connect, lease_ttl=1.5)
        task = asyncio.ensure_future(run)

        async def under_way() -> bool:
            row = await lease(self.app.database)
            return row.get("current_version") == "0002"

        await eventually(under_way)
        await eventually(lambda: follows(self.app.database))
        return task

    async def promote(self) -> None:
        standby = await self.app.database.connect(self.new)
        await standby.execute("SELECT pg_promote()")
        self.here = self.new

    async def end_keeper(self) -> None:
        """The second that the run has dialled is its keeper's."""
        ended = await self.app.database.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'dial 2'"
        )
        assert len(ended) == 1


@pytest.fixture
async def failover(
    files: Files,
    tmp_path: Path,
    anyio_backend: str,  # noqa: ARG001 - makes this fixture async in every test
) -> AsyncGenerator[Failover]:
    """A pair of its own, since nothing follows the primary afterwards."""
    with replicating() as pair:
        server = Server(pair.primary.dsn(), pair.primary.version * 10_000)
        async with new_database(server, files) as database:
            app = App(database)
            app.add(_0001_ledger="CREATE TABLE ledger (version int);")
            await app.migrate()
            standby = pair.standby.dsn(database.name)
            yield Failover(app, database.dsn, standby, tmp_path)


@invariant("I1", "I6")
async def test_a_keeper_that_meets_a_rival_on_a_promoted_standby_renews_nothing(
    failover: Failover,
) -> None:
    app = failover.app
    task = await failover.begin()
    await failover.promote()
    app.files.add("0002_slow.py", until_there(failover.soon, NOTE))
    rival = asyncio.ensure_future(app.migrate(dsn=failover.new, lease_ttl=30))
    new = await app.database.connect(failover.new)

    async def rival_holds() -> str | None:
        query = (
            "SELECT run_id || ' ' || beat FROM asyncmigrate.migration_locks"
            " WHERE backend_pid IN (SELECT pid FROM pg_stat_activity)"
        )
        holder: str | None = await new.fetchval(query)
        return holder

    before = await eventually(rival_holds)
    await failover.end_keeper()
    with pytest.raises(CommitUndecided, match="another timeline") as lost:
        await task
    after = await rival_holds()
    failover.soon.touch()

    assert lost.value.exit_status == 6
    assert "the lock was lost: the lease is not this run's any more, but of" in (
        lost.value.message
    )
    assert (before or "")[:36] == (after or "")[:36]
    assert versions(await rival) == ["+0002"]
    assert await new.fetchval("SELECT count(*) FROM ledger") == 1
    assert await app.database.fetchval("SELECT count(*) FROM ledger") == 0
    assert len(await app.database.history()) == 1


@invariant("I11")
async def test_a_run_does_not_go_on_where_another_timeline_answers(
    failover: Failover,
) -> None:
    app = failover.app
    task = await failover.begin()
    await failover.promote()
    await failover.end_keeper()

    with pytest.raises(CommitUndecided, match="another timeline") as undecided:
        await task

    assert undecided.value.exit_status == 6
    assert undecided.value.version == "0002"
    new = await app.database.connect(failover.new)
    assert await new.fetchval("SELECT count(*) FROM ledger") == 0
    failover.soon.touch()
    app.files.add("0002_slow.py", until_there(failover.soon, NOTE))
    assert versions(await app.migrate(dsn=failover.new)) == ["+0002"]
