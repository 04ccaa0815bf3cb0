"""One statement outside a transaction: before-image, limits, and what became of it.

CONCURRENTLY statements run without ``lock_timeout``: with it they fail after a full
build, while their waiting disturbs no writer (measured), a DETACH's at its end
excepted. All others, such as VACUUM FULL or a plain REINDEX, hold others up, and keep
to every limit.
"""

import math
import time
from dataclasses import replace
from typing import Final

from asyncmigrate._database import history, transaction
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.transaction import Limits
from asyncmigrate._engine import failure as failures
from asyncmigrate._engine import recovery
from asyncmigrate._engine.ending import absorb, note_loss, roll_back
from asyncmigrate._engine.halfway import Piece
from asyncmigrate._engine.recovery import Fate, Image
from asyncmigrate._engine.retrying import Tries
from asyncmigrate._engine.scripts import session_changes
from asyncmigrate._engine.watch import Verdict
from asyncmigrate._migration import Direction, State
from asyncmigrate._sql.kinds import NonTransactional, Reindex, StatementKind
from asyncmigrate._sql.statements import Statement
from asyncmigrate.errors import LockLost, MigrationError, MigrationFailed, NeedsRepair
from asyncmigrate.events import Recorded

AT_ONCE: Final = 1.0
"""Seconds besides ``lock_timeout`` after which a statement may have worked already."""

_CONCURRENTLY: Final = {
    NonTransactional.CREATE_INDEX,
    NonTransactional.DROP_INDEX,
    NonTransactional.DETACH_PARTITION,
}


def disturbs_nobody(kind: StatementKind) -> bool:
    """Whether it is a CONCURRENTLY statement, whose waiting holds no writer up."""
    if isinstance(kind.target, Reindex):
        return kind.target.concurrently
    return kind.what in _CONCURRENTLY


async def run_outside(piece: Piece, at: int) -> None:
    """Run statement number *at*, and record that it is done.

    Cancelled: the row says ``running`` with the before-image; the next run recovers.

    Raises:
        MigrationFailed: it failed; the row says what stands.
        NeedsRepair: no catalogue can say what became of it.
        LockLost: it let go of the lock, and another run has it.
    """
    statement, kind = piece.script.statements[at], piece.script.kinds[at]
    session = piece.session
    settings = _settings(piece, at, kind)
    try:
        await session.execute(settings)
        image = await recovery.take_image(session, kind)
    except StatementFailed as failure:
        raise await failed(piece, failure, statement, at) from failure
    except recovery.Blocked as blocked:
        refused = StatementFailed(session.veil(str(blocked)), "42P07")
        refused.hint = "drop it first: `DROP INDEX CONCURRENTLY …`"
        raise await failed(piece, refused, statement, at) from blocked
    await piece.row.write(
        {
            "state": State.RUNNING,
            "statements_done": at,
            "before_image": image.to_json(),
        }
    )
    tries = Tries(piece.run, piece.watch)
    while True:
        tries.number += 1
        trouble = await _try(piece, at, settings)
        if trouble is None:
            break
        wrong, verdict, took = trouble
        transient = tries.transient(wrong.sqlstate, wrong)
        at_once = took <= piece.ready.limits.lock_timeout + AT_ONCE
        repeatable = image.kind == "repeatable" and verdict is None and at_once
        if not (transient and repeatable) or tries.used_up:
            await _after_error(piece, at, image, wrong, verdict, tries)
            return
        piece.attempts += 1
        await tries.pause(piece.step, wrong.message, wrong.sqlstate)
    if image.uncertain:
        await _require_lock(piece, at)
    if invalid := await recovery.still_invalid(session, image):
        what = session.veil(f"index {', '.join(invalid)} is invalid")
        left = StatementFailed(what, "XX000")
        await _after_error(piece, at, image, left, None, tries)
        return
    await piece.row.write({"statements_done": at + 1, "before_image": None})


