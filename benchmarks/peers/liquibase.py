"""Liquibase: the last one under an open-source licence, from npm; needs Java."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.peers.peer import Kind, Peer, Project, npm, on_path
from benchmarks.processes import Command
from benchmarks.workload import Change

ROOT = """\
<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="http://www.liquibase.org/xml/ns/dbchangelog
    http://www.liquibase.org/xml/ns/dbchangelog/dbchangelog-latest.xsd">
  <includeAll path="changes/"/>
</databaseChangeLog>
"""
# Its parts under other licences stay out of the class path.
LEFT_OUT = ("liquibase-commercial.jar",)


class Liquibase(Peer):
    """Files of formatted SQL, a change set each."""

    name = "Liquibase 4.28"
    kind = Kind.OTHER

    def install(self, home: Path) -> None:
        self._java = on_path("java", "a Java runtime, 8 or newer")
        package = npm(home, "liquibase@4.28.1") / "liquibase" / "dist" / "liquibase"
        jars = sorted(package.glob("internal/lib/*.jar"))
        self._class_path = ":".join(
            str(jar) for jar in jars if jar.name not in LEFT_OUT
        )

    def write(self, changes: Sequence[Change], directory: Path) -> None:
        folder = directory / "changes"
        folder.mkdir(parents=True)
        (directory / "root.xml").write_text(ROOT, encoding="utf-8")
        for change in changes:
            back = "".join(f"--rollback {statement};\n" for statement in change.down)
            text = (
                "--liquibase formatted sql\n"
                f"--changeset bench:{change.version}\n{change.up_script}{back}"
            )
            path = folder / f"{change.version}_{change.name}.sql"
            path.write_text(text, encoding="utf-8")

    def apply(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "update")

    def rollback(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "rollback-count", str(project.count))

    def _command(self, project: Project, dsn: str, *arguments: str) -> Command:
        parts = urlsplit(dsn)
        place = f"{parts.hostname}:{parts.port}{parts.path}"
        return Command(
            (
                self._java,
                *("-cp", self._class_path),
                "liquibase.integration.commandline.LiquibaseCommandLine",
                f"--url=jdbc:postgresql://{place}?sslmode=disable",
                f"--username={parts.username}",
                f"--password={parts.password}",
                "--changelog-file=root.xml",
                f"--search-path={project.directory}",
                "--show-banner=false",
                *arguments,
            ),
            {},
            project.directory,
        )
