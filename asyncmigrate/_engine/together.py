"""Everything pending in one transaction: all of it, or nothing."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from asyncmigrate._database import transaction
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine import failure as failures
from asyncmigrate._engine import python
from asyncmigrate._engine.apply import Attempt, run_statements
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.ending import (
    absorb,
    judge,
    note_loss,
    require_undisturbed,
    roll_back,
)
from asyncmigrate._engine.record import record_sql
from asyncmigrate._engine.retrying import Tries
from asyncmigrate._engine.scripts import Ready
from asyncmigrate._engine.telling import fail_step, finish_step, say_started
from asyncmigrate._engine.watch import Watch
from asyncmigrate._plan import Step
from asyncmigrate.errors import MigrationError, MigrationFailed, TransactionEscaped
from asyncmigrate.results import MigrationResult, Outcome

Steps = Sequence[tuple[Step, Ready]]

_LEFT: Final = "the single transaction was rolled back"


async def apply_together(
    steps: Steps, session: Session, run: Run, watch: Watch
) -> None:
    """Apply every step, and commit once.

    Raises:
        MigrationFailed: one failed, so that none stands; the others are ``skipped``.
    """
    tries = Tries(run, watch, number=1)
    careful: set[int] = set()
    while True:
        attempt = _Attempt(one_by_one=careful)
        try:
            await _try(steps, session, run, watch, attempt)
        except (StatementFailed, python.Raised) as failure:
            verdict = watch.end()
            if verdict is not None:
                await absorb(session, run, watch)
            step, ready = steps[attempt.at]
            error = await judge(
                step,
                ready,
                session,
                run,
                failure=failure,
                verdict=verdict,
                statement=attempt.statement,
                xid=attempt.xid,
                left=_LEFT,
            )
        except SessionLost:
            note_loss(*steps[attempt.at], run, watch.end())
            raise
        except BaseException:
            watch.end()
            await roll_back(session, run)
            raise
        else:
            if watch.end() is not None:
                await absorb(session, run, watch)
            for (step, _), duration in zip(steps, attempt.durations, strict=True):
                finish_step(step, run, duration, tries.number)
            return
        plain = type(error) is MigrationFailed
        unplaced = (
            plain and error.line is None and ready.script and attempt.at not in careful
        )
        if unplaced:
            careful.add(attempt.at)  # to say which of its statements it is
        transient = plain and tries.transient(error.sqlstate, error.__cause__)
        if transient and not tries.used_up:
            await tries.pause(step, str(error.__cause__ or error), error.sqlstate)
            tries.number += 1
            continue
        if unplaced and not transient:
            continue
        final = error
        if (
            transient
            and error.sqlstate == "55P03"
            and isinstance(error, MigrationFailed)
        ):
            final = failures.lock_not_acquired(
                step, ready, error, tries.number, tries.blockers, _LEFT
            )
        _tell(steps, attempt.at, run, final)
        raise final from error.__cause__


@dataclass(slots=True)
class _Attempt(Attempt):
    """Where a try of all of them has come to."""

    one_by_one: set[int] = field(default_factory=set)
    """The places of those that run statement by statement."""
    at: int = 0
    durations: list[float] = field(default_factory=list)


async def _try(
    steps: Steps, session: Session, run: Run, watch: Watch, attempt: _Attempt
) -> None:
    with run.committing([step for step, _ in steps]):
        attempt.xid = xid = await begin_together(steps, session)
        for at, (step, ready) in enumerate(steps):
            attempt.at = at
            run.number = at + 1
            say_started(step, run)
            began = time.monotonic()
            watch.begin(step.version, ready.block_limit)
            await run_inside(
                step,
                ready,
                session,
                run,
                attempt,
                xid,
                one_by_one=at in attempt.one_by_one,
            )
            require_undisturbed(watch)
            attempt.durations.append(time.monotonic() - began)
        # A COMMIT may wait as well, for a standby, with all the locks.
        watch.begin(step.version, ready.block_limit)
        await transaction.commit(session)


def _tell(steps: Steps, failed: int, run: Run, error: MigrationError) -> None:
    """What became of each: all were rolled back, unless one escaped with them."""
    step = steps[failed][0]
    if isinstance(error, TransactionEscaped):
        for each, _ in steps[:failed]:
            finish_step(each, run, 0.0, 1)
    else:
        skip_steps([each for each, _ in steps[:failed]], run)
    fail_step(step, run, error)


def skip_steps(steps: Sequence[Step], run: Run) -> None:
    """The results of those that were rolled back with another one."""
    run.results.extend(
        MigrationResult(
            version=each.version,
            name=each.name,
            direction=each.direction,
            status=Outcome.SKIPPED,
            file=each.part.file,
        )
        for each in steps
    )


async def begin_together(steps: Steps, session: Session) -> str:
    """Open the one transaction for all *steps*; its id."""
    first = steps[0][1]
    modes = first.script.modes if first.script else ""
    await session.execute(transaction.resets(session))
    await session.execute(transaction.begin(session, first.limits, modes))
    return await transaction.current_xid(session)


async def run_inside(  # noqa: PLR0913, PLR0917 - what one migration needs
    step: Step,
    ready: Ready,
    session: Session,
    run: Run,
    attempt: Attempt,
    xid: str,
    *,
    one_by_one: bool = False,
) -> None:
    """Run one migration, and write its row, in the open transaction *xid*."""
    attempt.statement = None
    begin = (
        transaction.titled(ready.part.file)
        + transaction.resets(session)
        + transaction.limits_sql(session, ready.limits)
    )
    after = transaction.prove(session, xid=xid) + record_sql(step, session, run)
    script = ready.script
    if script is not None and not script.has_copy_data and not one_by_one:
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
