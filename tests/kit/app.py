"""The library as a program calls it, on a test's own database and directory."""

from typing import Any

import asyncmigrate
from asyncmigrate.events import Event
from asyncmigrate.results import MigrationReport, RepairAction, Status
from tests.kit.databases import Database


class App:
    """Calls with this test's DSN and directory, and everything that they told."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.files = database.files
        self.dsn = database.dsn
        self.events: list[Event] = []

    def add(self, **files: str) -> None:
        """Write migrations, ``_0001_a="…"`` being ``0001_a.sql``."""
        for name, text in files.items():
            self.files.add(f"{name.removeprefix('_')}.sql", text)

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        own = {"dsn": self.dsn, "directory": str(self.files)}
        return {**own, "on_event": self.events.append, **options}

    async def migrate(self, **options: Any) -> MigrationReport:
        return await asyncmigrate.migrate(**self._options(options))

    async def rollback(self, **options: Any) -> MigrationReport:
        return await asyncmigrate.rollback(**self._options(options))

    async def redo(self, **options: Any) -> MigrationReport:
        return await asyncmigrate.redo(**self._options(options))

    async def baseline(self, version: str, **options: Any) -> MigrationReport:
        return await asyncmigrate.baseline(version, **self._options(options))

    async def repair(
        self, action: RepairAction, *versions: str, **options: Any
    ) -> MigrationReport:
        return await asyncmigrate.repair(action, versions, **self._options(options))

    async def status(self, **options: Any) -> Status:
        given = self._options(options)
        del given["on_event"]
        return await asyncmigrate.status(**given)

    async def standing(self, **options: Any) -> dict[str, str]:
        """How each migration stands, by its version."""
        status = await self.status(**options)
        return {each.version: str(each.status) for each in status.migrations}

    def told(self, kind: type[Event]) -> list[str]:
        """The lines of the events of one kind."""
        return [str(event) for event in self.events if isinstance(event, kind)]


def versions(report: MigrationReport) -> list[str]:
    """What a report did, as ``+1`` and ``-1``."""
    marks = {"applied": "+", "rolled_back": "-", "skipped": "?", "failed": "!"}
    return [f"{marks[result.status]}{result.version}" for result in report]
