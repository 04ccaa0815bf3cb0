"""Row 3: the command with nothing to do, as whole processes."""

from contextlib import ExitStack
from functools import partial

from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Failed, measure
from benchmarks.peers import PEERS, Kind
from benchmarks.processes import run
from benchmarks.results import OURS, Aim, Row, Series, series_of
from benchmarks.scenarios.checking import require_done
from benchmarks.ways import FLOOR, ORDINARY, OurCommand, floor, peers
from benchmarks.workload import tables


def measure_command(bench: Bench) -> list[Row]:
    """For a hundred files and for a thousand."""
    series = [
        one
        for count in bench.scale.files
        if count <= 1000
        for one in _series(bench, count)
    ]
    return [Row(number=3, title="the command with nothing to do", series=series)]


def _series(bench: Bench, count: int) -> list[Series]:
    changes = tables(count)
    server = bench.servers.memory
    absent = bench.absent_for(count)
    with ExitStack() as stack:
        dsn = stack.enter_context(server.database())
        command = OurCommand(bench, bench.native(changes))
        ours = command.apply(dsn)
        ordinary = command.without_fast_look().apply(dsn)
        run(ours)
        require_done(dsn, changes)
        contenders = [
            Contender(OURS, partial(run, ours), is_ours=True),
            Contender(ORDINARY, partial(run, ordinary), is_ours=True),
            Contender(FLOOR, partial(run, floor(bench, dsn)), is_ours=True),
        ]
        for way in peers(bench, changes):
            other = stack.enter_context(server.database())
            theirs = way.apply(other)
            try:
                run(theirs)
                require_done(other, changes)
            except Failed as failure:
                absent[way.name] = str(failure)
            else:
                contenders.append(Contender(way.name, partial(run, theirs)))
        measured = measure(contenders, bench.rounds())
    waited = series_of(
        measured,
        "seconds",
        key=f"command-{count}",
        title=f"{count:,} files",
        reference=FLOOR,
        absent=absent,
        aims=_aims(count),
    )
    # Steadier than the time that passes, where others use the machine too.
    worked = series_of(
        measured,
        "cpu",
        key=f"command-{count}-cpu",
        title=f"{count:,} files, processor time",
        reference=FLOOR,
    )
    return [waited, worked]


def _aims(count: int) -> list[Aim]:
    dbmate = tuple(peer.name for peer in PEERS if peer.name.startswith("dbmate"))
    slow = tuple(peer.name for peer in PEERS if peer.kind is not Kind.OTHER)
    limit = 1.0 if count <= 100 else 1.25
    return [
        Aim(text=f"within {limit:g} x of dbmate", of=OURS, than=dbmate, at_most=limit),
        Aim(text="within 0.3 x of the floor", of=OURS, than=(FLOOR,), at_most=0.3),
        Aim(
            text="8 x faster than every Python and Node peer (0.125 x)",
            of=OURS,
            than=slow,
            at_most=1 / 8,
        ),
        Aim(
            text="the ordinary path within 1.25 x of the floor",
            of=ORDINARY,
            than=(FLOOR,),
            at_most=1.25,
        ),
    ]
