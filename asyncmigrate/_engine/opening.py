"""Sessions: opened with patience, closed in every ending."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from asyncmigrate._database import server
from asyncmigrate._database.connect import NotYet, open_session
from asyncmigrate._database.session import Session
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.scope import bounded, told_as_errors
from asyncmigrate.errors import DatabaseUnusable, NotWritable, PoolerBetween
from asyncmigrate.events import Connecting, Warned


async def dial(run: Run, patience: float) -> Session:
    """Connect, asking again for *patience* seconds while nobody answers.

    Raises:
        DatabaseUnusable: nobody answered in time, or we were turned away.
    """
    began = time.monotonic()
    for pause in pauses(0.1, 1.0):
        try:
            return await open_session(
                run.address, run.names, run.settings.connect, run.application
            )
        except NotYet as error:
            waited = time.monotonic() - began
            if waited + pause > patience:
                raise
            run.emit(Connecting(error=error.message, waited=waited))
        await anyio.sleep(pause)
    raise AssertionError  # pragma: no cover - pauses() never ends


@asynccontextmanager
async def open_run_session(run: Run, patience: float) -> AsyncGenerator[Session]:
    """A session that is closed in every ending, within ``cleanup_grace`` seconds.

    Cancelled while it closes: the socket is cut, and the server rolls back.
    """
    session = await dial(run, patience)
    try:
        yield session
    finally:
        try:
            with bounded(run.settings.cleanup_grace):
                await session.close()
        finally:
            session.terminate()


@asynccontextmanager
async def open_reading_session(run: Run, patience: float) -> AsyncGenerator[Session]:
    """The same for one who only reads, and does not try again.

    Raises:
        DatabaseUnusable: the connection was lost, or a statement refused.
    """
    with told_as_errors():
        async with open_run_session(run, patience) as session:
            yield session


async def require_sound(session: Session, run: Run) -> None:
    """Refuse a session that must not be migrated through; put our settings in place.

    Raises:
        NotWritable: a standby, or read-only.
        PoolerBetween: our backend is not the one that answered the connect.
    """
    await server.settle(session)
    here = await server.read_server(session)
    if here.standby:
        message = "the server is a standby; nothing was changed"
        raise NotWritable(
            message,
            hint="connect to the primary; with several hosts in the DSN, add"
            " `target_session_attrs=read-write`",
        )
    if here.read_only:
        message = "the session is read-only; nothing was changed"
        raise NotWritable(
            message,
            hint="the role or the database sets `default_transaction_read_only`:"
            f' `ALTER ROLE "{here.session_user}" RESET default_transaction_read_only`',
        )
    if here.backend_pid != session.pid and not run.settings.allow_pooler:
        message = (
            "a connection pooler stands between: the backend that answers is not the"
            " one that was connected to; nothing was changed"
        )
        raise PoolerBetween(
            message,
            hint="use the direct address of the server, since a pooler can hand the"
            " lock to someone else; if it pools by session, `allow_pooler = true`",
        )
    # The keeper looks for the backend that really holds the lock.
    session.backend_pid = here.backend_pid
    if here.replica_role:
        warning = (
            "session_replication_role is `replica`: triggers and foreign keys are off"
        )
        if warning not in run.warnings:
            run.warnings.append(warning)
            run.emit(Warned(message=warning))
    timeline = await server.read_timeline(session)
    if run.timeline is not None and timeline is not None and timeline != run.timeline:
        message = (
            "the connection was lost, and another server (or another timeline of it)"
            " answers now; what stood on the old one may be lost"
        )
        raise DatabaseUnusable(
            message, hint="run again: the history of this server decides what is left"
        )
    run.timeline = timeline or run.timeline
