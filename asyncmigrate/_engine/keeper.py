"""The keeper: renews the lease and watches the session, from a thread of its own.

In the caller's loop a migration's ``time.sleep(2)`` made a gap of 2.1 s between beats,
in a thread 0.1 s (measured). It never waits for the caller, and the caller never waits
for it longer than `cleanup_grace`.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.to_thread

from asyncmigrate._database import blockers, lock, progress, server
from asyncmigrate._database.connect import open_session
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.scope import bounded
from asyncmigrate._engine.watch import Watch
from asyncmigrate._migration import Blocker
from asyncmigrate.errors import DatabaseUnusable, InvalidSetting, LockLost
from asyncmigrate.events import (
    OthersBlocked,
    Progressed,
    TableLockWaiting,
    Unattended,
)

SAMPLE_EVERY = 0.5
"""Seconds between two looks at who waits for whom."""

STATEMENT_LIMIT = 5.0
"""Seconds that one of the keeper's own statements may take."""

BLOCKED = "others were held up"


class Keeper:
    """One thread, one connection, one lease."""

    def __init__(self, run: Run, session: Session, watch: Watch) -> None:
        self._run = run
        self._watched = session
        self._watch = watch
        self._caller = asyncio.get_running_loop()
        self._cancel_run: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.connected = asyncio.Event()
        """Set when the first try to connect is over, well or not."""
        self.finished = asyncio.Event()
        """Set when the thread has let go of everything."""
        self._stopped_early = False
        self._session: Session | None = None
        self._still: tuple[object, int] | None = None
        self._blocked_since: dict[int, float] = {}
        self._waiting_since: float | None = None

    # ---- called from the caller's loop

    def on_lost(self, cancel_run: Callable[[], None]) -> None:
        """Have *cancel_run* called, in the caller's loop, when the lock is lost."""
        self._cancel_run = cancel_run

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self._stopped_early = True
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)

    def in_thread(self) -> None:
        """The thread's whole life."""
        asyncio.run(self._main())

    # ---- in the keeper's own loop

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        if self._stopped_early:
            self._stop.set()
        deadline = asyncio.create_task(self._keep_deadline())
        try:
            await self._connect(first=True)
            self._tell_caller(self.connected.set)
            await self._keep()
        finally:
            deadline.cancel()
            if self._session is not None:
                self._session.terminate()
            self._tell_caller(self.connected.set)
            self._tell_caller(self.finished.set)

    def _tell_caller(self, call: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):
            self._caller.call_soon_threadsafe(call)

    async def _connect(self, *, first: bool = False) -> None:
        run = self._run
        try:
            with anyio.fail_after(STATEMENT_LIMIT if not first else 10.0):
                self._session = await open_session(
                    run.address,
                    run.names,
                    run.settings.connect,
                    f"{run.application} keeper",
                )
                await server.settle(self._session)
        except (
            DatabaseUnusable,
            InvalidSetting,
            TimeoutError,
            SessionLost,
            StatementFailed,
        ) as error:
            if self._session is not None:
                self._session.terminate()
            self._session = None
            if first:
                reason = getattr(error, "message", None) or str(error) or "timed out"
                self._watch.unattended = reason
                run.emit(Unattended(reason=reason))

    async def _keep(self) -> None:
        assert self._stop is not None  # noqa: S101 - set by _main
        next_beat = time.monotonic()
        while not self._stop.is_set() and self._watch.lost is None:
            now = time.monotonic()
            if self._session is None or self._session.is_closed:
                await self._connect()
            if self._session is not None:
                try:
                    with anyio.fail_after(STATEMENT_LIMIT):
                        if now >= next_beat:
                            await self._beat(self._session)
                            next_beat = now + self._run.settings.lease_interval
                        await self._sample(self._session)
                except (TimeoutError, SessionLost):
                    self._session.terminate()
                    self._session = None
                except StatementFailed as failure:
                    if failure.sqlstate not in {"57014", "40001", "40P01", "55P03"}:
                        self._session.terminate()
                        self._session = None
            with contextlib.suppress(TimeoutError):
                pause = min(SAMPLE_EVERY, self._run.settings.lease_interval / 2)
                await asyncio.wait_for(self._stop.wait(), pause)

    async def _beat(self, session: Session) -> None:
        run, watch = self._run, self._watch
        sent = time.monotonic()
        held = await lock.beat(
            session,
            run_id=run.run_id,
            pid=self._watched.pid,
            lease_ttl=run.settings.lease_ttl,
            version=watch.version,
            progress=watch.progress,
        )
        if not held:
            if not self._watched.is_closed:
                self._lose("another session holds it now, or its row was changed")
            return
        watch.good_beat = sent
        watch.unattended = None
        await self._notice_lost_reply(session)

    async def _notice_lost_reply(self, session: Session) -> None:
        """End a backend that has answered while nothing reached us (I6)."""
        asked = self._watched.waiting_for_reply
        if asked is None:
            self._still = None
            return
        state = await blockers.read_state(session, self._watched.pid)
        if state is None or state[0] == "active":
            self._still = None
            return
        seen = (asked, state)
        times = self._still[1] + 1 if self._still and self._still[0] == seen else 1
        self._still = (seen, times)
        if times > 2:  # noqa: PLR2004 - stood still over two whole intervals
            await blockers.terminate_backend(session, self._watched.pid)
            self._watched.cut()

    async def _keep_deadline(self) -> None:
        """Cancel the run at two thirds of ``lease_ttl``, cut its socket at the end."""
        ttl = self._run.settings.lease_ttl
        while True:
            await asyncio.sleep(min(SAMPLE_EVERY, ttl / 20))
            if self._watch.unattended is not None:
                continue
            quiet = time.monotonic() - self._watch.good_beat
            if quiet >= ttl:
                self._watched.cut()
                return
            if quiet >= ttl * 2 / 3 and self._watch.lost is None:
                self._lose(f"the lease could not be renewed for {quiet:.0f} s")

    def _lose(self, reason: str) -> None:
        self._watch.lost = reason
        self._tell_caller(self._cancel_run)

    async def _sample(self, session: Session) -> None:
        attempt = self._watch.attempt
        if not attempt:
            self._blocked_since.clear()
            self._waiting_since = None
            return
        await self._sample_waiting(session)
        await self._sample_blocked(session, attempt)
        await self._sample_progress(session)

    async def _sample_waiting(self, session: Session) -> None:
        found = await blockers.read_blockers(session, self._watched.pid)
        if not found:
            self._waiting_since = None
            return
        now = time.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        self._watch.blockers = found
        self._run.emit(
            TableLockWaiting(
                version=self._watch.version or "",
                waited=now - self._waiting_since,
                blockers=found,
            )
        )

    async def _sample_blocked(self, session: Session, attempt: int) -> None:
        limit = self._watch.block_limit
        if limit == float("inf"):
            self._blocked_since.clear()
            return
        found = await blockers.read_blocked(session, self._watched.pid)
        now = time.monotonic()
        pids = {each.pid for each in found}
        self._blocked_since = {
            pid: since for pid, since in self._blocked_since.items() if pid in pids
        }
        for pid in pids:
            self._blocked_since.setdefault(pid, now)
        if not found:
            return
        longest = max(now - since for since in self._blocked_since.values())
        blocked = tuple(
            Blocker(
                pid=each.pid,
                user=each.user,
                application=each.application,
                seconds=now - self._blocked_since[each.pid],
                query=each.query,
                lock=each.lock,
            )
            for each in found
        )
        self._run.emit(
            OthersBlocked(
                version=self._watch.version or "",
                longest=longest,
                limit=limit,
                blocked=blocked,
            )
        )
        if longest >= limit and self._watch.condemn(attempt, BLOCKED, blocked):
            await self._end_statement(session)

    async def _end_statement(self, session: Session) -> None:
        """Cancel; where no statement is active, only ending the backend lets go."""
        pid = self._watched.pid
        state = await blockers.read_state(session, pid)
        if state is not None and state[0] == "active":
            await blockers.cancel_backend(session, pid)
        else:
            await blockers.terminate_backend(session, pid)

    async def _sample_progress(self, session: Session) -> None:
        seen = await progress.read_progress(session, self._watched.pid)
        if seen is not None:
            self._watch.progress = f"{seen.phase} {seen.share}".strip()
            self._run.emit(
                Progressed(
                    version=self._watch.version or "",
                    phase=seen.phase,
                    done=seen.done,
                    total=seen.total,
                    waiting_for=seen.waiting_for,
                )
            )


