"""Row 7: a migrated database for each test, and the pytest plugin that gives it."""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg

from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Figures, Measured, measure, median
from benchmarks.processes import Command, run
from benchmarks.results import Aim, Row, Series, series_of
from benchmarks.servers import Server
from benchmarks.ways import OurCommand
from benchmarks.workload import Change, tables, write_native

MIGRATE = "apply them to an empty database"
COPY = "CREATE DATABASE, file_copy"
LOG = "CREATE DATABASE, wal_log"
DRAINED = "migrated_dsn, tests that last nothing"
FILLED = "migrated_dsn, tests that last 1.5 clones"
UNDONE = "migrated_connection"
LONGER = 1.5
TABLES = 200
TESTS = 20
FIRST = 5
"""Tests whose waiting does not count: the plugin's stock is not there yet."""

SETTINGS = """\
[pytest]
addopts = -q -p no:cacheprovider -p no:randomly
asyncmigrate_directory = migrations
asyncmigrate_dsn = {dsn}
"""
# What a test waits for is its set-up, and where it undoes something its end.
CONFTEST = """\
import json
from collections import defaultdict
from pathlib import Path

waits = defaultdict(float)


def pytest_runtest_logreport(report):
    if report.when != "call":
        waits[report.nodeid] += report.duration


def pytest_sessionfinish():
    Path("waits.json").write_text(json.dumps(list(waits.values())))
"""
TEST = """\
import time

import pytest


@pytest.mark.parametrize("number", range({count}))
def test_something(number, {fixture}):
    time.sleep({seconds})
"""

_numbers = itertools.count(1)


def measure_databases(bench: Bench) -> list[Row]:
    """On each server, for a schema of two hundred migrations."""
    changes = tables(min(TABLES, bench.scale.clones))
    servers = [bench.servers.memory]
    if bench.scale.on_disk:
        servers.append(bench.servers.disk)
    series = [one for server in servers for one in _series(bench, server, changes)]
    title = f"a migrated database for each test, {len(changes)} migrations"
    return [Row(number=7, title=title, series=series)]


def _series(bench: Bench, server: Server, changes: list[Change]) -> list[Series]:
    way = OurCommand(bench, bench.native(changes))
    with server.database() as dsn:
        run(way.apply(dsn))
        template = dsn.rpartition("/")[2].partition("?")[0]

        def apply() -> Figures:
            with server.database() as empty:
                return run(way.apply(empty))

        bare = measure(
            [
                Contender(MIGRATE, apply, is_ours=True),
                Contender(COPY, _clones(server, template, "file_copy"), is_ours=True),
                Contender(LOG, _clones(server, template, "wal_log"), is_ours=True),
            ],
            bench.rounds(share=0.5),
        )
        best = min((COPY, LOG), key=lambda name: median(bare.of("seconds")[name]))
        lasting = LONGER * median(bare.of("seconds")[best])
        plugin = measure(
            [
                Contender(
                    best, _clones(server, template, best.split()[-1]), is_ours=True
                ),
                *(
                    Contender(name, _tested(bench, server, changes, test), is_ours=True)
                    for name, test in (
                        (DRAINED, ("migrated_dsn", 0.0)),
                        (FILLED, ("migrated_dsn", lasting)),
                        (UNDONE, ("migrated_connection", 0.0)),
                    )
                ),
            ],
            bench.rounds(3, warm_up=False),
        )
    title = f"{len(changes)} tables, {server.title}"
    return [
        _one(bare, server, "databases", title, best, ()),
        _one(plugin, server, "tests", f"{title}: what a test waits", best, _aims(best)),
    ]


def _aims(best: str) -> list[Aim]:
    return [
        Aim(
            text="a clone within 1.1 x of a bare CREATE DATABASE with the best strategy",
            of=DRAINED,
            than=(best,),
            at_most=1.1,
        ),
        Aim(
            text="the wait under 1 ms when tests last about one clone",
            of=FILLED,
            at_most=1.0,
        ),
        Aim(
            text="a rolled-back transaction under 0.5 ms",
            of=UNDONE,
            at_most=0.5,
        ),
    ]


def _one(  # noqa: PLR0913, PLR0917 - two series that differ in these
    measured: Measured,
    server: Server,
    key: str,
    title: str,
    reference: str,
    aims: "list[Aim] | tuple[()]",
) -> Series:
    return series_of(
        measured,
        "seconds",
        key=f"{key}-{server.key}",
        title=title,
        reference=reference,
        aims=aims,
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


def _tested(
    bench: Bench, server: Server, changes: list[Change], test: tuple[str, float]
) -> Callable[[], Figures]:
    """A session of pytest: the median of what its later tests waited for."""
    fixture, seconds = test
    project = bench.new_folder()
    project.mkdir()
    write_native(changes, project / "migrations")
    settings = SETTINGS.format(dsn=server.dsn())
    count = FIRST + min(TESTS, bench.scale.clones)
    script = TEST.format(count=count, fixture=fixture, seconds=seconds)
    for name, text in (
        ("pytest.ini", settings),
        ("conftest.py", CONFTEST),
        ("test_it.py", script),
    ):
        (project / name).write_text(text, encoding="utf-8")

    def once() -> Figures:
        run(Command((sys.executable, "-m", "pytest"), {}, project))
        return {"seconds": median(_waits(project)[FIRST:])}

    return once


def _waits(project: Path) -> list[float]:
    found: list[float] = json.loads((project / "waits.json").read_text("utf-8"))
    return found
