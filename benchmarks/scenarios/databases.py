"""Row 7: a migrated database for each test, as the pytest plugin gives it."""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from asyncmigrate._database.rolled_back import Line, RolledBackConnection
from asyncmigrate._settings import Settings
from asyncmigrate._testing.databases import Databases
from asyncmigrate._testing.wishes import Wishes, draw
from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Figures, measure, median
from benchmarks.processes import Command, run
from benchmarks.results import Aim, Row, Series, series_of
from benchmarks.servers import Server
from benchmarks.ways import OurCommand
from benchmarks.workload import Change, tables, write_native

MIGRATE = "apply them to an empty database"
COPY = "CREATE DATABASE, file_copy"
LOG = "CREATE DATABASE, wal_log"
CLONE = "a clone of the plugin"
UNDONE = "migrated_connection, its transaction"
DRAINED = "migrated_dsn, tests that last nothing"
LONGER = 1.5
FILLED = f"migrated_dsn, tests that last {LONGER:g} clones"
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
# What a test waits for is its set-up and its end.
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
def test_something(number, migrated_dsn):
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
    title = f"{len(changes)} tables, {server.title}"
    with server.database() as dsn:
        run(way.apply(dsn))
        with _own_clones(server, way.directory) as own:
            cloned, best = _clones(bench, server, own, way, dsn)
        with _undoing(bench, dsn) as undo:
            undone = measure(
                [Contender(UNDONE, undo, is_ours=True)], bench.rounds(share=0.1)
            )
    cloned.title = title
    lasting = LONGER * median(cloned.values[best]) / 1e3
    tested = measure(
        [
            Contender(name, _tests(bench, server, changes, seconds), is_ours=True)
            for name, seconds in ((DRAINED, 0.0), (FILLED, lasting))
        ],
        bench.rounds(3, warm_up=False),
    )
    tested.figures.update(undone.figures)
    waited = series_of(
        tested,
        "seconds",
        key=f"tests-{server.key}",
        title=f"{title}: what a test waits",
        reference=DRAINED,
        aims=[
            Aim(
                text=f"the wait under 1 ms when tests last {LONGER:g} clones",
                of=FILLED,
                at_most=1.0,
            ),
            Aim(text="a transaction rolled back under 0.5 ms", of=UNDONE, at_most=0.5),
        ],
    )
    return [cloned, waited]


def _clones(
    bench: Bench,
    server: Server,
    own: Callable[[], Figures],
    way: OurCommand,
    dsn: str,
) -> tuple[Series, str]:
    """Ours beside each strategy's; and which strategy is the best here."""
    template = dsn.rpartition("/")[2].partition("?")[0]

    def apply() -> Figures:
        with server.database() as empty:
            return run(way.apply(empty))

    ways = {
        MIGRATE: apply,
        COPY: _bare_clone(server, template, "file_copy"),
        LOG: _bare_clone(server, template, "wal_log"),
        CLONE: own,
    }
    measured = measure(
        [Contender(name, work, is_ours=True) for name, work in ways.items()],
        bench.rounds(share=0.5),
    )
    found = measured.of("seconds")
    best = min((COPY, LOG), key=lambda name: median(found[name]))
    series = series_of(
        measured,
        "seconds",
        key=f"clones-{server.key}",
        title="",
        reference=best,
        aims=[
            Aim(
                text="a clone within 1.1 x of the best bare CREATE DATABASE",
                of=CLONE,
                than=(best,),
                at_most=1.1,
            )
        ],
    )
    return series, best


def _bare_clone(server: Server, template: str, strategy: str) -> Callable[[], Figures]:
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


@contextmanager
def _own_clones(server: Server, directory: Path) -> Generator[Callable[[], Figures]]:
    """What stands behind the plugin's fixtures makes a clone, and drops it."""
    wishes = Wishes(
        dsn=server.dsn(),
        settings=Settings(directory=(str(directory),)),
        project="bench",
        expected=TESTS,
    )
    databases, blueprint = Databases(wishes), draw(wishes)

    async def clone() -> float:
        started = time.perf_counter()
        name = await databases.yard.clone(blueprint)
        seconds = time.perf_counter() - started
        await databases.yard.drop(name)
        return seconds

    try:
        yield lambda: {"seconds": databases.run(clone)}
    finally:
        databases.close()


@contextmanager
def _undoing(bench: Bench, dsn: str) -> Generator[Callable[[], Figures]]:
    """Begin and roll back on the connection that the test before has left."""
    line = Line()

    def once() -> Figures:
        started = time.perf_counter()
        connection = RolledBackConnection(dsn, line)
        bench.runner.run(connection.open())
        connection.end()
        return {"seconds": time.perf_counter() - started}

    try:
        yield once
    finally:
        line.end()


def _tests(
    bench: Bench, server: Server, changes: list[Change], seconds: float
) -> Callable[[], Figures]:
    """A session of pytest: the median of what its later tests waited for."""
    project = bench.new_folder()
    write_native(changes, project / "migrations")
    count = FIRST + min(TESTS, bench.scale.clones)
    for name, text in (
        ("pytest.ini", SETTINGS.format(dsn=server.dsn())),
        ("conftest.py", CONFTEST),
        ("test_it.py", TEST.format(count=count, seconds=seconds)),
    ):
        (project / name).write_text(text, encoding="utf-8")

    def once() -> Figures:
        run(Command((sys.executable, "-m", "pytest"), {}, project))
        waits: list[float] = json.loads((project / "waits.json").read_text("utf-8"))
        return {"seconds": median(waits[FIRST:])}

    return once
