"""Up, down and up again, one migration at a time; the catalogue is compared each time.

Every version is reached once and looked at. Then each DOWN must lead back to what was
seen before its UP, and all of them applied again to what was seen at first. Where that
fails, the walk goes on from a new database, so that one mistake is told once. Rows are
not compared, and repeatables, which belong to no version, are left out.
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
        self.seen: list[str] = []
        """The catalogue by the number of migrations."""
        self.found: list[Irreversible] = []

    async def walk(self) -> list[Irreversible]:
        scratch: _Scratch | None = await self._climb()
        top = level = len(self.files)
        while level:
            file = self.files[level - 1]
            if not _has_way_back(file):
                await self._again(scratch, level, top)
                scratch, level = None, level - 1
                top = level
                continue
            if scratch is None:
                scratch, top = await self.scratches.at(level), level
            found = await self._descend(scratch, level)
            level -= 1
            if found is not None:
                self.found.append(found)
                scratch, top = None, level
        await self._again(scratch, level, top)
        return self.found[::-1]

    async def _climb(self) -> _Scratch:
        scratch = await self.scratches.at(0)
        self.seen.append(await scratch.catalogue())
        for file in self.files:
            await scratch.up_to(file)
            self.seen.append(await scratch.catalogue())
        return scratch

    async def _descend(self, scratch: _Scratch, level: int) -> Irreversible | None:
        file = self.files[level - 1]
        try:
            await scratch.down()
        except MigrationError as error:
            return Irreversible(file, f"its DOWN fails\n\n{error}")
        difference = unified(
            self.seen[level - 1],
            await scratch.catalogue(),
            old_name=f"before {file.label}",
            new_name="after its UP and DOWN",
            context=0,
        )
        if not difference:
            return None
        message = f"its DOWN does not restore the catalogue\n\n{difference}"
        return Irreversible(file, message.rstrip())

    async def _again(self, scratch: _Scratch | None, level: int, top: int) -> None:
        """Apply once more what was undone, from *level* to *top*."""
        if scratch is None or level == top:
            return
        for at in range(level, top):
            file = self.files[at]
            try:
                await scratch.up_to(file if at + 1 < top else self.files[top - 1])
            except MigrationError as error:
                what = f"its UP fails after its DOWN\n\n{error}"
                self.found.append(Irreversible(file, what))
                return
        difference = unified(
            self.seen[top],
            await scratch.catalogue(),
            old_name=f"after {self.files[top - 1].label}",
            new_name="after everything was undone and applied again",
            context=0,
        )
        if difference:
            what = f"applied again, the catalogue is another one\n\n{difference}"
            self.found.append(Irreversible(self.files[top - 1], what.rstrip()))
