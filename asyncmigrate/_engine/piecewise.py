"""Migrations outside a transaction: each statement counts by itself.

One that can be in a transaction commits together with ``statements_done``; before one
that cannot, a before-image is written, and the catalogue decides what became of it. A
file whose failing statement was corrected goes on after what stands.
"""

import re
import time
from typing import Final

from asyncmigrate._database import history, transaction
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine import python
from asyncmigrate._engine.apply import Attempt, Done, run_each
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.ending import (
    absorb,
    note_loss,
    roll_back,
    transaction_escaped,
)
from asyncmigrate._engine.failure import NOT_OURS
from asyncmigrate._engine.halfway import HalfWay, Piece, half_done
from asyncmigrate._engine.outside import (
    failed,
    not_removed,
    run_outside,
    settle,
    undecided,
)
from asyncmigrate._engine.recovery import UNCERTAIN, Fate, Image
from asyncmigrate._engine.retrying import Tries
from asyncmigrate._engine.scripts import Ready, is_left_out, session_changes
from asyncmigrate._engine.telling import told_statement
from asyncmigrate._engine.watch import Watch
from asyncmigrate._migration import Applied
from asyncmigrate._plan import Step
from asyncmigrate._sql.blocks import Block
from asyncmigrate._sql.kinds import StatementKind
from asyncmigrate._sql.statements import Statement
from asyncmigrate.errors import LockLost, NeedsRepair, TransactionEscaped


async def apply_piecewise(
    step: Step, ready: Ready, session: Session, run: Run, watch: Watch
) -> Done:
    """Run *step* statement by statement, from where it stands.

    Cancelled: the row keeps ``running`` and its before-image; the next run recovers.

    Raises:
        MigrationFailed: a statement failed; those before it stand and are recorded.
        NeedsRepair: no catalogue can say what became of a statement.
        LockLost: the run's lock is not ours any more.
        SessionLost: the connection is gone; the history decides.
    """
    began = time.monotonic()
    row = HalfWay(step, ready, session, run)
    piece = Piece(step, ready, session, run, watch, row)
    await session.execute(transaction.resets(session) + transaction.ourselves())
    half = half_done(step)
    done = 0
    if half is None:
        await row.open()
    else:
        done = await _resume(piece, half)
    if ready.script is not None:
        await _run_statements(piece, done)
    elif not done:
        await _run_python(piece)
    await row.finish()
    return Done(time.monotonic() - began, piece.attempts)


async def _resume(piece: Piece, half: Applied) -> int:
    """After a crash, an error or a cancel: how many statements are done."""
    row, done = piece.row, half.statements_done
    await row.require_same(half, done)
    image, _ = await history.read_before_image(piece.session, half.id)
    if image is not None:
        try:
            fate = await settle(piece, Image.from_json(image), done)
        except NeedsRepair as error:
            failure = StatementFailed(error.message, "")
            await row.adopt(half).fail(done, failure, keep_image=True)
            raise
        except StatementFailed as unsettled:
            row.adopt(half)
            failure = StatementFailed("the statement was interrupted", "57014")
            raise await not_removed(piece, done, failure, unsettled) from unsettled
        done += fate is Fate.DONE
        await row.require_same(half, done)
    await row.reopen(half, done)
    return done


async def _run_statements(piece: Piece, done: int) -> None:
    """Each statement from number *done* on, those of one block together."""
    script, at = piece.script, done
    while at < piece.row.total:
        statement, kind = script.statements[at], script.kinds[at]
        block = script.block_at(at)
        piece.watch.progress = f"statement {at + 1} of {piece.row.total}"
        began = time.monotonic()
        whole = block.stop - at > 1 or block.modes
        if whole or (kind.transactional and not _may_commit(statement, kind)):
            await _in_transaction(piece, at, block)
        else:
            await run_outside(piece, at)
        at = block.stop
        told_statement(piece.step, piece.run, at, piece.row.total, began)
    piece.watch.progress = None


_COMMITS: Final = re.compile(r"\b(?:commit|rollback|call)\b", re.IGNORECASE)


def _may_commit(statement: Statement, kind: StatementKind) -> bool:
    """Whether a CALL or DO may end transactions of its own.

    EXECUTE may not: the server refuses it (0A000).
    """
    return kind.uncertain and (
        kind.words[0] == "CALL" or _COMMITS.search(statement.text) is not None
    )


