"""The keeper: renews the lease and watches the session, from a thread of its own.

In the caller's loop a migration's ``time.sleep(2)`` made a gap of 2.1 s between beats,
in a thread 0.1 s (measured). It never waits for the caller, and the caller never waits
for it longer than `cleanup_grace`; a daemon, it does not hold up the process either.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio

from asyncmigrate._database import blockers, lock, server
from asyncmigrate._database.blockers import BackendState
from asyncmigrate._database.connect import open_session
from asyncmigrate._database.failures import SessionLost, StatementFailed, describe
from asyncmigrate._database.session import Session
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.sampling import Sampler
from asyncmigrate._engine.scope import answered_within, bounded
from asyncmigrate._engine.watch import Watch
from asyncmigrate.errors import LockLost, MigrationError
from asyncmigrate.events import Unattended

SAMPLE_EVERY: Final = 0.5
"""Seconds between two looks at who waits for whom."""

STATEMENT_LIMIT: Final = 5.0
"""Seconds that one round of the keeper's statements may take."""

CONNECT_LIMIT: Final = 10.0
"""Seconds that the first connection may take; the run waits for it."""

NEWS_EVERY: Final = 1.0
"""Seconds since the last beat after which what has changed is told by another one."""


class Keeper:
    """One thread, one connection, one lease."""

    def __init__(self, run: Run, session: Session, watch: Watch) -> None:
        self._run = run
        self._watched = session
        self._watch = watch
        self._sampler = Sampler(run, session, watch)
        self._caller = asyncio.get_running_loop()
        self._cancel_run: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self.connected = asyncio.Event()
        """Set when the first try to connect is over, well or not."""
        self.finished = asyncio.Event()
        """Set when the thread has let go of everything."""
        self._session: Session | None = None
        self._still: tuple[object, int] | None = None
        self._told: tuple[str | None, str | None] = None, None
        """Version and progress, as the lease shows them to others."""

    # ---- called from the caller's loop

    def start(self) -> None:
        """Start the thread; returns at once."""
        try:
            threading.Thread(
                target=self._in_thread, name="asyncmigrate keeper", daemon=True
            ).start()
        except RuntimeError as error:  # no more threads for this process
            self._go_unattended(str(error))
            self.connected.set()
            self.finished.set()

    def on_lost(self, cancel_run: Callable[[], None]) -> None:
        """Have *cancel_run* called, in the caller's loop, when the lock is lost."""
        self._cancel_run = cancel_run
        if self._watch.lost is not None:  # before anybody could be told
            cancel_run()

    def stop(self) -> None:
        """End what the thread is doing, whatever it waits for; returns at once."""
        # Each side writes first and reads then, so that one of them sees the other.
        self._stopping = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._end_tasks)

    # ---- the thread

    def _in_thread(self) -> None:
        try:
            asyncio.run(self._main())
        except OSError as error:  # no more files for this process
            if self._loop is None:
                self._go_unattended(describe(error))
        finally:
            self._tell_caller(self.connected.set)
            self._tell_caller(self.finished.set)

    async def _main(self) -> None:
        self._tasks = [
            asyncio.create_task(self._keep()),
            asyncio.create_task(self._keep_deadline()),
        ]
        self._loop = asyncio.get_running_loop()
        if self._stopping:
            self._end_tasks()
        try:
            # The deadline outlives a lost lock: the socket has still to be cut.
            await asyncio.wait(self._tasks)
        finally:
            if self._session is not None:
                self._session.terminate()
            self._tell_caller(self.finished.set)

    def _go_unattended(self, reason: str) -> None:
        self._watch.unattended = reason
        self._run.emit(Unattended(reason=reason))

    def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _tell_caller(self, call: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):
            self._caller.call_soon_threadsafe(call)

    async def _connect(self, limit: float) -> str | None:
        """Try once to get a connection of our own; why there is none."""
        run = self._run
        session: Session | None = None
        try:
            with anyio.fail_after(limit):
                session = await open_session(
                    run.address,
                    run.names,
                    run.settings.connect,
                    f"{run.application} keeper",
                )
                await server.settle(session)
            self._session, session = session, None
        except Exception as error:  # noqa: BLE001 - a caller's `connect=` may raise any
            reason = getattr(error, "message", None) or describe(error)
            return str(reason)
        finally:
            # One that was told to end meanwhile must not leave it to the collector.
            if session is not None:
                session.terminate()
        return None

    async def _keep(self) -> None:
        """Connect, beat and sample until the lock is lost or the run is over."""
        first_limit = min(CONNECT_LIMIT, self._run.settings.lease_ttl / 2)
        reason = await self._connect(first_limit)
        if reason is not None:
            self._go_unattended(reason)
        self._tell_caller(self.connected.set)
        interval = self._run.settings.lease_interval
        next_beat = time.monotonic()
        next_connect = time.monotonic()
        waits = pauses(0.2, interval)
        while self._watch.lost is None:
            now = time.monotonic()
            if self._session is None and now >= next_connect:
                if await self._connect(STATEMENT_LIMIT) is None:
                    waits = pauses(0.2, interval)
                else:
                    next_connect = time.monotonic() + next(waits)
            if self._session is not None:
                due = now >= next_beat
                if due:
                    next_beat = now + interval
                if not await self._round(self._session, due=due):
                    self._session.terminate()
                    self._session = None
                    next_beat = now
            await asyncio.sleep(min(SAMPLE_EVERY, interval / 2))

    async def _round(self, session: Session, *, due: bool) -> bool:
        """One look at everything; false when the connection is of no more use."""
        try:
            with anyio.fail_after(STATEMENT_LIMIT):
                if (due or self._has_news) and await self._beat(session) and due:
                    await self._notice_lost_reply(session)
                await self._sampler.sample(session)
        except StatementFailed as failure:
            return failure.sqlstate in {"57014", "40001", "40P01", "55P03"}
        except Exception:  # noqa: BLE001 - lost, too slow, or in a state unknown
            return False
        return True

    @property
    def _news(self) -> tuple[str | None, str | None]:
        """Version and progress, as they are now."""
        parts = filter(None, (self._watch.progress, self._sampler.phase))
        return self._watch.version, ", ".join(parts) or None

    @property
    def _has_news(self) -> bool:
        """Whether waiting runs would be shown something old; told once a second."""
        watch = self._watch
        return (
            watch.version is not None
            and self._news != self._told
            and time.monotonic() - watch.good_beat >= NEWS_EVERY
        )

    async def _beat(self, session: Session) -> bool:
        run, watch = self._run, self._watch
        sent = time.monotonic()
        told = self._news
        held = await lock.beat(
            session,
            run_id=run.run_id,
            pid=self._watched.pid,
            lease_ttl=run.settings.lease_ttl,
            version=told[0],
            progress=told[1],
        )
        if not held:
            await self._judge_refusal(session)
            return False
        watch.good_beat = sent
        watch.unattended = None
        self._told = told
        return True

    async def _judge_refusal(self, session: Session) -> None:
        """The lease was not renewed: is the lock another run's, or our backend gone?

        A backend that is gone is a lost connection like any other, and so is one that
        is not of the server that answers the keeper: the run itself finds out which.
        """
        owner = await lock.read_owner(session)
        if owner is not None and owner[0] == self._run.run_id:
            self._watched.cut()
            # A Python migration that awaits something else would not notice.
            self._tell_caller(self._cancel_run)
        else:
            who = owner[1] if owner is not None and owner[1] else "nobody"
            self._lose(f"the lease is not this run's any more, but of {who}")

    async def _notice_lost_reply(self, session: Session) -> None:
        """End a backend that waits for us while we wait for it (I6)."""
        watched = self._watched
        state = None
        if watched.is_waiting_for_reply and not watched.has_bytes_under_way:
            state = await blockers.read_state(session, watched.pid)
        # How much a COPY has been given is in the phase: one that goes on is not still.
        seen = state, self._sampler.phase
        if state is None or not self._is_stuck(state):
            self._still = None
            return
        times = self._still[1] + 1 if self._still and self._still[0] == seen else 1
        self._still = seen, times
        if times > 2:  # noqa: PLR2004 - stood still over two whole intervals
            await blockers.terminate_backend(session, watched.pid)
            watched.cut()

    def _is_stuck(self, state: BackendState) -> bool:
        """Whether the backend waits for its client; not where it does not say so.

        In a COPY it is active meanwhile; the rows of a Python migration's own may really
        take their time.
        """
        return state.is_idle or (self._watched.is_copying and state.waits_for_rows)

    async def _keep_deadline(self) -> None:
        """Cancel the run at two thirds of ``lease_ttl``, cut its socket at the end."""
        ttl = self._run.settings.lease_ttl
        while True:
            await asyncio.sleep(min(SAMPLE_EVERY, ttl / 20))
            if self._watch.unattended is not None:
                continue  # nobody judges this lease, so it cannot run out
            quiet = time.monotonic() - self._watch.good_beat
            # A process that was stopped may find both limits passed at once.
            if quiet >= ttl * 2 / 3 and self._watch.lost is None:
                self._lose(f"the lease could not be renewed for {quiet:.0f} s")
            if quiet >= ttl:
                self._watched.cut()
                return

    def _lose(self, reason: str) -> None:
        self._watch.lost = reason
        self._tell_caller(self._cancel_run)


@asynccontextmanager
async def keep_lease(run: Run, session: Session) -> AsyncGenerator[Watch]:
    """Renew the lease and watch the session for as long as the block runs.

    Cancelled: the thread is told to end and waited for at most ``cleanup_grace``.

    Raises:
        LockLost: the lock was lost, and the block cancelled or cut off for it. What
            the block had finished, or failed at, by itself is not re-judged.
        SessionLost: the backend is gone, and the block had not noticed.
    """
    watch = Watch()
    keeper = Keeper(run, session, watch)
    keeper.start()
    try:
        await keeper.connected.wait()
        if watch.unattended is not None:
            with answered_within(session, run.answer_limit):
                await lock.mark_unattended(session, run.run_id)
        with anyio.CancelScope() as scope:
            keeper.on_lost(scope.cancel)
            yield watch
        lost = watch.lost
    except MigrationError:
        raise
    except Exception as error:
        if watch.lost is None:
            raise
        raise LockLost(watch.lost) from error
    finally:
        keeper.stop()
        with bounded(run.settings.cleanup_grace):
            await keeper.finished.wait()
    if scope.cancelled_caught:
        if lost is None:
            message = "the server holds no session of this run any more"
            raise SessionLost(message)
        raise LockLost(lost)
