"""Rows 1 and 2: ``await migrate()`` with nothing to do, in a process that runs."""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

import asyncpg

from asyncmigrate import migrate
from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Figures, Rounds, measure
from benchmarks.results import Aim, Row, Series, series_of
from benchmarks.workload import tables

CONNECT = "connect + one query"
READ = "read and hash the files"
OURS = "await migrate()"
BUFFER = 32768


def measure_start(bench: Bench) -> list[Row]:
    """One series for each number of files; the largest is a row of its own."""
    first: list[Series] = []
    second: list[Series] = []
    for count in bench.scale.files:
        with bench.servers.memory.database() as dsn:
            series = _series(bench, dsn, count)
        (second if count >= 10_000 else first).append(series)
    rows = [Row(number=1, title="start with nothing to do, in process", series=first)]
    if second:
        rows.append(Row(number=2, title="the same, 10,000 files", series=second))
    return rows


def _series(bench: Bench, dsn: str, count: int) -> Series:
    directory = bench.native(tables(count))
    bench.runner.run(_timed(lambda: _apply(dsn, directory)))
    contenders = [
        Contender(OURS, _runs(bench, lambda: _apply(dsn, directory)), is_ours=True),
        Contender(CONNECT, _runs(bench, lambda: _ask(dsn))),
        Contender(READ, lambda: _read(directory)),
    ]
    rounds = bench.rounds(share=0.5)
    measured = measure(contenders, Rounds(rounds.count * 2, rounds.seconds))
    limit = {100: 1.2, 1000: 2.0}.get(count)
    aims = []
    if limit is not None:
        aims.append(
            Aim(
                text=f"within {limit:g} x of connect + one query",
                of=OURS,
                than=(CONNECT,),
                at_most=limit,
            )
        )
    elif count >= 10_000:
        aims.append(
            Aim(
                text="within 2 x of the loop that reads and hashes",
                of=OURS,
                than=(READ,),
                at_most=2.0,
            )
        )
    return series_of(
        measured,
        "seconds",
        key=f"start-{count}",
        title=f"{count:,} files",
        reference=READ if count >= 10_000 else CONNECT,
        aims=aims,
    )


def _runs(
    bench: Bench, work: Callable[[], Coroutine[None, None, object]]
) -> Callable[[], Figures]:
    return lambda: {"seconds": bench.runner.run(_timed(work))}


async def _timed(work: Callable[[], Coroutine[None, None, object]]) -> float:
    await asyncio.sleep(0)
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def _apply(dsn: str, directory: Path) -> None:
    await migrate(dsn, directory)


async def _ask(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.fetchval("SELECT version()")
    await connection.close()


def _read(directory: Path) -> Figures:
    """The best loop that merely reads and hashes the files."""
    started = time.perf_counter()
    names = os.listdir(directory)  # noqa: PTH208 - what is fastest
    folder = os.open(directory, os.O_RDONLY)
    digests = []
    for name in names:
        file = os.open(name, os.O_RDONLY, dir_fd=folder)
        digests.append(hashlib.sha256(os.read(file, BUFFER)).digest())
        os.close(file)
    os.close(folder)
    return {"seconds": time.perf_counter() - started}
