"""Repeatables order themselves: one transaction, a savepoint each, round after round.

One that fails for want of an object waits for the next round, since another of them
may make it. No progress is an error with every reason, and nothing of them stands.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from asyncmigrate._database import transaction
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine import failure as failures
from asyncmigrate._engine.apply import Attempt
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.ending import (
    absorb,
    judge,
    note_loss,
    require_undisturbed,
    roll_back,
)
from asyncmigrate._engine.retrying import Tries
from asyncmigrate._engine.scripts import Ready
from asyncmigrate._engine.telling import fail_step, finish_step, say_started
from asyncmigrate._engine.together import begin_together, run_inside, skip_steps
from asyncmigrate._engine.watch import Watch
from asyncmigrate._migration import Kind
from asyncmigrate._plan import Apply, Step
from asyncmigrate.errors import MigrationError, MigrationFailed

WANTING: Final = frozenset({"42P01", "42883", "42703", "42704"})
"""undefined_table, undefined_function, undefined_column, undefined_object."""

_LEFT: Final = "the repeatables were rolled back"

Steps = list[tuple[Step, Ready]]


def takes_part(step: Step, ready: Ready) -> bool:
    """Whether it is a repeatable that can share a plain transaction with others."""
    return (
        isinstance(step, Apply)
        and step.file.kind is Kind.REPEATABLE
        and ready.script is not None
        and ready.transaction
        and step.row is None
        and not ready.script.modes
        and not ready.script.needs_new_session
    )


@dataclass(slots=True)
class _Round:
    """How far the rounds of one transaction have come."""

    attempt: Attempt = field(default_factory=Attempt)
    at: int = 0
    """The place of the one that is running."""
    took: dict[int, float] = field(default_factory=dict)
    """Seconds of each that is done, by its place, in the order in which they ran."""
    left: list[tuple[int, StatementFailed]] = field(default_factory=list)
    """Those that no order could help, and why."""


async def apply_repeatables(
    steps: Steps, session: Session, run: Run, watch: Watch
) -> None:
    """Apply *steps* in whichever order works, and commit once.

    Those that were undone by a roll-back are forgiven: what cannot be put back is a
    warning, and stays pending.

    Raises:
        MigrationFailed: one failed, or none of those left could be first.
    """
    tries = Tries(run, watch, number=1)
    while steps:
        rounds = _Round()
        try:
            await _try(steps, session, run, watch, rounds)
        except StatementFailed as failure:
            verdict = watch.end()
            if verdict is not None:
                await absorb(session, run, watch)
            step, ready = steps[rounds.at]
            error = await judge(
                step,
                ready,
                session,
                run,
                failure=failure,
                verdict=verdict,
                statement=rounds.attempt.statement,
                xid=rounds.attempt.xid,
                left=_LEFT,
            )
            plain = type(error) is MigrationFailed
            transient = plain and tries.transient(error.sqlstate, error.__cause__)
            if transient and not tries.used_up:
                reason = str(error.__cause__ or error)
                await tries.pause(step, reason, error.sqlstate)
                tries.number += 1
                continue
            _give_up(steps, rounds.at, run, error)
        except SessionLost:
            note_loss(*steps[rounds.at], run, watch.end())
            raise
        except BaseException:
            watch.end()
            await roll_back(session, run)
            raise
        else:
            if watch.end() is not None:
                await absorb(session, run, watch)
            for at, duration in rounds.took.items():
                finish_step(steps[at][0], run, duration, tries.number)
            return


async def _try(
    steps: Steps, session: Session, run: Run, watch: Watch, rounds: _Round
) -> None:
    with run.committing([step for step, _ in steps]):
        rounds.attempt.xid = await begin_together(steps, session)
        waiting = list(range(len(steps)))
        while waiting:
            rounds.left = []
            for at in waiting:
                await _one(steps, at, session, run, watch, rounds)
            if len(rounds.left) == len(waiting):
                break
            waiting = [at for at, _ in rounds.left]
        if rounds.left and not all(_is_forgiven(steps[at][0]) for at, _ in rounds.left):
            await roll_back(session, run)
            _no_progress(steps, rounds, run)
        for at, failure in rounds.left:
            run.give_up(steps[at][0].version, failure.message)
        step, ready = steps[rounds.at]
        watch.begin(step.version, ready.block_limit)  # as in `together`
        await transaction.commit(session)


async def _one(  # noqa: PLR0913, PLR0917 - what one migration needs
    steps: Steps, at: int, session: Session, run: Run, watch: Watch, rounds: _Round
) -> None:
    step, ready = steps[at]
    rounds.at = at
    run.number = len(run.results) + len(rounds.took) + 1
    say_started(step, run)
    began = time.monotonic()
    watch.begin(step.version, ready.block_limit)
    await transaction.save(session)
    try:
        await run_inside(
            step, ready, session, run, rounds.attempt, rounds.attempt.xid or ""
        )
    except StatementFailed as failure:
        if failure.sqlstate not in WANTING:
            raise
        await transaction.back_to_saved(session)
        rounds.left.append((at, failure))
    else:
        rounds.took[at] = time.monotonic() - began
    require_undisturbed(watch)


def _is_forgiven(step: Step) -> bool:
    return isinstance(step, Apply) and step.forgiving


def _give_up(steps: Steps, at: int, run: Run, error: MigrationError) -> None:
    """Raise, or leave out the one that is forgiven and try the others."""
    step = steps[at][0]
    if _is_forgiven(step) and isinstance(error, MigrationFailed):
        run.give_up(step.version, error.message)
        del steps[at]
        return
    skip_steps([each for each, _ in steps[:at]], run)
    fail_step(step, run, error)
    raise error from error.__cause__


def _no_progress(steps: Steps, rounds: _Round, run: Run) -> None:
    """Raise with every reason at once."""
    (first, failure), *others = rounds.left
    error = failures.failed(
        *steps[first], failure, run, offset=failure.position, left=_LEFT
    )
    reasons = [
        f"{steps[at][0].version}: {why.message} (SQLSTATE {why.sqlstate})"
        for at, why in others
    ]
    if reasons:
        also = "and none of these could come before it:\n" + "\n".join(reasons)
        error.detail = f"{error.detail}\n{also}" if error.detail else also
    skip_steps([steps[at][0] for at in rounds.took], run)
    fail_step(steps[first][0], run, error)
    raise error


def split_off(steps: Sequence[tuple[Step, Ready]]) -> tuple[Steps, Steps]:
    """The steps that go one after the other, and the repeatables behind them."""
    at = len(steps)
    while at and takes_part(*steps[at - 1]):
        at -= 1
    if len(steps) - at < 2:  # noqa: PLR2004 - one alone has no order
        at = len(steps)
    return list(steps[:at]), list(steps[at:])
