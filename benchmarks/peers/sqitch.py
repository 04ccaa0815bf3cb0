"""Sqitch, as Debian packages it."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Kind, Peer, Project, on_path
from benchmarks.processes import Command
from benchmarks.workload import Change

PLANNED = "2026-01-01T00:00:00Z Bench <bench@example.com>"


class Sqitch(Peer):
    """A plan, and a script for each way; it runs each one with psql."""

    name = "Sqitch"
    kind = Kind.OTHER
    largest = 200

    def install(self, home: Path) -> None:  # noqa: ARG002 - it is the system's
        self._program = on_path(
            "sqitch", "on Debian, the packages sqitch, libdbd-pg-perl"
        )
        on_path("psql", "on Debian, the package postgresql-client")

    def write(self, changes: Sequence[Change], directory: Path) -> None:
        for folder in ("deploy", "revert"):
            (directory / folder).mkdir(parents=True)
        (directory / "sqitch.conf").write_text("[core]\n\tengine = pg\n", "utf-8")
        plan = ["%syntax-version=1.0.0", "%project=bench", ""]
        for change in changes:
            stem = f"c{change.version}_{change.name}"
            plan.append(f"{stem} {PLANNED} # {change.name}")
            for folder, script in (
                ("deploy", change.up_script),
                ("revert", change.down_script),
            ):
                path = directory / folder / f"{stem}.sql"
                path.write_text(f"BEGIN;\n{script}COMMIT;\n", encoding="utf-8")
        (directory / "sqitch.plan").write_text("\n".join(plan) + "\n", "utf-8")

    def apply(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "deploy")

    def rollback(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "revert", "-y")

    def _command(self, project: Project, dsn: str, *arguments: str) -> Command:
        address = dsn.replace("postgresql://", "db:pg://", 1)
        environment = {
            "SQITCH_FULLNAME": "Bench",
            "SQITCH_EMAIL": "bench@example.com",
        }
        return Command(
            (self._program, *arguments, address), environment, project.directory
        )
