"""Row 9: a server that is 20 ms away."""

from collections.abc import Callable, Sequence

from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Figures, measure
from benchmarks.processes import Command, run
from benchmarks.proxy import Proxy, far
from benchmarks.results import OURS, Aim, Row, Series, series_of
from benchmarks.scenarios.checking import require_done
from benchmarks.ways import (
    FLOOR,
    LIBRARY,
    LOOP,
    ORDINARY,
    Loop,
    OurCommand,
    OurLibrary,
    Psql,
    Way,
    floor,
    peers,
)
from benchmarks.workload import Change, tables

LATENCY = 0.02
CONNECT = "asyncpg, connect and close"
FILES = 100
PENDING = 20
TWO_MORE = 2


def measure_latency(bench: Bench) -> list[Row]:
    """A start with nothing to do, and what each migration costs."""
    with far(bench.servers.memory.dsn(), LATENCY) as proxy:
        series = [*_start(bench, proxy), *_apply(bench, proxy)]
    title = f"a server {LATENCY * 1e3:g} ms away"
    return [Row(number=9, title=title, series=series)]


def _start(bench: Bench, proxy: Proxy) -> list[Series]:
    count = min(FILES, bench.scale.migrations)
    changes = tables(count)
    directory = bench.native(changes)
    way = OurCommand(bench, directory)
    with bench.servers.memory.database() as near:
        dsn = proxy.dsn(near)
        run(way.apply(near))
        require_done(near, changes)
        commands = {
            OURS: way.apply(dsn),
            ORDINARY: way.without_fast_look().apply(dsn),
            LIBRARY: OurLibrary(bench, directory).apply(dsn),
            FLOOR: floor(bench, dsn),
            CONNECT: bench.program("connect", dsn),
        }
        measured = measure(
            [
                Contender(name, _counted(proxy, command), is_ours=True)
                for name, command in commands.items()
            ],
            bench.rounds(5),
        )
    connecting = next(iter(measured.of("trips")[CONNECT])) or 0.0
    aims = [
        Aim(
            text=f"{name}: connect and two more at most",
            of=name,
            at_most=connecting + TWO_MORE,
        )
        for name in (OURS, ORDINARY, LIBRARY)
    ]
    title = f"nothing to do, {count} files"
    return [
        series_of(
            measured, "seconds", key="latency-start", title=title, reference=FLOOR
        ),
        series_of(
            measured,
            "trips",
            key="latency-start-trips",
            title=f"{title}: round trips",
            unit="trips",
            reference=FLOOR,
            aims=aims,
        ),
    ]


def _apply(bench: Bench, proxy: Proxy) -> list[Series]:
    count = min(PENDING, bench.scale.migrations)
    few, more = tables(count), tables(2 * count)
    sets = few, more
    shorter, longer = bench.native(few), bench.native(more)
    pairs: list[tuple[Way, Way]] = [
        (OurCommand(bench, shorter), OurCommand(bench, longer)),
        (Loop(bench, few), Loop(bench, more)),
        (Psql(bench, few), Psql(bench, more)),
    ]
    theirs = list(zip(peers(bench, few), peers(bench, more), strict=True))
    measured = measure(
        [
            *(
                Contender(pair[0].name, _each(bench, proxy, pair, sets), is_ours=True)
                for pair in pairs
            ),
            *(
                Contender(pair[0].name, _each(bench, proxy, pair, sets))
                for pair in theirs
            ),
        ],
        bench.rounds(3, share=2, warm_up=False),
    )
    title = f"of each migration ({2 * count} of them less {count})"
    return [
        series_of(
            measured,
            "seconds",
            key="latency-apply",
            title=f"the time {title}",
            reference=LOOP,
            absent=bench.absent_for(2 * count),
        ),
        series_of(
            measured,
            "trips",
            key="latency-apply-trips",
            title=f"the round trips {title}",
            unit="trips",
            reference=LOOP,
            aims=[Aim(text="one round trip each", of=OURS, at_most=1.0)],
        ),
    ]


def _counted(proxy: Proxy, command: Command) -> Callable[[], Figures]:
    def once() -> Figures:
        proxy.forget()
        figures = run(command)
        return {**figures, "trips": float(proxy.trips)}

    return once


def _each(
    bench: Bench,
    proxy: Proxy,
    pair: tuple[Way, Way],
    sets: tuple[Sequence[Change], Sequence[Change]],
) -> Callable[[], Figures]:
    """What each migration costs that is in the longer set alone.

    Start and end of the run cancel out.
    """
    count = len(sets[1]) - len(sets[0])

    def once() -> Figures:
        found = []
        for way, changes in zip(pair, sets, strict=True):
            with bench.servers.memory.database() as near:
                found.append(_counted(proxy, way.apply(proxy.dsn(near)))())
                require_done(near, changes)
        less, more = found
        # A process for each, as Sqitch has it, makes no more trips on any connection.
        return {
            name: (more[name] - less[name]) / count for name in ("seconds", "trips")
        }

    return once
