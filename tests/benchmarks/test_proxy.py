"""The far server: what is said through it arrives, later, and each trip counts."""

import time

import asyncpg

from benchmarks.proxy import far
from tests.kit.servers import Server

LATENCY = 0.02


async def test_a_round_trip_is_counted_once_and_takes_the_latency(
    server: Server,
) -> None:
    with far(server.admin_dsn, LATENCY) as proxy:
        connection = await asyncpg.connect(proxy.dsn(server.admin_dsn), ssl=False)
        connected = proxy.trips
        started = time.monotonic()

        await connection.execute("SELECT 1; SELECT 2")

        seconds = time.monotonic() - started
        asked = proxy.trips - connected
        await connection.close()
    assert asked == 1
    assert seconds >= LATENCY


async def test_the_busiest_connection_is_counted(server: Server) -> None:
    with far(server.admin_dsn, 0) as proxy:
        for questions in (3, 1):
            connection = await asyncpg.connect(proxy.dsn(server.admin_dsn), ssl=False)
            before = proxy.trips
            for _ in range(questions):
                await connection.execute("SELECT 1")
            after = proxy.trips
            await connection.close()

            assert after - before == (3 if questions == 3 else 0)
        proxy.forget()

        assert proxy.trips == 0
