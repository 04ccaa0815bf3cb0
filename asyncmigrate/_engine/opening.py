"""Sessions: opened with patience, closed in every ending."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import anyio

from asyncmigrate._database import server
from asyncmigrate._database.connect import NotYet, open_session
from asyncmigrate._database.session import Session
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.scope import bounded, told_as_errors, until_cancelled
from asyncmigrate.errors import DatabaseUnusable, NotWritable, PoolerBetween
from asyncmigrate.events import Connecting


async def dial(run: Run, patience: float, purpose: str = "") -> Session:
    """Connect, asking again for *patience* seconds while nobody answers.

    Raises:
        DatabaseUnusable: nobody answered in time, or we were turned away.
    """
    began = time.monotonic()
    for pause in pauses(0.1, 1.0):
        try:
            return await open_session(
                run.address,
                run.names,
                run.settings.connect,
                run.application + purpose,
            )
        except NotYet as error:
            waited = time.monotonic() - began
            if waited + pause > patience:
                raise
            run.emit(Connecting(error=error.message, waited=waited))
        await anyio.sleep(pause)
    raise AssertionError  # pragma: no cover - pauses() never ends


@asynccontextmanager
async def open_run_session(
    run: Run, patience: float, session: Session | None = None
) -> AsyncGenerator[Session]:
    """A session that is closed in every ending, within ``cleanup_grace`` seconds.

    A *session* that is open already is only closed. One that never had the lock says
    goodbye and does not wait for the server to hang up, which would be a round trip.
    Cancelled while it closes: the socket is cut, and the server rolls back.
    """
    session = session or await dial(run, patience)
    try:
        yield session
    finally:
        try:
            if run.fencing_token:
                with bounded(run.settings.cleanup_grace):
                    await until_cancelled(session)
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
        # By another name than a run's: no start needs to wait for one that only reads.
        opened = await dial(run, patience, " reading")
        async with open_run_session(run, patience, opened) as session:
            yield session


async def require_sound(session: Session, run: Run) -> None:
    """Refuse a session that must not be migrated through; put our settings in place.

    Raises:
        NotWritable: a standby, or read-only.
        PoolerBetween: our backend is not the one that answered the connect.
    """
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
        raise NotWritable(message, hint=await server.how_to_write(session, here))
    if here.backend_pid != session.pid:
        await _require_own_backend(session, run, here.backend_pid)
    # The keeper looks for the backend that really holds the lock.
    session.backend_pid = here.backend_pid
    # Not before: what is set on a backend that a pooler hands on, others would meet.
    await server.settle(session)
    if here.replica_role:
        run.warn(
            "session_replication_role is `replica`: triggers and foreign keys are off"
        )
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


_POOLED_LIMIT: Final = 1.0
"""Seconds for each look at whose a pooled backend is."""


async def _require_own_backend(session: Session, run: Run, backend: int) -> None:
    """Refuse a pooler that hands *backend* to others between two transactions.

    Nothing of ours is set yet: it would meet those who use that backend next.

    Raises:
        PoolerBetween: no pooler is allowed, or this one pools by transaction.
    """
    if not run.settings.allow_pooler:
        message = (
            "a connection pooler stands between: the backend that answers is not the"
            " one that was connected to; nothing was changed"
        )
        raise PoolerBetween(
            message,
            hint="use the direct address of the server, since a pooler can hand the"
            " lock to someone else; if it pools by session, `allow_pooler = true`",
        )
    if not await _is_own(session, run, backend):
        message = (
            "the connection pooler that stands between pools by transaction: it gave"
            " this session's backend to another one; nothing was changed"
        )
        raise PoolerBetween(
            message,
            hint="use the direct address of the server, or one that pools by session;"
            " `allow_pooler` is for those alone",
        )


async def _is_own(session: Session, run: Run, backend: int) -> bool:
    """Whether *backend* stays with *session* while another one holds a transaction."""
    taken = here = None
    async with open_run_session(run, 0) as other:
        with anyio.move_on_after(_POOLED_LIMIT):
            taken = await server.hold_backend(other)
        if taken is None:
            # It waits for a backend, so the one there is must be ours alone.
            other.terminate()
        elif taken != backend:
            with anyio.move_on_after(_POOLED_LIMIT):
                here = await server.read_server(session)
        if taken is not None:
            await server.let_backend_go(other)
    return taken is None or (here is not None and here.backend_pid == backend)
