"""Another tool's history: read, held still while it is taken over, watched since.

The other tool's locks are taken after our own, and let go after our rows are
committed: one of its processes that starts in the middle waits for us. While they
are waited for, none of them is held.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import anyio

from asyncmigrate._database import foreign, foreign_locks, server
from asyncmigrate._database.failures import StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._database.transaction import roll_back
from asyncmigrate._engine.adopt_job import Adopt
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.jobs import Job
from asyncmigrate._engine.scope import refused
from asyncmigrate._engine.tracking import LATER
from asyncmigrate._engine.waiting import ANNOUNCE_EVERY
from asyncmigrate._foreign import OldHistory, digest
from asyncmigrate._layouts.layout import Source
from asyncmigrate._migration import Blocker, History
from asyncmigrate._plan.adoption import Adoption, Before
from asyncmigrate._plan.old_tables import choose_table, is_readable, names_to_find
from asyncmigrate._plan.old_tools import BY_NAME, own_rows
from asyncmigrate.errors import DatabaseUnusable, LockNotAcquired, PrivilegeMissing
from asyncmigrate.events import LockWaiting

_FORBIDDEN: Final = "42501"


async def read_old(job: Job, session: Session, history: History) -> None:
    """Read the other tool's history, for a job that takes one over.

    Raises:
        InvalidUsage: there is none, or more than one.
        DatabaseUnusable: it cannot be read, or is not known.
    """
    if not isinstance(job, Adopt):
        return
    async with _under_our_path(session):
        await _read(job, session, history)


@asynccontextmanager
async def _under_our_path(session: Session) -> AsyncGenerator[None]:
    """Our search path, for a transaction alone until the session is found sound.

    A pooler may hand the backend to others, who would meet what was set on it.
    """
    if session.settings_sql:
        yield
        return
    await server.begin_reading(session)
    try:
        yield
    finally:
        if not session.is_closed:
            await server.let_backend_go(session)


async def _read(job: Adopt, session: Session, history: History) -> None:
    wanted = (*names_to_find(job.wish), *foreign_locks.LOCK_TABLES_OF.values())
    seen = await foreign.find_tables(session, wanted)
    tool, table = choose_table(seen, job.wish, job.source.layout)
    try:
        rows = await foreign.read_rows(session, tool.name, table.schema, table.name)
    except StatementFailed as failure:
        raise _unreadable(str(table), failure) from failure
    job.old = OldHistory(
        tool=tool.name,
        schema=table.schema,
        table=table.name,
        rows=own_rows(tool, rows, job.source.project),
        project=job.source.project if tool.by_project else "",
    )
    by_row = (table.schema, foreign_locks.LOCK_TABLES_OF.get(tool.name))
    job.locks_by_row = by_row in {(each.schema, each.name) for each in seen}
    if history.exists:
        kept = await foreign.read_adoption(session)
        job.before = Before(
            adoption=Adoption.read(kept.detail) if kept else None,
            undone=await foreign.read_undone(session) if kept else {},
        )


def _unreadable(table: str, failure: StatementFailed) -> DatabaseUnusable:
    message = f"{table} cannot be read: {failure.message}; nothing was changed"
    if failure.sqlstate == _FORBIDDEN:
        return PrivilegeMissing(
            message,
            sqlstate=failure.sqlstate,
            hint=f"run as the owner of {table}, or `GRANT SELECT ON {table} TO …`",
        )
    return DatabaseUnusable(message, sqlstate=failure.sqlstate, hint=failure.hint)


async def hold_old(job: Job, session: Session, run: Run) -> None:
    """Take the other tool's locks, for a job that takes its history over.

    What was read before is to be read again under them. They go with the
    transaction, which is left open, and with the release of the lock.

    Waits:
        Up to ``lock_wait`` seconds, with growing pauses, holding none of them.

    Raises:
        LockNotAcquired: the other tool was at work all the time.
        PrivilegeMissing: this role may not lock the tool's table.
    """
    if not isinstance(job, Adopt) or job.old is None:
        return
    old, limit = job.old, run.settings.lock_wait
    keys = await foreign_locks.lock_keys(session, old.tool, old.schema, old.table)
    began = told_at = time.monotonic()
    told = ""
    for pause in pauses(0.05, 1.0):
        seen = await _try(session, job, old, keys)
        if seen is None:
            return
        holder, held_for = f"{old.tool} ({seen[0]})", seen[1]
        now = time.monotonic()
        if now - began >= limit:
            hint = f"wait until {old.tool} is done, or raise `lock_wait`"
            raise LockNotAcquired(waited=limit, holder=holder, hint=hint)
        if told != holder or now - told_at >= ANNOUNCE_EVERY:
            told, told_at = holder, now
            run.emit(
                LockWaiting(
                    holder=holder, held_for=held_for, waited=now - began, retry_in=pause
                )
            )
        await anyio.sleep(pause)


async def _try(
    session: Session, job: Adopt, old: OldHistory, keys: tuple[int, ...]
) -> tuple[str, float] | None:
    """One try: null when everything is ours, else who holds it and for how long."""
    if not await foreign_locks.try_keys(session, keys):
        return _told(await foreign_locks.read_key_holders(session, keys))
    tables = [(old.schema, old.table)]
    if job.locks_by_row:
        tables.append((old.schema, foreign_locks.LOCK_TABLES_OF[old.tool]))
    try:
        await foreign_locks.lock_tables(session, tables)
        if not job.locks_by_row:
            return None
        inside = await foreign_locks.read_row_holders(session, old.tool, old.schema)
        if not inside:
            return None
        await roll_back(session)
        return ", ".join(inside), 0.0
    except StatementFailed as failure:
        await roll_back(session)
        if failure.sqlstate in LATER:
            return _told(await foreign_locks.read_table_holders(session, tables))
        if failure.sqlstate != _FORBIDDEN:
            raise refused(failure) from failure
        message = (
            f"this role may not lock {old}: {failure.message}; nothing was changed"
        )
        raise PrivilegeMissing(
            message,
            sqlstate=failure.sqlstate,
            hint=f"run as the owner of {old}, or `GRANT UPDATE ON {old} TO …`",
        ) from failure
    finally:
        if not session.in_transaction and not session.is_closed:
            await foreign_locks.give_back(session, keys)


def _told(holders: list[Blocker]) -> tuple[str, float]:
    """Who, without how long: that is told beside it."""
    who = "; ".join(each.who for each in holders) or "a session that is gone again"
    return who, max((each.seconds or 0.0 for each in holders), default=0.0)


async def growth(source: Source, session: Session, history: History) -> tuple[str, ...]:
    """A warning when the other tool was at work since its history was taken over.

    Two round trips where there was an adoption, else none; on a session as it comes.
    """
    if not history.adopted:
        return ()
    kept = await foreign.read_adoption(session)
    adoption = Adoption.read(kept.detail) if kept else None
    if kept is None or adoption is None or kept.kind is None:
        return ()  # the table is gone: nobody runs the tool any more
    place = adoption.place
    if not is_readable(kept.kind, secured=kept.secured):
        return (f"{place} is not the plain table any more that was taken over",)
    try:
        rows = await foreign.read_brief(
            session, adoption.tool, adoption.schema, adoption.table
        )
    except StatementFailed as failure:
        unseen = (
            f"whether {place} has changed since it was taken over is not to be seen"
        )
        return (f"{unseen}: {failure.message}",)
    own = own_rows(BY_NAME[adoption.tool], rows, source.project)
    return () if digest(own) == adoption.digest else (adoption.grown(len(own)),)


async def growth_for(job: Job, session: Session, history: History) -> tuple[str, ...]:
    """The same for a run; but none for one that takes over what has grown."""
    if isinstance(job, Adopt):
        return ()
    return await growth(job.source, session, history)
