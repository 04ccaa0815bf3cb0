"""Where the databases are made: one connection to the server, in the loop of one thread.

Its session holds a key for as long as it lives, and every database that is made here
has the key in its name. So whoever looks sees whether their owner still lives, even
one that was killed; and a template in use is one whose key somebody holds.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

import anyio

from asyncmigrate._api.migrating import run_migrate
from asyncmigrate._database import databases, server
from asyncmigrate._database.address import Address, read_address
from asyncmigrate._database.connect import open_session
from asyncmigrate._database.databases import Known
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Names, Session
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.scope import bounded, told_as_errors
from asyncmigrate._settings import Settings
from asyncmigrate._testing.broker import ask_for_failure, tell_failure
from asyncmigrate._testing.wishes import NOTHING, Blueprint, Wishes
from asyncmigrate.errors import (
    MigrationError,
    MigrationFailed,
    PoolerBetween,
    PrivilegeMissing,
)

T = TypeVar("T")

APPLICATION: Final = "asyncmigrate tests"
_NAMES: Final = Names("asyncmigrate", "default")
_FAREWELL: Final = 10.0
"""Seconds in which a half-made database is dropped when the session is interrupted."""
_LONGEST_FAREWELL: Final = 60.0
"""Seconds in which everything is dropped at the end; the rest the next session finds."""
_EMPTY: Final = "template0"
_NO_SUCH_DATABASE: Final = "3D000"
_FORBIDDEN: Final = "42501"
_TAKEN: Final = {"42P04", "23505"}
"""There is a database of that name; the second when it came at the same moment."""
_DAY: Final = 24 * 60 * 60
_FORGOTTEN: Final = 7 * _DAY
"""Seconds after which a template that nobody used is dropped, whosever it is."""


class Yard:
    """One process's place on the server. Every call is made in the same loop."""

    def __init__(self, wishes: Wishes, dsn: str) -> None:
        self.wishes = wishes
        self.address: Address = read_address(dsn, os.environ)
        self.owner = secrets.token_hex(8)
        self._numbers = iter(range(1, 1 << 62))
        self._turn = asyncio.Lock()
        """The session answers one question at a time."""
        self._session: Session | None = None
        self._strategy = ""
        self._now = 0
        self._templates: dict[str, Blueprint] = {}
        """Those that are there and in use, by their keys."""
        self._failures: dict[str, MigrationError] = {}

    async def open(self) -> None:
        """Connect, and be seen to live from now on.

        Raises:
            DatabaseUnusable: nobody answers, or we are turned away.
            PoolerBetween: a key would not be held by a session of ours.
        """
        session = await open_session(self.address, _NAMES, None, APPLICATION)
        try:
            with told_as_errors():
                await server.settle(session)
                _require_direct(session, await server.read_server(session))
                self._strategy, self._now = await databases.fastest_strategy(session)
                for key in (self.owner, *self._templates):
                    await databases.hold(session, key)
        except BaseException:
            session.terminate()
            raise
        self._session = session

    async def close(self, *, sweep: bool) -> None:
        """Disconnect; with *sweep* drop first what is ours, and what nobody uses."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            with bounded(_LONGEST_FAREWELL), suppress(SessionLost, StatementFailed):
                for known in await databases.list_databases(session) if sweep else ():
                    if known.key == self.owner or self._is_dead(known):
                        await self._drop(session, known.name)
            with bounded(_FAREWELL):
                await session.close()
        finally:
            session.terminate()

    async def sweep(self) -> None:
        """Drop the databases of dead sessions, and the templates that were replaced."""

        async def work(session: Session) -> None:
            for known in await databases.list_databases(session):
                if self._is_dead(known):
                    await self._drop(session, known.name)

        await self._in_turn(work)

    def _is_dead(self, known: Known) -> bool:
        if known.in_use or known.key == self.owner or known.key in self._templates:
            return False
        if known.kind != "template":
            return True
        used = known.notes.get("used", 0)
        replaced = known.notes.get("project") == self.wishes.project and any(
            known.notes.get("target") == mine.target
            for mine in self._templates.values()
        )
        return replaced or known.now - used > _FORGOTTEN

    async def clone(self, blueprint: Blueprint) -> str:
        """A new database as *blueprint* has it; the template is built when it is not there.

        Raises:
            MigrationError: the template could not be built; the same every time.
        """
        with told_as_errors():
            template = await self.template(blueprint)
            try:
                return await self._create(template)
            except StatementFailed as failure:
                if failure.sqlstate != _NO_SUCH_DATABASE:
                    raise
            # Swept away between another session's look at the keys and our holding one.
            del self._templates[blueprint.key]
            return await self._create(await self.template(blueprint))

    async def _create(self, template: str) -> str:
        async def work(session: Session) -> str:
            # A new name each time: a lost connection leaves it open what was made.
            name = databases.clone_name(self.owner, next(self._numbers))
            await self._make(session, name, template)
            return name

        return await self._in_turn(work)

    async def _make(self, session: Session, name: str, template: str) -> None:
        try:
            await databases.create_database(
                session, name, template=template, strategy=self._strategy
            )
        except StatementFailed as failure:
            if failure.sqlstate != _FORBIDDEN:
                raise
            message = f"no database can be made for tests: {failure.message}"
            hint = "let the role do it: `ALTER ROLE … CREATEDB`"
            raise PrivilegeMissing(message, sqlstate=_FORBIDDEN, hint=hint) from failure

    async def drop(self, name: str) -> None:
        """Drop a database of ours, whoever is connected to it."""
        await self._in_turn(lambda session: self._drop(session, name))

    async def _drop(self, session: Session, name: str) -> None:
        # Somebody else drops it as well, or owns it, or its server is old and slow.
        with suppress(StatementFailed):
            await databases.drop_database(session, name)

    async def template(self, blueprint: Blueprint) -> str:
        """The name of a template that is there, and stays as long as we live.

        Raises:
            MigrationError: it could not be built; the same every time.
        """
        name = databases.template_name(blueprint.key)
        if blueprint.key in self._templates:
            return name
        if blueprint.key in self._failures:
            raise self._failures[blueprint.key]
        try:
            with told_as_errors():
                await self._in_turn(
                    lambda session: self._ensure(session, blueprint, name)
                )
        except MigrationError as error:
            self._failures[blueprint.key] = error
            raise
        self._templates[blueprint.key] = blueprint
        return name

    async def _ensure(self, session: Session, blueprint: Blueprint, name: str) -> None:
        # Held before looking: what is seen from now on is not swept away.
        await databases.hold(session, blueprint.key)
        building = hashlib.sha256(f"building {blueprint.key}".encode()).hexdigest()[:16]
        for pause in pauses(0.02, 0.5):
            if await self._is_there(session, blueprint, name):
                return
            if await databases.hold(session, building, shared=False):
                break
            await anyio.sleep(pause)
        try:
            if not await self._is_there(session, blueprint, name):
                await self._build(session, blueprint, name)
        finally:
            with bounded(_FAREWELL), suppress(SessionLost, StatementFailed):
                await databases.release(session, building)

    async def _is_there(
        self, session: Session, blueprint: Blueprint, name: str
    ) -> bool:
        for known in await databases.list_databases(session):
            if known.name == name:
                if known.now - known.notes.get("used", 0) > _DAY:
                    notes = self._notes(blueprint, known.now)
                    await databases.note_use(session, name, notes)
                return True
        return False

    def _notes(self, blueprint: Blueprint, now: int) -> dict[str, object]:
        return {
            "project": self.wishes.project,
            "target": blueprint.target,
            "used": now,
        }

    async def _build(self, session: Session, blueprint: Blueprint, name: str) -> None:
        """Migrate a draft and give it the name; of a failure nothing is left."""
        met = ask_for_failure(self.wishes.broker, blueprint.key)
        if met is not None:
            raise MigrationFailed(met)
        draft = databases.draft_name(self.owner, next(self._numbers))
        await self._make(session, draft, _EMPTY)
        try:
            await self.migrate(draft, blueprint)
            await databases.publish_template(
                session, draft, name, self._notes(blueprint, self._now)
            )
        except BaseException as error:
            with bounded(_FAREWELL), suppress(SessionLost):
                await self._drop(session, draft)
            if isinstance(error, StatementFailed) and error.sqlstate in _TAKEN:
                # Built meanwhile by someone who is connected to another database, in
                # which our key for building is another one.
                return
            if isinstance(error, MigrationError):
                told = "the same as another process of this test run has met, see there"
                tell_failure(self.wishes.broker, blueprint.key, told)
                error.results = ()  # of those none stands any more
            raise

    async def migrate(self, name: str, blueprint: Blueprint) -> None:
        """Bring an empty database to where *blueprint* is."""
        await self._run_files(name, self.wishes.before)
        if blueprint.target != NOTHING:
            await run_migrate(self.settings(name), target=blueprint.target)
        if blueprint.complete:
            await self._run_files(name, self.wishes.after)

    def settings(self, name: str) -> Settings:
        """Those of the session, for one of its databases."""
        return replace(self.wishes.settings, dsn=self.address.at_database(name))

    async def _run_files(self, name: str, paths: Sequence[Path]) -> None:
        if not paths:
            return
        async with self.session(name) as session:
            for path in paths:
                try:
                    await session.execute(path.read_text("utf-8"))
                except (StatementFailed, UnicodeDecodeError) as error:
                    message = f"{error}; the test template was not made"
                    raise MigrationFailed(
                        message,
                        file=str(path),
                        sqlstate=getattr(error, "sqlstate", None),
                        detail=getattr(error, "detail", None),
                        hint=getattr(error, "hint", None),
                    ) from error

    @asynccontextmanager
    async def session(self, name: str) -> AsyncGenerator[Session]:
        """A session of its own on one of the databases."""
        address = read_address(self.address.at_database(name), os.environ)
        session = await open_session(address, _NAMES, None, APPLICATION)
        try:
            yield session
        finally:
            try:
                with bounded(_FAREWELL):
                    await session.close()
            finally:
                session.terminate()

    async def scratch(self) -> str:
        """A new database with nothing in it but what stands before the migrations."""
        name = await self._create(_EMPTY)
        await self._run_files(name, self.wishes.before)
        return name

    async def _in_turn(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Have the session to oneself; a lost one is replaced, and asked once more."""
        async with self._turn:
            if self._session is not None and not self._session.is_closed:
                try:
                    return await work(self._session)
                except SessionLost:
                    pass
            await self.open()
            assert self._session is not None  # noqa: S101 - `open` gave it
            return await work(self._session)


def _require_direct(session: Session, here: server.Server) -> None:
    if here.backend_pid != session.pid:
        message = (
            "a connection pooler stands between, and could lend the session that shows"
            " this process to live to somebody else; nothing was made"
        )
        hint = "give the tests the direct address of the server"
        raise PoolerBetween(message, hint=hint)
