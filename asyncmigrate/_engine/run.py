"""The whole run on one page: look, sound, lock, lease, look again, apply, release.

A connection that is lost is answered the same way wherever it happens: a new session,
the lock, the look, the plan. That is also how a COMMIT in doubt is decided (I11).
"""

import time
from collections.abc import Callable

import anyio

from asyncmigrate._database import lock
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.jobs import Job
from asyncmigrate._engine.keeper import keep_lease
from asyncmigrate._engine.looking import look
from asyncmigrate._engine.marking import write_marks
from asyncmigrate._engine.opening import open_run_session, require_sound
from asyncmigrate._engine.prepare import Prepared, prepare
from asyncmigrate._engine.scope import bounded
from asyncmigrate._engine.stepping import Renew, settle_doubt, take_steps
from asyncmigrate._engine.waiting import acquire
from asyncmigrate._migration import History
from asyncmigrate.errors import (
    CommitUndecided,
    DatabaseUnreachable,
    DatabaseUnusable,
    LockNotAcquired,
    MigrationError,
)
from asyncmigrate.events import ConnectionLost, Finished, Notice, Planned, Warned
from asyncmigrate.results import MigrationReport, Outcome


async def run_job(job: Job, run: Run) -> MigrationReport:
    """Do *job*, on as many sessions as it takes.

    Raises:
        MigrationError: with the results that stand.
    """
    began = time.monotonic()
    try:
        await _on_sessions(job, run)
    except MigrationError as error:
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
        run_id=run.run_id if run.fencing_token else None,
        warnings=tuple(run.warnings),
        details={"written": list(run.written)} if run.written else {},
    )


async def _on_sessions(job: Job, run: Run) -> None:
    patience = run.settings.wait_for_database
    lost_since: float | None = None
    while True:
        standing = len(run.results)
        try:
            async with open_run_session(run, patience) as session:
                await _on_session(job, run, session)
            return
        except Renew:
            continue
        except SessionLost as error:
            now = time.monotonic()
            if lost_since is None or len(run.results) > standing:
                lost_since = now
            run.emit(ConnectionLost(error=str(error), version=run.current))
            patience = max(0.0, lost_since + run.settings.lock_wait - now)
            if patience == 0.0:
                raise _gone(run, error) from error
            await anyio.sleep(0.1)
        except (DatabaseUnusable, LockNotAcquired) as error:
            if run.in_doubt is None:
                raise
            raise _gone(run, error) from error


def _gone(run: Run, error: Exception) -> MigrationError:
    if run.in_doubt is None:
        return DatabaseUnreachable(f"the connection was lost: {error}")
    version = run.in_doubt.version
    return CommitUndecided(
        f"the connection was lost while {version} was under way, and whether it was"
        f" committed could not be found out: {error}",
        version=version,
        hint="run `asyncmigrate status` when the database is back; the next run decides"
        " by itself",
    )


async def _on_session(job: Job, run: Run, session: Session) -> None:
    """The eight steps."""
    session.listen(_noticed(run))
    seen = await look(session)  # 1 look
    ready = await prepare(job, session, seen.history, run.settings)
    _warn(run, (*job.source.warnings, *ready.plan.warnings))
    if ready.plan.is_empty and run.in_doubt is None:
        return
    await require_sound(session, run)  # 2 sound?
    try:
        if not await acquire(  # 3 lock and lease, in one statement
            session, run, exists=seen.history.exists, is_done=_is_done(job, run)
        ):
            return
        async with keep_lease(run, session) as watch:  # 4 lease
            seen = await look(session)  # 5 look again
            settle_doubt(run, seen.history)
            ready = await prepare(job, session, seen.history, run.settings)
            _warn(run, ready.plan.warnings)
            run.total = len(run.results) + len(ready.plan.steps)
            if not ready.plan.is_empty:
                run.emit(Planned(run_id=run.run_id, steps=len(ready.plan.steps)))
            await take_steps(ready, session, run, watch)  # 6 apply, 7 between
            await write_marks(ready.plan, session, run)
    finally:
        await _release(session, run)  # 8 release


async def _release(session: Session, run: Run) -> None:
    """Give lock and lease back, in every ending that leaves the connection alive."""
    released = False
    with bounded(run.settings.cleanup_grace):
        try:
            if run.fencing_token and not session.is_closed:
                await lock.release(session, run.run_id)
            released = True
        except (SessionLost, StatementFailed):
            released = False
    if not released:
        session.terminate()


def _is_done(job: Job, run: Run) -> Callable[[History], bool]:
    def is_done(history: History) -> bool:
        if run.in_doubt is not None:
            return False
        try:
            plan = job.decide(history, {})
        except MigrationError:
            return False
        return plan.is_empty and not plan.conflicts

    return is_done


def _noticed(run: Run) -> Callable[[str, str, str | None], None]:
    def told(severity: str, message: str, sqlstate: str | None) -> None:
        if run.current is not None:
            run.emit(
                Notice(
                    version=run.current,
                    severity=severity,
                    message=message,
                    sqlstate=sqlstate,
                )
            )

    return told


def _warn(run: Run, warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        if warning not in run.warnings:
            run.warnings.append(warning)
            run.emit(Warned(message=warning))


async def plan_job(job: Job, run: Run) -> Prepared:
    """A dry run: what the run would do. Nothing is written and no lock is taken.

    Raises:
        ConflictsFound: as the run itself would.
    """
    async with open_run_session(run, run.settings.wait_for_database) as session:
        seen = await look(session)
        ready = await prepare(job, session, seen.history, run.settings)
        _warn(run, (*job.source.warnings, *ready.plan.warnings))
        return ready
