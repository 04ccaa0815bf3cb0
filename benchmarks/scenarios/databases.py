"""Row 7: a migrated database for each test."""

import asyncio
import itertools
import time
from collections.abc import Callable

import asyncpg

from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Figures, measure
from benchmarks.processes import run
from benchmarks.results import Row, Series, series_of
from benchmarks.servers import Server
from benchmarks.ways import OurCommand
from benchmarks.workload import tables

MIGRATE = "apply them to an empty database"
COPY = "CREATE DATABASE, file_copy"
LOG = "CREATE DATABASE, wal_log"
UNDO = "a transaction rolled back"
TABLES = 200

_numbers = itertools.count(1)


def measure_databases(bench: Bench) -> list[Row]:
    count = min(TABLES, bench.scale.clones)
    way = OurCommand(bench, bench.native(tables(count)))
    servers = [bench.servers.memory]
    if bench.scale.on_disk:
        servers.append(bench.servers.disk)
    series = [_series(bench, server, way, count) for server in servers]
    title = f"a migrated database for each test, {count} migrations"
    return [Row(number=7, title=title, series=series)]


def _series(bench: Bench, server: Server, way: OurCommand, count: int) -> Series:
    with server.database() as dsn, server.database() as used:
        run(way.apply(dsn))
        run(way.apply(used))
        template = dsn.rpartition("/")[2].partition("?")[0]

        def apply() -> Figures:
            with server.database() as empty:
                return run(way.apply(empty))

        measured = measure(
            [
                Contender(MIGRATE, apply, is_ours=True),
                Contender(COPY, _clones(server, template, "file_copy"), is_ours=True),
                Contender(LOG, _clones(server, template, "wal_log"), is_ours=True),
                Contender(UNDO, _undoes(used), is_ours=True),
            ],
            bench.rounds(),
        )
    return series_of(
        measured,
        "seconds",
        key=f"databases-{server.key}",
        title=f"{count} tables, {server.title}",
        reference=COPY if server.key == "memory" else LOG,
    )


def _clones(server: Server, template: str, strategy: str) -> Callable[[], Figures]:
    async def clone() -> float:
        connection = await asyncpg.connect(server.dsn())
        name = f"clone_{next(_numbers)}"
        try:
            started = time.perf_counter()
            await connection.execute(
                f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY {strategy}'
            )
            seconds = time.perf_counter() - started
            await connection.execute(f'DROP DATABASE "{name}"')
        finally:
            await connection.close()
        return seconds

    return lambda: {"seconds": asyncio.run(clone())}


def _undoes(dsn: str) -> Callable[[], Figures]:
    async def undo() -> float:
        connection = await asyncpg.connect(dsn)
        try:
            started = time.perf_counter()
            await connection.execute("BEGIN")
            await connection.execute("ROLLBACK")
            return time.perf_counter() - started
        finally:
            await connection.close()

    return lambda: {"seconds": asyncio.run(undo())}
