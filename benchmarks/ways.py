"""The ways to do the job: ours, the physical limits, the peers; each with its files."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from benchmarks.bench import Bench
from benchmarks.peers import Peer, Project
from benchmarks.processes import Command
from benchmarks.results import OURS
from benchmarks.workload import Change

ORDINARY: Final = "asyncmigrate, ordinary path"
LIBRARY: Final = "asyncmigrate, await migrate()"
FLOOR: Final = "floor: asyncpg, one query"
LOOP: Final = "bare asyncpg loop"
PSQL: Final = "psql -f"


class Way(Protocol):
    """One way; applying again is its start with nothing to do."""

    @property
    def name(self) -> str: ...

    def apply(self, dsn: str) -> Command:
        """Apply everything that is pending."""

    def rollback(self, dsn: str) -> Command | None:
        """Undo all of it, where one command can."""


def floor(bench: Bench, dsn: str) -> Command:
    """Import asyncpg, connect, ask one query."""
    return bench.program("floor", dsn)


@dataclass(frozen=True, slots=True)
class OurCommand:
    """The command as its users type it."""

    bench: Bench
    directory: Path
    name: str = OURS

    def apply(self, dsn: str) -> Command:
        return self._command(dsn, "migrate")

    def rollback(self, dsn: str) -> Command:
        return self._command(dsn, "rollback", "--to", "0")

    def _command(self, dsn: str, *arguments: str) -> Command:
        fast = {"ASYNCMIGRATE_FAST": "0"} if self.name == ORDINARY else {}
        return Command(
            (self.bench.command, *arguments, "--directory", self.directory),
            {"DATABASE_URL": dsn, **fast},
            self.bench.folder,
        )

    def without_fast_look(self) -> "OurCommand":
        """The same, and the ordinary path does it."""
        return OurCommand(self.bench, self.directory, ORDINARY)


@dataclass(frozen=True, slots=True)
class OurLibrary:
    """A program that awaits the call."""

    bench: Bench
    directory: Path
    name: str = LIBRARY

    def apply(self, dsn: str) -> Command:
        return self.bench.program("library", dsn, self.directory, "up")

    def rollback(self, dsn: str) -> Command:
        return self.bench.program("library", dsn, self.directory, "down")


class Loop:
    """A transaction, the script, a row: no lock and no check of anything."""

    name = LOOP

    def __init__(self, bench: Bench, changes: Sequence[Change]) -> None:
        self._bench = bench
        self._scripts = bench.new_folder()
        scripts = [
            {
                "version": change.version,
                "up": change.up_script,
                "down": change.down_script,
            }
            for change in changes
        ]
        self._scripts.write_text(json.dumps(scripts), encoding="utf-8")

    def apply(self, dsn: str) -> Command:
        return self._bench.program("loop", dsn, self._scripts, "up")

    def rollback(self, dsn: str) -> Command:
        return self._bench.program("loop", dsn, self._scripts, "down")


class Psql:
    """One file with the same transactions: BEGIN, the script, the row, COMMIT."""

    name = PSQL

    def __init__(self, bench: Bench, changes: Sequence[Change]) -> None:
        self._psql = bench.servers.memory.psql
        self._up, self._down = bench.new_folder(), bench.new_folder()
        up = ["CREATE TABLE history (version text PRIMARY KEY);\n"]
        up += [
            f"BEGIN;\n{change.up_script}"
            f"INSERT INTO history (version) VALUES ('{change.version}');\nCOMMIT;\n"
            for change in changes
        ]
        down = [
            f"BEGIN;\n{change.down_script}"
            f"DELETE FROM history WHERE version = '{change.version}';\nCOMMIT;\n"
            for change in reversed(changes)
        ]
        self._up.write_text("".join(up), encoding="utf-8")
        self._down.write_text("".join(down), encoding="utf-8")

    def apply(self, dsn: str) -> Command:
        return self._command(dsn, self._up)

    def rollback(self, dsn: str) -> Command:
        return self._command(dsn, self._down)

    def _command(self, dsn: str, file: Path) -> Command:
        options = ("-X", "-q", "-v", "ON_ERROR_STOP=1")
        return Command((self._psql, *options, "-d", dsn, "-f", file))


class PeerWay:
    """A peer with its project."""

    def __init__(self, bench: Bench, peer: Peer, changes: Sequence[Change]) -> None:
        self.name = peer.name
        self._peer = peer
        self._project = Project(bench.new_folder(), len(changes))
        peer.write(changes, self._project.directory)

    def apply(self, dsn: str) -> Command:
        return self._peer.apply(self._project, dsn)

    def rollback(self, dsn: str) -> Command | None:
        return self._peer.rollback(self._project, dsn)


def peers(bench: Bench, changes: Sequence[Change]) -> Iterator[PeerWay]:
    """Those that are there, and that can be asked for so many in the time there is."""
    for peer in bench.peers_for(len(changes)):
        yield PeerWay(bench, peer, changes)
