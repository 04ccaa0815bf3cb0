"""Row 3: the command with nothing to do, as whole processes."""

from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Failed, measure
from benchmarks.peers import Kind, Peer, Project
from benchmarks.processes import Command, program, run
from benchmarks.results import OURS, Aim, Row, Series, series_of
from benchmarks.workload import Change, tables

FLOOR = "floor: asyncpg, one query"
ORDINARY = "asyncmigrate, ordinary path"


def migrate_command(bench: Bench, dsn: str, directory: object) -> Command:
    """The command as its users type it."""
    return Command(
        [bench.command, "migrate", "--directory", str(directory)],
        {"DATABASE_URL": dsn},
        bench.folder,
    )


def ordinary(command: Command) -> Command:
    """The same without the fast look."""
    environment = {**command.environment, "ASYNCMIGRATE_FAST": "0"}
    return Command(command.arguments, environment, command.directory)


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
    absent = dict(bench.absent)
    with ExitStack() as stack:
        dsn = stack.enter_context(server.database())
        ours = migrate_command(bench, dsn, bench.native(changes))
        run(ours)
        contenders = [
            Contender(OURS, lambda: run(ours), is_ours=True),
            Contender(ORDINARY, lambda: run(ordinary(ours)), is_ours=True),
            Contender(FLOOR, lambda: run(program("floor", dsn)), is_ours=True),
        ]
        for peer in bench.peers:
            own = stack.enter_context(server.database())
            try:
                contenders.append(_contender(bench, peer, changes, own))
            except Failed as failure:
                absent[peer.name] = str(failure)
        measured = measure(contenders, bench.rounds())
    waited = series_of(
        measured,
        "seconds",
        key=f"command-{count}",
        title=f"{count:,} files",
        reference=FLOOR,
        absent=absent,
        aims=_aims(bench, count),
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


def _contender(bench: Bench, peer: Peer, changes: list[Change], dsn: str) -> Contender:
    project = Project(bench.new_folder(), len(changes))
    peer.write(changes, project.directory)
    command = peer.apply(project, dsn)
    run(command)
    return Contender(peer.name, lambda: run(command))


def _aims(bench: Bench, count: int) -> list[Aim]:
    dbmate = tuple(peer.name for peer in bench.peers if peer.name.startswith("dbmate"))
    slow = tuple(peer.name for peer in bench.peers if peer.kind is not Kind.OTHER)
    limit = 1.0 if count <= 100 else 1.25
    return [
        Aim(text=f"within {limit:g} x of dbmate", of=OURS, than=dbmate, at_most=limit),
        Aim(text="within 0.3 x of the floor", of=OURS, than=(FLOOR,), at_most=0.3),
        Aim(
            text="8 x faster than every Python and Node peer",
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
