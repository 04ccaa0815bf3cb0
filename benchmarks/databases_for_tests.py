"""What the pytest plugin costs: ``python -m benchmarks.databases_for_tests [--fsync]``.

Two hundred migrations, a table with two indexes each. Ratios are taken between runs
that alternate; the milliseconds are this machine's.
"""

import asyncio
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import asyncpg

from asyncmigrate._database.rolled_back import Line, RolledBackConnection
from asyncmigrate._settings import Settings
from asyncmigrate._testing.databases import Databases
from asyncmigrate._testing.wishes import Wishes, draw
from asyncmigrate.embedded import EmbeddedPostgres

MIGRATIONS = 200
ROUNDS = 15
TABLE = """\
-- UP
CREATE TABLE t{n} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
CREATE INDEX t{n}_name ON t{n} (name);
-- DOWN
DROP TABLE t{n};
"""


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


async def awaited(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1e3


def show(name: str, values: list[float], beside: list[float] | None = None) -> None:
    ratio = ""
    if beside:
        ratio = f"   x{statistics.median(values) / statistics.median(beside):.2f}"
    spread = f"{min(values):8.2f} to {max(values):8.2f}"
    print(f"{name:<52} {statistics.median(values):8.2f} ms ({spread}){ratio}")


def clones(databases: Databases, wishes: Wishes, server: EmbeddedPostgres) -> float:
    """Ours beside bare CREATE DATABASE, with each strategy; the time of one of ours."""
    yard, blueprint = databases.yard, draw(wishes)
    strategies = ("wal_log", "file_copy") if server.version >= 15 else ("",)
    bare: dict[str, list[float]] = {name: [] for name in strategies}
    ours: list[float] = []
    drops: list[float] = []

    async def measure() -> None:
        template = await yard.template(blueprint)
        admin = await asyncpg.connect(server.dsn())
        for _ in range(ROUNDS):
            for strategy, times in bare.items():
                name = f"bare_{secrets.token_hex(4)}"
                how = f" STRATEGY {strategy}" if strategy else ""
                sql = f"CREATE DATABASE {name} TEMPLATE {template}{how}"
                times.append(await awaited(partial(admin.execute, sql)))
                await admin.execute(f"DROP DATABASE {name}")
            began = time.perf_counter()
            made = await yard.clone(blueprint)
            ours.append((time.perf_counter() - began) * 1e3)
            drops.append(await awaited(partial(yard.drop, made)))
        await admin.close()

    databases.run(measure)
    best = min(bare.values(), key=statistics.median)
    for strategy, times in bare.items():
        show(f"bare CREATE DATABASE, {strategy or 'no choice'}", times)
    show("a clone of ours", ours, best)
    show("its DROP", drops)
    return statistics.median(ours)


def waits(databases: Databases, last: float, name: str) -> None:
    """What a test waits, when each lasts *last* milliseconds."""
    waited = []
    for _ in range(40):
        manager = databases.lend()
        waited.append(milliseconds(manager.__enter__))
        time.sleep(last / 1e3)
        manager.__exit__(None, None, None)
    show(f"wait of a test, each lasts {last:.0f} ms ({name})", waited[3:])


def transactions(dsn: str) -> None:
    """A transaction around each test; with one loop for all of them, and one each."""
    line = Line()

    def test(loop: asyncio.AbstractEventLoop, *, query: bool) -> None:
        connection = RolledBackConnection(dsn, line)
        work = connection.fetchval("SELECT 1") if query else connection.open()
        loop.run_until_complete(work)
        connection.end()

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        test(loop, query=False)
        times = [milliseconds(lambda: test(loop, query=False)) for _ in range(300)]
        show("transaction of a test, rolled back (shared loop)", times)

    async def bare() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.close()

    def own_loop() -> None:
        with asyncio.Runner() as runner:
            test(runner.get_loop(), query=False)

    each, connects = [], []
    for _ in range(40):
        each.append(milliseconds(own_loop))
        connects.append(milliseconds(lambda: asyncio.run(bare())))
    show("the same, each in a loop of its own: it connects", each, connects)


def main() -> None:
    fsync = "--fsync" in sys.argv
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(fsync=fsync, in_memory=not fsync) as server,
    ):
        for n in range(MIGRATIONS):
            Path(folder, f"{n:04}_t.sql").write_text(TABLE.format(n=n))
        wishes = Wishes(
            dsn=server.dsn(),
            settings=Settings(directory=(folder,)),
            project="benchmark",
            expected=1000,
        )
        print(f"PostgreSQL {server.version}, fsync {'on' if fsync else 'off'}")
        databases = Databases(wishes)
        yard, blueprint = databases.yard, draw(wishes)
        built = milliseconds(lambda: databases.run(lambda: yard.template(blueprint)))
        print(f"{'template of 200 migrations, once':<52} {built:8.0f} ms")
        clone = clones(databases, wishes, server)
        waits(databases, clone, "about one clone")
        waits(databases, clone * 2, "two clones")
        waits(databases, 0, "nothing: the pace of the server")
        with databases.lend() as dsn:
            transactions(dsn)
        databases.close()


if __name__ == "__main__":
    main()
