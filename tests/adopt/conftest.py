"""The fixtures of this folder: a database on which another tool has been at work."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import asyncmigrate
from asyncmigrate.results import AdoptionReport, MigrationReport, Status
from tests.adopt.tools import File, Tool
from tests.kit.databases import Database

THEIRS = "theirs"
"""The tracking schema of the run that stands in for the other tool."""


class Switch:
    """A database that another tool has migrated, and a copy of the tool's directory."""

    def __init__(self, database: Database, tool: Tool, directory: Path) -> None:
        self.database = database
        self.tool = tool
        self.directory = directory

    def options(self, **options: object) -> dict[str, object]:
        return {
            "dsn": self.database.dsn,
            "directory": str(self.directory),
            "format": self.tool.name,
            "placeholders": {"DATABASE_NAME": self.database.name, "author": "Snorri"},
            **options,
        }

    async def adopt(self, **options: object) -> AdoptionReport:
        return await asyncmigrate.adopt(**self.options(**options))  # type: ignore[arg-type]  # as the settings are

    async def migrate(self, **options: object) -> MigrationReport:
        return await asyncmigrate.migrate(**self.options(**options))  # type: ignore[arg-type]  # as above

    async def rollback(self, **options: object) -> MigrationReport:
        return await asyncmigrate.rollback(**self.options(**options))  # type: ignore[arg-type]  # as above

    async def status(self, **options: object) -> Status:
        return await asyncmigrate.status(**self.options(**options))  # type: ignore[arg-type]  # as above

    def files(self) -> list[File]:
        return self.tool.files(self.directory)

    async def fill(self, files: list[File]) -> None:
        await self.tool.fill(await self.database.connect(), files)

    async def add(self, files: list[File]) -> None:
        await self.tool.add(await self.database.connect(), files)

    async def rows(self) -> list[tuple[object, ...]]:
        """The other tool's table, every column."""
        query = f"SELECT * FROM {self.tool.place} AS t ORDER BY t::text"  # noqa: S608 - ours
        return [tuple(row) for row in await self.database.fetch(query)]

    async def standing(self) -> list[str]:
        """How each versioned migration stands, in order."""
        found = (await self.status()).migrations
        return [str(each.status) for each in found if not each.repeatable]


SwitchFrom = Callable[..., Awaitable[Switch]]


@pytest.fixture
def switch_from(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SwitchFrom:
    """The tool's history of its own fixture, but for the newest migration.

    With ``objects=True`` what they make is there as well.
    """
    monkeypatch.setenv("FP__author", "Snorri")
    monkeypatch.setenv("AUTHOR", "Snorri")

    async def make(tool: Tool, *, objects: bool = False) -> Switch:
        copy = tmp_path / "supabase" / "migrations"
        directory = Path(shutil.copytree(tool.directory, copy))
        switch = Switch(database, tool, directory)
        files = switch.files()
        if objects:
            target = tool.source().files[len(files) - 2].label
            await switch.migrate(target=target, tracking_schema=THEIRS)
        await switch.fill(files[:-1])
        return switch

    return make
