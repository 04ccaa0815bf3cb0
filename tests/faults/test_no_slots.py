"""A server without a free slot: waited for, told, or done without."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from asyncmigrate import migrate
from asyncmigrate.embedded import EmbeddedPostgres
from asyncmigrate.events import Connecting, Event, MigrationStarted, Unattended
from tests.kit.app import versions
from tests.kit.commands import Cli
from tests.kit.files import Files
from tests.kit.invariants import invariant
from tests.kit.pausing import until_there
from tests.kit.polling import eventually

SLOTS = 3


@pytest.fixture
def narrow(own_server: Callable[..., EmbeddedPostgres]) -> EmbeddedPostgres:
    """A server with three slots, for whomever comes first."""
    return own_server(
        settings={
            "max_connections": str(SLOTS),
            "max_prepared_transactions": "0",
            "superuser_reserved_connections": "0",
        }
    )


async def occupy(server: EmbeddedPostgres, count: int) -> list[asyncpg.Connection]:
    crowd: list[asyncpg.Connection] = []
    while len(crowd) < count:
        # The one by which the server was asked whether it is up may not be gone yet.
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            crowd.append(await asyncpg.connect(server.dsn()))
    return crowd


async def test_without_a_slot_it_says_so_or_waits_for_one(
    narrow: EmbeddedPostgres, cli: Cli, files: Files
) -> None:
    files.add("0001_a.sql", "CREATE TABLE a ();")
    cli.environment["DATABASE_URL"] = narrow.dsn()
    crowd = await occupy(narrow, SLOTS)
    events: list[Event] = []

    outcome = await cli("migrate")
    task = asyncio.ensure_future(
        migrate(narrow.dsn(), str(files), wait_for_database=30, on_event=events.append)
    )
    await eventually(lambda: told(events, Connecting))
    for connection in crowd:
        await connection.close()

    assert outcome.exit_status == 5
    assert "sorry, too many clients already" in outcome.stderr
    assert "raise `max_connections`, or end idle sessions" in outcome.stderr
    assert versions(await task) == ["+0001"]


async def told(events: list[Event], kind: type[Event]) -> bool:
    return any(isinstance(event, kind) for event in events)


@invariant("I6")
async def test_without_a_slot_for_its_keeper_a_run_goes_on_and_the_keeper_comes_later(
    narrow: EmbeddedPostgres, files: Files, tmp_path: Path
) -> None:
    files.add("0001_a.sql", "CREATE TABLE a ();")
    await migrate(narrow.dsn(), str(files))
    flag = tmp_path / "go on"
    files.add("0002_slow.py", until_there(flag))
    observer, *crowd = await occupy(narrow, SLOTS - 1)
    events: list[Event] = []
    beats = "SELECT beat FROM asyncmigrate.migration_locks"

    async def unattended() -> bool:
        return await told(events, Unattended) and await told(events, MigrationStarted)

    async def attended() -> bool:
        return await observer.fetchval(beats) is not None

    task = asyncio.ensure_future(
        migrate(narrow.dsn(), str(files), lease_ttl=1, on_event=events.append)
    )
    await eventually(unattended)
    without = await observer.fetchval(beats)
    for connection in crowd:
        await connection.close()
    await eventually(attended)
    flag.touch()
    report = await task

    assert without is None
    assert versions(report) == ["+0002"]
    (event,) = [event for event in events if isinstance(event, Unattended)]
    assert "sorry, too many clients already" in str(event)
    assert "no lease, no block limit" in str(event)
    await observer.close()
