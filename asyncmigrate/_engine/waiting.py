"""Getting the lock: polled, never blocked for, and left alone when nothing is pending.

A session blocked in ``pg_advisory_lock`` keeps a snapshot, and CREATE INDEX
CONCURRENTLY in the holder waits for it: deadlock (measured; I4).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from asyncmigrate._database import lock, tables
from asyncmigrate._database.failures import StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.looking import look
from asyncmigrate._migration import History, Holder
from asyncmigrate._version import __version__
from asyncmigrate.errors import (
    LockNotAcquired,
    PrivilegeMissing,
    TrackingSchemaUnsafe,
)
from asyncmigrate.events import LockAcquired, LockTakenOver, LockWaiting

ANNOUNCE_EVERY = 10.0
"""Seconds between two lines about the same holder."""


@dataclass(slots=True)
class _Watcher:
    """What a waiter has itself seen of the holder's lease (I5)."""

    run: Run
    seen: tuple[str, int | None] | None = None
    since: float = 0.0
    told_at: float = field(default=-ANNOUNCE_EVERY)
    told_of: str = ""

    def stood_still(self, holder: Holder, now: float) -> bool:
        """Whether the lease has not moved for ``lease_ttl`` and one interval."""
        state = (holder.run_id, holder.beat)
        if state != self.seen:
            self.seen, self.since = state, now
        settings = self.run.settings
        return now - self.since >= settings.lease_ttl + settings.lease_interval


async def acquire(
    session: Session,
    run: Run,
    *,
    exists: bool,
    is_done: Callable[[History], bool],
) -> bool:
    """Take the lock; false when someone else has done what was to be done.

    Waits:
        Up to ``lock_wait`` seconds, with growing, jittered pauses, in which this
        session holds nothing.

    Raises:
        LockNotAcquired: it was not free in time, or its holder is dead and this role
            may not end it.
        TrackingSchemaUnsafe: the tracking tables must not be written to.
        PrivilegeMissing: the tracking schema cannot be made.
    """
    began = time.monotonic()
    watcher = _Watcher(run)
    if exists:
        await _require_safe(session)
    for pause in pauses(0.05, 1.0):
        token = await _try(session, run, exists=exists)
        if token is not None:
            run.fencing_token = token
            waited = time.monotonic() - began
            run.emit(LockAcquired(fencing_token=token, waited=waited))
            return True
        seen = await look(session)
        if seen.history.exists:
            exists = True
            if is_done(seen.history):
                return False
        found = await lock.read_holder(session, row=exists)
        now = time.monotonic()
        if found is not None:
            holder, state = found
            _announce(watcher, holder, now, now - began, pause)
            if await _ended_dead(session, watcher, holder, state, now):
                continue
            if now - began >= run.settings.lock_wait:
                raise LockNotAcquired(waited=run.settings.lock_wait, holder=str(holder))
        elif now - began >= run.settings.lock_wait and now - began > 1:
            raise LockNotAcquired(waited=run.settings.lock_wait, holder=None)
        await anyio.sleep(pause)
    raise AssertionError  # pragma: no cover - pauses() never ends


async def _try(session: Session, run: Run, *, exists: bool) -> int | None:
    if exists:
        token = await _take(session, run)
        if token is not None or await lock.read_holder(session) is not None:
            return token
    # A first run: there is no row that could be taken with the lock in one statement.
    if not await lock.try_lock(session):
        return None
    if not exists:
        await _make_tables(session, run)
    await lock.add_row(session)
    return await _take(session, run)


async def _take(session: Session, run: Run) -> int | None:
    return await lock.take(
        session,
        run_id=run.run_id,
        locked_by=run.locked_by,
        lease_ttl=run.settings.lease_ttl,
    )


async def _require_safe(session: Session) -> None:
    points = await tables.unsafe_points(session)
    if points:
        raise TrackingSchemaUnsafe(
            f"the tracking schema {session.names.schema} must not be written to:"
            f" {'; '.join(points)}; nothing was changed",
            hint="someone else could run code as this role or forge the history; give"
            f" the schema and its tables to this role (`ALTER SCHEMA"
            f" {session.names.schema} OWNER TO …`, `ALTER TABLE … OWNER TO …`), drop"
            " triggers and rules, REVOKE what others may write; or run as the owner",
        )


async def _make_tables(session: Session, run: Run) -> None:
    """Make the tracking schema; one that stands already is taken as it is."""
    try:
        await tables.lock_layout(session)
        present = await tables.existing_tables(session)
        if present:
            await session.execute("ROLLBACK")
            await _require_safe(session)
            return
        # An empty schema may have been made for a role that may not make one itself.
        made = await tables.schema_exists(session)
        if made:
            await _require_safe(session)
        await tables.create_layout(
            session, __version__, run.settings.readers, with_schema=not made
        )
    except StatementFailed as failure:
        await session.execute("ROLLBACK")
        if failure.sqlstate == "42501":
            raise PrivilegeMissing(
                f"this role may not make the tracking schema: {failure.message};"
                " nothing was changed",
                sqlstate=failure.sqlstate,
                hint="`GRANT CREATE ON DATABASE … TO …`, or let an administrator run"
                f" `CREATE SCHEMA {session.names.schema} AUTHORIZATION …`",
            ) from failure
        raise TrackingSchemaUnsafe(
            f"the tracking schema could not be made: {failure.message};"
            " nothing was changed",
            sqlstate=failure.sqlstate,
            hint="an event trigger or a neighbour's object stands in the way",
        ) from failure


def _announce(
    watcher: _Watcher, holder: Holder, now: float, waited: float, pause: float
) -> None:
    what = str(holder)
    if what == watcher.told_of and now - watcher.told_at < ANNOUNCE_EVERY:
        return
    watcher.told_at, watcher.told_of = now, what
    watcher.run.emit(
        LockWaiting(
            holder=what, held_for=holder.held_for, waited=waited, retry_in=pause
        )
    )


async def _ended_dead(
    session: Session, watcher: _Watcher, holder: Holder, state: str, now: float
) -> bool:
    """End the session of a run whose lease stands still; whether one was told to."""
    ours = holder.run_id == watcher.run.run_id
    if not ours:
        if not holder.run_id or holder.beat is None:
            return False  # no lease, or nobody renews it: nobody may judge it
        if not watcher.stood_still(holder, now):
            return False
        if state == "active":
            return False  # it works, or ends by itself when the server notices
        if not state:
            raise _cannot_end(holder, now - watcher.since)
    try:
        pid = await lock.end_holder(session, holder)
    except StatementFailed as failure:
        if failure.sqlstate != "42501":
            raise
        raise _cannot_end(holder, now - watcher.since) from failure
    if pid is None:
        return False
    watcher.run.emit(LockTakenOver(holder=str(holder), backend_pid=pid))
    return True


def _cannot_end(holder: Holder, quiet: float) -> LockNotAcquired:
    return LockNotAcquired(
        waited=quiet,
        holder=f"{holder} (dead: its lease has not moved for {quiet:.0f} s)",
        hint="this role may not see or end that session; an administrator can:"
        f" `SELECT pg_terminate_backend({holder.backend_pid})`. Let all runners log in"
        " as one role to avoid this",
    )