@asynccontextmanager
async def keep_lease(run: Run, session: Session) -> AsyncGenerator[Watch]:
    """Renew the lease and watch the session for as long as the block runs.

    Cancelled: the thread is asked to end and waited for at most ``cleanup_grace``.

    Raises:
        LockLost: the lock was lost; the block was cancelled for it.
    """
    watch = Watch()
    keeper = Keeper(run, session, watch)
    failed: list[Exception] = []
    async with anyio.create_task_group() as group:
        group.start_soon(
            partial(
                anyio.to_thread.run_sync,
                keeper.in_thread,
                abandon_on_cancel=True,
                limiter=anyio.CapacityLimiter(1),
            )
        )
        try:
            await keeper.connected.wait()
            if watch.unattended is not None:
                await lock.mark_unattended(session, run.run_id)
            with anyio.CancelScope() as scope:
                keeper.on_lost(scope.cancel)
                yield watch
            if watch.lost is not None:
                failed.append(LockLost(watch.lost))
        except Exception as error:  # noqa: BLE001 - raised again, not in a group
            failed.append(error)
        finally:
            keeper.stop()
            with bounded(run.settings.cleanup_grace):
                await keeper.finished.wait()
            group.cancel_scope.cancel()
    if watch.lost is not None:
        raise LockLost(watch.lost) from (failed[0] if failed else None)
    if failed:
        raise failed[0]
