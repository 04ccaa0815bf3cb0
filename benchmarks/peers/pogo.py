"""pogo-migrate, which runs on asyncpg."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Kind, Peer, Project, pip
from benchmarks.processes import Command
from benchmarks.workload import Change

SETTINGS = """\
[tool.pogo]
migrations = "migrations"
database_config = "{POSTGRES_DSN}"
"""


class Pogo(Peer):
    """Each file names the one before it."""

    name = "pogo-migrate 0.4"
    kind = Kind.PYTHON

    def install(self, home: Path) -> None:
        requirements = ("pogo-migrate==0.4.7", "pogo-core==0.1.6", "asyncpg==0.32.0")
        self._program = pip(home, *requirements) / "pogo"

    def write(self, changes: Sequence[Change], directory: Path) -> None:
        folder = directory / "migrations"
        folder.mkdir(parents=True)
        (directory / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
        previous = ""
        for change in changes:
            stem = f"{change.version}_{change.name}"
            text = (
                f"-- {change.name}\n-- depends: {previous}\n\n"
                f"-- migrate: apply\n{change.up_script}\n"
                f"-- migrate: rollback\n{change.down_script}"
            )
            (folder / f"{stem}.sql").write_text(text, encoding="utf-8")
            previous = stem

    def apply(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "apply")

    def rollback(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "rollback", "--count", str(project.count))

    def _command(self, project: Project, dsn: str, *arguments: str) -> Command:
        return Command(
            (self._program, *arguments), {"POSTGRES_DSN": dsn}, project.directory
        )
