"""Rows 4 and 5: apply many migrations, and roll them back."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Figures, Measured, measure
from benchmarks.peers import Peer, Project
from benchmarks.processes import Command, program, run
from benchmarks.results import OURS, Aim, Row, Series, series_of
from benchmarks.scenarios.command import migrate_command
from benchmarks.servers import Server
from benchmarks.workload import Change, alterations, tables

LOOP = "bare asyncpg loop"
PSQL = "psql -f"
LIBRARY = "asyncmigrate, await migrate()"

Commands = Callable[[str], tuple[Command, Command | None]]
"""Apply and undo on the database of a DSN; null where there is no such command."""


def measure_apply(bench: Bench) -> list[Row]:
    """On each server, a set of tables and one of alterations."""
    there = Row(number=4, title="apply, three statements each", series=[])
    back = Row(number=5, title="roll the same back", series=[])
    sizes = [(bench.servers.memory, bench.scale.migrations)]
    if bench.scale.on_disk:
        sizes.append((bench.servers.disk, bench.scale.on_disk))
    for server, count in sizes:
        for changes in (tables(count), alterations(count)):
            run_set = _Set(bench, server, changes)
            measured = measure(run_set.contenders(), bench.rounds(7, share=2))
            there.series += run_set.series(measured, "apply")
            back.series += run_set.series(measured, "rollback")
    return [there, back]


@dataclass(frozen=True, slots=True)
class _Set:
    """One set of migrations on one server; both rows come from the same runs."""

    bench: Bench
    server: Server
    changes: Sequence[Change]

    def contenders(self) -> list[Contender]:
        own = _own(self.bench, self.server, self.changes)
        return [
            *(
                Contender(name, _runs(self.server, commands), is_ours=True)
                for name, commands in own.items()
            ),
            *(
                Contender(
                    peer.name,
                    _runs(self.server, _of_peer(self.bench, peer, self.changes)),
                )
                for peer in self.bench.peers
            ),
        ]

    def series(self, measured: Measured, word: str) -> list[Series]:
        """The commands as a whole, and the two calls without what is imported."""
        kind = "tables" if len(self.changes[-1].up) == 3 else "alterations"
        key = f"{word}-{kind}-{self.server.key}"
        title = f"{len(self.changes):,} migrations, {kind}, {self.server.title}"
        present = measured.of(word)
        cannot = {
            peer.name: "has no command that undoes all of them"
            for peer in self.bench.peers
            if peer.name not in present
        }
        whole = series_of(
            measured,
            word,
            key=key,
            title=title,
            reference=LOOP,
            absent={**self.bench.absent, **cannot},
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
        return [whole, inside]

    def _aims(self) -> list[Aim]:
        return [
            Aim(text="at or below psql -f", of=OURS, than=(PSQL,), at_most=1.0),
            Aim(
                text="below every peer",
                of=OURS,
                than=tuple(peer.name for peer in self.bench.peers),
                at_most=1.0,
            ),
        ]


def _runs(server: Server, commands: Commands) -> Callable[[], Figures]:
    def once() -> Figures:
        with server.database() as dsn:
            apply, undo = commands(dsn)
            figures = _renamed(run(apply), "apply")
            if undo is not None:
                figures |= _renamed(run(undo), "rollback")
            return figures

    return once


def _renamed(figures: Figures, word: str) -> dict[str, float]:
    names = {"seconds": word, "inside": f"{word} inside", "cpu": f"{word} cpu"}
    return {names[name]: value for name, value in figures.items() if name in names}


def _own(
    bench: Bench, server: Server, changes: Sequence[Change]
) -> dict[str, Commands]:
    directory = bench.native(changes)
    scripts = bench.new_folder()
    scripts.write_text(
        json.dumps(
            [
                {
                    "version": change.version,
                    "up": change.up_script,
                    "down": change.down_script,
                }
                for change in changes
            ]
        ),
        encoding="utf-8",
    )
    up, down = _psql_files(bench, changes)

    def command(dsn: str) -> tuple[Command, Command]:
        apply = migrate_command(bench, dsn, directory)
        undo = Command(
            [bench.command, "rollback", "--to", "0", "--directory", directory],
            {"DATABASE_URL": dsn},
            bench.folder,
        )
        return apply, undo

    def library(dsn: str) -> tuple[Command, Command]:
        return (
            program("library", dsn, directory, "up"),
            program("library", dsn, directory, "down"),
        )

    def loop(dsn: str) -> tuple[Command, Command]:
        return (
            program("loop", dsn, scripts, "up"),
            program("loop", dsn, scripts, "down"),
        )

    def psql(dsn: str) -> tuple[Command, Command]:
        options = ("-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-f")
        return (
            Command((server.psql, *options, up)),
            Command((server.psql, *options, down)),
        )

    return {OURS: command, LIBRARY: library, LOOP: loop, PSQL: psql}


def _psql_files(bench: Bench, changes: Sequence[Change]) -> tuple[Path, Path]:
    """The same transactions in one file: BEGIN, the script, the row, COMMIT."""
    up, down = bench.new_folder(), bench.new_folder()
    table = "CREATE TABLE history (version text PRIMARY KEY);\n"
    apply = [
        f"BEGIN;\n{change.up_script}"
        f"INSERT INTO history (version) VALUES ('{change.version}');\nCOMMIT;\n"
        for change in changes
    ]
    undo = [
        f"BEGIN;\n{change.down_script}"
        f"DELETE FROM history WHERE version = '{change.version}';\nCOMMIT;\n"
        for change in reversed(changes)
    ]
    up.write_text(table + "".join(apply), encoding="utf-8")
    down.write_text("".join(undo), encoding="utf-8")
    return up, down


def _of_peer(bench: Bench, peer: Peer, changes: Sequence[Change]) -> Commands:
    project = Project(bench.new_folder(), len(changes))
    peer.write(changes, project.directory)
    return lambda dsn: (peer.apply(project, dsn), peer.rollback(project, dsn))
