"""What the keeper sees of the session from outside: who waits for whom, and how far it is.

One `Sampler` belongs to one run. It ends a statement that has held others up for the
whole of ``block_limit`` (I13); everything else it only tells.
"""

import time
from dataclasses import replace

from asyncmigrate._database import blockers, progress
from asyncmigrate._database.session import Session
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.watch import Watch
from asyncmigrate.events import OthersBlocked, Progressed, TableLockWaiting


class Sampler:
    """Looks at one run's session, through the keeper's own."""

    def __init__(self, run: Run, watched: Session, watch: Watch) -> None:
        self._run = run
        self._watched = watched
        self._watch = watch
        self.phase: str | None = None
        """How far the server says the statement is; null where it does not tell."""
        self._blocked_since: dict[int, float] = {}
        self._waiting_since: float | None = None

    async def sample(self, session: Session) -> None:
        """One look at everything, and what follows from it."""
        attempt = self._watch.attempt
        if not attempt:
            self._blocked_since.clear()
            self._waiting_since = None
            self.phase = None
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
        if limit == float("inf") or (
            self._watch.exclusive
            and not await blockers.is_exclusive(session, self._watched.pid)
        ):
            self._blocked_since.clear()
            return
        found = await blockers.read_blocked(session, self._watched.pid)
        now = time.monotonic()
        pids = {each.pid for each in found}
        self._blocked_since = {
            pid: since for pid, since in self._blocked_since.items() if pid in pids
        }
        for each in found:
            # The server's word is exact where it has one; a sample comes late.
            since = now if each.seconds is None else now - each.seconds
            known = self._blocked_since.get(each.pid, since)
            self._blocked_since[each.pid] = since if each.seconds is not None else known
        if not found:
            return
        longest = max(now - since for since in self._blocked_since.values())
        blocked = tuple(
            replace(each, seconds=now - self._blocked_since[each.pid]) for each in found
        )
        self._run.emit(
            OthersBlocked(
                version=self._watch.version or "",
                longest=longest,
                limit=limit,
                blocked=blocked,
            )
        )
        if longest >= limit and self._watch.condemn(attempt, blocked):
            try:
                await self._end_statement(session)
            finally:
                self._watch.delivered = True

    async def _end_statement(self, session: Session) -> None:
        """Cancel; where that does not help, only ending the backend lets go."""
        pid = self._watched.pid
        state = await blockers.read_state(session, pid)
        if state is not None and state.obeys_cancel:
            await blockers.cancel_backend(session, pid)
        else:
            await blockers.terminate_backend(session, pid)

    async def _sample_progress(self, session: Session) -> None:
        seen = await progress.read_progress(session, self._watched.pid)
        if seen is None:
            self.phase = None
            return
        self.phase = f"{seen.phase} {seen.share}".strip()
        self._run.emit(
            Progressed(
                version=self._watch.version or "",
                phase=seen.phase,
                done=seen.done,
                total=seen.total,
                waiting_for=seen.waiting_for,
            )
        )
