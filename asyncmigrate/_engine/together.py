"""Everything pending in one transaction: all of it, or nothing."""

import time
from collections.abc import Sequence

import anyio

from asyncmigrate._database import transaction
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine import failure as failures
from asyncmigrate._engine import python
from asyncmigrate._engine.apply import Attempt, Done, run_statements
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.record import record_sql
from asyncmigrate._engine.scope import bounded
from asyncmigrate._engine.scripts import Ready
from asyncmigrate._engine.watch import Watch
from asyncmigrate._plan import Step
from asyncmigrate.errors import LockLost, MigrationError, MigrationFailed
from asyncmigrate.events import MigrationRetried, MigrationStarted
from asyncmigrate.results import MigrationResult, Outcome

Steps = Sequence[tuple[Step, Ready]]


async def apply_together(
    steps: Steps, session: Session, run: Run, watch: Watch
) -> None:
    """Apply every step, and commit once.

    Raises:
        MigrationFailed: one failed, so that none stands; the others are ``skipped``.
    """
    from asyncmigrate._engine import stepping  # noqa: PLC0415 - it calls this room

    waits = pauses(0.2, 5.0)
    tries = 0
    while True:
        tries += 1
        durations: list[float] = []
        at = 0
        attempt = Attempt()
        try:
            xid = await _begin(steps, session)
            for at, (step, ready) in enumerate(steps):
                run.number, run.current = at + 1, step.version
                run.emit(_started(step, run, tries))
                began = time.monotonic()
                watch.begin(step.version, ready.block_limit, is_python=not ready.script)
                await _one(step, ready, session, run, attempt, xid)
                durations.append(time.monotonic() - began)
            run.in_doubt = steps[-1][0]
            await session.execute("COMMIT")
            run.in_doubt = None
            watch.end()
        except (StatementFailed, python.Raised) as failure:
            verdict = watch.end()
            await _roll_back(session, run)
            step, ready = steps[at]
            error = _error(step, ready, failure, run, attempt, verdict)
            sqlstate = error.sqlstate
            transient = failures.is_transient(sqlstate, error.__cause__)
            plain = type(error) is MigrationFailed
            if plain and transient and tries < run.settings.lock_retries:
                pause = next(waits)
                run.emit(
                    MigrationRetried(
                        version=step.version,
                        attempt=tries,
                        of=run.settings.lock_retries,
                        retry_in=pause,
                        reason=str(error.__cause__ or error),
                        sqlstate=sqlstate,
                        blockers=watch.blockers,
                    )
                )
                await anyio.sleep(pause)
                continue
            _skip(steps, at, run)
            stepping.fail_step(step, run, error)
            raise error from error.__cause__
        except SessionLost:
            watch.end()
            raise
        except BaseException:
            watch.end()
            await _roll_back(session, run)
            raise
        for (step, _), duration in zip(steps, durations, strict=True):
            stepping.finish_step(step, run, Done(duration, tries))
        return


async def _begin(steps: Steps, session: Session) -> str:
    first = steps[0][1]
    modes = first.script.modes if first.script else ""
    await session.execute(transaction.resets())
    await session.execute(transaction.begin(session, first.limits, modes))
    return await transaction.current_xid(session)


async def _one(  # noqa: PLR0913 - what one migration of the transaction needs
    step: Step, ready: Ready, session: Session, run: Run, attempt: Attempt, xid: str
) -> None:
    attempt.statement = None
    begin = transaction.resets() + transaction.limits_sql(session, ready.limits)
    after = transaction.prove(session, xid=xid) + record_sql(step, session, run)
    script = ready.script
    if script is not None and not script.has_copy_data:
        try:
            await session.execute(begin + ready.body + after)
        except StatementFailed as failure:
            if failure.position is not None:
                offset = failure.position - len(begin)
                inside = 0 <= offset <= len(ready.body)
                failure.position = offset if inside else None
            raise
        return
    await session.execute(begin)
    if script is None:
        await python.call(step, session)
    else:
        await run_statements(step, ready, session, run, attempt)
    attempt.statement = None
    await session.execute(after)


def _error(  # noqa: PLR0913 - what the failure is judged by
    step: Step,
    ready: Ready,
    failure: StatementFailed | python.Raised,
    run: Run,
    attempt: Attempt,
    verdict: object,
) -> MigrationError:
    if isinstance(failure, python.Raised):
        return python.failed(step, ready, failure, run, None)
    if transaction.lock_lost(failure):
        return LockLost("the server says that this session no longer holds it")
    del verdict
    return failures.failed(
        step,
        ready,
        failure,
        run,
        offset=failure.position,
        statement=attempt.statement,
        left="the single transaction was rolled back",
    )


def _skip(steps: Steps, failed: int, run: Run) -> None:
    run.results.extend(
        MigrationResult(
            version=step.version,
            name=step.name,
            direction=step.direction,
            status=Outcome.SKIPPED,
            file=step.part.file,
        )
        for at, (step, _) in enumerate(steps)
        if at < failed
    )


def _started(step: Step, run: Run, attempt: int) -> MigrationStarted:
    return MigrationStarted(
        version=step.version,
        title=step.name,
        direction=step.direction,
        number=run.number,
        total=run.total,
        attempt=attempt,
    )


async def _roll_back(session: Session, run: Run) -> None:
    with bounded(run.settings.cleanup_grace):
        try:
            if not session.is_closed:
                await transaction.roll_back(session)
            return
        except (SessionLost, StatementFailed):
            pass
    session.terminate()
