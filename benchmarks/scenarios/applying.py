"""Rows 4 and 5: apply many migrations, and roll them back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Figures, Measured, measure
from benchmarks.peers import PEERS
from benchmarks.processes import run
from benchmarks.results import OURS, Aim, Row, Series, series_of
from benchmarks.scenarios.checking import require_done
from benchmarks.servers import Server
from benchmarks.ways import (
    LIBRARY,
    LOOP,
    PSQL,
    Loop,
    OurCommand,
    OurLibrary,
    Psql,
    Way,
    peers,
)
from benchmarks.workload import Change, alterations, tables


def measure_apply(bench: Bench) -> list[Row]:
    """On each server, a set of tables and one of alterations."""
    there = Row(number=4, title="apply, three statements each", series=[])
    back = Row(number=5, title="roll the same back", series=[])
    memory, many = bench.servers.memory, bench.scale.migrations
    sets = [_Set(bench, memory, tables(many))]
    if fewer := bench.scale.on_disk:
        disk = bench.servers.disk
        sets += [
            _Set(bench, memory, alterations(fewer)),
            _Set(bench, disk, tables(fewer)),
            _Set(bench, disk, alterations(fewer)),
        ]
    for one in sets:
        rounds = bench.rounds(7, share=2, warm_up=False)
        measured = measure(one.contenders(), rounds)
        there.series += one.series(measured, "apply")
        back.series += one.series(measured, "rollback")
    return [there, back]


@dataclass(frozen=True, slots=True)
class _Set:
    """One set of migrations on one server; both rows come from the same runs."""

    bench: Bench
    server: Server
    changes: Sequence[Change]

    def contenders(self) -> list[Contender]:
        directory = self.bench.native(self.changes)
        own: list[Way] = [
            OurCommand(self.bench, directory),
            OurLibrary(self.bench, directory),
            Loop(self.bench, self.changes),
            Psql(self.bench, self.changes),
        ]
        return [
            *(
                Contender(way.name, _runs(self.server, way, self.changes), is_ours=True)
                for way in own
            ),
            *(
                Contender(way.name, _runs(self.server, way, self.changes))
                for way in peers(self.bench, self.changes)
            ),
        ]

    def series(self, measured: Measured, word: str) -> list[Series]:
        """The commands as a whole, the calls without what is imported, the work."""
        kind = "tables" if len(self.changes[-1].up) == 3 else "alterations"
        key = f"{word}-{kind}-{self.server.key}"
        title = f"{len(self.changes):,} migrations, {kind}, {self.server.title}"
        present = measured.of(word)
        cannot = {
            peer.name: "has no command that undoes all of them"
            for peer in self.bench.peers_for(len(self.changes))
            if peer.name not in present
        }
        whole = series_of(
            measured,
            word,
            key=key,
            title=title,
            reference=LOOP,
            absent={**cannot, **self.bench.absent_for(len(self.changes))},
            aims=self._aims(),
        )
        inside = series_of(
            measured,
            f"{word} inside",
            key=f"{key}-inside",
            title=f"{title}; from connect to close, imports left out",
            reference=LOOP,
            aims=[
                Aim(
                    text="within 1.05 x of the bare asyncpg loop",
                    of=LIBRARY,
                    than=(LOOP,),
                    at_most=1.05,
                )
            ],
        )
        worked = series_of(
            measured,
            f"{word} cpu",
            key=f"{key}-cpu",
            title=f"{title}; processor time of the client",
            reference=LOOP,
        )
        return [whole, inside, worked]

    def _aims(self) -> list[Aim]:
        return [
            Aim(text="at or below psql -f", of=OURS, than=(PSQL,), at_most=1.0),
            Aim(
                text="below every peer",
                of=OURS,
                than=tuple(peer.name for peer in PEERS),
                at_most=1.0,
            ),
        ]


def _runs(server: Server, way: Way, changes: Sequence[Change]) -> Callable[[], Figures]:
    def once() -> Figures:
        with server.database() as dsn:
            figures = _renamed(run(way.apply(dsn)), "apply")
            require_done(dsn, changes)
            undo = way.rollback(dsn)
            if undo is not None:
                figures |= _renamed(run(undo), "rollback")
                require_done(dsn, ())
            return figures

    return once


def _renamed(figures: Figures, word: str) -> dict[str, float]:
    names = {"seconds": word, "inside": f"{word} inside", "cpu": f"{word} cpu"}
    return {names[name]: value for name, value in figures.items() if name in names}
