"""yoyo-migrations, with psycopg 3."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Kind, Peer, Project, pip
from benchmarks.processes import Command
from benchmarks.workload import Change


class Yoyo(Peer):
    """A file of SQL for each way."""

    name = "yoyo 9.0"
    kind = Kind.PYTHON

    def install(self, home: Path) -> None:
        requirements = ("yoyo-migrations==9.0.0", "psycopg[binary]==3.3.9")
        # It imports pkg_resources, which newer Pythons and setuptools do not bring.
        self._program = pip(home, *requirements, "setuptools<81") / "yoyo"

    def write(self, changes: Sequence[Change], directory: Path) -> None:
        directory.mkdir(parents=True)
        for change in changes:
            stem = f"{change.version}_{change.name}"
            for suffix, text in (
                (".sql", change.up_script),
                (".rollback.sql", change.down_script),
            ):
                (directory / f"{stem}{suffix}").write_text(text, encoding="utf-8")

    def apply(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "apply")

    def rollback(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "rollback", "--all")

    def _command(self, project: Project, dsn: str, *arguments: str) -> Command:
        url = dsn.replace("postgresql://", "postgresql+psycopg://", 1)
        options = ("--batch", "--no-config-file", "--database", url)
        return Command((self._program, *arguments, *options, project.directory))