async def _try(
    piece: Piece, at: int, settings: str
) -> tuple[StatementFailed, Verdict | None, float] | None:
    """Run it once; why it failed, what the keeper says, and after how many seconds."""
    statement, kind = piece.script.statements[at], piece.script.kinds[at]
    session, run, watch = piece.session, piece.run, piece.watch
    await session.execute(settings)
    # It ends with ACCESS EXCLUSIVE on the partition: whoever comes to that while one
    # reader is still there waits behind us. Cancelled, it is finished under our limits.
    detaches = kind.what is NonTransactional.DETACH_PARTITION
    counts = detaches or not disturbs_nobody(kind)
    limit = piece.ready.block_limit if counts else math.inf
    watch.begin(piece.step.version, limit, exclusive=detaches)
    began = time.monotonic()
    try:
        await session.execute(statement.text)
    except StatementFailed as failure:
        verdict = watch.end()
        if verdict is not None:
            await absorb(session, run, watch)
        await roll_back(session, run, keep_session=True)
        if failure.position is not None:
            failure.position += statement.start
        return failure, verdict, time.monotonic() - began
    except SessionLost:
        note_loss(piece.step, piece.ready, run, watch.end())
        raise
    except BaseException:
        watch.end()
        await roll_back(session, run)
        raise
    if watch.end() is not None:
        await absorb(session, run, watch)
    return None


def _settings(piece: Piece, at: int, kind: StatementKind) -> str:
    """The session as limits and the script's earlier SETs make it."""
    limits = piece.ready.limits
    if disturbs_nobody(kind):
        limits = _concurrent_limits(piece)
    role = transaction.set_role(limits.role) if limits.role else ""
    changes = session_changes(piece.script, at)
    again = transaction.session_lock_limit(limits) if disturbs_nobody(kind) else ""
    return (
        f"{transaction.soft_resets(piece.session)}{transaction.session_limits(limits)};"
        f"{role}{changes}{again}"
    )


def _concurrent_limits(piece: Piece) -> Limits:
    """The limits of what holds nobody up: the file's own wish, else none on locks."""
    ready = piece.ready
    asked = ready.part.options.lock_timeout
    return replace(
        ready.limits,
        lock_timeout=0.0 if asked is None else asked,
        statement_timeout=ready.concurrent_timeout,
    )


async def _require_lock(piece: Piece, at: int) -> None:
    """After a statement that may have let go of the run's lock."""
    await piece.session.execute(transaction.ourselves())
    kept = await transaction.keep_lock(piece.session)
    if kept:
        return
    if kept is None:
        reason = f"statement {at + 1} of {piece.step.version} let go of it"
        raise LockLost(reason, left="what it did stays")
    # Whether somebody was in between is told by the lease, when the row is written.
    message = "the statement released the lock of the run"
    failure = StatementFailed(message, "22023")
    failure.hint = "take `pg_advisory_unlock_all()` out of the script"
    raise await failed(piece, failure, piece.script.statements[at], at + 1)


async def _after_error(  # noqa: PLR0913, PLR0917 - what an error is judged by
    piece: Piece,
    at: int,
    image: Image,
    failure: StatementFailed,
    verdict: Verdict | None,
    tries: Tries,
) -> None:
    """Record that it is done all the same, or raise what it failed for."""
    statement = piece.script.statements[at]
    if piece.session.is_closed:
        note_loss(piece.step, piece.ready, piece.run, verdict)
        raise SessionLost(str(failure)) from failure
    if image.uncertain and not _refused(failure):
        await piece.row.fail(at, failure, keep_image=True)
        raise undecided(piece, at, failure)
    fate = Fate.AGAIN
    if not image.uncertain:
        try:
            fate = await settle(piece, image, at)
        except StatementFailed as unsettled:
            raise await not_removed(piece, at, failure, unsettled) from failure
    if fate is Fate.DONE:
        await piece.row.write({"statements_done": at + 1, "before_image": None})
        return
    raise await failed(piece, failure, statement, at, verdict=verdict, tries=tries)


def _refused(failure: StatementFailed) -> bool:
    """Whether the server took offence at the statement itself, before it did anything.

    What a procedure calls has a context; it may have committed before.
    """
    return failure.sqlstate.startswith("42") and not failure.where


