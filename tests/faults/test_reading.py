"""Commands that only read wait for no reply that is lost on its way."""

import time

import anyio
import pytest

from asyncmigrate import wait_until_current
from asyncmigrate.errors import CheckFailed, DatabaseUnreachable, MigrationError
from tests.kit.app import App
from tests.kit.commands import Cli, Outcome
from tests.kit.databases import Database
from tests.kit.proxy import Proxy, listening

READERS = (
    ("migrate", "--dry-run"),
    ("status", "--check"),
    ("validate",),
    ("history",),
    ("history", "--show", "0001"),
)


async def swallowed(text: str) -> bool:
    return "COPY" not in text


async def test_a_reply_that_never_comes_ends_every_command_that_reads(
    cli: Cli, database: Database
) -> None:
    database.files.add("0001_a.sql", "CREATE TABLE a ();")
    cli.environment["DATABASE_URL"] = database.dsn
    cli.environment |= {"ASYNCMIGRATE_LEASE_TTL": "0.5", "ASYNCMIGRATE_FAST": "0"}
    await cli("migrate")
    database.files.add("0002_b.sql", "CREATE TABLE b ();")
    ended: dict[tuple[str, ...], Outcome] = {}

    async def call(*words: str) -> None:
        ended[words] = await cli(*words)

    async with listening(database.dsn) as proxy, anyio.create_task_group() as group:
        proxy.on_query = swallowed
        cli.environment["DATABASE_URL"] = proxy.dsn
        for words in READERS:
            group.start_soon(call, *words)

    assert {words: end.exit_status for words, end in ended.items()} == dict.fromkeys(
        READERS, 5
    )
    for end in ended.values():
        assert "the server gave no answer within 5.5 s" in end.stderr


@pytest.mark.parametrize("lost", ["connect", "question", "second question"])
async def test_a_wait_ends_in_time_whichever_reply_is_lost(app: App, lost: str) -> None:
    app.add(_0001_a="CREATE TABLE a ();")
    await app.migrate()
    app.add(_0002_b="CREATE TABLE b ();")
    async with listening(app.dsn) as proxy:
        lose(proxy, lost)
        began = time.monotonic()
        with pytest.raises(MigrationError) as caught:
            await wait_until_current(proxy.dsn, str(app.files), timeout=1.2)
        took = time.monotonic() - began

    assert 1 < took < 3
    if lost == "second question":
        assert isinstance(caught.value, CheckFailed)
        assert "1 migrations are still pending after 1.2 s" in str(caught.value)
    else:
        assert isinstance(caught.value, DatabaseUnreachable)
        assert "the server gave no answer in time" in str(caught.value)


def lose(proxy: Proxy, what: str) -> None:
    """Have the first connect, the first question or the next one go unanswered."""
    asked = 0

    async def on_query(text: str) -> bool:
        nonlocal asked
        asked += "'look'" in text
        return what == "second question" and asked < 2

    proxy.is_deaf = what == "connect"
    proxy.on_query = on_query