async def _in_transaction(piece: Piece, at: int, block: Block) -> None:
    """The statements from *at* to the end of their block, and the row, at once."""
    statement, kind = piece.script.statements[at], piece.script.kinds[at]
    if block.stop - at == 1 and is_left_out(statement, kind):
        await piece.row.write({"statements_done": at + 1, "before_image": None})
        return
    session, run, watch = piece.session, piece.run, piece.watch
    tries = Tries(run, watch)
    while True:
        tries.number += 1
        watch.begin(piece.step.version, piece.ready.block_limit)
        attempt = Attempt()
        try:
            await _try_block(piece, at, block, attempt)
        except StatementFailed as failure:
            verdict = watch.end()
            if verdict is not None:
                await absorb(session, run, watch)
            await roll_back(session, run, keep_session=True)
            if session.is_closed:
                note_loss(piece.step, piece.ready, run, verdict)
                raise SessionLost(str(failure)) from failure
            if transaction.lock_lost(failure):
                raise LockLost(NOT_OURS) from failure
            if transaction.escaped(failure):
                raise await _escaped(piece, at, failure) from failure
            if transaction.released(failure):
                failure.message = "the script released the lock of the run"
                failure.hint = "take `pg_advisory_unlock_all()` out of the script"
            transient = verdict is None and tries.transient(failure.sqlstate, failure)
            if not transient or tries.used_up:
                where = attempt.statement or statement
                raise await failed(
                    piece, failure, where, at, verdict=verdict, tries=tries
                ) from failure
            piece.attempts += 1
            await tries.pause(piece.step, failure.message, failure.sqlstate)
        except SessionLost:
            note_loss(piece.step, piece.ready, run, watch.end())
            raise
        except BaseException:
            watch.end()
            await roll_back(session, run)
            raise
        else:
            if watch.end() is not None:
                await absorb(session, run, watch)
            return


async def _escaped(
    piece: Piece, at: int, failure: StatementFailed
) -> TransactionEscaped:
    await piece.row.fail(at, failure, keep_image=True)
    return transaction_escaped(piece.step, piece.ready, None)


async def _try_block(piece: Piece, at: int, block: Block, attempt: Attempt) -> None:
    """One try. A single plain statement is one round trip with its row.

    A failure's position is made the one in the script.
    """
    script, session = piece.script, piece.session
    statement = script.statements[at]
    # What the script has set itself comes last, and so wins over the limits.
    begin = (
        transaction.soft_resets(session)
        + transaction.begin(session, piece.ready.limits, block.modes)
        + session_changes(script, at)
    )
    done = piece.row.progress_sql(block.stop)
    if block.stop - at == 1 and statement.copy_data is None and not block.modes:
        after = transaction.prove(session) + done + ";COMMIT"
        try:
            await session.execute(begin + statement.text + after)
        except StatementFailed as failure:
            if failure.position is not None:
                offset = failure.position - len(begin)
                inside = 0 <= offset <= len(statement.text) and not failure.internal
                failure.position = statement.start + offset if inside else None
            raise
        return
    await session.execute(begin)
    xid = await transaction.current_xid(session)
    await run_each(piece.ready, session, attempt, range(at, block.stop))
    after = transaction.prove(session, xid=xid) + done
    await session.execute(after + ";COMMIT")


async def _run_python(piece: Piece) -> None:
    """A Python migration with ``transaction = False``: done, or undecided."""
    session, run, watch = piece.session, piece.run, piece.watch
    await piece.row.write({"before_image": UNCERTAIN.to_json()})
    await session.execute(transaction.resets(session))
    watch.begin(piece.step.version, piece.ready.block_limit)
    try:
        await python.call(piece.step, session)
    except python.Raised as raised:
        verdict = watch.end()
        if verdict is not None:
            await absorb(session, run, watch)
        await roll_back(session, run)
        sqlstate = getattr(raised.error, "sqlstate", None) or ""
        failure = StatementFailed(raised.told, sqlstate)
        raise await _half_way(piece, failure) from raised.error
    except SessionLost:
        note_loss(piece.step, piece.ready, run, watch.end())
        raise
    except BaseException:
        watch.end()
        await roll_back(session, run)
        raise
    if watch.end() is not None:
        await absorb(session, run, watch)
    if session.in_transaction:
        await roll_back(session, run)
        message = "it left a transaction open, which was rolled back"
        raise await _half_way(piece, StatementFailed(message, "25001"))
    await roll_back(session, run)
    if await transaction.keep_lock(session) is None:
        reason = f"{piece.step.version} let go of it"
        raise LockLost(reason, left="what it did stays")


async def _half_way(piece: Piece, failure: StatementFailed) -> NeedsRepair:
    await piece.row.fail(0, failure, keep_image=True)
    return undecided(piece, 0, failure)
