"""How a database stands, asked again and again: cheap enough for every second.

One query on a connection that is kept, or borrowed; the files are listed anew only now
and then, each parsed once; whoever asks while somebody else is asking shares the look.
"""

import asyncio
import contextlib
import functools
import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import anyio

from asyncmigrate._api.operations import read_source
from asyncmigrate._database.address import Address, read_address
from asyncmigrate._database.borrowing import borrow
from asyncmigrate._database.connect import open_session
from asyncmigrate._database.session import Session
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.reading import probe_on
from asyncmigrate._layouts.layout import Source
from asyncmigrate._settings import Settings
from asyncmigrate.errors import DatabaseUnreachable, MigrationError
from asyncmigrate.events import Event
from asyncmigrate.results import Status

if TYPE_CHECKING:
    from asyncpg.pool import Pool

APPLICATION: Final = "asyncmigrate health"
"""``application_name`` of the connection that is kept."""


class StatusProbe:
    """Looks at one database; not for several event loops at once."""

    def __init__(
        self,
        settings: Settings,
        *,
        pool: "Callable[[], Pool[Any]] | None" = None,
        limit: float = 2.0,
        files_for: float = 5.0,
    ) -> None:
        """Remember where to look; nothing is opened yet.

        Args:
            settings: where the files and the database are.
            pool: lends the connection; without it one is opened, and kept.
            limit: seconds that a look may take.
            files_for: seconds for which a listing of the files is good.
        """
        self._settings = settings
        self._pool = pool
        self._limit = limit
        self._files_for = files_for
        self._source: Source | None = None
        self._listed_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kept: Session | None = None
        self._look: asyncio.Task[Status] | None = None

    async def look(self) -> Status:
        """How the database stands, as of a look that is not older than this call's.

        Cancellation:
            The look goes on for those who share it, for at most *limit* seconds.

        Raises:
            DatabaseUnusable: it cannot be reached, or not in time; or the history not
                be read.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # What belongs to another loop, which is over, is of no use in this one.
            self._loop, self._kept, self._look = loop, None, None
        if self._look is None or self._look.done():
            self._look = loop.create_task(self._bounded(), name=APPLICATION)
            self._look.add_done_callback(_mark_seen)
        return await asyncio.shield(self._look)

    async def close(self) -> None:
        """Close what was opened; a look after this one opens it again."""
        if self._look is not None and self._loop is asyncio.get_running_loop():
            self._look.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._look
        kept, self._kept = self._kept, None
        if kept is None:
            return
        try:
            with anyio.move_on_after(1.0, shield=True):
                await kept.close()
        finally:
            kept.terminate()

    async def _bounded(self) -> Status:
        try:
            with anyio.fail_after(self._limit):
                return await self._ask()
        except TimeoutError as error:
            message = f"the database did not answer within {self._limit:g} s"
            raise DatabaseUnreachable(message) from error

    async def _ask(self) -> Status:
        source = await self._files()
        kept = self._kept is not None
        try:
            return await self._ask_once(source)
        except DatabaseUnreachable:
            if not kept:
                raise
        # The kept connection was lost since: a restart of the server is no news.
        return await self._ask_once(source)

    async def _ask_once(self, source: Source) -> Status:
        async with self._lend() as session:
            return await probe_on(session, source, self._run())

    async def _files(self) -> Source:
        now = time.monotonic()
        if self._source is None or now - self._listed_at > self._files_for:
            source = await asyncio.to_thread(read_source, self._settings)
            if self._source is None or _digests(source) != _digests(self._source):
                self._source = replace(
                    source,
                    files=tuple(
                        replace(file, define=functools.cache(file.define))
                        for file in source.files
                    ),
                )
            self._listed_at = now
        return self._source

    @asynccontextmanager
    async def _lend(self) -> AsyncGenerator[Session]:
        """The pool's connection, or the one that is kept."""
        if self._pool is not None:
            names = self._run().names
            async with borrow(self._pool(), names, self._limit) as session:
                yield session
            return
        if self._kept is None or self._kept.is_closed:
            self._kept = await self._open()
        session = self._kept
        try:
            yield session
        except MigrationError:
            raise
        except BaseException:
            # Cancelled, say: nobody knows in which state it is.
            self._kept = None
            session.terminate()
            raise

    async def _open(self) -> Session:
        connect = self._settings.connect
        address = _NONE if connect else read_address(self._settings.dsn, os.environ)
        return await open_session(address, self._run().names, connect, APPLICATION)

    def _run(self) -> Run:
        return Run(settings=self._settings, address=_NONE, emit=_tell_nobody)


_NONE: Final = Address(dsn=None)


def _digests(source: Source) -> object:
    listed = [(file.file, file.file_sha256) for file in source.files]
    return listed, source.problems, source.warnings


def _tell_nobody(event: Event) -> None:
    """Drop *event*; a probe is asked, and tells nothing by itself."""


def _mark_seen(task: "asyncio.Task[Status]") -> None:
    """Nobody may be left to hear of an error; asyncio would log it."""
    if not task.cancelled():
        task.exception()
