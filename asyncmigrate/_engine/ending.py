"""How a try that failed is ended, and what its failure means."""

import anyio

from asyncmigrate._database import transaction
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine import failure as failures
from asyncmigrate._engine import python
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.record import record_escape
from asyncmigrate._engine.scope import bounded, until_cancelled
from asyncmigrate._engine.scripts import Ready
from asyncmigrate._engine.watch import Verdict, Watch
from asyncmigrate._plan import Step
from asyncmigrate._sql.secrets import without_secrets
from asyncmigrate._sql.statements import Statement
from asyncmigrate.errors import (
    LockLost,
    MigrationError,
    MigrationFailed,
    TransactionEscaped,
)


async def roll_back(session: Session, run: Run, *, keep_session: bool = False) -> None:
    """Leave no open transaction, or no connection."""
    ended = False
    with bounded(run.settings.cleanup_grace):
        await until_cancelled(session)
        try:
            if not session.is_closed:
                await transaction.roll_back(session, keep_session=keep_session)
            ended = True
        except (SessionLost, StatementFailed):
            ended = False
    if not ended:
        session.terminate()


async def absorb(session: Session, run: Run, watch: Watch) -> None:
    """Let a cancel that came late strike here, and not the next statement.

    Called after a verdict. The keeper says when its cancel has reached the server; one
    that finds the backend idle goes by without harm.
    """
    with bounded(run.settings.cleanup_grace):
        # The keeper's thread has no way to set an event of this loop in time.
        while not watch.delivered and not session.is_closed:  # noqa: ASYNC110 - see above
            await anyio.sleep(0.01)
        try:
            if not session.is_closed:
                await transaction.nothing(session)
        except (SessionLost, StatementFailed):
            return
    if not watch.delivered:
        session.terminate()


def require_undisturbed(watch: Watch) -> None:
    """Before the next migration of one transaction: a cancel must not strike that one.

    Raises:
        StatementFailed: the keeper has decided to end this one, which is done.
    """
    if watch.end() is not None:
        message = "others were held up for too long"
        raise StatementFailed(message, "57014")


def note_loss(step: Step, ready: Ready, run: Run, verdict: Verdict | None) -> None:
    """A session that the keeper ended for the sake of others is no accident.

    The run ends as soon as it is known what became of the migration.
    """
    if verdict is not None:
        run.stopping = failures.block_limit_reached(
            step,
            ready,
            verdict,
            None,
            left="its session was ended and the migration rolled back",
        )


async def judge(  # noqa: PLR0913 - what a failure is judged by
    step: Step,
    ready: Ready,
    session: Session,
    run: Run,
    *,
    failure: StatementFailed | python.Raised,
    verdict: Verdict | None,
    statement: Statement | None,
    xid: str | None,
    left: str = failures.ROLLED_BACK,
) -> MigrationError:
    """Roll back, and say what the failure means.

    Raises:
        SessionLost: the connection is gone; the history decides.
    """
    await roll_back(session, run)
    if session.is_closed:
        raise SessionLost(str(failure)) from failure
    if isinstance(failure, python.Raised):
        # What the author's code sent is not scanned, so the server is asked.
        if xid is None or not await transaction.was_committed(session, xid):
            return python.failed(step, ready, failure, run, verdict, left=left)
        return await _escaped(step, ready, session, run, failure.error)
    if transaction.escaped(failure):
        return await _escaped(step, ready, session, run, None)
    if transaction.lock_lost(failure):
        return LockLost(failures.NOT_OURS)
    return _meaning(step, ready, run, failure, verdict, statement, left)


def _meaning(  # noqa: PLR0913, PLR0917 - as above
    step: Step,
    ready: Ready,
    run: Run,
    failure: StatementFailed,
    verdict: Verdict | None,
    statement: Statement | None,
    left: str,
) -> MigrationFailed:
    if transaction.released(failure):
        message = (
            f"the script of {step.version} released the lock of the run;"
            f" {left}; {run.standing()}"
        )
        return MigrationFailed(
            message,
            version=step.version,
            file=ready.part.file,
            line=ready.part.line,
            sqlstate="22023",
            hint="take `pg_advisory_unlock_all()` out of the script",
        )
    statement = statement or _only(ready)
    if verdict is not None:
        return failures.block_limit_reached(
            step, ready, verdict, statement, left=_cancelled(left)
        )
    return failures.failed(
        step,
        ready,
        failure,
        run,
        offset=failure.position,
        statement=statement,
        left=left,
    )


async def _escaped(
    step: Step, ready: Ready, session: Session, run: Run, cause: Exception | None
) -> TransactionEscaped:
    await record_escape(step, session, run)
    return transaction_escaped(step, ready, cause)


def transaction_escaped(
    step: Step, ready: Ready, cause: Exception | None
) -> TransactionEscaped:
    """What a script that ended its own transaction is told by."""
    after = f", and then failed: {without_secrets(str(cause))}" if cause else ""
    message = (
        f"the script of {step.version} ended the transaction it ran in{after}; what it"
        " had written by then stays, and the migration stands as failed"
    )
    error = TransactionEscaped(
        message,
        version=step.version,
        file=ready.part.file,
        line=ready.part.line,
        hint="take COMMIT and ROLLBACK out of the script, look at what it left, then"
        f" `asyncmigrate repair --mark-applied {step.version}` or"
        f" `--mark-pending {step.version}`",
    )
    error.__cause__ = cause
    return error


def _cancelled(left: str) -> str:
    what = "the migration rolled back" if left == failures.ROLLED_BACK else left
    return f"the statement was cancelled and {what}"


def _only(ready: Ready) -> Statement | None:
    """The statement that it must have been, where there is but one."""
    script = ready.script
    return script.statements[0] if script and len(script.statements) == 1 else None
