"""Up, down and up again, one migration at a time; the catalogue is compared each time.

Each version is reached from the one before. Where a DOWN does not lead back to it, or
what is applied again is not what it was, the walk goes on in a new database, so that
one mistake is told once. Rows are not compared, but those that a DOWN leaves are in the
way of the second UP. Repeatables, which belong to no version, are left out.
"""

import glob
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from asyncmigrate._api.migrating import run_migrate
from asyncmigrate._api.operations import read_source, run_rollback
from asyncmigrate._database import server
from asyncmigrate._database.snapshot import snapshot
from asyncmigrate._migration import Definition, MigrationFile, Unreadable
from asyncmigrate._settings import Settings
from asyncmigrate._sql.difference import unified
from asyncmigrate._testing.yard import Yard
from asyncmigrate.errors import MigrationError


def undeclared(settings: Settings) -> list[MigrationFile]:
    """The migrations that have no DOWN, and do not say that they never will."""
    found = []
    for file in read_source(settings).files:
        definition = _definition(file)
        if file.version and definition and not definition.down:
            found += [] if definition.irreversible else [file]
    return found


def _definition(file: MigrationFile) -> Definition | None:
    """What the file says; null when it cannot be read, which is told elsewhere."""
    try:
        return file.define()
    except Unreadable:
        return None


def _has_way_back(file: MigrationFile) -> bool:
    definition = _definition(file)
    return definition is not None and bool(
        definition.down and not definition.irreversible
    )


@dataclass(frozen=True, slots=True)
class Irreversible:
    """A DOWN that does not undo its UP, and how one sees it."""

    file: MigrationFile
    what: str

    def __str__(self) -> str:
        return f"{self.file.file}: {self.what}"


async def walk(yard: Yard) -> list[Irreversible]:
    """Every DOWN that fails, or leaves the catalogue other than it was.

    Raises:
        MigrationError: already the first way up failed.
    """
    source = read_source(yard.wishes.settings)
    files = [file for file in source.files if file.version]
    repeatables = [glob.escape(file.file) for file in source.files if not file.version]
    async with _scratches(yard, files, repeatables) as scratches:
        return await _Walk(files, scratches).walk()


@dataclass(frozen=True, slots=True)
class _Scratches:
    yard: Yard
    files: Sequence[MigrationFile]
    repeatables: Sequence[str]
    stack: AsyncExitStack

    async def at(self, level: int) -> "_Scratch":
        """A new database with the first *level* migrations in it."""
        name = await self.yard.scratch()
        self.stack.push_async_callback(self.yard.drop, name)
        settings = self.yard.settings(name)
        scratch = _Scratch(
            self.yard,
            name,
            replace(
                settings,
                skip=(*settings.skip, *self.repeatables),
                single_transaction=False,
            ),
        )
        if level:
            await scratch.up_to(self.files[level - 1])
        return scratch


@asynccontextmanager
async def _scratches(
    yard: Yard, files: Sequence[MigrationFile], repeatables: Sequence[str]
) -> AsyncGenerator[_Scratches]:
    async with AsyncExitStack() as stack:
        yield _Scratches(yard, files, repeatables, stack)


@dataclass(frozen=True, slots=True)
class _Scratch:
    yard: Yard
    name: str
    settings: Settings

    async def up_to(self, file: MigrationFile) -> None:
        await run_migrate(self.settings, target=file.label)

    async def down(self) -> None:
        await run_rollback(self.settings, steps=1)

    async def catalogue(self) -> str:
        async with self.yard.session(self.name) as session:
            await server.settle(session)
            return await snapshot(session, ignored=[self.settings.tracking_schema])


class _Walk:
    def __init__(self, files: Sequence[MigrationFile], scratches: _Scratches) -> None:
        self.files = files
        self.scratches = scratches

    async def walk(self) -> list[Irreversible]:
        found = []
        scratch = await self.scratches.at(0)
        below = await scratch.catalogue()
        for level, file in enumerate(self.files, start=1):
            await scratch.up_to(file)
            above = await scratch.catalogue()
            if _has_way_back(file):
                what = await _there_and_back(scratch, file, below, above)
                if what is not None:
                    found.append(Irreversible(file, what))
                    scratch = await self.scratches.at(level)
            below = above
        return found


async def _there_and_back(
    scratch: _Scratch, file: MigrationFile, below: str, above: str
) -> str | None:
    """Undo *file* and apply it again; what was wrong with that."""
    try:
        await scratch.down()
    except MigrationError as error:
        return f"its DOWN fails\n\n{error}"
    names = (f"before {file.label}", "after its UP and DOWN")
    difference = _difference(below, await scratch.catalogue(), *names)
    if difference:
        return f"its DOWN does not restore the catalogue\n\n{difference}"
    try:
        await scratch.up_to(file)
    except MigrationError as error:
        return f"its UP fails after its DOWN\n\n{error}"
    names = (f"after {file.label}", "after its UP, DOWN and UP")
    difference = _difference(above, await scratch.catalogue(), *names)
    if difference:
        return f"applied again, it leaves another catalogue\n\n{difference}"
    return None


def _difference(old: str, new: str, old_name: str, new_name: str) -> str:
    return unified(old, new, old_name=old_name, new_name=new_name, context=0).rstrip()
