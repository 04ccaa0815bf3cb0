"""Row 6: as many processes at once as a rolling deploy has pods."""

from collections.abc import Callable, Sequence

from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Failed, Figures, Measured, measure
from benchmarks.processes import Command, run, run_together
from benchmarks.results import OURS, Aim, Row, Series, series_of
from benchmarks.scenarios.checking import require_done
from benchmarks.servers import Server
from benchmarks.ways import ORDINARY, OurCommand, Way, floor, peers
from benchmarks.workload import Change, tables

PENDING = 100
# A Java machine or a shell's worth of processes for each would measure the memory.
TOO_HEAVY = ("Liquibase", "Sqitch")


def measure_many(bench: Bench) -> list[Row]:
    """Everything pending, then nothing; and who of the others fails."""
    series = [_all_pending(bench), _nothing_pending(bench)]
    if bench.peers:
        series += _others(bench)
    count = bench.scale.processes
    return [Row(number=6, title=f"{count} processes at once", series=series)]


def _all_pending(bench: Bench) -> Series:
    count, server = bench.scale.processes, bench.servers.memory
    changes = tables(min(PENDING, count))
    way = OurCommand(bench, bench.native(changes))
    floors = f"{count} floors, then one apply"

    def ours() -> Figures:
        with server.database() as dsn:
            figures = _together(way.apply(dsn), count)
            require_done(dsn, changes)
            return figures

    def reference() -> Figures:
        with server.database() as dsn:
            before = run_together(floor(bench, dsn), count)["seconds"]
            after = run(way.apply(dsn))["seconds"]
            return {"seconds": before + after}

    measured = measure(
        [
            Contender(OURS, ours, is_ours=True),
            Contender(floors, reference, is_ours=True),
        ],
        bench.rounds(5, share=4, warm_up=False),
    )
    return _series(
        measured, "pending", f"{len(changes)} migrations pending", floors, 1.3
    )


def _nothing_pending(bench: Bench) -> Series:
    count, server = bench.scale.processes, bench.servers.memory
    changes = tables(min(PENDING, count))
    way = OurCommand(bench, bench.native(changes))
    floors = f"{count} floors"
    with server.database() as dsn:
        command = way.apply(dsn)
        ordinary = way.without_fast_look().apply(dsn)
        run(command)
        require_done(dsn, changes)

        def together(what: Command) -> Callable[[], Figures]:
            return lambda: _together(what, count)

        measured = measure(
            [
                Contender(OURS, together(command), is_ours=True),
                Contender(ORDINARY, together(ordinary), is_ours=True),
                Contender(floors, together(floor(bench, dsn)), is_ours=True),
            ],
            bench.rounds(5, share=4, warm_up=False),
        )
    return _series(measured, "current", "nothing pending", floors, 0.3)


def _others(bench: Bench) -> list[Series]:
    """Fewer of them, once each: what counts is who fails."""
    count, server = max(2, bench.scale.processes // 5), bench.servers.memory
    changes = tables(count)
    own = OurCommand(bench, bench.native(changes))
    absent = bench.absent_for(count)
    contenders = [Contender(OURS, _once(server, own, changes), is_ours=True)]
    for way in peers(bench, changes):
        if way.name.startswith(TOO_HEAVY):
            absent[way.name] = "left out: so many at once are too heavy for the machine"
        else:
            contenders.append(Contender(way.name, _once(server, way, changes)))
    measured = measure(contenders, bench.rounds(1, warm_up=False))
    title = f"{count} processes, {len(changes)} migrations pending"
    return [
        series_of(
            measured,
            "seconds",
            key="many-others",
            title=title,
            unit="s",
            reference=OURS,
            absent=absent,
        ),
        series_of(
            measured,
            "failed",
            key="many-failed",
            title=f"{title}: processes that failed",
            unit="processes",
            reference=OURS,
            absent=absent,
            aims=[Aim(text="no one fails", of=OURS, at_most=0)],
        ),
    ]


def _once(server: Server, way: Way, changes: Sequence[Change]) -> Callable[[], Figures]:
    """As many processes as there are migrations."""

    def once() -> Figures:
        with server.database() as dsn:
            figures = run_together(way.apply(dsn), len(changes))
            require_done(dsn, changes)
            return figures

    return once


def _together(command: Command, count: int) -> Figures:
    figures = run_together(command, count)
    if figures["failed"]:
        raise Failed(command.title, f"failed {figures['failed']:.0f} times", "")
    return figures


def _series(
    measured: Measured, key: str, title: str, reference: str, limit: float
) -> Series:
    return series_of(
        measured,
        "seconds",
        key=f"many-{key}",
        title=title,
        unit="s",
        reference=reference,
        aims=[
            Aim(
                text=f"within {limit:g} x of {reference}; no one fails",
                of=OURS,
                than=(reference,),
                at_most=limit,
            )
        ],
    )
