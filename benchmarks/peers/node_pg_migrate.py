"""node-pg-migrate, from npm."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Kind, Peer, Project, npm
from benchmarks.processes import Command
from benchmarks.workload import Change


class NodePgMigrate(Peer):
    """Each migration in a transaction of its own, which is not its default."""

    name = "node-pg-migrate 9.0"
    kind = Kind.NODE

    def install(self, home: Path) -> None:
        modules = npm(home, "node-pg-migrate@9.0.0", "pg@8")
        self._program = modules / ".bin" / "node-pg-migrate"

    def write(self, changes: Sequence[Change], directory: Path) -> None:
        directory.mkdir(parents=True)
        for change in changes:
            text = (
                f"-- Up Migration\n{change.up_script}\n"
                f"-- Down Migration\n{change.down_script}"
            )
            path = directory / f"{change.version}_{change.name}.sql"
            path.write_text(text, encoding="utf-8")

    def apply(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "up")

    def rollback(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "down", str(project.count))

    def _command(self, project: Project, dsn: str, *arguments: str) -> Command:
        options = ("--no-single-transaction", "--no-verbose")
        return Command(
            (self._program, *arguments, *options, "-m", project.directory),
            {"DATABASE_URL": dsn},
            project.directory,
        )
