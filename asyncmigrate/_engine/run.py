"""The whole run on one page: look, sound, lock, lease, look again, apply, release.

A connection that is lost is answered the same way wherever it happens: a new session,
the lock, the look, the plan. That is also how a COMMIT in doubt is decided (I11).
"""

import time
from collections.abc import Callable
from typing import Final

import anyio

from asyncmigrate._database import lock
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Message, Session
from asyncmigrate._engine.adopting import growth_for, hold_old
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.doubt import Losses, gone, settle
from asyncmigrate._engine.inheriting import new_heir
from asyncmigrate._engine.jobs import Job
from asyncmigrate._engine.keeper import keep_lease
from asyncmigrate._engine.looking import look
from asyncmigrate._engine.marking import write_marks
from asyncmigrate._engine.opening import (
    open_reading_session,
    open_run_session,
    require_sound,
)
from asyncmigrate._engine.prepare import Prepared, Understood, prepare
from asyncmigrate._engine.scope import (
    answered_within,
    bounded,
    refused,
    until_cancelled,
)
from asyncmigrate._engine.stepping import Renew, take_steps
from asyncmigrate._engine.waiting import acquire
from asyncmigrate._migration import History
from asyncmigrate.errors import (
    DatabaseUnusable,
    LockLost,
    LockNotAcquired,
    MigrationError,
)
from asyncmigrate.events import ConnectionLost, Finished, Notice, Planned
from asyncmigrate.results import MigrationReport, Outcome


async def run_job(
    job: Job, run: Run, session: Session | None = None
) -> MigrationReport:
    """Do *job*, on as many sessions as it takes, *session* being the first.

    Raises:
        MigrationError: with the results that stand.
    """
    began = time.monotonic()
    try:
        await _on_sessions(job, run, session)
    except MigrationError as error:
        run.correct(error)
        error.results = tuple(run.results)
        error.run_id = run.run_id
        error.warnings = tuple(run.warnings)
        raise
    done = [result.status for result in run.results]
    run.emit(
        Finished(
            applied=done.count(Outcome.APPLIED),
            rolled_back=done.count(Outcome.ROLLED_BACK),
            duration=time.monotonic() - began,
        )
    )
    return MigrationReport(
        results=tuple(run.results),
        run_id=run.run_id if run.fencing_token or run.results else None,
        warnings=tuple(run.warnings),
        details={"written": list(run.written)} if run.written else {},
    )


_GONE_WITHIN: Final = 5.0
"""Seconds in which a session that was closed has left its place to another."""


async def _on_sessions(job: Job, run: Run, opened: Session | None) -> None:
    losses = Losses(run)
    understood: Understood = {}
    patience = run.settings.wait_for_database
    heir: Session | None = None
    while True:
        losses.begin()
        inherited, heir = heir, None
        first, opened = inherited or opened, None
        try:
            async with open_run_session(run, patience, first) as session:
                holds = inherited is not None
                heir = await _on_session(job, run, session, understood, holds=holds)
            if heir is None:
                return
        except Renew:
            # The server may take a moment to let the old session's place go.
            patience = max(patience, _GONE_WITHIN)
        except StatementFailed as failure:
            raise refused(failure) from failure
        except SessionLost as error:
            run.emit(ConnectionLost(error=str(error), version=run.current))
            patience, pause = losses.count(error)
            await anyio.sleep(pause)
        except LockLost as error:
            if run.in_doubt is None:
                raise
            run.stopping = error
            patience = run.settings.lock_wait
        except (DatabaseUnusable, LockNotAcquired) as error:
            # That somebody else has the lock is the truth, however often we came.
            lost = losses.last is not None and isinstance(error, DatabaseUnusable)
            if run.in_doubt is None and not lost:
                raise
            raise gone(run, error) from error