async def settle(piece: Piece, image: Image, at: int) -> Fate:
    """What became of statement *at*, by the catalogue; left-overs are removed.

    Raises:
        StatementFailed: they could not be.
        NeedsRepair: nobody but a person can say.
    """
    session = piece.session
    tries = Tries(piece.run, piece.watch)
    decided: tuple[Fate, list[str]] | None = None
    while decided is None:
        tries.number += 1
        try:
            decided = await _decide(piece, image)
        except StatementFailed as failure:
            await roll_back(session, piece.run, keep_session=True)
            if session.is_closed:
                raise SessionLost(str(failure)) from failure
            transient = tries.transient(failure.sqlstate, failure)
            if not transient or tries.used_up:
                if tries.blockers:
                    holders = "; ".join(map(str, tries.blockers))
                    failure.message += f"; held by {holders}"
                raise
            reason = f"removing what it left half done: {failure.message}"
            await tries.pause(piece.step, reason, failure.sqlstate)
    fate, notes = decided
    if fate is Fate.UNDECIDED:
        raise undecided(piece, at)
    for note in map(session.veil, notes):
        await session.execute(
            history.insert_event(
                session, piece.run.run_id, "recovered", piece.step.version, note
            )
        )
        piece.run.emit(
            Recorded(event="recovered", version=piece.step.version, detail=note)
        )
    return fate


async def _decide(piece: Piece, image: Image) -> tuple[Fate, list[str]]:
    """What the catalogue says; whom the removal of left-overs waits for is shown."""
    piece.watch.begin(piece.step.version, math.inf)
    try:
        return await recovery.decide(
            piece.session, image, piece.ready.limits, _concurrent_limits(piece)
        )
    finally:
        piece.watch.end()


async def not_removed(
    piece: Piece, at: int, failure: StatementFailed, unsettled: StatementFailed
) -> MigrationFailed:
    """It failed, and what it left half done could not be removed either."""
    standing = await piece.row.fail(at, failure, keep_image=True)
    left = (
        f"what it left half done could not be removed yet ({unsettled.message}), the"
        f" next run removes it first; {standing}"
    )
    return failures.failed(
        piece.step,
        piece.ready,
        failure,
        piece.run,
        offset=failure.position,
        statement=piece.script.statements[at],
        left=left,
    )


async def failed(  # noqa: PLR0913 - what a failure is told by
    piece: Piece,
    failure: StatementFailed,
    statement: Statement | None,
    at: int,
    *,
    verdict: Verdict | None = None,
    tries: Tries | None = None,
) -> MigrationError:
    """Record that *at* statements stand; the error to raise."""
    left = await piece.row.fail(at, failure)
    step, ready = piece.step, piece.ready
    if verdict is not None:
        return failures.block_limit_reached(
            step, ready, verdict, statement, left=f"the statement was cancelled; {left}"
        )
    error = failures.failed(
        step,
        ready,
        failure,
        piece.run,
        offset=failure.position,
        statement=statement,
        left=left,
    )
    if tries is not None and failure.sqlstate == "55P03":
        return failures.lock_not_acquired(
            step, ready, error, tries.number, tries.blockers, left
        )
    return error


def undecided(
    piece: Piece, at: int, failure: StatementFailed | None = None
) -> NeedsRepair:
    """Nobody but a person can say what became of statement *at*."""
    ready, version = piece.ready, piece.step.version
    what = f": {failure.message} (SQLSTATE {failure.sqlstate})" if failure else ""
    script = ready.script
    statement = script.statements[at] if script and at < piece.row.total else None
    up = piece.step.direction is Direction.UP
    verb = "migration" if up else "the roll-back of"
    error = NeedsRepair(
        f"statement {at + 1} of {piece.row.total} of {verb} {version} was"
        " interrupted outside a transaction, and no catalogue can say how far it"
        f" came{what}; {at} statement{'s' if at != 1 else ''} before it"
        f" stand{'s' if at == 1 else ''}",
        version=version,
        file=ready.part.file,
        line=failures.line_of(ready, statement),
        statement=failures.shown_statement(ready, statement),
        sqlstate=failure.sqlstate if failure else None,
        hint="look at what it left, then `asyncmigrate repair --resume` (go on"
        f" after it), `--mark-applied {version}` or `--mark-pending {version}`",
    )
    error.__cause__ = failure
    return error
