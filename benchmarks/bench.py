"""What every scenario is given: how large, which servers, which peers, a folder."""

import asyncio
import itertools
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measuring import Rounds
from benchmarks.peers import Peer
from benchmarks.processes import PROGRAMS, Command
from benchmarks.servers import Servers
from benchmarks.workload import Change, write_native


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is measured."""

    name: str
    migrations: int
    """Applied and rolled back in rows 4 and 5."""
    on_disk: int
    """The same on the disk, where each takes ten times as long, and of alterations;
    without any the tables in memory are all."""
    files: tuple[int, ...]
    """In a start with nothing to do."""
    processes: int
    clones: int
    megabytes: int
    """Of SQL in memory and scanner rows, for the largest count of `files`."""
    rounds: int
    seconds: float
    """For one series, about."""
    patience: float = 1.0
    """A share of what each peer is asked for at most (`Peer.largest`)."""


FULL = Scale(
    name="full",
    migrations=1000,
    on_disk=200,
    files=(100, 1000, 10_000),
    processes=100,
    clones=200,
    megabytes=100,
    rounds=15,
    seconds=45,
)
QUICK = Scale(
    name="quick",
    migrations=200,
    on_disk=50,
    files=(100, 1000),
    processes=20,
    clones=50,
    megabytes=10,
    rounds=5,
    seconds=12,
    patience=0.2,
)
TINY = Scale(
    name="tiny",
    migrations=3,
    on_disk=0,
    files=(2, 3),
    processes=2,
    clones=2,
    megabytes=1,
    rounds=1,
    seconds=1,
)


@dataclass(slots=True)
class Bench:
    """One run of the suite."""

    scale: Scale
    servers: Servers
    peers: Sequence[Peer]
    absent: dict[str, str]
    """Peers that could not be installed, and why."""
    folder: Path
    runner: asyncio.Runner
    programs: Path
    """Where `python` and `asyncmigrate` are."""
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def command(self) -> Path:
        """The console script."""
        return self.programs / "asyncmigrate"

    def python(self, *arguments: str | Path) -> Command:
        """The interpreter that the console script has."""
        return Command([self.programs / "python", *arguments])

    def program(self, name: str, *arguments: str | Path) -> Command:
        """One of our own small programs, with that interpreter."""
        return self.python(PROGRAMS / f"{name}.py", *arguments)

    def rounds(
        self, count: int | None = None, *, share: float = 1.0, warm_up: bool = True
    ) -> Rounds:
        """As many rounds as the scale says, or fewer; *share* of its time."""
        most = self.scale.rounds
        return Rounds(
            min(count or most, most),
            self.scale.seconds * share,
            warm_up=warm_up and self.scale is not TINY,
        )

    def peers_for(self, migrations: int) -> list[Peer]:
        """The peers that are asked for so many migrations."""
        return [
            peer
            for peer in self.peers
            if migrations <= peer.largest * self.scale.patience
        ]

    def absent_for(self, migrations: int) -> dict[str, str]:
        """Who is not asked, and why."""
        asked = self.peers_for(migrations)
        left_out = {
            peer.name: f"left out: {migrations:,} migrations take it too long"
            for peer in self.peers
            if peer not in asked
        }
        return {**self.absent, **left_out}

    def new_folder(self) -> Path:
        """A path that is not there yet."""
        return self.folder / f"{next(self._numbers)}"

    def native(self, changes: Sequence[Change], *, padding: int = 0) -> Path:
        """A new directory of migrations in our own layout."""
        return write_native(changes, self.new_folder(), padding=padding)

    def wait(self, work: Coroutine[Any, Any, float]) -> float:
        """Run a coroutine that measures."""
        return self.runner.run(work)