async def _on_session(
    job: Job, run: Run, session: Session, understood: Understood, *, holds: bool
) -> Session | None:
    """The eight steps, or those under the lock, where *session* holds it already.

    The result is another session that holds it, where the run is to go on with one.
    """
    session.listen(_noticed(run))
    exists = True
    if not holds:
        with answered_within(session, run.answer_limit):
            seen = await look(session)  # 1 look
            grown = await growth_for(job, session, seen.history)
        run.warn(*grown)
        # What is in doubt is settled under the lock, and nothing is decided before.
        if run.in_doubt is None:
            ready = await prepare(job, session, seen.history, run, understood)
            run.warn(*job.source.warnings, *ready.plan.warnings)
            if ready.plan.is_empty:
                return None
        with answered_within(session, run.answer_limit):
            await require_sound(session, run)  # 2 sound?
        exists = seen.history.exists
    try:
        if holds or await acquire(  # 3 lock and lease, in one statement
            session, run, exists=exists, is_done=_is_done(job, run)
        ):
            await _under_lock(job, run, session, understood)
    except Renew:
        return await new_heir(session, run)
    finally:
        await _release(session, run)  # 8 release
    return None


async def _under_lock(
    job: Job, run: Run, session: Session, understood: Understood
) -> None:
    async with keep_lease(run, session) as watch:  # 4 lease
        await hold_old(job, session, run)
        # The keeper may have no connection, and then notices no reply that is lost.
        with answered_within(session, run.answer_limit):
            seen = await look(session)  # 5 look again
        settle(run, seen.history)
        ready = await prepare(job, session, seen.history, run, understood)
        run.warn(*ready.plan.warnings)
        total = len(run.results) + len(ready.plan.steps)
        if not ready.plan.is_empty and total != run.total:
            run.emit(Planned(run_id=run.run_id, steps=len(ready.plan.steps)))
        run.total = total
        await take_steps(ready, session, run, watch)  # 6 apply, 7 between
        await write_marks(ready.plan, session, run)


async def _release(session: Session, run: Run) -> None:
    """Give lock and lease back, in every ending that leaves the connection alive.

    The lock may be ours although nobody has told us, when the reply was cut off. One
    that cannot be released in time goes with the connection.
    """
    released = False
    with bounded(run.settings.cleanup_grace):
        await until_cancelled(session)
        try:
            if not session.is_closed:
                await lock.release(session, run.run_id)
            released = True
        except StatementFailed:
            released = True  # there is no table yet; closing gives the lock back
        except SessionLost:
            released = False
    if not released:
        session.terminate()


def _is_done(job: Job, run: Run) -> Callable[[History], bool]:
    def is_done(history: History) -> bool:
        if run.in_doubt is not None:
            return False
        try:
            plan = job.decide(history, {}, run.so_far)
        except MigrationError:
            return False
        done = plan.is_empty and not plan.conflicts
        if done:
            run.warn(*plan.warnings)
        return done

    return is_done


def _noticed(run: Run) -> Callable[[Message], None]:
    def told(message: Message) -> None:
        if message.is_of_replication:
            what = run.current or "what was written last"
            warning = f"{what} is committed, but may not be replicated yet"
            run.warn(f"{warning}: {message.text}")
        if run.current is not None:
            run.emit(
                Notice(
                    version=run.current,
                    severity=message.severity,
                    message=message.text,
                    sqlstate=message.sqlstate,
                )
            )

    return told


async def plan_job(job: Job, run: Run) -> Prepared:
    """A dry run: what the run would do. Nothing is written and no lock is taken.

    Raises:
        ConflictsFound: as the run itself would.
    """
    async with open_reading_session(run, run.settings.wait_for_database) as session:
        with answered_within(session, run.answer_limit):
            seen = await look(session)
            grown = await growth_for(job, session, seen.history)
        run.warn(*grown)
        ready = await prepare(job, session, seen.history, run, {})
        run.warn(*job.source.warnings, *ready.plan.warnings)
        return ready
