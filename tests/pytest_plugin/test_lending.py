"""Connections that open themselves: in which loop, for how long, and what they leave."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NoReturn

import asyncpg
import pytest

from asyncmigrate._database.lending import LentConnection, LentPool
from asyncmigrate._database.rolled_back import (
    Line,
    RolledBackConnection,
    transaction_control,
)
from asyncmigrate.errors import InvalidUsage
from tests.kit.servers import Server

Use = Callable[[RolledBackConnection], Awaitable[Any]]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that several tests of somebody's would share."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


class Series:
    """Runs one test after the other, each with a connection of its own."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.line = Line()

    def run(self, loop: asyncio.AbstractEventLoop, use: Use) -> RolledBackConnection:
        connection = RolledBackConnection(self.dsn, self.line)
        try:
            self.result = loop.run_until_complete(_awaited(use(connection)))
        finally:
            connection.end()
        return connection


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


async def pid(connection: asyncpg.Connection) -> Any:
    return await connection.fetchval("SELECT pg_backend_pid()")


@pytest.fixture
def series(server: Server) -> Series:
    return Series(server.admin_dsn)


def test_nothing_that_a_test_does_to_its_session_reaches_the_next_one(
    series: Series, loop: asyncio.AbstractEventLoop
) -> None:
    async def litter(connection: RolledBackConnection) -> None:
        await connection.execute("SELECT pg_advisory_lock(4711)")
        await connection.execute("SET search_path = nowhere")
        await connection.execute("PREPARE one AS SELECT 1")
        await connection.execute("CREATE TEMPORARY SEQUENCE s")
        await connection.fetchval("SELECT nextval('s')")
        await connection.prepare("SELECT 2")
        await connection.add_listener("news", lambda *_: None)

    async def look(connection: RolledBackConnection) -> Any:
        return tuple(
            await connection.fetchrow(
                "SELECT (SELECT count(*) FROM pg_locks WHERE objid = 4711),"
                " current_setting('search_path') = 'nowhere',"
                " (SELECT count(*) FROM pg_prepared_statements WHERE name = 'one'),"
                " (SELECT count(*) FROM pg_listening_channels())"
            )
            or ()
        )

    series.run(loop, pid)  # only the next one shows that the loop is shared
    series.run(loop, pid)
    first = series.result
    series.run(loop, litter)
    series.run(loop, look)
    seen = series.result
    series.run(loop, pid)

    assert seen == (0, False, 0, 0)
    assert series.result == first


def test_what_no_statement_undoes_ends_the_connection(
    series: Series, loop: asyncio.AbstractEventLoop
) -> None:
    async def teach(connection: RolledBackConnection) -> None:
        await connection.set_type_codec(
            "json", schema="pg_catalog", encoder=str, decoder=lambda _: "mine"
        )

    async def ask(connection: RolledBackConnection) -> Any:
        return await connection.fetchval("SELECT '{}'::json")

    series.run(loop, pid)
    series.run(loop, pid)
    first = series.result
    series.run(loop, teach)
    series.run(loop, ask)
    answer = series.result
    series.run(loop, pid)

    assert answer == "{}"
    assert series.result != first


@pytest.mark.parametrize("farewell", ["close", "terminate"])
def test_a_connection_that_the_test_closes_stays_closed(
    farewell: str, series: Series, loop: asyncio.AbstractEventLoop
) -> None:
    async def close(connection: RolledBackConnection) -> None:
        assert not connection.is_closed()
        await connection.fetchval("SELECT 1")
        done = getattr(connection, farewell)()
        if done is not None:
            await done
        assert connection.is_closed()
        with pytest.raises(asyncpg.InterfaceError, match="connection is closed"):
            await connection.fetchval("SELECT 1")

    closed = series.run(loop, close)
    series.run(loop, pid)

    assert not closed.escaped
    assert closed.verified is (farewell == "close")


