"""Getting the lock: polled, never blocked for, and left alone when nothing is pending.

A session blocked in ``pg_advisory_lock`` keeps a snapshot, and CREATE INDEX
CONCURRENTLY in the holder waits for it: deadlock (measured; I4).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import anyio

from asyncmigrate._database import lock
from asyncmigrate._database.failures import StatementFailed
from asyncmigrate._database.history import insert_event
from asyncmigrate._database.session import Session
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.looking import look
from asyncmigrate._engine.scope import answered_within, refused
from asyncmigrate._engine.tracking import LATER, make_tables, require_safe
from asyncmigrate._migration import History, Holder
from asyncmigrate.errors import LockNotAcquired
from asyncmigrate.events import LockAcquired, LockTakenOver, LockWaiting

ANNOUNCE_EVERY = 10.0
"""Seconds between two lines about the same holder at the same migration."""


@dataclass(slots=True)
class _Watcher:
    """What a waiter has itself seen of the holder's lease (I5)."""

    run: Run
    seen: tuple[str, int | None] | None = None
    since: float = 0.0
    told_at: float = field(default=-ANNOUNCE_EVERY)
    told_of: tuple[str, str | None] = "", None
    ended: set[int] = field(default_factory=set)
    """Backends of dead runs that were told to end."""

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
        Up to ``lock_wait`` seconds, over all the sessions that it takes, with growing,
        jittered pauses, in which this session holds nothing.

    Raises:
        LockNotAcquired: it was not free in time, or its holder is dead and this role
            may not end it.
        TrackingSchemaUnsafe: the tracking tables must not be written to.
        PrivilegeMissing: the tracking schema cannot be made.
    """
    if run.waiting_since is None:
        run.waiting_since = time.monotonic()
    began, limit = run.waiting_since, run.settings.lock_wait
    watcher = _Watcher(run)
    if exists:
        with answered_within(session, run.answer_limit):
            await require_safe(session)
    for pause in pauses(0.05, 1.0):
        with answered_within(session, run.answer_limit):
            token = await _try(session, run, exists=exists)
            if token is not None:
                waited = time.monotonic() - began
                run.fencing_token, run.waiting_since = token, None
                run.emit(LockAcquired(fencing_token=token, waited=waited))
                return True
            seen = await look(session)
            if seen.history.exists:
                if not exists:
                    # Whoever has made the tables meanwhile may be anybody.
                    await require_safe(session)
                    exists = True
                if is_done(seen.history):
                    return False
            found = await lock.read_holder(session, row=exists)
            now = time.monotonic()
            if found is not None:
                holder, state = found
                _announce(watcher, holder, now, now - began, pause)
                await _end_if_dead(session, watcher, holder, state, now)
                if now - began >= limit:
                    raise LockNotAcquired(waited=limit, holder=str(holder))
            elif now - began >= max(limit, 1):
                raise LockNotAcquired(waited=limit, holder=None)
        await anyio.sleep(pause)
    raise AssertionError  # pragma: no cover - pauses() never ends


async def _try(session: Session, run: Run, *, exists: bool) -> int | None:
    """One try: the token, or null when somebody else holds what it takes."""
    try:
        if not exists:
            # Before the lock: held without a lease, it would say nothing of who holds
            # it, and nobody could take it over from a host that stands still.
            await make_tables(session, run)
        return await _take(session, run)
    except StatementFailed as failure:
        # The lock may have become ours before the statement failed.
        await lock.unlock(session)
        if failure.sqlstate in LATER:
            return None
        raise refused(failure) from failure


async def _take(session: Session, run: Run) -> int | None:
    for _ in range(2):
        token = await lock.take(
            session,
            run_id=run.run_id,
            locked_by=run.locked_by,
            lease_ttl=run.settings.lease_ttl,
        )
        if token is not None or await lock.read_owner(session) is not None:
            return token
        await lock.add_row(session)
    return None


def _announce(
    watcher: _Watcher, holder: Holder, now: float, waited: float, pause: float
) -> None:
    what = holder.locked_by, holder.current_version
    if what == watcher.told_of and now - watcher.told_at < ANNOUNCE_EVERY:
        return
    watcher.told_at, watcher.told_of = now, what
    watcher.run.emit(
        LockWaiting(
            holder=str(holder), held_for=holder.held_for, waited=waited, retry_in=pause
        )
    )


async def _end_if_dead(
    session: Session, watcher: _Watcher, holder: Holder, state: str, now: float
) -> None:
    """End the session of a run whose lease stands still, and this run's own old one.

    Being told to end is not yet an end: only the lock itself says when it is.
    """
    ours = holder.run_id == watcher.run.run_id
    if not ours:
        if not holder.run_id or holder.beat is None:
            return  # no lease, or nobody renews it: nobody may judge it
        if not watcher.stood_still(holder, now):
            return
        if state in _AT_WORK:
            return  # it works, or ends by itself when the server notices
        if not state.startswith("idle"):
            raise _cannot_end(holder, now - watcher.since)
    try:
        ended = await lock.end_holder(session, holder, own=ours)
    except StatementFailed as failure:
        if failure.sqlstate != "42501":
            raise
        raise _cannot_end(holder, now - watcher.since) from failure
    if ended is None or ended.pid in watcher.ended:
        return
    if ended.at_commit:
        watcher.run.warn(
            f"{watcher.run.current or 'what was written last'} is committed, but may"
            " not be replicated yet: its connection was lost while it waited for a"
            " standby"
        )
    if not ours:
        watcher.ended.add(ended.pid)
        run = watcher.run
        run.emit(LockTakenOver(holder=str(holder), backend_pid=ended.pid))
        # Now, since another of those who wait may be the one that gets the lock.
        detail = f"ended the session of a dead run: {holder}"
        await session.execute(
            insert_event(session, run.run_id, "taken_over", None, detail)
        )


_AT_WORK: Final = frozenset({"active", "fastpath function call"})
"""Other states than these and idle ones are hidden from this role, or not tracked."""


def _cannot_end(holder: Holder, quiet: float) -> LockNotAcquired:
    return LockNotAcquired(
        waited=quiet,
        holder=f"{holder} (dead: its lease has not moved for {quiet:.0f} s)",
        hint="this role may not see or end that session; an administrator can:"
        f" `SELECT pg_terminate_backend({holder.backend_pid})`. Let all runners log in"
        " as one role to avoid this",
    )
