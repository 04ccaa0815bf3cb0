"""graphile-migrate, from npm."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Kind, Peer, Project, npm
from benchmarks.processes import Command
from benchmarks.workload import Change


class GraphileMigrate(Peer):
    """Committed migrations, each with the hash of the one before it; no way back."""

    name = "graphile-migrate 1.4"
    kind = Kind.NODE

    def install(self, home: Path) -> None:
        modules = npm(home, "graphile-migrate@1.4.1")
        self._program = modules / ".bin" / "graphile-migrate"

    def write(self, changes: Sequence[Change], directory: Path) -> None:
        folder = directory / "migrations" / "committed"
        folder.mkdir(parents=True)
        (directory / ".gmrc").write_text(json.dumps({}), encoding="utf-8")
        previous = ""
        for change in changes:
            body = change.up_script.strip() + "\n"
            hashed = f"{previous}\n{body.strip()}".strip() + "\n"
            digest = hashlib.sha1(hashed.encode(), usedforsecurity=False).hexdigest()
            head = f"--! Previous: {previous or '-'}\n--! Hash: sha1:{digest}\n\n"
            path = folder / f"{change.number:06}.sql"
            path.write_text(head + body, encoding="utf-8")
            previous = f"sha1:{digest}"

    def apply(self, project: Project, dsn: str) -> Command:
        environment = {"DATABASE_URL": dsn, "DATABASE_OWNER": "postgres"}
        return Command((self._program, "migrate"), environment, project.directory)

    def rollback(self, project: Project, dsn: str) -> None:
        """It goes forward only."""