def test_after_its_test_a_connection_is_refused(
    series: Series, loop: asyncio.AbstractEventLoop
) -> None:
    old = series.run(loop, pid)

    assert old.is_closed()
    with pytest.raises(asyncpg.InterfaceError, match="connection is closed"):
        loop.run_until_complete(pid(old))


def test_an_escape_is_noticed_even_when_a_new_transaction_was_begun(
    series: Series, loop: asyncio.AbstractEventLoop
) -> None:
    async def escape(connection: RolledBackConnection) -> None:
        await connection.execute("COMMIT; BEGIN; SAVEPOINT a")

    async def fail(connection: RolledBackConnection) -> None:
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.execute("SELECT FROM nowhere")

    assert series.run(loop, escape).escaped
    assert not series.run(loop, fail).escaped


def test_two_open_loops_cannot_share_a_connection_or_a_pool(server: Server) -> None:
    connection = LentConnection(server.admin_dsn)
    pool = LentPool(server.admin_dsn)
    with asyncio.Runner() as one, asyncio.Runner() as two:
        one.run(pid(connection))
        one.run(_awaited(pool.fetchval("SELECT 1")))
        with pytest.raises(InvalidUsage, match="open in another event loop"):
            two.run(pid(connection))
        with pytest.raises(InvalidUsage, match="open in another event loop"):
            two.run(_awaited(pool.fetchval("SELECT 1")))
        connection.end()
        pool.end()


def test_a_loop_that_still_runs_elsewhere_loses_the_connection(
    server: Server,
) -> None:
    connection = RolledBackConnection(server.admin_dsn, Line())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(pid(connection), loop).result(20)

    connection.end()

    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert not connection.verified


def test_where_pytest_runs_in_a_loop_itself_the_connection_is_cut(
    server: Server, loop: asyncio.AbstractEventLoop
) -> None:
    connection = RolledBackConnection(server.admin_dsn, Line())
    loop.run_until_complete(pid(connection))

    async def pytest_main() -> None:
        connection.end()

    asyncio.run(pytest_main())
    loop.run_until_complete(asyncio.sleep(0))

    assert not connection.verified


def test_before_it_is_open_it_says_what_is_missing(server: Server) -> None:
    connection = LentConnection(server.admin_dsn)

    with pytest.raises(asyncpg.InterfaceError, match="not open yet"):
        connection.get_server_pid()
    with pytest.raises(AttributeError):
        connection.nothing_of_the_kind  # noqa: B018 - looked up to fail


def test_a_refusal_is_told_before_anything_is_sent(
    server: Server, loop: asyncio.AbstractEventLoop
) -> None:
    def refuse(word: str) -> NoReturn:
        raise ValueError(word)

    connection = RolledBackConnection(server.admin_dsn, Line(), refuse)

    with pytest.raises(ValueError, match="ROLLBACK"):
        loop.run_until_complete(_awaited(connection.reset()))
    with pytest.raises(ValueError, match="COMMIT"):
        loop.run_until_complete(_awaited(connection.prepare("/* a */ commit")))
    connection.end()
    assert connection.verified
    assert not connection.escaped


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT 1; COMMIT", "COMMIT"),
        ("begin", "BEGIN"),
        ("END", "END"),
        ("START TRANSACTION", "START"),
        ("PREPARE TRANSACTION 'a'", "PREPARE"),
        ("ABORT", "ABORT"),
        ("SELECT 'COMMIT'", None),
        ("SAVEPOINT a; ROLLBACK TO a; RELEASE a", None),
        ("PREPARE a AS SELECT 1", None),
        ("DO $$ BEGIN NULL; END $$", None),
        ("SELECT CASE WHEN true THEN 1 END", None),
        ("SELECT 'never closed; COMMIT", None),
    ],
)
def test_what_controls_a_transaction_is_told_from_what_looks_like_it(
    sql: str, word: str | None
) -> None:
    assert transaction_control(sql) == word
