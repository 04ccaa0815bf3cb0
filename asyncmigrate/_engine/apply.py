"""One migration, in one transaction: tried, recorded, or rolled back.

The first try is one round trip. A script with COPY data or RESET ALL, Python, and the
second look at an error that came without a position go statement by statement, in the
same one transaction.
"""

import time
from dataclasses import dataclass

import anyio

from asyncmigrate._database import transaction
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import SEARCH_PATH, Session
from asyncmigrate._engine import failure as failures
from asyncmigrate._engine import python
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.ending import judge, roll_back
from asyncmigrate._engine.record import record_sql
from asyncmigrate._engine.scope import bounded
from asyncmigrate._engine.scripts import Ready, is_unlimited
from asyncmigrate._engine.watch import Watch
from asyncmigrate._migration import Blocker
from asyncmigrate._plan import Step
from asyncmigrate._sql.statements import Statement
from asyncmigrate.errors import MigrationError, MigrationFailed
from asyncmigrate.events import MigrationRetried, MigrationStarted, StatementFinished


@dataclass(slots=True)
class Attempt:
    """Where a try has come to."""

    statement: Statement | None = None
    """The one that was running, where they run one by one."""
    xid: str | None = None
    """The id of its transaction, where that is known here."""


@dataclass(frozen=True, slots=True)
class Done:
    """A migration that is committed."""

    duration: float
    attempts: int


async def apply(
    step: Step, ready: Ready, session: Session, run: Run, watch: Watch
) -> Done:
    """Run *step* in a transaction and record it, trying again while locks are held.

    Cancelled: rolled back within ``cleanup_grace``, or the connection is cut.

    Raises:
        MigrationFailed: it failed and was rolled back.
        TransactionEscaped: the script ended its transaction; what it wrote stays.
        LockLost: the run's lock was not ours any more.
        SessionLost: the connection is gone; the history decides.
    """
    one_by_one = _needs_care(ready)
    diagnosing = False
    seen_blockers: tuple[Blocker, ...] = ()
    waits = pauses(0.2, 5.0)
    tries = 0
    while True:
        tries += not diagnosing
        if tries > 1:
            run.emit(_started(step, run, tries))
        began = time.monotonic()
        error = await _try(step, ready, session, run, watch, one_by_one=one_by_one)
        if error is None:
            return Done(time.monotonic() - began, tries)
        transient = failures.is_transient(error.sqlstate, error.__cause__)
        seen_blockers = watch.blockers or seen_blockers
        if type(error) is not MigrationFailed:
            raise error
        if transient and tries < run.settings.lock_retries:
            pause = next(waits)
            run.emit(
                MigrationRetried(
                    version=step.version,
                    attempt=tries,
                    of=run.settings.lock_retries,
                    retry_in=pause,
                    reason=str(error.__cause__ or error),
                    sqlstate=error.sqlstate,
                    blockers=seen_blockers,
                )
            )
            await anyio.sleep(pause)
            diagnosing = False
        elif transient and error.sqlstate == "55P03":
            raise failures.lock_not_acquired(
                step, ready, error, tries, seen_blockers
            ) from error.__cause__
        elif error.line is None and not one_by_one and ready.script is not None:
            one_by_one = diagnosing = True
        else:
            raise error


async def _try(  # noqa: PLR0913 - what a try needs
    step: Step,
    ready: Ready,
    session: Session,
    run: Run,
    watch: Watch,
    *,
    one_by_one: bool,
) -> MigrationError | None:
    """Try once; what failed, after it was rolled back."""
    attempt = Attempt()
    watch.begin(step.version, ready.block_limit, is_python=ready.script is None)
    try:
        if one_by_one:
            await _one_by_one(step, ready, session, run, attempt)
        else:
            await _in_one_trip(step, ready, session, run)
    except (StatementFailed, python.Raised) as failure:
        return await judge(
            step,
            ready,
            session,
            run,
            failure=failure,
            verdict=watch.end(),
            statement=attempt.statement,
            xid=attempt.xid,
        )
    except SessionLost:
        watch.end()
        raise
    except BaseException:
        watch.end()
        await roll_back(session, run)
        raise
    if watch.end() is not None:
        await _swallow_cancel(session, run)
    return None


def _started(step: Step, run: Run, attempt: int) -> MigrationStarted:
    return MigrationStarted(
        version=step.version,
        title=step.name,
        direction=step.direction,
        number=run.number,
        total=run.total,
        attempt=attempt,
    )


def _needs_care(ready: Ready) -> bool:
    script = ready.script
    return script is None or script.has_copy_data or script.resets_session


async def _in_one_trip(step: Step, ready: Ready, session: Session, run: Run) -> None:
    modes = ready.script.modes if ready.script else ""
    before = transaction.resets() + transaction.begin(session, ready.limits, modes)
    after = transaction.prove(session) + record_sql(step, session, run) + ";COMMIT"
    try:
        await session.execute(before + ready.body + after)
    except StatementFailed as failure:
        if failure.position is not None:
            offset = failure.position - len(before)
            inside = 0 <= offset <= len(ready.body) and not failure.internal
            failure.position = offset if inside else None
        raise


async def _one_by_one(
    step: Step, ready: Ready, session: Session, run: Run, attempt: Attempt
) -> None:
    modes = ready.script.modes if ready.script else ""
    await session.execute(transaction.resets())
    await session.execute(transaction.begin(session, ready.limits, modes))
    xid = attempt.xid = await transaction.current_xid(session)
    if ready.script is None:
        await python.call(step, session)
    else:
        await run_statements(step, ready, session, run, attempt)
    attempt.statement = None
    after = transaction.prove(session, xid=xid) + record_sql(step, session, run)
    await session.execute(after + ";COMMIT")


async def run_statements(
    step: Step, ready: Ready, session: Session, run: Run, attempt: Attempt
) -> None:
    """Each statement of the script by itself, in the open transaction."""
    script = ready.script
    assert script is not None  # noqa: S101 - Python has no statements
    total = len(script.statements)
    for at, statement in enumerate(script.statements):
        if is_unlimited(statement, script.kinds[at]):
            continue
        attempt.statement = statement
        began = time.monotonic()
        try:
            await run_statement(script.text, statement, session)
        except StatementFailed as failure:
            if failure.position is not None:
                failure.position += statement.start
            raise
        run.emit(
            StatementFinished(
                version=step.version,
                number=at + 1,
                total=total,
                duration=time.monotonic() - began,
            )
        )


async def run_statement(text: str, statement: Statement, session: Session) -> None:
    """One statement, with its COPY data where it has some."""
    if statement.copy_data is None:
        await session.execute(statement.text)
    else:
        start, end = statement.copy_data
        await session.copy_in(statement.text, text[start:end].encode())


async def _swallow_cancel(session: Session, run: Run) -> None:
    """A cancel that came after COMMIT must not hit the next statement."""
    with bounded(run.settings.cleanup_grace):
        for _ in range(2):
            try:
                await anyio.sleep(0.05)
                await session.execute(SEARCH_PATH)
            except StatementFailed:
                continue
