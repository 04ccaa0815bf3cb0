"""One migration, in one transaction: tried, recorded, or rolled back.

The first try is one round trip, whose text is written while the server is at work on
the migration before. A script with COPY data or RESET ALL, Python, and the second look
at an error that came without a position go statement by statement, in the same one
transaction.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass

from asyncmigrate._database import transaction
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine import failure as failures
from asyncmigrate._engine import python
from asyncmigrate._engine.context import Run, Trip
from asyncmigrate._engine.ending import absorb, judge, note_loss, roll_back
from asyncmigrate._engine.record import record_sql
from asyncmigrate._engine.retrying import Tries
from asyncmigrate._engine.scripts import Ready, is_left_out
from asyncmigrate._engine.telling import say_started, told_statement
from asyncmigrate._engine.watch import Watch
from asyncmigrate._plan import Step
from asyncmigrate._sql.statements import Statement
from asyncmigrate.errors import MigrationError, MigrationFailed


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
    tries = Tries(run, watch, number=1)
    while True:
        if tries.number > 1:
            say_started(step, run, tries.number)
        began = time.monotonic()
        error = await _try(step, ready, session, run, watch, one_by_one=one_by_one)
        if error is None:
            return Done(time.monotonic() - began, tries.number)
        if type(error) is not MigrationFailed:
            raise error
        # Without a place in the script: the next try says which statement it is.
        unplaced = error.line is None and not one_by_one and ready.script is not None
        one_by_one = one_by_one or unplaced
        if not tries.transient(error.sqlstate, error.__cause__):
            if not unplaced:
                raise error
        elif not tries.used_up:
            await tries.pause(step, str(error.__cause__ or error), error.sqlstate)
            tries.number += 1
        elif error.sqlstate == "55P03":
            raise failures.lock_not_acquired(
                step, ready, error, tries.number, tries.blockers
            ) from error.__cause__
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
    watch.begin(step.version, ready.block_limit)
    try:
        if one_by_one:
            await _one_by_one(step, ready, session, run, attempt)
        else:
            await _in_one_trip(step, ready, session, run)
    except (StatementFailed, python.Raised) as failure:
        verdict = watch.end()
        if verdict is not None:
            await absorb(session, run, watch)
        return await judge(
            step,
            ready,
            session,
            run,
            failure=failure,
            verdict=verdict,
            statement=attempt.statement,
            xid=attempt.xid,
        )
    except SessionLost:
        note_loss(step, ready, run, watch.end())
        raise
    except BaseException:
        watch.end()
        await roll_back(session, run)
        raise
    if watch.end() is not None:
        await absorb(session, run, watch)
    return None


def _needs_care(ready: Ready) -> bool:
    script = ready.script
    return script is None or script.has_copy_data or script.resets_session


async def _in_one_trip(step: Step, ready: Ready, session: Session, run: Run) -> None:
    ahead, run.ahead = run.ahead, None
    trip = ahead if ahead and ahead.step is step else _trip(step, ready, session, run)
    try:
        await session.execute(trip.text)
    except StatementFailed as failure:
        if failure.position is not None:
            offset = failure.position - trip.start
            inside = 0 <= offset <= len(ready.body) and not failure.internal
            failure.position = offset if inside else None
        raise


def _trip(step: Step, ready: Ready, session: Session, run: Run) -> Trip:
    modes = ready.script.modes if ready.script else ""
    before = (
        transaction.titled(ready.part.file)
        + transaction.resets(session)
        + transaction.begin(session, ready.limits, modes)
    )
    after = transaction.prove(session) + record_sql(step, session, run) + ";COMMIT"
    return Trip(step, before + ready.body + after, len(before))


def write_ahead(step: Step, ready: Ready, session: Session, run: Run) -> None:
    """Have the text of *step* written as soon as the server is waited for.

    With the digest of the script's tokens it takes the client a tenth of what the
    migration takes the server (measured).
    """

    def write() -> None:
        # What is wrong with it is told when it is its turn.
        with contextlib.suppress(Exception):
            run.ahead = _trip(step, ready, session, run)

    if not _needs_care(ready):
        asyncio.get_running_loop().call_soon(write)


async def _one_by_one(
    step: Step, ready: Ready, session: Session, run: Run, attempt: Attempt
) -> None:
    modes = ready.script.modes if ready.script else ""
    await session.execute(transaction.resets(session))
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
    for number in range(total):
        began = time.monotonic()
        await run_each(ready, session, attempt, range(number, number + 1))
        told_statement(step, run, number + 1, total, began)


async def run_each(
    ready: Ready, session: Session, attempt: Attempt, numbers: range
) -> None:
    """The statements of these *numbers*, one by one, in the open transaction.

    One that takes our limit off lock waits is passed over, or undone right after.
    """
    script = ready.script
    assert script is not None  # noqa: S101 - Python has no statements
    for number in numbers:
        statement, kind = script.statements[number], script.kinds[number]
        if is_left_out(statement, kind):
            continue
        attempt.statement = statement
        try:
            await _run_statement(script.text, statement, session)
        except StatementFailed as failure:
            if failure.position is not None:
                failure.position += statement.start
            raise
        if kind.resets_session and kind.words[:1] == ("RESET",):
            await session.execute(transaction.limits_again(session, ready.limits))
    attempt.statement = None


async def _run_statement(text: str, statement: Statement, session: Session) -> None:
    """One statement, with its COPY data where it has some."""
    if statement.copy_data is None:
        await session.execute(statement.text)
    else:
        start, end = statement.copy_data
        await session.copy_in(statement.text, text[start:end].encode())
