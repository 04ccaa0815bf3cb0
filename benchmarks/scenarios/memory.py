"""Row 8: the most memory that a process held, with many files of much SQL."""

from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Figures, measure
from benchmarks.processes import Command, largest
from benchmarks.results import OURS, Aim, Row, series_of
from benchmarks.ways import FLOOR, LIBRARY, ORDINARY, OurCommand, OurLibrary, floor
from benchmarks.workload import tables

APPLYING = "asyncmigrate, applying all of them"


def measure_memory(bench: Bench) -> list[Row]:
    files = bench.scale.files[-1]
    size = bench.scale.megabytes * 1_000_000
    directory = bench.native(tables(files), padding=size // files)
    with bench.servers.memory.database() as dsn:
        way = OurCommand(bench, directory)
        applying = largest(way.apply(dsn))
        contenders = [
            Contender(name, _runs(what), is_ours=True)
            for name, what in (
                (OURS, way.apply(dsn)),
                (ORDINARY, way.without_fast_look().apply(dsn)),
                (LIBRARY, OurLibrary(bench, directory).apply(dsn)),
                (FLOOR, floor(bench, dsn)),
            )
        ]
        measured = measure(contenders, bench.rounds(3))
    measured.figures[APPLYING] = [applying]
    aims = [
        Aim(
            text=f"{what} within 1.35 x of the bare asyncpg process",
            of=of,
            than=(FLOOR,),
            at_most=1.35,
        )
        for what, of in (
            ("the command", OURS),
            ("the ordinary path", ORDINARY),
            ("the library's call", LIBRARY),
        )
    ]
    series = series_of(
        measured,
        "bytes",
        key="memory",
        title=f"{files:,} files, {bench.scale.megabytes} MB of SQL",
        unit="MB",
        reference=FLOOR,
        aims=aims,
    )
    return [Row(number=8, title="memory", series=[series])]


def _runs(command: Command) -> Callable[[], Figures]:
    return lambda: largest(command)
